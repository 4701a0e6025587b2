"""Owns the closer look as the window runs it: in the engine, and kept in the project."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from tlstudio.gui.latest import Latest
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.review import keep_closer_look
from tlstudio.gui.wizard.state import PageId
from tlstudio.jobs import CloserLook, CloserLookResult
from tlstudio.tasks import Task


class CloserSession(QObject):
    """One closer look at a time. It makes way for everything else that the engine is needed for,
    and begins again once the pictures were looked at: what it computed is in the cache."""

    begun = Signal()
    progressed = Signal(object)
    kept = Signal(int)
    """Its findings stand in the project: so many."""
    failed = Signal(str, str)
    ended = Signal()
    """It runs no more, whatever came of it."""

    def __init__(self, desk: Desk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._thread: TaskThread | None = None
        self._again = False
        self._keeping = Latest(self)
        self._keeping.failed.connect(self.failed)
        desk.corrected.connect(self._make_way)
        desk.look_wanted.connect(self._make_way)

    @property
    def running(self) -> bool:
        return self._thread is not None or self._again

    def start(self) -> None:
        """Looks closer at the pictures of the moment."""
        dataset, project = self._desk.state.dataset, self._desk.project
        if self._thread is not None or dataset is None or project is None:
            return
        self._again = False
        job = CloserLook(dataset=dataset, seed=self._desk.state.seed)
        self._thread = thread = self._desk.engine.start(job)
        thread.progressed.connect(self.progressed)
        thread.succeeded.connect(lambda result: self._keep(project, result))
        thread.failed.connect(self.failed)
        thread.ended.connect(lambda: self._ended(thread))
        self.begun.emit()

    def cancel(self) -> None:
        """Nobody wants it any more."""
        self._again = False
        if self._thread is None:
            self.ended.emit()
        else:
            self._thread.cancel()

    def looked(self) -> None:
        """The pictures were looked at again: a look that made way begins again."""
        if self._again and self._thread is None:
            self.start()

    def state_changed(self) -> None:
        """On other pages the engine has other things to do."""
        if self.running and (self._desk.state.training or self._desk.state.page != PageId.IMAGES):
            self.cancel()

    def leave(self) -> None:
        self._again = False
        self._keeping.stop()

    def _make_way(self) -> None:
        if self._thread is not None and not self._thread.cancelling:
            self._again = True
            self._thread.cancel()

    def _keep(self, project: Path, result: CloserLookResult) -> None:
        self._again = False
        self._keeping.ask(
            lambda: _kept(project, result), lambda _: self.kept.emit(len(result.findings))
        )

    def _ended(self, thread: TaskThread) -> None:
        if thread is self._thread:
            self._thread = None
            if not self._again:
                self.ended.emit()


def _kept(project: Path, result: CloserLookResult) -> Task[None]:
    yield from ()
    keep_closer_look(project, result)
