"""Owns the confusion matrix: what the pictures really are against what they were called."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QPainter, QPalette, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QGridLayout,
    QHeaderView,
    QLabel,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from tlstudio.gui.theme import TRAIN_BLUE, VAL_ORANGE
from tlstudio.gui.widgets.ink import ink, mixed
from tlstudio.gui.widgets.vertical_label import SlantedHeader, VerticalLabel
from tlstudio.jobs import EvaluationResult

Index = QModelIndex | QPersistentModelIndex

_SMALLEST = QSize(40, 30)
_LARGEST = QSize(136, 80)
_TWO_LINES = 40
_NAMES_WIDTH = 150
_SHARE = Qt.ItemDataRole.UserRole


class ConfusionModel(QAbstractTableModel):
    """Counts with their share of the row; a row is a true class, a column an answer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.classes: tuple[str, ...] = ()
        self.counts: tuple[tuple[int, ...], ...] = ()
        self._totals: tuple[int, ...] = ()

    def show_result(self, result: EvaluationResult) -> None:
        self.beginResetModel()
        self.classes, self.counts = result.classes, result.confusion
        self._totals = tuple(sum(row) for row in result.confusion)
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.classes)

    def columnCount(self, parent: Index | None = None) -> int:
        return self.rowCount(parent)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = index.row(), index.column()
        count, total = self.counts[row][column], self._totals[row]
        share = count / total if total else 0.0
        if role == Qt.ItemDataRole.DisplayRole:
            return str(count)
        if role == _SHARE:
            return share
        if role in {Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole}:
            return self.tr("Really {truth}, was called {answer}: {count} of {total}").format(
                truth=self.classes[row], answer=self.classes[column], count=count, total=total
            )
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.classes[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.classes[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and orientation == Qt.Orientation.Vertical:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


class CellDelegate(QStyledItemDelegate):
    """A cell is tinted by its share of the row: blue on the diagonal, orange where it was wrong."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rect: QRect = option.rect
        palette: QPalette = option.palette
        base = palette.color(QPalette.ColorRole.Base)
        share = float(index.data(_SHARE))
        tint = QColor(TRAIN_BLUE if index.row() == index.column() else VAL_ORANGE)
        ground = mixed(tint, base, 0.12 + 0.78 * share) if share else base
        painter.save()
        painter.fillRect(rect, ground)
        painter.setPen(ink(ground) if share else palette.color(QPalette.ColorRole.PlaceholderText))
        self._write(painter, rect, index.data(), share)
        painter.setPen(palette.color(QPalette.ColorRole.Mid))
        if index.row() == 0:
            painter.drawLine(rect.topLeft(), rect.topRight())
        if index.column() == 0:
            painter.drawLine(rect.topLeft(), rect.bottomLeft())
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(palette.color(QPalette.ColorRole.Text), 3))
            painter.drawRect(rect.adjusted(2, 2, -3, -3))
        painter.restore()

    def _write(self, painter: QPainter, rect: QRect, count: str, share: float) -> None:
        font = QFont(painter.font())
        if rect.height() < _TWO_LINES or not share:
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, count)
            return
        middle = rect.center().y() + 1
        above = QRect(rect.left(), rect.top(), rect.width(), middle - rect.top())
        below = QRect(rect.left(), middle, rect.width(), rect.bottom() - middle)
        centre = Qt.AlignmentFlag.AlignHCenter
        bold = QFont(font)
        bold.setBold(True)
        painter.setFont(bold)
        painter.drawText(above, centre | Qt.AlignmentFlag.AlignBottom, count)
        font.setPointSizeF(font.pointSizeF() * 0.85)
        painter.setFont(font)
        painter.drawText(below, centre | Qt.AlignmentFlag.AlignTop, f"{100 * share:.0f} %")


def _within(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))


class ConfusionMatrix(QWidget):
    """The matrix with its axis titles. Cells are chosen by mouse or arrow keys."""

    cell_chosen = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = ConfusionModel(self)
        self.setMinimumSize(280, 200)
        self._truths_header = SlantedHeader(Qt.Orientation.Vertical, self)
        self._answers_header = SlantedHeader(Qt.Orientation.Horizontal, self)
        self.table = self._table()
        self._columns_title = QLabel(self.tr("Was called"))
        self._columns_title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._rows_title = VerticalLabel(self.tr("Really is"))
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._columns_title, 0, 1)
        layout.addWidget(self._rows_title, 1, 0)
        layout.addWidget(self.table, 1, 1)
        layout.setRowStretch(2, 1)
        layout.setColumnStretch(2, 1)

    def show_result(self, result: EvaluationResult) -> None:
        self.model.show_result(result)
        self._fit()

    def choose(self, truth: int, answer: int) -> None:
        self.table.setCurrentIndex(self.model.index(truth, answer))

    def choose_nothing(self) -> None:
        self.table.clearSelection()
        self.table.setCurrentIndex(QModelIndex())

    def _table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        table.setItemDelegate(CellDelegate(table))
        table.setAccessibleName(
            self.tr("Confusion matrix: rows are what the pictures really are, columns the answers")
        )
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setTabKeyNavigation(False)
        table.setCornerButtonEnabled(False)
        table.setFrameShape(QFrame.Shape.NoFrame)
        # The chosen cell shows where the keyboard is; a frame would only cut through the headers.
        table.setStyleSheet("QTableView, QTableView:focus, QHeaderView { border: none; }")
        table.setHorizontalHeader(self._answers_header)
        table.setVerticalHeader(self._truths_header)
        for header in (self._answers_header, self._truths_header):
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            header.setMinimumSectionSize(_SMALLEST.height())
        table.selectionModel().currentChanged.connect(self._tell)
        return table

    def _tell(self, index: QModelIndex) -> None:
        if index.isValid():
            self.cell_chosen.emit(index.row(), index.column())

    def _fit(self) -> None:
        """Gives the cells the room there is, within bounds; beyond them the table scrolls."""
        classes = len(self.model.classes)
        if not classes:
            return
        metrics = self.fontMetrics()
        widest = max(metrics.horizontalAdvance(name) for name in self.model.classes) + 20
        rows, columns = self._truths_header, self._answers_header
        names = min(widest, _NAMES_WIDTH, max(self.width() // 3, 60))
        across = self.width() - self._rows_title.sizeHint().width() - 4
        width = _within(_SMALLEST.width(), (across - names - 4) // classes, _LARGEST.width())
        lines = columns.lines_for(self.model.classes, width)
        slanted = lines == 0
        top = min(widest, 110) if slanted else lines * metrics.height() + 12
        down = self.height() - self._columns_title.sizeHint().height() - 4
        height = _within(_SMALLEST.height(), (down - top - 4) // classes, _LARGEST.height())
        rows.setFixedWidth(names)
        columns.setFixedHeight(top)
        columns.set_slanted(slanted)
        columns.setDefaultSectionSize(width)
        rows.setDefaultSectionSize(height)
        # Where it must scroll in one direction, the other needs room for the bar.
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        full = QSize(names + width * classes + 4, top + height * classes + 4)
        wide = full.width() + (bar if full.height() > down else 0)
        tall = full.height() + (bar if full.width() > across else 0)
        self.table.setFixedSize(min(wide, across), min(tall, down))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()
