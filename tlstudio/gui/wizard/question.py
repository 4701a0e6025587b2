"""Owns what the dialogs have in common that ask how a data set says its classes."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import heading_label, hint_label, primary_button, small_label


class Question(QDialog):
    """A heading, what a subclass puts into `body`, a verdict, and two buttons: the one that goes on
    can be pressed only when nothing speaks against it, and what does stands beside it."""

    chosen = Signal(object)
    """The data set as it was answered."""

    def __init__(self, title: str, heading: str, hint: str, go: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.body = QVBoxLayout()
        self.body.setSpacing(12)
        self.verdict = small_label("", wrap=True)
        self.reason = small_label("", wrap=True)
        self.reason.setProperty("role", "reason")
        self.go_button = primary_button(go)
        self.go_button.setDefault(True)
        self.go_button.clicked.connect(self.accept)
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.clicked.connect(self.reject)
        words = QVBoxLayout()
        words.addWidget(self.verdict)
        words.addWidget(self.reason)
        foot = QHBoxLayout()
        foot.setSpacing(12)
        foot.addLayout(words, 1)
        foot.addWidget(self.cancel_button)
        foot.addWidget(self.go_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAGE, theme.WIDE, theme.PAGE, theme.WIDE)
        column.setSpacing(12)
        column.addWidget(heading_label(heading))
        column.addWidget(hint_label(hint))
        column.addLayout(self.body, 1)
        column.addLayout(foot)
        self.resize(780, 580)

    def say(self, verdict: str, reason: str = "", *, ready: bool = False) -> None:
        """`reason` is why it does not go on."""
        for label, text in ((self.verdict, verdict), (self.reason, reason)):
            label.setText(text)
            label.setVisible(bool(text))
        self.go_button.setEnabled(ready)
        self.go_button.setAccessibleDescription(reason)

    def answer(self) -> object:
        raise NotImplementedError

    def accept(self) -> None:
        if self.go_button.isEnabled():
            answer = self.answer()
            super().accept()
            self.chosen.emit(answer)
