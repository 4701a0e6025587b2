"""Owns the list of classes with their counts as bars, renamed in place."""

from __future__ import annotations

from PySide6.QtCore import QAbstractListModel, QModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QUndoCommand, QUndoStack
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
from tlstudio.gui.wizard.state import WizardState

COUNT_ROLE = Qt.ItemDataRole.UserRole + 1
_PAD = 12


class RenameCommand(QUndoCommand):
    """Shows a class under another name, and under the one before again."""

    def __init__(self, state: WizardState, key: str, name: str, words: str) -> None:
        super().__init__(words)
        self._state, self._key = state, key
        self._before, self._after = state.class_name(key), name

    def redo(self) -> None:
        self._state.rename_class(self._key, self._after)

    def undo(self) -> None:
        self._state.rename_class(self._key, self._before)


class ClassModel(QAbstractListModel):
    """The classes of the state's scan. `refused` says why a name can't be used."""

    refused = Signal(str)

    def __init__(self, state: WizardState, undo: QUndoStack, parent: QWidget) -> None:
        super().__init__(parent)
        self._state, self._undo = state, undo
        self._keys: tuple[str, ...] = ()

    def refresh(self) -> None:
        if self._keys == self._state.class_keys:
            if self._keys:
                self.dataChanged.emit(self.index(0), self.index(len(self._keys) - 1))
            return
        self.beginResetModel()
        self._keys = self._state.class_keys
        self.endResetModel()

    def key(self, row: int) -> str:
        return self._keys[row]

    @property
    def largest(self) -> int:
        scan = self._state.scan
        return max(scan.classes.values(), default=1) if scan else 1

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._keys)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        scan = self._state.scan
        if not index.isValid() or scan is None:
            return None
        key = self._keys[index.row()]
        name = self._state.class_name(key)
        if role in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole}:
            return name
        if role == COUNT_ROLE:
            return scan.classes.get(key, 0)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.tr("{0}, {1} pictures").format(name, count(scan.classes.get(key, 0)))
        if role == Qt.ItemDataRole.ToolTipRole and name != key:
            return self.tr("Folder: {0}").format(key)
        return None

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        key, name = self._keys[index.row()], str(value).strip()
        if role != Qt.ItemDataRole.EditRole or name == self._state.class_name(key):
            return False
        problem = self._state.why_not_rename(key, name)
        if problem is not None:
            self.refused.emit(problem)
            return False
        words = self.tr("rename {0}").format(self._state.class_name(key))
        self._undo.push(RenameCommand(self._state, key, name, words))
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable


class _Bar(QStyledItemDelegate):
    """Name left, count right, a bar below."""

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
        number = count(index.data(COUNT_ROLE))
        font = theme.text_font("body", bold=chosen)
        painter.setFont(font)
        painter.setPen(QColor(c.text))
        metrics = QFontMetrics(font)
        line = QRect(inside.left(), inside.top(), inside.width(), metrics.height())
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, number)
        room = inside.width() - metrics.horizontalAdvance(number) - 12
        name = metrics.elidedText(index.data(), Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, name)
        bar = QRectF(inside.left(), inside.bottom() - 4, inside.width(), 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(c.line if chosen else c.sunken))
        painter.drawRoundedRect(bar, 2.5, 2.5)
        bar.setWidth(max(5.0, bar.width() * index.data(COUNT_ROLE) / model.largest))
        painter.setBrush(QColor(c.accent))
        painter.drawRoundedRect(bar, 2.5, 2.5)
        painter.restore()

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> QLineEdit:
        editor = QLineEdit(parent)
        editor.setMaxLength(100)
        editor.setAccessibleName(self.tr("Name of the class"))
        return editor

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        cell: QRect = option.rect
        editor.setGeometry(cell.adjusted(4, 3, -4, -3))


class ClassBars(QListView):
    """Choose one class; F2 or a double click renames it."""

    chosen = Signal()

    def __init__(self, state: WizardState, undo: QUndoStack, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.classes = ClassModel(state, undo, self)
        self.setModel(self.classes)
        self.setItemDelegate(_Bar(self))
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(self.tr("Classes"))
        self.set_locked(False)
        self.selectionModel().currentChanged.connect(lambda *_: self.chosen.emit())

    def set_locked(self, locked: bool) -> None:
        """Locked, classes can be looked at and not renamed."""
        trigger = QListView.EditTrigger
        self.setEditTriggers(
            trigger.NoEditTriggers if locked else trigger.DoubleClicked | trigger.EditKeyPressed
        )

    def refresh(self) -> None:
        """Shows the state's classes; the first one is chosen if none is."""
        self.classes.refresh()
        if not self.currentIndex().isValid() and self.classes.rowCount():
            self.setCurrentIndex(self.classes.index(0))

    def current_key(self) -> str | None:
        """The folder name of the chosen class."""
        index = self.currentIndex()
        return self.classes.key(index.row()) if index.isValid() else None
