"""Owns the comparison of several runs: their curves over one another, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.views import run_words as words
from tlstudio.gui.views.run_rows import RunRow
from tlstudio.gui.widgets.basics import Card, body_label, heading_label, small_label
from tlstudio.gui.widgets.line_styles import LINES, LineSample
from tlstudio.gui.widgets.series import CurveData

if TYPE_CHECKING:
    from tlstudio.gui.widgets.compared_curves import ComparedCurves

_TITLE = 260
"""As wide as the titles may be, in px."""


class Comparison(QWidget):
    """The figures stand beside the number of pictures that they rest on: nothing is said here of
    whether a difference means anything."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves: ComparedCurves | None = None
        self.title = heading_label("")
        self.stop = QPushButton(self.tr("&Stop comparing"))
        self.stop.setAccessibleName(self.tr("Stop comparing"))
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.stop)
        self._plots = Card()
        self._plots.body.setContentsMargins(12, 8, 12, 8)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._area.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._area.setAccessibleName(self.tr("Where the trainings differ"))
        self.heads: list[str] = []
        self.rows: list[list[str]] = []
        self.note = small_label("", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.NORMAL)
        column.addLayout(head)
        column.addWidget(self._plots, 1)
        column.addWidget(self._area)
        column.addWidget(self.note)

    def show_rows(self, rows: Sequence[RunRow]) -> None:
        """What the list knows; the curves come when they have been read."""
        self.title.setText(self.tr("{0} trainings on their validation pictures").format(len(rows)))
        self.note.setText(self._note(rows))
        found = compared(rows)
        if found == (self.heads, self.rows):
            return
        self.heads, self.rows = found
        table = _table(self.heads, self.rows)
        self._area.setWidget(table)
        height = table.sizeHint().height() + self._area.horizontalScrollBar().sizeHint().height()
        self._area.setFixedHeight(min(height, 220))

    def show_curves(self, rows: Sequence[RunRow], read: Mapping[Path, CurveData]) -> None:
        from tlstudio.gui.widgets.compared_curves import ComparedCurves

        if self.curves is None:
            self.curves = ComparedCurves()
            self._plots.body.addWidget(self.curves, 1)
        nothing = CurveData()
        self.curves.show_runs([(row.summary.title, read.get(row.path, nothing)) for row in rows])

    def _note(self, rows: Sequence[RunRow]) -> str:
        numbers = {row.checked for row in rows if row.checked}
        if len(numbers) > 1:
            return self.tr("Not all were checked on as many pictures.")
        if len(numbers) == 1:
            text = self.tr("One picture more or less is {0} points of accuracy.")
            return text.format(f"{100 / numbers.pop():.1f}")
        return ""


def compared(rows: Sequence[RunRow]) -> tuple[list[str], list[list[str]]]:
    """Heads and texts: title, figures, and the settings in which the runs differ."""
    jobs = [row.summary.job for row in rows]
    found = [{each.name: each.value for each in words.settings(job)} if job else {} for job in jobs]
    names = list(dict.fromkeys(name for each in found for name in each))
    differing = [name for name in names if len({each.get(name, "") for each in found}) > 1]
    differing = [name for name in differing if name != _epochs_head()]
    heads = [_head_of_titles(), *(_figure_heads()), *differing]
    texts = []
    for row, settings in zip(rows, found, strict=True):
        result = row.summary.result
        texts.append(
            [
                row.summary.title,
                words.accuracy(row),
                words.epochs(row),
                words.took(result.seconds) if result else "–",
                *(settings.get(name, "–") for name in differing),
            ]
        )
    return heads, texts


def _head_of_titles() -> str:
    return words.tr("Training")


def _epochs_head() -> str:
    return words.tr("Epochs")


def _figure_heads() -> tuple[str, str, str]:
    return words.tr("Accuracy"), _epochs_head(), words.tr("Took")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> QWidget:
    table = QWidget()
    table.setProperty("kind", "plain")
    grid = QGridLayout(table)
    grid.setContentsMargins(0, 0, 0, theme.TIGHT)
    grid.setHorizontalSpacing(theme.PAGE)
    grid.setVerticalSpacing(theme.TIGHT)
    grid.setColumnStretch(len(heads) + 1, 1)
    for column, head in enumerate(heads):
        grid.addWidget(small_label(head), 0, column + 1, _side(column))
    for number, row in enumerate(rows, start=1):
        grid.addWidget(LineSample(LINES[number - 1]), number, 0)
        for column, text in enumerate(row):
            label = body_label(text)
            label.setWordWrap(False)
            if column == 0:
                _shorten(label)
            grid.addWidget(label, number, column + 1, _side(column))
    return table


def _shorten(label: QLabel) -> None:
    """A long title gives way; the whole of it is in its tip and for a screen reader."""
    text = label.text()
    label.setAccessibleName(text)
    label.setToolTip(text)
    label.setText(label.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, _TITLE))


def _side(column: int) -> Qt.AlignmentFlag:
    right = 1 <= column <= 3
    return Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
