"""Owns the table of files and what was said of each; any number of rows."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QRect, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import make_plain
from tlstudio.gui.widgets.parts import place_name
from tlstudio.gui.widgets.size_plot import size_text
from tlstudio.gui.widgets.thumbnails import Index
from tlstudio.gui.wizard.file_list import FileList
from tlstudio.projects.index import Entry, Verdict

_SIGNS: dict[Verdict, str] = {"used": "✓", "converted": "↻", "left_out": "✕"}
_FILE, _VERDICT, _REASON, _SIZE, _CLASS, _PART = range(6)
_PAD = 10


class FileTableModel(QAbstractTableModel):
    """A `FileList`, narrowed down and ordered."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._files = FileList((), ())
        self._numbers: Sequence[int] = ()
        self._verdict: Verdict | None = None
        self._text = ""
        self._column, self._falling = _FILE, False

    def show_files(self, files: FileList) -> None:
        self._files = files
        self._arrange()

    def narrow(self, verdict: Verdict | None, text: str) -> None:
        """Shows only files with this verdict (None for any) and this text."""
        self._verdict, self._text = verdict, text
        self._arrange()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, _REASON, _REASON)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._falling = column, order == Qt.SortOrder.DescendingOrder
        self._arrange()

    def _arrange(self) -> None:
        self.beginResetModel()
        self._numbers = self._files.numbers(self._verdict, self._text, self._column, self._falling)
        self.endResetModel()

    def entry(self, row: int) -> Entry:
        return self._files.entries[self._numbers[row]]

    def entries(self) -> list[Entry]:
        """The rows of the moment, from top to bottom."""
        return [self._files.entries[number] for number in self._numbers]

    def row_of(self, file: str) -> int | None:
        entries = self._files.entries
        rows = enumerate(self._numbers)
        return next((row for row, number in rows if entries[number].file == file), None)

    def verdict_words(self, verdict: Verdict) -> str:
        """As the table says it, with its sign."""
        words: dict[Verdict, str] = {
            "used": self.tr("Used"),
            "converted": self.tr("Converted"),
            "left_out": self.tr("Left out"),
        }
        return f"{_SIGNS[verdict]} {words[verdict]}"

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._numbers)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 6

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(section)
        titles = (
            self.tr("File"),
            self.tr("Verdict"),
            self._reason_title(),
            self.tr("Size (px)"),
            self.tr("Class"),
            self.tr("Part"),
        )
        return titles[section] if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        entry, column = self.entry(index.row()), index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text_of(entry, column)
        if role == Qt.ItemDataRole.ToolTipRole and column in {_FILE, _REASON}:
            return self._text_of(entry, column)
        if role == Qt.ItemDataRole.ForegroundRole:
            return _ink(entry, column)
        return None

    def _reason_title(self) -> str:
        if self._verdict == "left_out":
            return self.tr("Why")
        if self._verdict == "converted":
            return self.tr("What was done")
        return self.tr("Reason")

    def _text_of(self, entry: Entry, column: int) -> str:
        match column:
            case 0:
                text = entry.file
            case 1:
                text = self.verdict_words(entry.verdict)
            case 2:
                text = entry.reason[:1].upper() + entry.reason[1:]
            case 3:
                text = size_text((entry.width, entry.height)) if entry.width else ""
            case 4:
                text = entry.label
            case _ if entry.excluded:
                text = self.tr("Left out by you")
            case _:
                text = place_name(entry.part) if entry.part else ""
        return text


def _side(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column == _SIZE else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _ink(entry: Entry, column: int) -> QColor | None:
    c = theme.colours()
    if column == _VERDICT:
        inks: dict[Verdict, str] = {"used": c.muted, "converted": c.accent, "left_out": c.error}
        return QColor(inks[entry.verdict])
    return None if column in {_FILE, _REASON} else QColor(c.muted)


class _Cell(QStyledItemDelegate):
    """Text as far from the edge as that of the titles."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        cell: QRect = option.rect
        state: QStyle.StateFlag = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(cell, QColor(theme.colours().accent_soft))
        inside = QStyleOptionViewItem(option)
        if index.column() == _REASON:
            inside.textElideMode = Qt.TextElideMode.ElideRight
        inside.rect = cell.adjusted(_PAD - 3, 0, 3 - _PAD, 0)
        super().paint(painter, inside, index)


class FileTable(QTableView):
    """`opened` names the row that was double-clicked or entered."""

    opened = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.files = FileTableModel(self)
        self.setModel(self.files)
        self.setItemDelegate(_Cell(self))
        self.setAccessibleName(self.tr("Files and what was said of them"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        make_plain(self)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.row()))
        self._set_up_columns()

    def _set_up_columns(self) -> None:
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        metrics = QFontMetrics(theme.text_font("body"))
        rows.setDefaultSectionSize(metrics.height() + _PAD)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        for column in (_FILE, _REASON):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        widest = {
            _VERDICT: self.files.verdict_words("converted") + "MM",
            _SIZE: size_text((9999, 9999)),
            _CLASS: "M" * 9,
            _PART: self.tr("Left out by you"),
        }
        for column, text in widest.items():
            self.setColumnWidth(column, metrics.horizontalAdvance(text) + 2 * _PAD)
        self.setSortingEnabled(True)
        self.sortByColumn(_FILE, Qt.SortOrder.AscendingOrder)

    def narrow(self, verdict: Verdict | None, text: str) -> None:
        """As the model does; columns that would say the same in every row leave room."""
        self.files.narrow(verdict, text)
        empty: dict[Verdict | None, set[int]] = {
            None: set(),
            "used": {_VERDICT, _REASON},
            "converted": {_VERDICT},
            "left_out": {_VERDICT, _SIZE, _PART},
        }
        for column in range(self.files.columnCount()):
            self.setColumnHidden(column, column in empty[verdict])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)
