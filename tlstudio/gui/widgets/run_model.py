"""Owns what stands in the table of a project's runs: cells, their order, which runs are ticked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, Signal
from PySide6.QtGui import QColor

from tlstudio.gui import theme
from tlstudio.gui.views import run_words as words
from tlstudio.gui.views.run_rows import RunRow
from tlstudio.gui.widgets.thumbnails import Index

MOST_COMPARED = 6
"""As many lines can be told apart in one plot."""


class Column(IntEnum):
    TITLE = 0
    STATE = 1
    ACCURACY = 2
    NETWORK = 3
    FROZEN = 4
    EPOCHS = 5
    TOOK = 6
    BEGUN = 7


_NUMBERS = {Column.ACCURACY, Column.FROZEN, Column.EPOCHS, Column.TOOK, Column.BEGUN}
_STANDINGS = ("running", "interrupted", "failed", "completed")


class RunTableModel(QAbstractTableModel):
    """Runs in the order of a column; which are ticked."""

    renamed = Signal(object, str)
    """A run (its path) was given another title."""
    ticked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[RunRow] = []
        self.read_only = False
        self._ticked: list[Path] = []
        self._column, self._falling = Column.BEGUN, True

    # --- what is shown --------------------------------------------------------------------------

    def show_rows(self, rows: Sequence[RunRow]) -> None:
        here = {row.path for row in rows}
        before = list(self._ticked)
        self._ticked = [path for path in before if path in here]
        self.beginResetModel()
        self.rows = list(rows)
        self._arrange()
        self.endResetModel()
        if self._ticked != before:
            self.ticked.emit()

    def update_rows(self, rows: Sequence[RunRow]) -> None:
        """How these stand now; the order stays until it is asked for again."""
        new = {row.path: row for row in rows}
        for number, row in enumerate(self.rows):
            if row.path in new and new[row.path] != row:
                self.rows[number] = new[row.path]
                self.dataChanged.emit(self.index(number, 0), self.index(number, len(Column) - 1))

    def row_of(self, path: Path | None) -> int | None:
        return next((n for n, row in enumerate(self.rows) if row.path == path), None)

    def ticked_rows(self) -> list[RunRow]:
        """In the order in which they were ticked."""
        known = {row.path: row for row in self.rows}
        return [known[path] for path in self._ticked]

    def untick(self) -> None:
        if self._ticked:
            self._ticked = []
            self._rows_changed()
            self.ticked.emit()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._falling = Column(column), order == Qt.SortOrder.DescendingOrder
        self.beginResetModel()
        self._arrange()
        self.endResetModel()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(Column) - 1)

    def _arrange(self) -> None:
        self.rows.sort(key=lambda row: row.summary.begun, reverse=True)
        self.rows.sort(key=lambda row: _key(row, self._column), reverse=self._falling)

    def _rows_changed(self) -> None:
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, 0))

    # --- as Qt asks for it ----------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(Column)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(section)
        titles = (
            self.tr("Training"),
            self.tr("State"),
            self.tr("Accuracy"),
            self.tr("Network"),
            self.tr("Frozen"),
            self.tr("Epochs"),
            self.tr("Took"),
            self.tr("Begun"),
        )
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        # The style's own arrow would lie over a title on the right.
        arrow = "▾" if self._falling else "▴"
        return f"{titles[section]} {arrow}" if section == self._column else titles[section]

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() != Column.TITLE:
            return flags
        row = self.rows[index.row()]
        room = row.path in self._ticked or len(self._ticked) < MOST_COMPARED
        if row.summary.job is not None and room:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags if self.read_only else flags | Qt.ItemFlag.ItemIsEditable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row, column = self.rows[index.row()], Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return _TEXTS[column](row)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        if column == Column.TITLE and role == Qt.ItemDataRole.EditRole:
            return row.summary.title
        if column == Column.TITLE and role == Qt.ItemDataRole.CheckStateRole:
            on = row.path in self._ticked
            return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
        return self._aside(row, column, role)

    def _aside(self, row: RunRow, column: Column, role: int) -> object:
        """What is said beside the texts: to whoever points at a cell, or can't see it."""
        if role == Qt.ItemDataRole.ToolTipRole:
            sentence = f"{words.standing_sentence(row)}. {row.summary.trouble}".strip()
            return {
                Column.TITLE: f"{row.summary.title}\n{row.summary.path}",
                Column.STATE: sentence,
                Column.ACCURACY: words.accuracy_sentence(row),
            }.get(column)
        if role == Qt.ItemDataRole.AccessibleTextRole and column == Column.ACCURACY:
            return words.accuracy_sentence(row)
        if role == Qt.ItemDataRole.ForegroundRole and column == Column.STATE:
            return _ink(row)
        return None

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.CheckStateRole:
            self._tick(row.path, Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        title = str(value).strip()
        if role == Qt.ItemDataRole.EditRole and title != row.summary.title:
            self.renamed.emit(row.path, title)
        return True

    def _tick(self, path: Path, on: bool) -> None:
        self._ticked = [each for each in self._ticked if each != path]
        if on:
            self._ticked.append(path)
        self._rows_changed()
        self.ticked.emit()


def _side(column: int) -> Qt.AlignmentFlag:
    right = column in _NUMBERS
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


_TEXTS: dict[Column, Callable[[RunRow], str]] = {
    Column.TITLE: lambda row: row.summary.title,
    Column.STATE: words.standing,
    Column.ACCURACY: words.accuracy,
    Column.NETWORK: lambda row: words.network_name(row.summary.job) if row.summary.job else "",
    Column.FROZEN: lambda row: words.frozen(row.summary.job) if row.summary.job else "",
    Column.EPOCHS: words.epochs,
    Column.TOOK: lambda row: words.took(row.summary.result.seconds) if row.summary.result else "",
    Column.BEGUN: lambda row: words.moment(row.summary.begun),
}


def _number(text: str) -> float:
    """The first number of a text; what is none comes last as the numbers fall."""
    first = text.replace(",", "").split()[:1]
    return float(first[0]) if first and first[0].isdecimal() else -1.0


_KEYS: dict[Column, Callable[[RunRow], float]] = {
    Column.STATE: lambda row: _STANDINGS.index(row.summary.standing),
    Column.ACCURACY: lambda row: -1.0 if row.accuracy is None else row.accuracy,
    Column.FROZEN: lambda row: _number(_TEXTS[Column.FROZEN](row)),
    Column.EPOCHS: lambda row: _number(words.epochs(row)),
    Column.TOOK: lambda row: row.summary.result.seconds if row.summary.result else -1.0,
    Column.BEGUN: lambda row: row.summary.begun.timestamp(),
}
"""What numbers are sorted by; other columns by their texts."""


def _key(row: RunRow, column: Column) -> tuple[float, str]:
    if column in _KEYS:
        return _KEYS[column](row), ""
    return 0.0, _TEXTS[column](row).casefold()


def _ink(row: RunRow) -> QColor:
    c = theme.colours()
    if row.summary.job is None:
        return QColor(c.error)
    return QColor(
        {
            "running": c.accent,
            "completed": c.ok,
            "interrupted": c.warn,
            "failed": c.error,
        }[row.summary.standing]
    )
