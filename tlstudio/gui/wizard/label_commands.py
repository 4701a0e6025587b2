"""Owns a correction of labels as a step that can be undone and done again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QUndoCommand

from tlstudio.projects.corrections import Correction, Corrections

Change = Callable[[Corrections], bool]
"""Changes something in a thread; false where there was nothing to change."""


class Writer(Protocol):
    """What makes changes one after the other, and says them (see `Desk`)."""

    def write(self, change: Change, said: str, failed: Callable[[], None]) -> None: ...


class CorrectionCommand(QUndoCommand):
    """`text()` says the correction as done: "3 pictures left out".

    It stands on the stack before it is written, so that what is undone is always what was done
    last. Which way it stands is looked at in the thread, where all before it has been written, or
    could not be: what was never made is not undone.
    """

    def __init__(
        self,
        writer: Writer,
        words: str,
        make: Callable[[Corrections], Correction],
        failed: Callable[[], None],
    ) -> None:
        super().__init__(words)
        self._writer, self._make, self._failed = writer, make, failed
        self._other: Correction | None = None
        self._made = False
        self._pushed = False

    def undo(self) -> None:
        said = QCoreApplication.translate("labels", "Undone: {0}").format(self.text())
        self._write(said, made=False)

    def redo(self) -> None:
        """The first one comes with the push."""
        said = QCoreApplication.translate("labels", "Done again: {0}").format(self.text())
        self._write(said if self._pushed else self.text(), made=True)
        self._pushed = True

    def _write(self, said: str, *, made: bool) -> None:
        self._writer.write(lambda corrections: self._bring(corrections, made), said, self._give_up)

    def _bring(self, corrections: Corrections, made: bool) -> bool:
        if self._made == made:
            return False
        if self._other is None:
            self._other = self._make(corrections)
        else:
            self._other = corrections.apply(self._other)
        self._made = made
        return True

    def _give_up(self) -> None:
        """The first time nothing was changed, so that nothing is there to undo."""
        if self._other is None:
            self.setObsolete(True)
            self._failed()
