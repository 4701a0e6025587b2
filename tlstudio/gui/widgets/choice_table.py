"""Owns the table in which a row is a choice: how it is moved in, and how a chosen row looks."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import make_plain
from tlstudio.gui.widgets.thumbnails import Index

CHOSEN_ROLE = Qt.ItemDataRole.UserRole + 1
"""Whether the row is the one that counts now."""
SHARE_ROLE = Qt.ItemDataRole.UserRole + 2
"""The length of the bar in a cell, in [0, 1]; None where there is no bar."""
HEADING_ROLE = Qt.ItemDataRole.UserRole + 3
"""Whether the row is a heading over those below it."""
SENTENCE_ROLE = Qt.ItemDataRole.UserRole + 4
"""A sentence under a row's name."""
PRAISE_ROLE = Qt.ItemDataRole.UserRole + 5
"""What speaks for a row, in a few words."""
PAD = 10
_RING = 14.0
_BAR = 6
"""Room for a bar under a number, in px."""


class ChoiceModel(QAbstractTableModel):
    """Rows of which one is chosen, under titles."""

    rows: Sequence[object]

    def titles(self) -> tuple[str, ...]:
        raise NotImplementedError

    def side(self, column: int) -> Qt.AlignmentFlag:
        """Where a column's title and cells stand: numbers on the right."""
        raise NotImplementedError

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.titles())

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.side(section) | Qt.AlignmentFlag.AlignVCenter
        return self.titles()[section] if role == Qt.ItemDataRole.DisplayRole else None


class ChoiceDelegate(QStyledItemDelegate):
    """Draws cells: the chosen row carries a filled ring as well as a tint."""

    def height(self, index: Index, width: int) -> int:
        """How high the row with this name cell has to be, in px."""
        if index.data(HEADING_ROLE):
            return _body_height() + PAD + 4
        sentences = 0
        room = width - 3 * PAD - int(_RING)
        for role, bold in ((PRAISE_ROLE, True), (SENTENCE_ROLE, False)):
            text = index.data(role)
            if text:
                sentences += _wrapped(text, bold, room) + 2
        return _body_height() + max(sentences, _BAR) + 2 * PAD

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        cell: QRect = option.rect
        c = theme.colours()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if index.data(HEADING_ROLE):
            self._paint_heading(painter, cell, index)
        else:
            if index.data(CHOSEN_ROLE):
                painter.fillRect(cell, QColor(c.accent_soft))
            painter.setPen(QColor(c.line))
            painter.drawLine(cell.bottomLeft(), cell.bottomRight())
            inside = cell.adjusted(PAD, PAD, -PAD, -PAD)
            if index.column() == 0:
                self._paint_name(painter, inside, index)
            else:
                self._paint_value(painter, inside, index)
        painter.restore()

    def _paint_heading(self, painter: QPainter, cell: QRect, index: Index) -> None:
        c = theme.colours()
        painter.setFont(theme.text_font("small", bold=True))
        painter.setPen(QColor(c.muted))
        box = cell.adjusted(PAD, 0, -PAD, -4)
        painter.drawText(
            box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, index.data()
        )
        painter.setPen(QColor(c.line))
        painter.drawLine(cell.bottomLeft(), cell.bottomRight())

    def _paint_name(self, painter: QPainter, inside: QRect, index: Index) -> None:
        c = theme.colours()
        usable = bool(index.flags() & Qt.ItemFlag.ItemIsEnabled)
        height = _body_height()
        top = inside.top() + (height - _RING) / 2
        _ring(painter, QRectF(inside.left(), top, _RING, _RING), bool(index.data(CHOSEN_ROLE)))
        line = inside.adjusted(int(_RING) + PAD, 0, 0, 0)
        painter.setFont(theme.text_font("body", bold=True))
        painter.setPen(QColor(c.text if usable else c.disabled))
        metrics = QFontMetrics(painter.font())
        name = metrics.elidedText(index.data(), Qt.TextElideMode.ElideMiddle, line.width())
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, name)
        line.setTop(line.top() + height + 2)
        for role, bold, colour in ((PRAISE_ROLE, True, c.ok), (SENTENCE_ROLE, False, c.muted)):
            text = index.data(role)
            if text:
                painter.setFont(theme.text_font("small", bold=bold))
                painter.setPen(QColor(colour))
                painter.drawText(line, Qt.TextFlag.TextWordWrap, text)
                line.setTop(line.top() + _wrapped(text, bold, line.width()) + 2)

    def _paint_value(self, painter: QPainter, inside: QRect, index: Index) -> None:
        c = theme.colours()
        usable = bool(index.flags() & Qt.ItemFlag.ItemIsEnabled)
        painter.setFont(theme.text_font("body"))
        painter.setPen(QColor(c.text if usable else c.disabled))
        align = index.data(Qt.ItemDataRole.TextAlignmentRole) or Qt.AlignmentFlag.AlignLeft
        painter.drawText(inside, int(align) | Qt.TextFlag.TextWordWrap, index.data())
        share = index.data(SHARE_ROLE)
        if share is None:
            return
        bar = QRectF(inside.left(), inside.top() + _body_height() + 2, inside.width(), 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(c.line))
        painter.drawRoundedRect(bar, 2.5, 2.5)
        bar.setWidth(max(5.0, bar.width() * share))
        painter.setBrush(QColor(c.accent))
        painter.drawRoundedRect(bar, 2.5, 2.5)


class ChoiceTable(QTableView):
    """Click a row or move with the arrow keys to choose it; headings are passed over.

    Subclasses set a model whose first column is the name, then call `arrange`.
    """

    picked = Signal(int)
    """The user went to this row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(ChoiceDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        make_plain(self)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self._quiet = False
        # Rows are as high as their sentences need, once the columns have found their widths.
        self._fit = QTimer(self)
        self._fit.setSingleShot(True)
        self._fit.timeout.connect(self._fit_rows)

    def arrange(self, widest: dict[int, str]) -> None:
        """Gives each column room for its widest text, and the first one the rest."""
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        metrics = QFontMetrics(theme.text_font("body"))
        for column, text in widest.items():
            self.setColumnWidth(column, metrics.horizontalAdvance(text) + 2 * PAD)
        header.sectionResized.connect(lambda *_: self._fit.start(0))
        self.selectionModel().currentRowChanged.connect(self._picked)
        self.model().modelReset.connect(self._rows_changed)
        self._rows_changed()

    def mark(self, row: int | None) -> None:
        """Makes a row the current one without choosing it; None for no row."""
        self._quiet = True
        index = QModelIndex() if row is None else self.model().index(row, 0)
        if index != self.currentIndex():
            self.setCurrentIndex(index)
        if row is None:
            self.clearSelection()
        self._quiet = False

    def go_to_first(self) -> None:
        """Chooses the first row that can be chosen."""
        model = self.model()
        for row in range(model.rowCount()):
            index = model.index(row, 0)
            if index.flags() & Qt.ItemFlag.ItemIsEnabled:
                self.setCurrentIndex(index)
                return

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What is chosen stays in sight when something below takes room."""
        super().resizeEvent(event)
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())

    def set_locked(self, locked: bool) -> None:
        mode = self.SelectionMode
        self.setSelectionMode(mode.NoSelection if locked else mode.SingleSelection)

    def _picked(self, index: QModelIndex) -> None:
        if index.isValid() and not self._quiet:
            self.picked.emit(index.row())

    def _rows_changed(self) -> None:
        self.clearSpans()
        model = self.model()
        for row in range(model.rowCount()):
            if model.index(row, 0).data(HEADING_ROLE):
                self.setSpan(row, 0, 1, model.columnCount())
        self._fit_rows()

    def _fit_rows(self) -> None:
        delegate, model = self.itemDelegate(), self.model()
        if isinstance(delegate, ChoiceDelegate):
            width = self.columnWidth(0)
            for row in range(model.rowCount()):
                self.setRowHeight(row, delegate.height(model.index(row, 0), width))


def _ring(painter: QPainter, ring: QRectF, filled: bool) -> None:
    c = theme.colours()
    painter.setPen(QPen(QColor(c.accent if filled else c.edge), 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(ring.adjusted(1, 1, -1, -1))
    if filled:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(c.accent))
        painter.drawEllipse(ring.adjusted(4, 4, -4, -4))


def _body_height() -> int:
    return QFontMetrics(theme.text_font("body", bold=True)).height()


def _wrapped(text: str, bold: bool, width: int) -> int:
    """The height of a small text in a column of this width."""
    room = QRect(0, 0, width, 1000)
    metrics = QFontMetrics(theme.text_font("small", bold=bold))
    return metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, text).height()
