"""Owns the small pieces that every page is made of: labels, cards, buttons, notices, folds."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme

NoticeKind = Literal["info", "ok", "warn", "error"]
_SIGNS: dict[str, str] = {"info": "i", "ok": "✓", "warn": "!", "error": "✕"}


def scrolled(content: QWidget) -> QScrollArea:
    """`content` with a scroll bar where the page is too low for it; never a stop for Tab."""
    area = QScrollArea()
    _set_up(area, content)
    return area


def _set_up(area: QScrollArea, content: QWidget) -> None:
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)


class SnugArea(QScrollArea):
    """As high as its content where there is room, else it scrolls; never a stop for Tab."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self._content = content
        _set_up(self, content)

    def sizeHint(self) -> QSize:
        height = self._content.heightForWidth(self.viewport().width())
        return QSize(200, max(height, self._content.sizeHint().height()))


def _label(text: str, role: str, wrap: bool) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", role)
    label.setWordWrap(wrap)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def title_label(text: str) -> QLabel:
    """The page's question."""
    return _label(text, "title", wrap=False)


def heading_label(text: str) -> QLabel:
    """What a part of a page is about."""
    return _label(text, "heading", wrap=False)


def body_label(text: str) -> QLabel:
    """A sentence in the ordinary size; wraps."""
    return _label(text, "body", wrap=True)


def hint_label(text: str) -> QLabel:
    """A quieter sentence in the ordinary size; wraps."""
    return _label(text, "hint", wrap=True)


def small_label(text: str, wrap: bool = False) -> QLabel:
    """Units, captions, footnotes."""
    return _label(text, "small", wrap=wrap)


def figure_label(text: str) -> QLabel:
    """One large number."""
    return _label(text, "figure", wrap=False)


def set_kind(widget: QWidget, kind: str) -> None:
    """Changes which rule of the style sheet counts for a widget, at once."""
    if widget.property("kind") != kind:
        widget.setProperty("kind", kind)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
        widget.update()


def has_keyboard(widget: QWidget) -> bool:
    """Whether the keyboard is on it, or will be once its window is in front again."""
    return widget.window().focusWidget() is widget


def primary_button(text: str) -> QPushButton:
    """The one button of a page that most people want next."""
    button = QPushButton(text)
    button.setProperty("kind", "primary")
    return button


def link_button(text: str) -> QPushButton:
    """A button that looks like a link: for what few people need."""
    button = QPushButton(text)
    button.setProperty("kind", "link")
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    return button


def line() -> QFrame:
    """A hair line between two parts."""
    frame = QFrame()
    frame.setProperty("kind", "line")
    frame.setFixedHeight(1)
    return frame


class Card(QFrame):
    """A quiet surface; fill `body`, a vertical layout."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.WIDE)
        self.body.setSpacing(theme.NORMAL)


class Notice(QFrame):
    """A sentence and what to do about it, where its cause is; it stays until it is resolved.

    Hidden while there is nothing to say. `action` is the text of a button that emits `acted`,
    `also` that of one beside it.
    """

    acted = Signal()
    acted_also = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sign = QLabel()
        self._sign.setFixedWidth(20)
        self._message = body_label("")
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._hint = hint_label("")
        self._button = QPushButton(self)
        self._button.clicked.connect(self.acted)
        self._other_button = QPushButton(self)
        self._other_button.clicked.connect(self.acted_also)
        words = QVBoxLayout()
        words.setSpacing(theme.TIGHT)
        words.addWidget(self._message)
        words.addWidget(self._hint)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 8)
        row.setSpacing(theme.NORMAL)
        row.addWidget(self._sign)
        row.addLayout(words, 1)
        for button in (self._other_button, self._button):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.kind: NoticeKind = "info"
        self.clear()

    @property
    def message(self) -> str:
        """What is being said; empty while hidden."""
        return self._message.text()

    @property
    def hint(self) -> str:
        return self._hint.text()

    def say(
        self, kind: NoticeKind, message: str, hint: str = "", action: str = "", also: str = ""
    ) -> None:
        """Shows the sentence. The sign says the kind as well as the colour does."""
        self.kind = kind
        self._sign.setText(_SIGNS[kind])
        set_kind(self._sign, f"sign-{kind}")
        self._message.setText(message)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        height = Qt.AlignmentFlag.AlignTop if hint else Qt.AlignmentFlag.AlignVCenter
        self._sign.setAlignment(height | Qt.AlignmentFlag.AlignHCenter)
        for button, text in ((self._button, action), (self._other_button, also)):
            button.setText(text)
            button.setVisible(bool(text))
        self.setAccessibleName(f"{message} {hint}".strip())
        set_kind(self, f"notice-{kind}")
        self.show()

    def clear(self) -> None:
        """What was wrong is resolved."""
        self._message.clear()
        self._hint.clear()
        self.hide()


class Fold(QWidget):
    """A heading that unfolds what few people need; fill `body`, a vertical layout."""

    toggled = Signal(bool)

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = text
        self.button = link_button("")
        self.button.setCheckable(True)
        self.button.setAccessibleName(text.replace("&", ""))
        self.button.toggled.connect(self._fold)
        self.content = QWidget()
        self.body = QVBoxLayout(self.content)
        self.body.setContentsMargins(0, theme.NORMAL, 0, 0)
        self.body.setSpacing(theme.NORMAL)
        self.content.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.content)
        self._say(opened=False)

    def set_open(self, opened: bool) -> None:
        self.button.setChecked(opened)

    def _fold(self, opened: bool) -> None:
        self._say(opened)
        self.content.setVisible(opened)
        self.toggled.emit(opened)

    def _say(self, opened: bool) -> None:
        self.button.setText(f"{'▾' if opened else '▸'}  {self._text}")


class CalmWheel(QObject):
    """The wheel scrolls the page: a field listens to it only once it was clicked."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.Wheel or not isinstance(watched, QWidget):
            return False
        if not watched.hasFocus():
            event.ignore()
        return not watched.hasFocus()


class SharedUndo(QObject):
    """Ctrl+Z in a number field takes back what was chosen last on the page, unless a number is half
    typed: the field would keep it for its own letters."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
            return False
        keys = QKeySequence.StandardKey
        undo = event.matches(keys.Undo) or event.matches(keys.Redo)
        mine = undo and isinstance(watched, QSpinBox) and not _half_typed(watched)
        if mine:
            event.ignore()
        return mine


def _half_typed(field: QSpinBox) -> bool:
    value = field.value()
    shown = f"{field.prefix()}{field.textFromValue(value)}{field.suffix()}"
    if value == field.minimum() and field.specialValueText():
        shown = field.specialValueText()
    return field.text() != shown


def duration(seconds: float | None) -> str:
    """What is left, as people say it: "about 2 minutes left"; nothing while it is unknown."""
    if seconds is None:
        return ""
    if seconds < 10:
        return QCoreApplication.translate("duration", "a few seconds left")
    if seconds < 90:
        text = QCoreApplication.translate("duration", "about {0} seconds left")
        return text.format(5 * round(seconds / 5))
    if seconds < 90 * 60:
        text = QCoreApplication.translate("duration", "about {0} minutes left")
        return text.format(round(seconds / 60))
    text = QCoreApplication.translate("duration", "about {0} hours left")
    return text.format(round(seconds / 3600))


def count(n: int) -> str:
    """A number as people read it: 4,317."""
    return f"{n:,}"


def make_plain(table: QTableView) -> None:
    """A table of rows to look at and choose from: no grid, nothing to edit, Tab goes past it."""
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    table.setCornerButtonEnabled(False)


def begin_editing(view: QAbstractItemView, index: QModelIndex | QPersistentModelIndex) -> None:
    """Edits an item in its place, where it can be edited and no item is being edited already."""
    editing = view.state() == QAbstractItemView.State.EditingState
    if index.flags() & Qt.ItemFlag.ItemIsEditable and not editing:
        view.edit(index)
