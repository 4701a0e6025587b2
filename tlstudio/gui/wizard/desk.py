"""Owns what the tabs of the images page do together: corrections of labels, undo, looking again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoStack

from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.widgets.thumbnails import ThumbnailLoader
from tlstudio.gui.wizard.label_commands import CorrectionCommand
from tlstudio.gui.wizard.label_sheet import opened
from tlstudio.gui.wizard.labelling import Wish
from tlstudio.gui.wizard.state import WizardState
from tlstudio.projects.corrections import Correction, Corrections
from tlstudio.tasks import Task

Change = Callable[[Corrections], None]
Then = Callable[[], None]


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
        self.loader = ThumbnailLoader(self)
        self._waiting: deque[tuple[Path, Change, Then]] = deque()
        self._thread: TaskThread | None = None

    def grant(self, wish: Wish) -> None:
        """Makes the correction that a wish comes to."""
        self.correct(wish.words, wish.make)

    def take_back(self) -> None:
        """Undoes what was done last."""
        if not self.state.training:
            self.undo.undo()

    def do_again(self) -> None:
        if not self.state.training:
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
        undoing: list[Correction] = []
        project = self.project

        def made() -> None:
            if project == self.project:
                self.undo.push(CorrectionCommand(self, words, undoing[0]))
            self.said.emit(words)

        self._add(lambda corrections: undoing.append(make(corrections)), made)

    def write(self, change: Change, said: str) -> None:
        """Changes what stands in the project; `said` is said once it is done."""
        self._add(change, lambda: self.said.emit(said))

    def leave(self) -> None:
        """What is being written comes to its end; what waits is not begun."""
        self._waiting.clear()
        if self._thread is not None:
            self._thread.wait()
        self.undo.clear()  # or it would be done, and said, while the window is taken apart
        self.loader.stop()

    def _add(self, change: Change, then: Then) -> None:
        project = self.project
        if project is None or self.state.training:
            return
        self.state.set_looking(True)
        self._waiting.append((project, change, then))
        self._begin()

    def _begin(self) -> None:
        if self._thread is not None or not self._waiting:
            return
        project, change, then = self._waiting.popleft()
        self._thread = TaskThread(lambda: _written(project, change), parent=self)
        self._thread.succeeded.connect(lambda _: then())
        self._thread.failed.connect(self.failed)
        self._thread.ended.connect(self._ended)
        self._thread.start()

    def _ended(self) -> None:
        if self._thread is not None:
            self._thread.deleteLater()
            self._thread = None
        self.corrected.emit()
        self._begin()


def _written(project: Path, change: Change) -> Task[None]:
    yield from ()
    change(Corrections(opened(project)))
