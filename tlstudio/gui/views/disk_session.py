"""Owns measuring what the program takes on the disk, and cleaning: one at a time, in a thread."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal

from tlstudio.gui.task_thread import TaskThread
from tlstudio.projects.disk_use import Cleanable, DiskUse, clean, measure


class DiskSession(QObject):
    """`use` is what was measured last; None before."""

    changed = Signal()
    """Another thing is done, or nothing is any more."""
    progressed = Signal(object)
    freed = Signal(object)
    """So many bytes were."""
    failed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.use: DiskUse | None = None
        self.cleaning: Cleanable | None = None
        self._thread: TaskThread | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None

    def measure(self) -> None:
        if self._thread is None:
            self._run(TaskThread(measure, parent=self)).succeeded.connect(self._measured)

    def clean(self, kind: Cleanable) -> None:
        """Makes way for itself; what is left is measured afterwards."""
        if self._thread is not None:
            self._put_off()
        self.cleaning = kind
        thread = self._run(TaskThread(partial(clean, kind), parent=self))
        thread.succeeded.connect(self.freed)
        thread.ended.connect(self.measure)

    def cancel(self) -> None:
        if self._thread is not None:
            self._thread.cancel()

    def leave(self) -> None:
        """The window closes: what runs ends at its next step."""
        for thread in self.findChildren(TaskThread):
            thread.disconnect(self)
            thread.cancel()
            thread.wait()

    def _run(self, thread: TaskThread) -> TaskThread:
        self._thread = thread
        thread.progressed.connect(self.progressed)
        thread.failed.connect(self.failed)
        thread.ended.connect(self._ended)
        thread.start()
        self.changed.emit()
        return thread

    def _put_off(self) -> None:
        """What runs comes to its end without being heard."""
        if self._thread is not None:
            self._thread.disconnect(self)
            self._thread.cancel()
            self._thread.ended.connect(self._thread.deleteLater)
            self._thread = None

    def _measured(self, use: DiskUse) -> None:
        self.use = use

    def _ended(self) -> None:
        if self._thread is not None:
            self._thread.deleteLater()
        self._thread, self.cleaning = None, None
        self.changed.emit()
