"""Owns the one thread class that drives any job and hands its events to the window."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import QObject, QThread, QTimer, Signal

from tlstudio.errors import Cancelled, TLStudioError, UnforeseenError
from tlstudio.gui import unforeseen
from tlstudio.tasks import Control, Event, Progress, Step, Task, Waiting, drive

logger = logging.getLogger(__name__)

INTERVAL_MS = 50
"""Events reach the window at most this often: twenty times a second looks continuous."""
SLICE_S = 0.015
"""One delivery keeps the main thread no longer than this before it lets input through."""


class Controls(Protocol):
    """How a job is asked to stop or wait: `tasks.Control` and `EngineClient` are such controls."""

    def cancel(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


class TaskThread(QThread):
    """Drives one Task and reports in the main thread.

    Exactly one of `succeeded`, `failed` and `cancelled` is emitted, after the last event and after
    the thread has ended. `Step`, `Progress` and `Waiting` events that come faster than the window
    draws are coalesced into the latest one; every other event arrives. A failure's sentence and
    hint come with `failed`; an error that nobody foresaw is logged with its traceback.
    """

    progressed = Signal(object)
    succeeded = Signal(object)
    failed = Signal(str, str)
    cancelled = Signal()
    ended = Signal()
    """After the outcome, whichever it was."""
    _arrived = Signal()

    def __init__(
        self,
        task: Callable[[], Task[Any]],
        controls: Controls | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._task = task
        self._controls: Controls = controls or Control()
        self._local = self._controls if isinstance(self._controls, Control) else None
        self._cancelling = threading.Event()
        self._lock = threading.Lock()
        self._pending: deque[Event] = deque()
        self._announced = False
        self._outcome: tuple[str, tuple[Any, ...]] | None = None
        self._details = ""
        self._reported = False
        self._last_delivery = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._deliver)
        self._arrived.connect(self._schedule)
        self.finished.connect(self._ended)

    # --- requests, from the main thread ---------------------------------------------------------

    @property
    def cancelling(self) -> bool:
        """Whether `cancel` was asked for."""
        return self._cancelling.is_set()

    @property
    def reported(self) -> bool:
        """Whether the outcome was delivered."""
        return self._reported

    def cancel(self) -> None:
        """Asks the job to stop; the answer is `cancelled`, or the outcome that came first."""
        self._cancelling.set()
        self._controls.cancel()

    def pause(self) -> None:
        self._controls.pause()

    def resume(self) -> None:
        self._controls.resume()

    # --- the thread -----------------------------------------------------------------------------

    def run(self) -> None:
        try:
            self._refuse_cancelled()
            self._outcome = ("succeeded", (drive(self._task(), self._take, self._local),))
        except Cancelled:
            self._outcome = ("cancelled", ())
        except UnforeseenError as error:
            self._fail(error)
        except TLStudioError as error:
            self._outcome = ("failed", (error.message, error.hint))
        except Exception as error:
            logger.exception("A job ended in an error that nobody foresaw")
            self._fail(UnforeseenError.of(error))

    def _fail(self, error: UnforeseenError) -> None:
        self._outcome, self._details = ("failed", (error.message, error.hint)), error.details

    def _refuse_cancelled(self) -> None:
        if self._cancelling.is_set():
            raise Cancelled

    def _take(self, event: Event) -> None:
        self._refuse_cancelled()
        with self._lock:
            if isinstance(event, Step | Progress | Waiting):
                self._forget_older(event)
            self._pending.append(event)
            if self._announced:
                return
            self._announced = True
        self._arrived.emit()

    def _forget_older(self, event: Step | Progress | Waiting) -> None:
        """Drops an undelivered event of the same kind and phase, if there is one."""
        phase = getattr(event, "phase", None)
        for older in self._pending:
            if type(older) is type(event) and getattr(older, "phase", None) == phase:
                self._pending.remove(older)
                return

    # --- the main thread ------------------------------------------------------------------------

    def _schedule(self) -> None:
        since = (time.monotonic() - self._last_delivery) * 1000
        self._timer.start(max(0, round(INTERVAL_MS - since)))

    def _deliver(self) -> None:
        """Emits what has gathered, for one slice of time; the rest follows after the input."""
        self._last_delivery = started = time.monotonic()
        while time.monotonic() - started < SLICE_S:
            with self._lock:
                if not self._pending:
                    self._announced = False
                    break
                event = self._pending.popleft()
            self.progressed.emit(event)
        else:
            self._timer.start(0)
            return
        if self.isFinished():
            self._report()

    def _ended(self) -> None:
        self.wait()
        self._timer.start(0)

    def _report(self) -> None:
        if self._reported or self._outcome is None:
            return
        self._reported = True
        name, values = self._outcome
        getattr(self, name).emit(*values)
        if self._details:
            unforeseen.tell(self._details)
        self.ended.emit()
