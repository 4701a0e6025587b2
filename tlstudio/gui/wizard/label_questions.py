"""Owns what is asked before a label is corrected: the name of a new class, whether to merge."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QInputDialog, QWidget

from tlstudio.errors import UsageError
from tlstudio.gui.widgets.question import ask
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.label_sheet import LabelSheet, ShownClass
from tlstudio.gui.wizard.labelling import merge, relabel, relabel_new, rename
from tlstudio.projects.corrections import checked_name


class LabelQuestions(QObject):
    """Asks in `parent`'s window, and has the desk do what the answer says."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk, self._parent = desk, parent
        self.sheet = LabelSheet()

    def rename(self, shown: ShownClass, name: str) -> None:
        """Shows a class under another name; one that another class has is asked about."""
        name = self._checked(name)
        other = self.sheet.named(name)
        if not name:
            return
        if other is None or other.keys == shown.keys:
            self._desk.grant(rename(shown, name))
        elif other.excluded:
            self._refuse_left_out(name)
        else:
            self.merge(shown, other)

    def merge(self, shown: ShownClass, other: ShownClass) -> None:
        """Asks whether two classes are one."""
        ask(
            self._parent,
            self.tr("Make “{0}” and “{1}” one class, “{1}”?").format(shown.name, other.name),
            self.tr("Ctrl+Z takes it back. Your folders stay as they are."),
            yes=self.tr("&Merge"),
            no=self.tr("&Keep both"),
            then=lambda: self._desk.grant(merge(shown, other)),
            loses=False,
        )

    def new_class(self, numbers: Sequence[int]) -> None:
        """Asks for the name of a class that these pictures go into."""
        dialog = QInputDialog(self._parent)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(self.tr("New class"))
        dialog.setLabelText(self.tr("What is it called?"))
        dialog.setOkButtonText(self.tr("&Move there"))
        dialog.textValueSelected.connect(lambda name: self._move_to(numbers, name))
        dialog.open()

    def _move_to(self, numbers: Sequence[int], name: str) -> None:
        name = self._checked(name)
        other = self.sheet.named(name)
        if not name:
            return
        if other is None:
            self._desk.grant(relabel_new(numbers, name, self.sheet))
        elif other.excluded:
            self._refuse_left_out(name)
        else:
            self._desk.grant(relabel(numbers, other))

    def _checked(self, name: str) -> str:
        """The name, or nothing where there can be no such name, which is said."""
        try:
            return checked_name(name)
        except UsageError as error:
            self._desk.failed.emit(error.message, error.hint)
            return ""

    def _refuse_left_out(self, name: str) -> None:
        self._desk.failed.emit(
            self.tr("The class “{0}” is left out.").format(name),
            self.tr("Put it back first, or choose another name."),
        )
