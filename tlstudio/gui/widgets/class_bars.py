"""Owns the list of classes with their counts as bars, renamed in place."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSignalBlocker,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import count
from tlstudio.gui.widgets.thumbnails import Index
from tlstudio.gui.wizard.label_sheet import LabelSheet, ShownClass
from tlstudio.projects.corrections import LONGEST

NUMBERED = 9
"""So many classes have a key of their own."""
_CLASS = Qt.ItemDataRole.UserRole
_PAD = 12


class ClassModel(QAbstractListModel):
    """The classes of a sheet; a last row stands for the pictures that were left out one by one."""

    renamed = Signal(object, str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.sheet = LabelSheet()

    def show_sheet(self, sheet: LabelSheet) -> None:
        self.beginResetModel()
        self.sheet = sheet
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.sheet.classes) + bool(self.sheet.left_out)

    def shown(self, row: int) -> ShownClass | None:
        """The class of a row, None where it is the last one."""
        classes = self.sheet.classes
        return classes[row] if 0 <= row < len(classes) else None

    def number(self, row: int) -> str:
        """The key that puts pictures into this class; empty without one."""
        return str(row + 1) if row < min(NUMBERED, len(self.sheet.counting)) else ""

    @property
    def largest(self) -> int:
        return max((each.pictures for each in self.sheet.counting), default=1) or 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        shown = self.shown(index.row())
        if role == _CLASS:
            return shown
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole}:
            return shown.name if shown else self.tr("Left out by you")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._in_words(index.row(), shown)
        if role == Qt.ItemDataRole.ToolTipRole and shown:
            found = self.tr("{0}, found as: {1}").format(shown.name, ", ".join(shown.keys))
            return shown.name if shown.keys == (shown.name,) else found
        return None

    def _in_words(self, row: int, shown: ShownClass | None) -> str:
        if shown is None:
            return self.tr("Left out by you, {0} pictures").format(count(self.sheet.left_out))
        text = self.tr("{0}, {1} pictures")
        if shown.excluded:
            text = self.tr("{0}, {1} pictures, left out")
        elif self.number(row):
            text = self.tr("{0}, {1} pictures, key {2}")
        return text.format(shown.name, count(shown.pictures), self.number(row))

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        shown, name = self.shown(index.row()), str(value).strip()
        if role == Qt.ItemDataRole.EditRole and shown is not None and name != shown.name:
            self.renamed.emit(shown, name)
        return False

    def flags(self, index: Index) -> Qt.ItemFlag:
        shown = self.shown(index.row())
        editable = shown is not None and not shown.excluded
        flags = super().flags(index)
        return flags | Qt.ItemFlag.ItemIsEditable if editable else flags


class _Bar(QStyledItemDelegate):
    """Key and name left, count right, a bar below; what is left out is grey and without a bar."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(160, QFontMetrics(theme.text_font("body")).height() + 26)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        cell: QRect = option.rect
        state: QStyle.StateFlag = option.state
        model = index.model()
        if not isinstance(model, ClassModel):
            return
        c = theme.colours()
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen:
            painter.fillRect(cell, QColor(c.accent_soft))
            painter.fillRect(QRect(cell.left(), cell.top(), 3, cell.height()), QColor(c.accent))
        inside = cell.adjusted(_PAD, 6, -_PAD, -6)
        shown = model.shown(index.row())
        if shown is None:
            self._write(painter, inside, index, count(model.sheet.left_out), chosen, c.muted)
        elif shown.excluded:
            self._write(painter, inside, index, self.tr("left out"), chosen, c.muted)
        else:
            self._write(painter, inside, index, count(shown.pictures), chosen, c.text)
            self._fill(painter, inside, shown.pictures / model.largest, chosen)
        painter.restore()

    def _write(
        self, painter: QPainter, inside: QRect, index: Index, right: str, chosen: bool, colour: str
    ) -> None:
        model = index.model()
        font = theme.text_font("body", bold=chosen)
        metrics = QFontMetrics(font)
        line = QRect(inside.left(), inside.top(), inside.width(), metrics.height())
        if isinstance(model, ClassModel) and model.number(index.row()):
            painter.setFont(theme.text_font("small"))
            painter.setPen(QColor(theme.colours().muted))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, model.number(index.row()))
        line.setLeft(line.left() + metrics.horizontalAdvance("0") + theme.NORMAL)
        painter.setFont(font)
        painter.setPen(QColor(colour))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, right)
        room = line.width() - metrics.horizontalAdvance(right) - 12
        name = metrics.elidedText(index.data(), Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, name)

    def _fill(self, painter: QPainter, inside: QRect, share: float, chosen: bool) -> None:
        c = theme.colours()
        bar = QRectF(inside.left(), inside.bottom() - 4, inside.width(), 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(c.line if chosen else c.sunken))
        painter.drawRoundedRect(bar, 2.5, 2.5)
        if share:
            bar.setWidth(max(5.0, bar.width() * share))
            painter.setBrush(QColor(c.accent))
            painter.drawRoundedRect(bar, 2.5, 2.5)

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> QLineEdit:
        editor = QLineEdit(parent)
        editor.setMaxLength(LONGEST)
        editor.setAccessibleName(self.tr("Name of the class"))
        return editor

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        cell: QRect = option.rect
        editor.setGeometry(cell.adjusted(4, 3, -4, -3))


class ClassBars(QListView):
    """Choose one class; F2 or a double click renames it, Delete leaves it out."""

    chosen = Signal()
    delete_pressed = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.classes = ClassModel(self)
        self.setModel(self.classes)
        self.setItemDelegate(_Bar(self))
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(self.tr("Classes"))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(
            lambda place: self.menu_asked.emit(self.viewport().mapToGlobal(place))
        )
        self.set_locked(False)
        self.selectionModel().currentChanged.connect(lambda *_: self.chosen.emit())

    def set_locked(self, locked: bool) -> None:
        """Locked, classes can be looked at and not renamed."""
        trigger = QListView.EditTrigger
        self.setEditTriggers(
            trigger.NoEditTriggers if locked else trigger.DoubleClicked | trigger.EditKeyPressed
        )

    def show_sheet(self, sheet: LabelSheet) -> None:
        """Shows these classes. The one that was chosen stays so under whatever name, else the one
        in its place is; `chosen` follows."""
        before, row = self.shown(), self.currentIndex().row()
        scrolled = self.verticalScrollBar().value()
        with QSignalBlocker(self):
            self.classes.show_sheet(sheet)
            if before is None and row >= 0 and sheet.left_out:
                row = len(sheet.classes)
            keys = set(before.keys) if before else set()
            for number, each in enumerate(sheet.classes):
                if keys & set(each.keys):
                    row = number
                    break
            row = min(max(row, 0), self.classes.rowCount() - 1)
            self.setCurrentIndex(self.classes.index(row))
        self.verticalScrollBar().setValue(scrolled)
        self.chosen.emit()

    def choose(self, name: str) -> None:
        """Chooses the class that is shown under this name."""
        shown = self.classes.sheet.named(name)
        if shown is not None:
            self.setCurrentIndex(self.classes.index(self.classes.sheet.classes.index(shown)))

    def shown(self) -> ShownClass | None:
        """The chosen class; None where none is, or what was left out one by one."""
        return self.classes.shown(self.currentIndex().row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}:
            self.delete_pressed.emit()
        else:
            super().keyPressEvent(event)
