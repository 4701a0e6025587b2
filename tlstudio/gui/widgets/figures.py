"""Owns the row of large figures: a caption, a number, and what it refers to."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import figure_label, small_label

NOTHING = "–"


class Figure(QWidget):
    """One number with its caption above and a note below; all three keep their place."""

    def __init__(self, caption: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._caption = caption
        self._value = figure_label(NOTHING)
        self._note = small_label("")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for label in (small_label(caption), self._value, self._note):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            column.addWidget(label)
        self.show_value(None)

    @property
    def value(self) -> str:
        return self._value.text()

    def show_value(self, value: str | None, note: str = "") -> None:
        """None while there is nothing to show yet."""
        self._value.setText(value or NOTHING)
        self._note.setText(note)
        self.setAccessibleName(f"{self._caption}: {value or NOTHING} {note}".strip())


class FigureRow(QWidget):
    """Figures side by side, equally wide."""

    def __init__(self, figures: list[Figure], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.WIDE)
        for figure in figures:
            row.addWidget(figure, 1)
