"""Owns which findings the user lets stand: remembered in the project, and undone like the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtGui import QUndoCommand

from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.review import DISMISSED
from tlstudio.projects.project import Project
from tlstudio.tasks import Task


class Dismissals(QObject):
    """The keys of dismissed findings. They are written in a thread; what is here counts."""

    changed = Signal()
    failed = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.keys: frozenset[str] = frozenset()
        self._project: Path | None = None
        self._thread: TaskThread | None = None
        self._unwritten = False

    def belong_to(self, project: Path, keys: Iterable[str]) -> None:
        """`keys` is what was read in `project`; it counts unless it was read here before."""
        if project != self._project:
            self._project, self.keys = project, frozenset(keys)

    def change(self, keys: Iterable[str], dismissed: bool) -> None:
        """Adds these, or takes them away."""
        self.keys = self.keys | set(keys) if dismissed else self.keys - set(keys)
        self._unwritten = True
        self._write()
        self.changed.emit()

    def leave(self) -> None:
        """Waits for what is being written, and writes the rest."""
        if self._thread is not None:
            self._thread.wait()
        if self._unwritten and self._project is not None:
            _save(self._project, self.keys)
        self._unwritten = False

    def _write(self) -> None:
        project, keys = self._project, self.keys
        if self._thread is not None or not self._unwritten or project is None:
            return
        self._unwritten = False
        self._thread = TaskThread(lambda: _saved(project, keys), parent=self)
        self._thread.failed.connect(self.failed)
        self._thread.ended.connect(self._ended)
        self._thread.start()

    def _ended(self) -> None:
        if self._thread is not None:
            self._thread.deleteLater()
            self._thread = None
        self._write()


def _save(project: Path, keys: Iterable[str]) -> None:
    Project(project).set_setting(DISMISSED, sorted(keys))


def _saved(project: Path, keys: Iterable[str]) -> Task[None]:
    yield from ()
    _save(project, keys)


class Step(QUndoCommand):
    """Something that is done and undone by a call each; `words` say it as done."""

    def __init__(
        self, desk: Desk, words: str, do: Callable[[], None], undo: Callable[[], None]
    ) -> None:
        super().__init__(words)
        self._desk, self._do, self._undo = desk, do, undo

    def redo(self) -> None:
        self._do()
        self._desk.said.emit(self.text())

    def undo(self) -> None:
        self._undo()
        said = QCoreApplication.translate("labels", "Undone: {0}")
        self._desk.said.emit(said.format(self.text()))
