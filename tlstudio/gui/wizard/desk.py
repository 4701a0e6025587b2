"""Owns what the tabs of the images page do together: corrections of labels, undo, looking again."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from tlstudio.errors import TLStudioError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.widgets.thumbnails import ThumbnailLoader
from tlstudio.gui.wizard.label_commands import Change, CorrectionCommand
from tlstudio.gui.wizard.label_sheet import opened
from tlstudio.gui.wizard.labelling import Wish
from tlstudio.gui.wizard.state import WizardState
from tlstudio.projects.corrections import Correction, Corrections
from tlstudio.tasks import Task, drive

logger = logging.getLogger(__name__)

STEPS = 200
"""So many can be undone: each of them may be of very many pictures."""


@dataclass(frozen=True)
class _Writing:
    """A change of what stands in `project`, and what follows."""

    project: Path
    change: Change
    said: str
    failed: Callable[[], None]

    def task(self) -> Task[bool]:
        yield from ()
        return self.change(Corrections(opened(self.project)))


class Desk(QObject):
    """Corrections are written at once, in a thread, one after the other; a look at the pictures
    follows, and until it comes the state says that they are being looked through."""

    corrected = Signal()
    """What stands in the project has changed: whoever shows it reads it again."""
    said = Signal(str)
    """What was done or undone, for a quiet line."""
    failed = Signal(str, str)
    """What could not be written: a sentence and a hint."""
    look_wanted = Signal()
    """The pictures should be looked at again, with the `state.dataset` of now."""
    class_wanted = Signal(str)
    """Its pictures should be shown in their tab."""
    health_wanted = Signal()
    """The findings should be shown in their tab."""
    files_wanted = Signal(str)
    """The list of verdicts should be shown, only those of this verdict; empty for all."""

    def __init__(
        self, state: WizardState, engine: EngineRoom, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.state, self.engine = state, engine
        self.undo = QUndoStack(self)
        self.undo.setUndoLimit(STEPS)
        self.loader = ThumbnailLoader(self)
        self._waiting: deque[_Writing] = deque()
        self._thread: TaskThread | None = None

    def grant(self, wish: Wish) -> None:
        """Makes the correction that a wish comes to."""
        self.correct(wish.words, wish.make)

    def take_back(self) -> None:
        """Undoes what was done last."""
        if not self.state.locked:
            self.undo.undo()

    def do_again(self) -> None:
        if not self.state.locked:
            self.undo.redo()

    @property
    def busy(self) -> bool:
        """Whether something is still to be written."""
        return self._thread is not None or bool(self._waiting)

    @property
    def project(self) -> Path | None:
        """The folder of the project that the shown pictures belong to."""
        scan = self.state.scan
        return Path(scan.project) if scan is not None and scan.project else None

    def correct(self, words: str, make: Callable[[Corrections], Correction]) -> None:
        """Makes a correction that can be undone; `words` say it as done: "3 pictures left out"."""
        if self.project is not None and not self.state.locked:
            self.undo.push(CorrectionCommand(self, words, make, self._drop_obsolete))

    def write(self, change: Change, said: str, failed: Callable[[], None] = lambda: None) -> None:
        """Changes what stands in the project; `said` is said once something was."""
        project = self.project
        if project is None or self.state.locked:
            return
        self.state.set_looking(True)
        self._waiting.append(_Writing(project, change, said, failed))
        self._begin()

    def leave(self) -> None:
        """What is to be written is written: moments."""
        if self._thread is not None:
            self._thread.wait()
        for writing in self._waiting:
            try:
                drive(writing.task(), lambda _: None)
            except TLStudioError as error:
                logger.warning("Not written: %s. %s", writing.said, error.message)
        self._waiting.clear()
        self.undo.clear()  # or it would be done, and said, while the window is taken apart
        self.loader.stop()

    def _begin(self) -> None:
        if self._thread is not None or not self._waiting:
            return
        writing = self._waiting.popleft()
        self._thread = TaskThread(writing.task, parent=self)
        self._thread.succeeded.connect(lambda changed: self._say(writing.said, changed))
        self._thread.failed.connect(lambda *why: self._fail(writing, *why))
        self._thread.ended.connect(self._ended)
        self._thread.start()

    def _say(self, said: str, changed: bool) -> None:
        if changed:
            self.said.emit(said)

    def _fail(self, writing: _Writing, message: str, hint: str) -> None:
        writing.failed()
        self.failed.emit(message, hint)

    def _drop_obsolete(self) -> None:
        """Takes what was never done from the top of the stack; further down Qt does."""
        while self.undo.canUndo() and self.undo.command(self.undo.index() - 1).isObsolete():
            self.undo.undo()

    def _ended(self) -> None:
        if self._thread is not None:
            self._thread.deleteLater()
            self._thread = None
        self.corrected.emit()
        self._begin()
