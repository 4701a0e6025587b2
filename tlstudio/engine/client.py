"""Owns the caller's side of the engine: starts the child process and speaks to it, torch-free."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from tlstudio.diagnosis.session_log import FILE_OF_ENGINE
from tlstudio.engine.deaths import Deaths
from tlstudio.errors import Cancelled, EngineError, TLStudioError, UnforeseenError
from tlstudio.jobs import Job, Result, result_from_dict
from tlstudio.starting import own_command
from tlstudio.tasks import Task, event_from_dict


class EngineClient:
    """One engine process. `run` is read by one thread; the requests may come from any other.

    The engine appends to the file `log`, as its window does. A dead engine is started again by the
    next `run`.
    """

    def __init__(self, log: Path | None, command: Sequence[str] | None = None) -> None:
        self._log = log
        self._command = list(command or own_command("engine"))
        self._process: subprocess.Popen[str] | None = None
        self._writing = threading.Lock()
        self._deaths = Deaths()

    def start(self) -> None:
        """Starts the process if none is running and returns at once. Raises `EngineError`."""
        if self._process is not None and self._process.poll() is None:
            return
        self._reap()
        try:
            with self._output() as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    encoding="utf-8",
                    bufsize=1,
                    env={**os.environ, FILE_OF_ENGINE: str(self._log or "")},
                )
        except OSError as error:
            raise EngineError(
                f"The part of the program that trains could not start ({error.strerror}).",
                "Restart the program; if it happens again, install it anew.",
            ) from error

    def run(self, job: Job) -> Task[Result]:
        """Runs one job. Raises `Cancelled`, the job's own error, or `EngineError` if it died.

        Closing the generator cancels the job and waits for its end.
        """
        self.start()
        self._deaths.begin(job)
        self._send({"command": "run", "job": job.model_dump(mode="json")})
        ended = False
        try:
            while True:
                message = self._receive()
                kind = message["type"]
                ended = kind in {"completed", "cancelled", "failed"}
                if kind == "completed":
                    return result_from_dict(message["result"])
                if kind == "cancelled":
                    raise Cancelled
                if kind == "failed":
                    raise _failure(message)
                event = event_from_dict(message)
                self._deaths.see(event)
                yield event
        except (ValueError, KeyError, TypeError) as error:  # what is no JSON is a ValueError
            # Nothing says that it would ever answer a cancel in order.
            ended = True
            self.close()
            raise EngineError(
                "The part of the program that trains gave an answer that makes no sense.",
                self._look_there("Its log may say more"),
            ) from error
        except EngineError:
            ended = True
            raise
        finally:
            if not ended:
                self._drain()

    def cancel(self) -> None:
        self._request("cancel")

    def pause(self) -> None:
        self._request("pause")

    def resume(self) -> None:
        self._request("resume")

    def close(self, timeout: float = 10) -> None:
        """Ends the engine: it finishes its checkpoint first. Killed after `timeout` seconds."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            with self._writing:
                _close_quietly(process.stdin)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
        self._reap()

    @contextlib.contextmanager
    def _output(self) -> Iterator[IO[bytes]]:
        """What the engine prints goes into its log; without one, and where it can't be written,
        nowhere."""
        try:
            file = open(self._log or os.devnull, "ab")  # noqa: PTH123, SIM115
        except OSError:
            file = open(os.devnull, "ab")  # noqa: PTH123, SIM115
        with file:
            yield file

    def _look_there(self, why: str) -> str:
        return "" if self._log is None else f"{why}: {self._log}"

    # --- the pipes ------------------------------------------------------------------------------

    def _request(self, command: str) -> None:
        """A request to a dead engine has nobody to reach; `run` reports the death."""
        if self._process is not None and self._process.poll() is None:
            try:
                self._send({"command": command})
            except EngineError:
                return

    def _send(self, message: dict[str, Any]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise self._died()
        try:
            with self._writing:
                process.stdin.write(json.dumps(message) + "\n")
                process.stdin.flush()
        except (OSError, ValueError) as error:
            raise self._died() from error

    def _receive(self) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdout is None:  # closed by another thread
            raise self._died()
        try:
            line = process.stdout.readline()
        except ValueError as error:  # closed at this very moment
            raise self._died() from error
        if not line.endswith("\n"):  # nothing, or the half of a line that a killed engine wrote
            raise self._died()
        message: dict[str, Any] = json.loads(line)
        return message

    def _drain(self) -> None:
        self.cancel()
        try:
            while self._receive()["type"] not in {"completed", "cancelled", "failed"}:
                continue
        except (EngineError, ValueError, KeyError, TypeError):
            self.close()

    def _died(self) -> EngineError:
        process = self._process
        code = process.wait() if process is not None else 0
        self._reap()
        return self._deaths.error(code, self._look_there("Its log may say why"))

    def _reap(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close_quietly(pipe)
        process.wait()


def _failure(message: dict[str, Any]) -> TLStudioError:
    said = message["message"], message.get("hint", "")
    return (
        UnforeseenError(*said, message["details"]) if "details" in message else TLStudioError(*said)
    )


def _close_quietly(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:
        # Closing flushes, and the reader may be gone: there is nobody left to tell.
        return
