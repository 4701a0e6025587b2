"""Owns a choice about the split as a step that can be undone and done again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QUndoCommand

from tlstudio.gui.wizard.desk import Desk

_ID = 1


class SplitCommand(QUndoCommand):
    """Changes fields of the data set from `before` to `after`; `words` name the choice ("locked
    test set: 20 %"). Moves of one slider that follow each other before the pictures were looked at
    are one step."""

    def __init__(
        self, desk: Desk, words: str, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        super().__init__(words)
        self._desk = desk
        self._before, self._after = before, after
        self._joins = desk.state.looking
        self._said = ""

    def id(self) -> int:
        return _ID

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, SplitCommand) or not other._joins:
            return False
        if other._after.keys() != self._after.keys():
            return False
        self._after = other._after
        self.setText(other.text())
        return True

    def redo(self) -> None:
        text = QCoreApplication.translate("split", "Done again: {0}") if self._said else "{0}"
        self._choose(self._after, text)

    def undo(self) -> None:
        self._choose(self._before, QCoreApplication.translate("split", "Undone: {0}"))

    def _choose(self, values: Mapping[str, Any], said: str) -> None:
        """The pictures are looked at again, which is quick."""
        self._said = said.format(self.text())
        self._desk.state.change_split(**values)
        self._desk.said.emit(self._said)
        self._desk.look_wanted.emit()
