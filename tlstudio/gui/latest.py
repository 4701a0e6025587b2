"""Owns reading in threads where only the newest question counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Signal

from tlstudio.gui.task_thread import TaskThread
from tlstudio.tasks import Task

T = TypeVar("T")


class Latest(QObject):
    """Runs one reading in a thread; the answer to a question that was asked before is dropped.

    `failed` brings the sentence and the hint of a reading that went wrong. Call `stop` before it
    goes.
    """

    failed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._threads: set[TaskThread] = set()
        self._newest: TaskThread | None = None
        self._stopped = False

    @property
    def busy(self) -> bool:
        """Whether the newest question has no answer yet."""
        return self._newest is not None

    def ask(self, read: Callable[[], Task[T]], then: Callable[[T], None]) -> None:
        """Drives `read()` in a thread and hands what it returns to `then`, in this one. A reading
        that yields now and then ends soon after it was replaced. Nothing after `stop`."""
        self.forget()
        if self._stopped:
            return
        self._newest = thread = TaskThread(read, parent=self)
        self._threads.add(thread)
        thread.succeeded.connect(lambda answer: self._answered(thread, answer, then))
        thread.failed.connect(lambda *why: self._failed(thread, *why))
        thread.ended.connect(lambda: self._ended(thread))
        thread.start()

    def forget(self) -> None:
        """Nobody wants the answer any more."""
        if self._newest is not None:
            self._newest.cancel()
            self._newest = None

    def stop(self, *_: object) -> None:
        """As `forget`, and waits for what is being read: until its next event."""
        self._stopped = True
        self.forget()
        for thread in self._threads:
            thread.wait()

    def _answered(self, thread: TaskThread, answer: Any, then: Callable[[T], None]) -> None:
        if thread is self._newest:
            self._newest = None
            then(answer)

    def _failed(self, thread: TaskThread, message: str, hint: str) -> None:
        if thread is self._newest:
            self._newest = None
            self.failed.emit(message, hint)

    def _ended(self, thread: TaskThread) -> None:
        self._threads.discard(thread)
        thread.deleteLater()
