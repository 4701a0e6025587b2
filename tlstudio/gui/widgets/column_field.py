"""Owns the field that chooses one of a table's columns."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QComboBox, QWidget


class ColumnField(QComboBox):
    """Nothing is chosen until it is filled with a choice; an `optional` one can be "none"."""

    def __init__(self, *, optional: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._optional = optional
        self.setPlaceholderText(self.tr("choose a column"))

    def fill(self, columns: Sequence[str], chosen: str | None) -> None:
        self.clear()
        if self._optional:
            self.addItem(self.tr("none"), "")
        for name in columns:
            self.addItem(name, name)
        self.setCurrentIndex(self.findData(chosen or ""))

    @property
    def column(self) -> str:
        """The column's name; empty for none."""
        return str(self.currentData() or "")
