"""Owns the question with two answers that is asked before something is lost, or joined."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QMessageBox, QWidget


class Question(QMessageBox):
    """Escape means no. It goes by itself once it is answered."""

    @classmethod
    def of(cls, parent: QWidget) -> Question | None:
        """The one that `parent` has on the screen."""
        direct = Qt.FindChildOption.FindDirectChildrenOnly
        own = parent.findChildren(cls, options=direct)
        return next((each for each in own if each.isVisible()), None)


def ask(
    parent: QWidget,
    text: str,
    details: str,
    *,
    yes: str,
    no: str,
    then: Callable[[], object],
    loses: bool = True,
) -> None:
    """Asks unless the question is on the screen already; `then` is called where the answer is yes.

    Return means no where something would be lost by a yes, and yes otherwise.
    """
    shown = Question.of(parent)
    if shown is not None:
        shown.raise_()
        return
    box = Question(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(QCoreApplication.translate("Question", "TL Studio"))
    box.setText(text)
    box.setInformativeText(details)
    role = QMessageBox.ButtonRole
    agree = box.addButton(yes, role.DestructiveRole if loses else role.AcceptRole)
    refuse = box.addButton(no, role.RejectRole)
    box.setDefaultButton(refuse if loses else agree)
    box.setEscapeButton(refuse)
    agree.clicked.connect(lambda _checked: then())
    box.open()
