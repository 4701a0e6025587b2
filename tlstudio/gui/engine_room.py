"""Owns the engine as the window sees it: one job at a time, each in its own thread object."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from tlstudio.gui.task_thread import TaskThread
from tlstudio.jobs import Job, Result
from tlstudio.tasks import Task


class Client(Protocol):
    """What `EngineClient` offers; tests put a scripted one in its place."""

    def run(self, job: Job) -> Task[Result]: ...
    def cancel(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...


@dataclass(eq=False)
class _Entry:
    job: Job
    thread: TaskThread
    turn: _Turn


class EngineRoom(QObject):
    """Runs jobs in the engine, one after the other.

    `start` returns at once; connect to the thread's signals right after it, none is missed.
    """

    changed = Signal()
    """Another job runs, or none does."""
    job_ended = Signal(object, float)
    """A job came to its end, whichever it was, after so many seconds."""
    closed = Signal()
    """`shut_down` is through: no job runs and the engine process has ended."""

    def __init__(
        self, client: Client, parent: QObject | None = None, patience_ms: int = 20_000
    ) -> None:
        super().__init__(parent)
        self._client, self._patience_ms = client, patience_ms
        self._waiting: deque[_Entry] = deque()
        self._current: _Entry | None = None
        self._started = 0.0
        self._leaving = False
        self._closing: TaskThread | None = None

    @property
    def job(self) -> Job | None:
        """The job that runs now."""
        return self._current.job if self._current else None

    @property
    def busy(self) -> bool:
        return self._current is not None or bool(self._waiting)

    def start(self, job: Job) -> TaskThread:
        """Runs the job as soon as the ones before it have ended; never, while the window closes."""
        turn = _Turn(self._client)
        thread = TaskThread(lambda: self._client.run(job), turn)
        if not self._leaving:
            self._waiting.append(_Entry(job, thread, turn))
            QTimer.singleShot(0, self, self._next)
        return thread

    def shut_down(self) -> None:
        """Cancels whatever runs, ends the engine, and emits `closed`; nothing here waits.

        An engine that does not heed the request within `patience_ms` is ended all the same.
        """
        if not self._leaving:
            self._leaving = True
            for entry in (*self._waiting, *((self._current,) if self._current else ())):
                entry.thread.cancel()
            self.changed.connect(self._check_closed)
            QTimer.singleShot(self._patience_ms, self, self._close_engine)
        self._check_closed()

    def _check_closed(self) -> None:
        if self.busy:
            return
        if self._closing is None:
            self._close_engine()
        elif self._closing.reported:
            self.closed.emit()

    def _close_engine(self) -> None:
        if self._closing is None:
            self._waiting.clear()
            self._closing = TaskThread(self._close_client, parent=self)
            self._closing.ended.connect(self._check_closed)
            self._closing.start()

    def _close_client(self) -> Task[None]:
        self._client.close()
        yield from ()

    def _next(self) -> None:
        if self._current is not None or not self._waiting or self._closing is not None:
            return
        self._current = self._waiting.popleft()
        self._started = time.monotonic()
        self._current.turn.now = True
        self._current.thread.ended.connect(self._ended)
        self.changed.emit()
        self._current.thread.start()

    def _ended(self) -> None:
        if self._current is None:
            return
        entry, self._current = self._current, None
        entry.turn.now = False
        self.job_ended.emit(entry.job, time.monotonic() - self._started)
        self.changed.emit()
        self._next()


class _Turn:
    """Passes a thread's requests on to the engine only while it is that thread's turn: a waiting
    job that is cancelled must not stop the one that runs."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.now = False

    def cancel(self) -> None:
        if self.now:
            self._client.cancel()

    def pause(self) -> None:
        if self.now:
            self._client.pause()

    def resume(self) -> None:
        if self.now:
            self._client.resume()
