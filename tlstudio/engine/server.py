"""Owns the engine process: one command a line in, one event a line out, one job at a time.

Commands are `run` (with a `job`), `pause`, `resume` and `cancel`. Each job's events end in exactly
one of `completed` (with its `result`), `cancelled` and `failed` (with `message` and `hint`). The
end of the input, and a system that shuts down (SIGTERM), mean: bring the job to a valid checkpoint,
then leave.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator
from types import FrameType
from typing import IO, Any

import psutil
from pydantic import ValidationError

from tlstudio.diagnosis import session_log
from tlstudio.diagnosis.events import logged
from tlstudio.engine.runner import task_for
from tlstudio.errors import Cancelled, TLStudioError, UnforeseenError
from tlstudio.jobs import JOBS, Job
from tlstudio.tasks import Control, drive, event_to_dict

logger = logging.getLogger(__name__)


def serve() -> int:
    """Runs the engine on this process's standard input and output until the input ends."""
    # The window decides when the engine ends: Ctrl-C in a terminal they share is meant for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    events = _claim_output()
    session_log.join()
    _lower_priority()
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    assert isinstance(sys.stdin, io.TextIOWrapper)
    sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    server = Server(sys.stdin, events)
    with _leaving_when_told(server):
        server.run()
    return 0


@contextlib.contextmanager
def _leaving_when_told(server: Server) -> Iterator[None]:
    """The first SIGTERM has the server leave and the process end by it; a second one insists."""
    told = threading.Event()

    def leave(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        told.set()
        # Not here, where this very thread may hold what leaving waits for.
        threading.Thread(target=server.leave, name="leaving").start()

    signal.signal(signal.SIGTERM, leave)
    yield
    if told.is_set():
        signal.raise_signal(signal.SIGTERM)


class Server:
    """Reads commands from `commands` and writes events to `events`, both line by line."""

    def __init__(self, commands: IO[str], events: IO[str]) -> None:
        self._commands, self._events = commands, events
        self._jobs: queue.Queue[tuple[Any, Control] | None] = queue.Queue()
        self._lock = threading.Lock()
        self._controls: deque[Control] = deque()  # of the jobs that have not ended, in order
        self._leaving = threading.Event()

    def run(self) -> None:
        reader = threading.Thread(target=self._read, name="commands", daemon=True)
        reader.start()
        while not self._leaving.is_set():
            request = self._jobs.get()
            if request is None:
                break
            self._serve(*request)

    def _read(self) -> None:
        """Turns lines into requests until the input ends, and then has every job end."""
        try:
            for line in self._commands:
                self._obey(line)
        finally:
            self.leave()

    def _obey(self, line: str) -> None:
        """A request means the job that runs. One meant for a job that has just ended is harmless:
        every job gets a control of its own when its `run` is read."""
        try:
            message = json.loads(line)
            command = message["command"]
        except (ValueError, KeyError, TypeError, RecursionError):
            logger.warning("A line that is no command was passed over: %.200r", line)
            return
        with self._lock:
            if command == "run":
                self._controls.append(Control())
                self._jobs.put((message.get("job"), self._controls[-1]))
            elif command in ("cancel", "pause", "resume"):
                if self._controls:
                    getattr(self._controls[0], command)()
            else:
                logger.warning("An unknown command was passed over: %.200r", line)

    def leave(self) -> None:
        """Has every job end, and `run` return."""
        self._leaving.set()
        with self._lock:
            for control in self._controls:
                control.cancel()
        self._jobs.put(None)

    def _serve(self, request: Any, control: Control) -> None:
        """Runs a job and writes how it ended, once no request can reach it any more."""
        ended = self._outcome(request, control)
        if ended["type"] == "failed":
            logger.warning("It failed: %s", ended["message"])
        else:
            logger.info("It ended: %s", ended["type"])
        with self._lock:
            self._controls.popleft()
        self._write(ended)

    def _outcome(self, request: Any, control: Control) -> dict[str, Any]:
        try:
            job: Job = JOBS.validate_python(request)
            logger.info("A job of the kind %s begins", job.kind)
            tell = logged(lambda event: self._write(event_to_dict(event)))
            result = drive(task_for(job), tell, control)
            return {"type": "completed", "result": result.model_dump(mode="json")}
        except Cancelled:
            return {"type": "cancelled"}
        except TLStudioError as error:
            return {"type": "failed", "message": error.message, "hint": error.hint}
        except ValidationError as error:
            logger.warning("A job was refused: %s", error)
            return {
                "type": "failed",
                "message": f"The request is not valid: {error.errors()[0]['msg']}.",
                "hint": "The log has the details to report it with.",
            }
        except MemoryError:
            logger.exception("Out of memory")
            return {
                "type": "failed",
                "message": "There is not enough memory for this.",
                "hint": "Close other programs, or choose a smaller backbone or batch size.",
            }
        except Exception as error:
            logger.exception("A job ended in an error that nobody foresaw")
            bug = UnforeseenError.of(error)
            told = {"message": bug.message, "hint": bug.hint, "details": bug.details}
            return {"type": "failed", **told}

    def _write(self, message: dict[str, Any]) -> None:
        if self._leaving.is_set():
            # Nobody reads any more; the job is only being brought to its end.
            return
        try:
            self._events.write(json.dumps(message) + "\n")
            self._events.flush()
        except OSError:  # a broken pipe, which Windows calls an invalid argument
            logger.warning("The window is gone; the job is being brought to its end.")
            self.leave()


def _claim_output() -> IO[str]:
    """Takes standard output for events alone: whatever a library prints goes to the log instead."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout.flush()
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return stream


def _lower_priority() -> None:
    """The window and the user's other programs come first."""
    process = psutil.Process()
    try:
        if os.name == "nt":
            process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
        else:
            process.nice(min(19, process.nice() + 5))
    except psutil.Error as error:
        logger.info("The priority could not be lowered: %s", error)


def _warm_up() -> None:
    """Imports what training needs while the user is still choosing."""
    import torch._dynamo  # the optimiser imports it at its first use
    import torchvision

    logger.info("torch %s and torchvision %s are ready", torch.__version__, torchvision.__version__)
