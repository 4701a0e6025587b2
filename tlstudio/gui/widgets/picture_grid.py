"""Owns the grid of thumbnails: any number of them, chosen one by one, by frame, or all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.thumbnails import SIDE, Index, ThumbnailModel

_CELL = SIDE + 12
MARK_ROLE = Qt.ItemDataRole.UserRole + 1
"""A sign in a picture's corner; empty for none."""

_Move = QAbstractItemView.CursorAction
_State = QAbstractItemView.State


class PictureGrid(QListView):
    """Shows a `ThumbnailModel`. `opened` names the row that was double-clicked or entered, `typed`
    a digit, `delete_pressed` says what it says.

    QListView lays items out one by one, which is felt from some thousands on. Here the
    place of an item is computed, so that any number costs no more than what is seen of it.
    """

    opened = Signal(int)
    typed = Signal(int)
    delete_pressed = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, pictures: ThumbnailModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.thumbnails = pictures
        self._columns, self._width = 1, _CELL
        self._pressed: QPoint | None = None
        self._band = QRect()
        self.nothing = ""
        """What is said where there is no picture."""
        self.setModel(pictures)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionRectVisible(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(
            lambda place: self.menu_asked.emit(self.viewport().mapToGlobal(place))
        )
        self.activated.connect(lambda index: self.opened.emit(index.row()))

    # --- what is chosen -------------------------------------------------------------------------

    def chosen_rows(self) -> list[range]:
        """The chosen rows, as ranges: there may be very many."""
        chosen = self.selectionModel().selection()
        parts = (chosen.at(number) for number in range(chosen.count()))
        return [range(part.top(), part.bottom() + 1) for part in parts]

    def choose_rows(self, rows: Sequence[range], current: int) -> None:
        """Chooses these rows; the keyboard goes on from `current`, unless it is negative."""
        chosen = QItemSelection()
        for part in rows:
            if part:
                chosen.select(self._index(part[0]), self._index(part[-1]))
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().select(chosen, flags.ClearAndSelect)
        if current >= 0:
            self.selectionModel().setCurrentIndex(self._index(current), flags.NoUpdate)

    def selectAll(self) -> None:
        """Qt asks of every item whether it can be chosen, which is felt where there are many."""
        if self._count:
            self.choose_rows([range(self._count)], self.currentIndex().row())

    # --- where things are -----------------------------------------------------------------------

    @property
    def _count(self) -> int:
        return self.thumbnails.rowCount()

    def _index(self, row: int) -> QModelIndex:
        return self.thumbnails.index(row)

    def _cell(self, row: int) -> QRect:
        line, column = divmod(row, self._columns)
        top = line * _CELL - self.verticalScrollBar().value()
        return QRect(column * self._width, top, self._width, _CELL)

    def _rows_in(self, box: QRect) -> Iterator[range]:
        """The rows whose cells this rectangle of the viewport touches, a range a line."""
        box = box.normalized()
        offset = self.verticalScrollBar().value()
        first = max(0, (box.top() + offset) // _CELL)
        last = min((box.bottom() + offset) // _CELL, (self._count - 1) // self._columns)
        left = min(max(0, box.left() // self._width), self._columns)
        right = min(max(-1, box.right() // self._width), self._columns - 1)
        for line in range(first, last + 1):
            start = line * self._columns
            rows = range(start + left, min(start + right + 1, self._count))
            if rows:
                yield rows

    def _fit(self) -> None:
        """The columns share evenly the width that is there with a scroll bar, so that nothing
        moves when it comes and goes."""
        bar = self.style().pixelMetric(self.style().PixelMetric.PM_ScrollBarExtent)
        room = max(_CELL, self.maximumViewportSize().width() - bar - 1)
        self._columns = room // _CELL
        self._width = room // self._columns

    def visualRect(self, index: Index) -> QRect:
        return self._cell(index.row()) if index.isValid() else QRect()

    def indexAt(self, place: QPoint) -> QModelIndex:
        rows = next(self._rows_in(QRect(place, place)), range(0))
        return self._index(rows[0] if rows else -1)

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def horizontalOffset(self) -> int:
        return 0

    # --- scrolling ------------------------------------------------------------------------------

    def reset(self) -> None:
        super().reset()
        self.doItemsLayout()

    def doItemsLayout(self) -> None:
        """QListView would lay out every item."""
        self._fit()
        QAbstractItemView.doItemsLayout(self)
        self.updateGeometries()

    def updateGeometries(self) -> None:
        lines = -(-self._count // self._columns)
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setPageStep(height)
        bar.setSingleStep(_CELL // 2)
        bar.setRange(0, max(0, lines * _CELL - height))
        QAbstractItemView.updateGeometries(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What was at the top stays in sight."""
        row = self.verticalScrollBar().value() // _CELL * self._columns
        self._fit()
        QAbstractItemView.resizeEvent(self, event)
        self.updateGeometries()
        self.verticalScrollBar().setValue(row // self._columns * _CELL)
        self.viewport().update()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        if self._band.isValid():
            self._band.translate(0, dy)
        self.viewport().update()

    def scrollTo(
        self,
        index: Index,
        hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:
        if not index.isValid():
            return
        cell, bar, height = (
            self.visualRect(index),
            self.verticalScrollBar(),
            self.viewport().height(),
        )
        if cell.top() < 0:
            bar.setValue(bar.value() + cell.top())
        elif cell.bottom() >= height:
            bar.setValue(bar.value() + min(cell.top(), cell.bottom() + 1 - height))

    # --- the keyboard and the mouse -------------------------------------------------------------

    def moveCursor(self, action: _Move, modifiers: Qt.KeyboardModifier) -> QModelIndex:
        page = max(1, self.viewport().height() // _CELL) * self._columns
        row = self.currentIndex().row()
        if row < 0:
            return self._index(0)
        steps = {
            _Move.MoveLeft: -1,
            _Move.MovePrevious: -1,
            _Move.MoveRight: 1,
            _Move.MoveNext: 1,
            _Move.MoveUp: -self._columns,
            _Move.MoveDown: self._columns,
            _Move.MovePageUp: -page,
            _Move.MovePageDown: page,
            _Move.MoveHome: -row,
            _Move.MoveEnd: self._count - 1 - row,
        }
        step = steps.get(action, 0)
        target = row + step
        if abs(step) == self._columns and not 0 <= target < self._count:
            # Up from the first line stays; down leads to the last picture where a line is below.
            below = step > 0 and row // self._columns < (self._count - 1) // self._columns
            target = self._count - 1 if below else row
        return self._index(min(max(target, 0), self._count - 1))

    def setSelection(self, box: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """A frame takes what it touches; Shift takes what lies between two pictures."""
        chosen = QItemSelection()
        if self.state() == _State.DragSelectingState:
            for rows in self._rows_in(box):
                chosen.select(self._index(rows[0]), self._index(rows[-1]))
        else:
            ends = sorted(
                index.row()
                for index in (self.indexAt(box.topLeft()), self.indexAt(box.bottomRight()))
                if index.isValid()
            )
            if ends:
                chosen.select(self._index(ends[0]), self._index(ends[-1]))
        self.selectionModel().select(chosen, command)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        """What is seen is painted again as a whole: it costs less than to find out what changed."""
        return QRegion(self.viewport().rect())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = event.position().toPoint()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if self.state() == _State.DragSelectingState and self._pressed is not None:
            if not self._band.isValid():
                self._band = QRect(self._pressed, self._pressed)
            self._band.setBottomRight(event.position().toPoint())
            self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        self._band = QRect()
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        digit = event.key() - Qt.Key.Key_0
        plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}:
            self.delete_pressed.emit()
        elif plain and 1 <= digit <= 9:
            self.typed.emit(digit)
        else:
            super().keyPressEvent(event)

    # --- painting -------------------------------------------------------------------------------

    def dataChanged(self, first: Index, last: Index, roles: Sequence[int] = ()) -> None:
        """A picture arrived: QListView would lay out all items again, and none changed its size."""
        self.viewport().update(self.visualRect(first))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        selection, current = self.selectionModel(), self.currentIndex().row()
        if not self._count:
            painter.setPen(QColor(theme.colours().muted))
            box = self.viewport().rect().adjusted(theme.PAGE, 0, -theme.PAGE, 0)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(box, flags, self.nothing)
        for rows in self._rows_in(event.rect()):
            for row in rows:
                index = self._index(row)
                self._tile(painter, index, selection.isSelected(index))
                if row == current and self.hasFocus():
                    pen = QPen(QColor(theme.colours().text), 1, Qt.PenStyle.DotLine)
                    painter.setPen(pen)
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.drawRect(self._cell(row).adjusted(2, 2, -3, -3))
        if self._band.normalized().width() > 2:
            accent = QColor(theme.colours().accent)
            painter.setPen(accent)
            accent.setAlpha(40)
            painter.setBrush(accent)
            painter.drawRect(self._band.normalized())

    def _tile(self, painter: QPainter, index: Index, chosen: bool) -> None:
        """A picture in the middle of its cell; a grey square until it is there, a cross if it
        fails. What is chosen has a frame and a tick."""
        c = theme.colours()
        pixmap = index.data(Qt.ItemDataRole.DecorationRole)
        frame = QRectF(0, 0, SIDE, SIDE)
        if isinstance(pixmap, QPixmap) and not pixmap.isNull():
            frame.setSize(pixmap.deviceIndependentSize())
        frame.moveCenter(QRectF(self.visualRect(index)).center())
        outline = QPainterPath()
        outline.addRoundedRect(frame, 4, 4)
        painter.save()
        painter.setClipPath(outline)
        painter.fillRect(frame, QColor(c.sunken))
        if isinstance(pixmap, QPixmap) and not pixmap.isNull():
            painter.drawPixmap(frame.topLeft(), pixmap)
        elif isinstance(pixmap, QPixmap):
            painter.setPen(QColor(c.muted))
            painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, "✕")
        painter.restore()
        if chosen:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(c.accent), 3))
            painter.drawRoundedRect(frame.adjusted(-2, -2, 2, 2), 5, 5)
            disc = QRectF(frame.right() - 20, frame.top() + 4, 16, 16)
            self._badge(painter, disc, "✓", c.accent, c.on_accent)
        mark = index.data(MARK_ROLE)
        if mark:
            disc = QRectF(frame.left() + 4, frame.top() + 4, 16, 16)
            self._badge(painter, disc, str(mark), c.warn, c.surface)

    def _badge(self, painter: QPainter, disc: QRectF, sign: str, ground: str, ink: str) -> None:
        painter.setPen(QPen(QColor(theme.colours().surface), 1))
        painter.setBrush(QColor(ground))
        painter.drawEllipse(disc)
        painter.setPen(QColor(ink))
        painter.setFont(theme.text_font("small", bold=True))
        painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, sign)
