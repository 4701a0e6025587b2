"""Owns a correction of labels as a step that can be undone and done again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QUndoCommand

from tlstudio.projects.corrections import Correction, Corrections


class Writer(Protocol):
    """What makes changes in a thread, one after the other, and says them (see `Desk`)."""

    def write(self, change: Callable[[Corrections], None], said: str) -> None: ...


class CorrectionCommand(QUndoCommand):
    """A correction that was made already; `text()` says it as done: "3 pictures left out".

    Which way it stands is known only once the change before it was written, or was not: it is
    looked at in the thread.
    """

    def __init__(self, writer: Writer, words: str, undoing: Correction) -> None:
        super().__init__(words)
        self._writer = writer
        self._other, self._made = undoing, True
        self._pushed = False

    def undo(self) -> None:
        said = QCoreApplication.translate("labels", "Undone: {0}").format(self.text())
        self._writer.write(lambda corrections: self._bring(corrections, made=False), said)

    def redo(self) -> None:
        """The first one comes with the push, when there is nothing to do."""
        if self._pushed:
            said = QCoreApplication.translate("labels", "Done again: {0}").format(self.text())
            self._writer.write(lambda corrections: self._bring(corrections, made=True), said)
        self._pushed = True

    def _bring(self, corrections: Corrections, made: bool) -> None:
        if self._made != made:
            self._other = corrections.apply(self._other)
            self._made = made
