"""Owns the table of a project's runs: how it is moved in, renamed in, ticked, and painted."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QPointF,
    QRect,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.views.run_rows import RunRow
from tlstudio.gui.widgets.basics import begin_editing, make_plain
from tlstudio.gui.widgets.run_model import Column, RunTableModel
from tlstudio.gui.widgets.thumbnails import Index

_PAD = 10
_BOX = 15
_TITLE = 220
"""As much room as there is, in px, before columns give way to titles."""
_GIVE_WAY = (Column.TOOK, Column.FROZEN)
_ROW = 8
"""Room above and below the text of a row, in px."""


class _Cells(QStyledItemDelegate):
    """Cells whose texts stand below those of the titles; a box to tick before each run's title."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        c, cell = theme.colours(), QRect(option.rect)
        option = QStyleOptionViewItem(option)
        # Which cell the keyboard is on does not matter: it is on a row.
        option.state &= ~QStyle.StateFlag.State_HasFocus
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(cell, QColor(c.accent_soft))
        painter.setPen(QColor(c.line))
        painter.drawLine(cell.bottomLeft(), cell.bottomRight())
        if index.column() == Column.TITLE and _can_be_ticked(index):
            _paint_box(painter, _box(cell), bool(_is_ticked(index)))
        painter.restore()
        left = _BOX + _PAD if index.column() == Column.TITLE else 0
        option.rect = cell.adjusted(_PAD - 3 + left, 0, 3 - _PAD, -1)
        super().paint(painter, option, index)

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        if index.column() == Column.TITLE:
            option.features &= ~QStyleOptionViewItem.ViewItemFeature.HasCheckIndicator
            option.textElideMode = Qt.TextElideMode.ElideMiddle
            option.font.setWeight(QFont.Weight.DemiBold)

    def editorEvent(
        self,
        event: QEvent,
        model: QAbstractItemModel,
        option: QStyleOptionViewItem,
        index: Index,
    ) -> bool:
        """A click on the box, or close to it, ticks."""
        if index.column() != Column.TITLE or not isinstance(event, QMouseEvent):
            return False
        near = event.position().x() < _box(option.rect).right() + _PAD / 2
        clicked = event.type() == QEvent.Type.MouseButtonRelease
        if near and clicked and event.button() == Qt.MouseButton.LeftButton:
            return tick(model, index)
        return False

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        editor.setGeometry(option.rect.adjusted(_PAD + _BOX + 2, 1, 0, -2))

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> QLineEdit:
        field = QLineEdit(parent)
        field.setProperty("kind", "cell")
        field.setMaxLength(200)
        field.setAccessibleName(self.tr("Title of the training"))
        return field


def tick(model: QAbstractItemModel, index: Index) -> bool:
    """Ticks a run, or takes that back; says whether it can be."""
    if not _can_be_ticked(index):
        return False
    state = Qt.CheckState.Unchecked if _is_ticked(index) else Qt.CheckState.Checked
    return model.setData(index, state, Qt.ItemDataRole.CheckStateRole)


def _can_be_ticked(index: Index) -> bool:
    return index.isValid() and bool(index.flags() & Qt.ItemFlag.ItemIsUserCheckable)


def _is_ticked(index: Index) -> bool:
    return bool(index.data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked)


def _box(cell: QRect) -> QRectF:
    return QRectF(cell.left() + _PAD, cell.center().y() - _BOX / 2, _BOX, _BOX)


def _paint_box(painter: QPainter, box: QRectF, ticked: bool) -> None:
    c = theme.colours()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(c.accent if ticked else c.edge), 1))
    painter.setBrush(QColor(c.accent if ticked else c.surface))
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
    if ticked:
        painter.setPen(QPen(QColor(c.on_accent), 2))
        steps = ((0.24, 0.52), (0.43, 0.70), (0.77, 0.32))
        points = [QPointF(box.left() + x * _BOX, box.top() + y * _BOX) for x, y in steps]
        painter.drawPolyline(points)


class RunTable(QTableView):
    """Click a row or move with the arrow keys to look at a run; tick several to compare them."""

    chosen = Signal(object)
    """The run that is looked at, a `RunRow`; None for none."""
    entered = Signal(object)
    """Return was pressed on this run, or it was clicked twice."""
    delete_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.runs = RunTableModel(self)
        self.setModel(self.runs)
        self.setItemDelegate(_Cells(self))
        self.setAccessibleName(self.tr("Trainings of this project"))
        make_plain(self)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrap(False)
        height = QFontMetrics(theme.text_font("body")).height() + 2 * _ROW
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(height)
        self.setMinimumHeight(3 * height)
        self._arrange_columns()
        self._kept: Path | None = None
        self.runs.modelAboutToBeReset.connect(self._keep)
        self.runs.modelReset.connect(self._restore)
        self.selectionModel().currentRowChanged.connect(self._went)
        self.doubleClicked.connect(self._enter)

    def _arrange_columns(self) -> None:
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(Column.TITLE, QHeaderView.ResizeMode.Stretch)
        header.setSortIndicator(Column.BEGUN, Qt.SortOrder.DescendingOrder)
        self.setSortingEnabled(True)
        header.setSortIndicatorShown(False)
        metrics = QFontMetrics(theme.text_font("body"))
        widest = {
            Column.STATE: self.tr("◐ interrupted"),
            Column.ACCURACY: self.tr("100.0 % of 999, probe"),
            Column.NETWORK: self.tr("EfficientNetV2-S"),
            Column.FROZEN: self.tr("Frozen ▾"),
            Column.EPOCHS: self.tr("10 of 100"),
            Column.TOOK: self.tr("100 min"),
            Column.BEGUN: "0000-00-00 00:00",
        }
        self._widths = {
            column: metrics.horizontalAdvance(text) + 2 * _PAD + 6
            for column, text in widest.items()
        }
        for column, width in self._widths.items():
            self.setColumnWidth(column, width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Titles tell runs apart: what else says less about them gives way."""
        super().resizeEvent(event)
        others = [column for column in Column if column != Column.TITLE]
        room = self.viewport().width() - _TITLE
        wanted = sum(self._widths[column] for column in others)
        for column in _GIVE_WAY:
            self.setColumnHidden(column, wanted > room)
            if wanted > room:
                wanted -= self._widths[column]

    def height_of(self, rows: int) -> int:
        """In px, with the titles of the columns."""
        each = self.verticalHeader().defaultSectionSize()
        return self.horizontalHeader().sizeHint().height() + rows * each + 4

    # --- what is looked at ----------------------------------------------------------------------

    def row(self) -> RunRow | None:
        """The run that is looked at."""
        number = self.currentIndex().row()
        return self.runs.rows[number] if 0 <= number < len(self.runs.rows) else None

    def go_to(self, path: Path | None) -> None:
        """Looks at this run, or at the first one."""
        number = self.runs.row_of(path)
        if self.runs.rows:
            self.setCurrentIndex(self.runs.index(number or 0, 0))

    def rename(self) -> None:
        """Lets the title of the run that is looked at be typed anew."""
        number = self.currentIndex().row()
        if number >= 0 and not self.runs.read_only:
            self.setFocus()
            index = self.runs.index(number, Column.TITLE)
            self.scrollTo(index)
            begin_editing(self, index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        editing = self.state() == QAbstractItemView.State.EditingState
        if event.key() == Qt.Key.Key_F2 and not editing:
            self.rename()
        elif event.key() == Qt.Key.Key_Delete and not editing:
            self.delete_asked.emit()
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not editing:
            self._enter(self.currentIndex())
        elif event.key() == Qt.Key.Key_Space and not editing:
            tick(self.runs, self.runs.index(self.currentIndex().row(), Column.TITLE))
        else:
            super().keyPressEvent(event)

    def _enter(self, index: Index) -> None:
        if index.isValid():
            self.entered.emit(self.runs.rows[index.row()])

    def _went(self, index: Index) -> None:
        if index.isValid():
            self.chosen.emit(self.runs.rows[index.row()])

    def _keep(self) -> None:
        row = self.row()
        self._kept = row.path if row else None

    def _restore(self) -> None:
        if self.runs.rows:
            self.go_to(self._kept)
        else:
            self.chosen.emit(None)
