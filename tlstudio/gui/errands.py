"""Owns small pieces of work on the disk: done in a thread, one after the other."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Signal

from tlstudio.errors import TLStudioError
from tlstudio.gui.task_thread import TaskThread
from tlstudio.tasks import Task

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class _Errand:
    work: Callable[[], Any]
    then: Callable[[Any], object]
    otherwise: Callable[[str, str], object] | None

    def task(self) -> Task[Any]:
        yield from ()
        return self.work()


class Errands(QObject):
    """Each begins when the one before it has ended. What `finish` finds undone is done by it."""

    failed = Signal(str, str)
    """A sentence and a hint of an errand that nobody else hears of."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: deque[_Errand] = deque()
        self._thread: TaskThread | None = None

    @property
    def busy(self) -> bool:
        return self._thread is not None or bool(self._waiting)

    def do(
        self,
        work: Callable[[], T],
        then: Callable[[T], object] = lambda _: None,
        otherwise: Callable[[str, str], object] | None = None,
    ) -> None:
        """`work` is called in the thread, then one of the others in the main thread."""
        self._waiting.append(_Errand(work, then, otherwise))
        self._begin()

    def finish(self) -> None:
        """The window closes: waits for what is being done, and does the rest. Moments."""
        if self._thread is not None:
            self._thread.blockSignals(True)  # nobody is there to hear of it any more
            self._thread.wait()
        for errand in self._waiting:
            try:
                errand.work()
            except TLStudioError as error:
                logger.warning("Not done while closing: %s", error.message)
        self._waiting.clear()

    def _begin(self) -> None:
        if self._thread is not None or not self._waiting:
            return
        errand = self._waiting.popleft()
        self._thread = thread = TaskThread(errand.task, parent=self)
        thread.succeeded.connect(errand.then)
        thread.failed.connect(errand.otherwise or self.failed.emit)
        thread.ended.connect(self._ended)
        thread.start()

    def _ended(self) -> None:
        if self._thread is not None:
            self._thread.deleteLater()
            self._thread = None
        self._begin()
