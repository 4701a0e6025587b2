"""Owns the table of networks: its model, how a row is drawn, sorting and choosing."""

from __future__ import annotations

import math
from enum import IntEnum

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QRect,
    QRectF,
    QSize,
    QSortFilterProxyModel,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from tlstudio.backbones.catalogue import RECOMMENDED, Backbone, catalogue
from tlstudio.gui import theme
from tlstudio.gui.widgets.thumbnails import Index
from tlstudio.gui.wizard.state import WizardState

SORT_ROLE = Qt.ItemDataRole.UserRole + 1
SHARE_ROLE = Qt.ItemDataRole.UserRole + 2
"""The length of the bar in a cell, in [0, 1]; None where there is no bar."""
_PAD = 10
_RADIO = 16


class Column(IntEnum):
    NETWORK = 0
    WORK = 1
    ACCURACY = 2
    SIZE = 3
    LICENCE = 4
    WEIGHTS = 5


def megabytes(size: int) -> str:
    """ "14 MB", with one digit below ten."""
    amount = size / 1e6
    return f"{amount:.1f} MB" if amount < 10 else f"{amount:.0f} MB"


class BackboneModel(QAbstractTableModel):
    """The catalogue, the recommended network first."""

    def __init__(self, state: WizardState, parent: QWidget) -> None:
        super().__init__(parent)
        self.state = state
        self.entries = sorted(catalogue(), key=lambda entry: entry.id != RECOMMENDED)
        work = [entry.weights[0].gflops for entry in self.entries]
        self._least_work, self._most_work = min(work), max(work)
        self._present: dict[str, bool] = {}

    def look_for_weights(self) -> None:
        """Looks by name and size which published weights are on this computer."""
        from tlstudio.backbones.weights import weights_state

        self._present = {
            entry.id: weights_state(entry.weights[0]) == "present" for entry in self.entries
        }
        self.refresh()

    def refresh(self) -> None:
        """The choice changed, and with it where the weights come from."""
        last = self.index(len(self.entries) - 1, len(Column) - 1)
        self.dataChanged.emit(self.index(0, 0), last)

    def weights_words(self, entry: Backbone) -> str:
        """Where this network's weights are, as it is chosen now."""
        if entry.id == self.state.backbone_id:
            if self.state.weights.source == "file":
                return self.tr("a file of yours")
            if self.state.weights.source == "scratch":
                return self.tr("random numbers")
        if self._present.get(entry.id):
            return self.tr("on this computer")
        size = megabytes(entry.weights[0].bytes).replace(" ", "\u00a0")
        return self.tr("to download ({0})").format(size)

    def is_present(self, entry: Backbone) -> bool:
        return self._present.get(entry.id, False)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.entries)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(Column)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            numbers = section in {Column.WORK, Column.ACCURACY, Column.SIZE}
            side = Qt.AlignmentFlag.AlignRight if numbers else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return (
            self.tr("Network"),
            self.tr("Work, GFLOPs"),
            self.tr("Accuracy"),
            self.tr("Size"),
            self.tr("Licence"),
            self.tr("Weights"),
        )[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry = self.entries[index.row()]
        column = Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(entry, column)
        if role == SORT_ROLE:
            return self._sort_key(entry, column)
        if role == SHARE_ROLE:
            top1 = entry.weights[0].top1
            return {
                Column.WORK: self._work_share(entry.weights[0].gflops),
                Column.ACCURACY: None if top1 is None else top1 / 100,
            }.get(column)
        if role == Qt.ItemDataRole.AccessibleTextRole and column == Column.NETWORK:
            return f"{entry.name}. {entry.sentence}"
        return None

    def _work_share(self, gflops: float) -> float:
        """Each doubling is one step further: the networks differ by a factor of hundreds, and on a
        plain scale most bars would be dots."""
        steps = math.log2(gflops / self._least_work)
        return (1 + steps) / (1 + math.log2(self._most_work / self._least_work))

    def _text(self, entry: Backbone, column: Column) -> str:
        weights = entry.weights[0]
        return {
            Column.NETWORK: entry.name,
            Column.WORK: f"{weights.gflops:.{2 if weights.gflops < 1 else 1}f}",
            Column.ACCURACY: "–" if weights.top1 is None else f"{weights.top1:.1f} %",
            Column.SIZE: megabytes(weights.bytes),
            # With hyphens that do not end a line.
            Column.LICENCE: weights.licence.replace("-", "\u2011"),
            Column.WEIGHTS: self.weights_words(entry),
        }[column]

    def _sort_key(self, entry: Backbone, column: Column) -> str | float:
        if column == Column.WORK:
            return entry.weights[0].gflops
        if column == Column.ACCURACY:
            return entry.weights[0].top1 or 0.0
        if column == Column.SIZE:
            return entry.weights[0].bytes
        return self._text(entry, column).casefold()


class _Row(QStyledItemDelegate):
    """The chosen row carries a filled ring as well as a tint."""

    def __init__(self, view: BackboneTable) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        if index.column() != Column.NETWORK:
            return QSize(80, 48)
        entry = self._view.entry(index.row())
        height = _PAD * 2 + QFontMetrics(theme.text_font("body", bold=True)).height()
        room = self._view.columnWidth(0) - 3 * _PAD - _RADIO
        height += _wrapped(theme.text_font("small"), entry.sentence, room) + 2
        if entry.id == RECOMMENDED:
            height += _wrapped(theme.text_font("small", bold=True), self._why(), room) + 2
        return QSize(200, height)

    def _why(self) -> str:
        return self.tr("Recommended: small, quick, learns from few pictures")

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        cell: QRect = option.rect
        entry = self._view.entry(index.row())
        chosen = entry.id == self._view.networks.state.backbone_id
        c = theme.colours()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen:
            painter.fillRect(cell, QColor(c.accent_soft))
        painter.setPen(QColor(c.line))
        painter.drawLine(cell.bottomLeft(), cell.bottomRight())
        inside = cell.adjusted(_PAD, _PAD, -_PAD, -_PAD)
        if index.column() == Column.NETWORK:
            self._paint_network(painter, inside, entry, chosen)
        else:
            self._paint_value(painter, inside, index)
        painter.restore()

    def _paint_network(
        self, painter: QPainter, inside: QRect, entry: Backbone, chosen: bool
    ) -> None:
        c = theme.colours()
        bold, small = theme.text_font("body", bold=True), theme.text_font("small")
        height = QFontMetrics(bold).height()
        ring = QRectF(inside.left(), inside.top() + (height - 14) / 2, 14, 14)
        painter.setPen(QPen(QColor(c.accent if chosen else c.edge), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(ring.adjusted(1, 1, -1, -1))
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(c.accent))
            painter.drawEllipse(ring.adjusted(4, 4, -4, -4))
        line = inside.adjusted(_RADIO + _PAD, 0, 0, 0)
        painter.setFont(bold)
        painter.setPen(QColor(c.text))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, entry.name)
        line.setTop(line.top() + height + 2)
        if entry.id == RECOMMENDED:
            strong = theme.text_font("small", bold=True)
            painter.setFont(strong)
            painter.setPen(QColor(c.ok))
            painter.drawText(line, Qt.TextFlag.TextWordWrap, self._why())
            line.setTop(line.top() + _wrapped(strong, self._why(), line.width()) + 2)
        painter.setFont(small)
        painter.setPen(QColor(c.muted))
        painter.drawText(line, Qt.TextFlag.TextWordWrap, entry.sentence)

    def _paint_value(self, painter: QPainter, inside: QRect, index: Index) -> None:
        c = theme.colours()
        painter.setFont(theme.text_font("body"))
        painter.setPen(QColor(c.text))
        text, share = index.data(), index.data(SHARE_ROLE)
        words = index.column() in {Column.LICENCE, Column.WEIGHTS}
        align = Qt.AlignmentFlag.AlignLeft if words else Qt.AlignmentFlag.AlignRight
        painter.drawText(inside, int(align) | Qt.TextFlag.TextWordWrap, text)
        if share is None:
            return
        top = inside.top() + QFontMetrics(painter.font()).height() + 5
        bar = QRectF(inside.left(), top, inside.width(), 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(c.line))
        painter.drawRoundedRect(bar, 2.5, 2.5)
        bar.setWidth(max(5.0, bar.width() * share))
        painter.setBrush(QColor(c.accent))
        painter.drawRoundedRect(bar, 2.5, 2.5)


def _wrapped(font: QFont, text: str, width: int) -> int:
    """The height of a text in a column of this width."""
    room = QRect(0, 0, width, 1000)
    return QFontMetrics(font).boundingRect(room, Qt.TextFlag.TextWordWrap, text).height()


class BackboneTable(QTableView):
    """Click a row or move with the arrow keys to choose it; click a column's title to sort."""

    chosen = Signal(str)

    def __init__(self, state: WizardState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks = BackboneModel(state, self)
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self.networks)
        self._proxy.setSortRole(SORT_ROLE)
        self.setModel(self._proxy)
        self.setItemDelegate(_Row(self))
        self.setAccessibleName(self.tr("Networks"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self._arrange_columns()
        self.select(state.backbone_id)
        self.selectionModel().currentRowChanged.connect(self._chosen)

    def _arrange_columns(self) -> None:
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(Column.NETWORK, QHeaderView.ResizeMode.Stretch)
        metrics = QFontMetrics(theme.text_font("body"))
        for column, widest in {
            Column.WORK: self.tr("Work, GFLOPs"),
            Column.ACCURACY: self.tr("Accuracy 00"),
            Column.SIZE: "000 MB",
            Column.LICENCE: "BSD-3-Clause",
            Column.WEIGHTS: self.tr("on this computer"),
        }.items():
            self.setColumnWidth(column, metrics.horizontalAdvance(widest) + 2 * _PAD)
        header.setSortIndicatorClearable(True)
        self._proxy.setDynamicSortFilter(False)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        # Rows are as high as their sentences need, once the columns have found their widths.
        self._fit_rows = QTimer(self)
        self._fit_rows.setSingleShot(True)
        self._fit_rows.timeout.connect(self.resizeRowsToContents)
        header.sectionResized.connect(lambda *_: self._fit_rows.start(0))
        header.sortIndicatorChanged.connect(lambda *_: self._fit_rows.start(0))

    def entry(self, row: int) -> Backbone:
        """The network in a row as it is sorted now."""
        return self.networks.entries[self._proxy.mapToSource(self._proxy.index(row, 0)).row()]

    def select(self, identifier: str) -> None:
        """Makes this network the current one."""
        for row in range(self._proxy.rowCount()):
            if self.entry(row).id == identifier:
                self.setCurrentIndex(self._proxy.index(row, 0))

    def refresh(self) -> None:
        self.networks.refresh()
        if self.entry(self.currentIndex().row()).id != self.networks.state.backbone_id:
            self.select(self.networks.state.backbone_id)

    def _chosen(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(self.entry(index.row()).id)
