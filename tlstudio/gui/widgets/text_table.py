"""Owns a small table of texts to look at: no choice is made in it, columns can be marked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import make_plain
from tlstudio.gui.widgets.thumbnails import Index

_PAD = 10
_WIDEST = 320
"""A column is as wide as its texts, up to so many px."""


class _Texts(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self.titles: Sequence[str] = ()
        self.rows: Sequence[Sequence[str]] = ()
        self.marks: Mapping[int, str] = {}
        self.numbers: Collection[int] = ()

    def _side(self, column: int) -> Qt.AlignmentFlag:
        right = column in self.numbers
        return Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.titles)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return self.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._side(index.column()) | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.BackgroundRole and index.column() in self.marks:
            return QColor(theme.colours().accent_soft)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._side(section) | Qt.AlignmentFlag.AlignBottom
        if role == Qt.ItemDataRole.DisplayRole:
            mark = self.marks.get(section)
            blank = "\n" if self.marks else ""
            return f"{mark}\n{self.titles[section]}" if mark else blank + self.titles[section]
        return None


class _Cells(QStyledItemDelegate):
    """Cells whose texts stand below those of the titles."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        ground = index.data(Qt.ItemDataRole.BackgroundRole)
        if ground is not None:
            painter.fillRect(option.rect, ground)
        inside = QStyleOptionViewItem(option)
        side = _PAD - self._margin(option)
        inside.rect = option.rect.adjusted(side, 0, -side, 0)
        super().paint(painter, inside, index)

    def _margin(self, option: QStyleOptionViewItem) -> int:
        """What the style leaves free itself."""
        style = option.widget.style() if option.widget else QApplication.style()
        return style.pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin, option) + 1


class TextTable(QTableView):
    """Shows rows under titles. A mark stands above the title of its column, which is tinted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._texts = _Texts()
        self.setModel(self._texts)
        self.setItemDelegate(_Cells(self))
        make_plain(self)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(theme.field_height() - 4)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setStretchLastSection(True)

    def show_rows(
        self,
        titles: Sequence[str],
        rows: Sequence[Sequence[str]],
        numbers: Collection[int] = (),
    ) -> None:
        """Columns of `numbers` stand on the right."""
        self._texts.beginResetModel()
        self._texts.titles, self._texts.rows, self._texts.numbers = titles, rows, numbers
        self._texts.endResetModel()
        self._fit()

    def mark(self, marks: Mapping[int, str]) -> None:
        """`marks` says above which columns what stands."""
        if marks == self._texts.marks:
            return
        self._texts.marks = dict(marks)
        self._texts.headerDataChanged.emit(
            Qt.Orientation.Horizontal, 0, max(len(self._texts.titles) - 1, 0)
        )
        self._fit()
        self.viewport().update()
        if marks:
            self.scrollTo(self._texts.index(0, min(marks)))

    def texts(self) -> list[tuple[str, ...]]:
        """What is shown, row by row."""
        return [tuple(row) for row in self._texts.rows]

    def heads(self) -> list[str]:
        """What stands above each column."""
        count = self._texts.columnCount()
        return [str(self._texts.headerData(n, Qt.Orientation.Horizontal)) for n in range(count)]

    def _fit(self) -> None:
        metrics = QFontMetrics(theme.text_font("body"))
        for column, title in enumerate(self._texts.titles):
            shown = [title, self._texts.marks.get(column, "")]
            shown += [row[column] for row in self._texts.rows[:50]]
            wide = max(metrics.horizontalAdvance(text[:60]) for text in shown)
            self.setColumnWidth(column, min(wide + 2 * _PAD + 4, _WIDEST))
