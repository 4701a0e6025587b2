"""Owns the list of projects: a row each, with its name, its pictures, and what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.views.known import Entry
from tlstudio.gui.views.project_words import accuracy_words, contents_words, state_words
from tlstudio.gui.when import day_words
from tlstudio.gui.widgets.basics import begin_editing
from tlstudio.gui.widgets.thumbnails import Index

ENTRY_ROLE = Qt.ItemDataRole.UserRole + 1
OPEN_ROLE = Qt.ItemDataRole.UserRole + 2
_PAD = 12
_GAP = 2
_FIGURE = 150
"""Room for the figures on the right, in px."""


class ProjectModel(QAbstractListModel):
    """The projects, the one that was used last first."""

    renamed = Signal(object, str)
    """The user gives a project (its `Entry`) another title."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.entries: tuple[Entry, ...] = ()
        self.open: Path | None = None

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """The same projects in the same order keep what is chosen among them."""
        same = [each.path for each in entries] == [each.path for each in self.entries]
        if same:
            self.entries = tuple(entries)
            self.touch()
            return
        self.beginResetModel()
        self.entries = tuple(entries)
        self.endResetModel()

    def touch(self) -> None:
        if self.entries:
            self.dataChanged.emit(self.index(0), self.index(len(self.entries) - 1))

    def row_of(self, path: Path | None) -> int | None:
        return next((n for n, each in enumerate(self.entries) if each.path == path), None)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.entries)

    def flags(self, index: Index) -> Qt.ItemFlag:
        entry = self.entries[index.row()]
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if entry.there else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry = self.entries[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return entry.known.title
            case Qt.ItemDataRole.AccessibleTextRole:
                words = (entry.known.title, contents_words(entry), self.state_of(entry))
                figures = (accuracy_words(entry), day_words(entry.known.opened))
                return ", ".join(text for text in (*words, *figures) if text)
            case _ if role == ENTRY_ROLE:
                return entry
            case _ if role == OPEN_ROLE:
                return entry.path == self.open
        return None

    def state_of(self, entry: Entry) -> str:
        return state_words(entry, opened=entry.path == self.open)

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        title, entry = str(value).strip(), self.entries[index.row()]
        if role != Qt.ItemDataRole.EditRole or not title or title == entry.known.title:
            return False
        self.renamed.emit(entry, title)
        return True


class _Rows(QStyledItemDelegate):
    """Two lines on the left, two figures on the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(300, _body() + _small() + _GAP + 2 * _PAD)

    def createEditor(
        self, parent: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> QLineEdit:
        field = QLineEdit(parent)
        field.setAccessibleName(self.tr("Name of the project"))
        return field

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        if isinstance(editor, QLineEdit):
            editor.setText(index.data())
            editor.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        if isinstance(editor, QLineEdit):
            model.setData(index, editor.text())

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        box: QRect = option.rect
        width = min(box.width() - 2 * _PAD, 420)
        editor.setGeometry(QRect(box.left() + _PAD - 4, box.top() + 5, width, _body() + 10))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: QRect = option.rect
        c = theme.colours()
        painter.save()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if chosen or hovered:
            painter.fillRect(row, QColor(c.accent_soft if chosen else c.window))
        if chosen:
            painter.fillRect(QRect(row.left(), row.top(), 3, row.height()), QColor(c.accent))
        painter.setPen(QPen(QColor(c.line), 1))
        painter.drawLine(row.bottomLeft(), row.bottomRight())
        inside = row.adjusted(_PAD + 2, _PAD, -_PAD, -_PAD)
        figures = inside.adjusted(inside.width() - _FIGURE, 0, 0, 0)
        words = inside.adjusted(0, 0, -_FIGURE - _PAD, 0)
        self._paint_words(painter, words, index)
        self._paint_figures(painter, figures, index.data(ENTRY_ROLE))
        painter.restore()

    def _paint_words(self, painter: QPainter, box: QRect, index: Index) -> None:
        c = theme.colours()
        entry: Entry = index.data(ENTRY_ROLE)
        painter.setFont(theme.text_font("body", bold=True))
        painter.setPen(QColor(c.text if entry.there else c.muted))
        metrics = painter.fontMetrics()
        name = metrics.elidedText(entry.known.title, Qt.TextElideMode.ElideMiddle, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignTop, name)
        painter.setFont(theme.text_font("small"))
        metrics = painter.fontMetrics()
        below = box.adjusted(0, _body() + _GAP, 0, 0)
        model = index.model()
        state = model.state_of(entry) if isinstance(model, ProjectModel) else ""
        if state:
            wrong = not entry.there or not entry.pictures_there or entry.offer is not None
            painter.setPen(QColor(c.warn if wrong else c.accent))
            painter.drawText(below, Qt.AlignmentFlag.AlignTop, state)
            below.setLeft(below.left() + metrics.horizontalAdvance(state) + theme.NORMAL)
        painter.setPen(QColor(c.muted))
        contents = contents_words(entry)
        contents = f"· {contents}" if state and contents else contents
        text = metrics.elidedText(contents, Qt.TextElideMode.ElideRight, max(0, below.width()))
        painter.drawText(below, Qt.AlignmentFlag.AlignTop, text)

    def _paint_figures(self, painter: QPainter, box: QRect, entry: Entry) -> None:
        c = theme.colours()
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
        painter.setFont(theme.text_font("body"))
        painter.setPen(QColor(c.text))
        painter.drawText(box, right, accuracy_words(entry))
        painter.setFont(theme.text_font("small"))
        painter.setPen(QColor(c.muted))
        opened = day_words(entry.known.opened, datetime.now(UTC))
        painter.drawText(box.adjusted(0, _body() + _GAP, 0, 0), right, opened)


class ProjectList(QListView):
    """Return or a double click opens, F2 renames, Delete takes off the list."""

    wanted = Signal(object)
    unwanted = Signal(object)
    chosen = Signal(object)
    """Another `Entry` is the current one; None for none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.projects = ProjectModel(self)
        self.setModel(self.projects)
        self.setItemDelegate(_Rows(self))
        self.setAccessibleName(self.tr("Your projects"))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.doubleClicked.connect(lambda index: self.wanted.emit(index.data(ENTRY_ROLE)))
        self.selectionModel().currentChanged.connect(lambda *_: self.chosen.emit(self.current()))
        self.projects.dataChanged.connect(lambda *_: self.chosen.emit(self.current()))

    def current(self) -> Entry | None:
        index = self.currentIndex()
        return index.data(ENTRY_ROLE) if index.isValid() else None

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """What was chosen stays so, else the row that took its place is."""
        before, row = self.current(), self.currentIndex().row()
        self.projects.show_entries(entries)
        again = self.projects.row_of(before.path) if before is not None else None
        if again is None:
            again = min(max(row, 0), len(entries) - 1)
        if again != self.currentIndex().row():
            self.choose_row(again)

    def choose_row(self, row: int) -> None:
        self.setCurrentIndex(self.projects.index(row))
        self.chosen.emit(self.current())

    def rename_current(self) -> None:
        if self.currentIndex().isValid():
            self.setFocus()
            begin_editing(self, self.currentIndex())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        entry, editing = self.current(), self.state() == QAbstractItemView.State.EditingState
        if entry is None or editing:
            super().keyPressEvent(event)
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.wanted.emit(entry)
        elif event.key() == Qt.Key.Key_Delete:
            self.unwanted.emit(entry)
        else:
            super().keyPressEvent(event)


def _body() -> int:
    return QFontMetrics(theme.text_font("body", bold=True)).height()


def _small() -> int:
    return QFontMetrics(theme.text_font("small")).height()
