"""Owns the dialog of what holds for the whole program: how it looks, whether it keeps awake."""

from __future__ import annotations

from typing import get_args

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QHBoxLayout,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio.errors import StorageError
from tlstudio.gui import theme
from tlstudio.gui.theme import THEME
from tlstudio.gui.widgets.basics import Notice, heading_label, hint_label
from tlstudio.gui.widgets.keep_awake import KeepAwake
from tlstudio.projects.preferences import Look, keep, preferences


class PreferencesDialog(QDialog):
    """What is chosen counts at once and is kept at once."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Preferences"))
        self.setMinimumWidth(460)
        self.notice = Notice()
        self.looks: dict[Look, QRadioButton] = {}
        self._group = QButtonGroup(self)
        self.awake = KeepAwake()
        self.close_button = QPushButton(self.tr("C&lose"))
        self.close_button.setDefault(True)
        self.close_button.clicked.connect(self.accept)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAGE, theme.PAGE, theme.PAGE, theme.WIDE)
        column.setSpacing(theme.NORMAL)
        column.addWidget(heading_label(self.tr("Colours")))
        column.addLayout(self._colours())
        column.addSpacing(theme.NORMAL)
        column.addWidget(heading_label(self.tr("Training")))
        column.addWidget(self.awake)
        words = self.tr("Without it a long training waits while the computer sleeps.")
        column.addWidget(hint_label(words))
        column.addWidget(self.notice)
        column.addSpacing(theme.NORMAL)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        column.addLayout(buttons)

    def _colours(self) -> QHBoxLayout:
        names: dict[Look, str] = {
            "system": self.tr("As the &system"),
            "light": self.tr("L&ight"),
            "dark": self.tr("&Dark"),
        }
        row = QHBoxLayout()
        row.setSpacing(theme.WIDE)
        chosen = preferences().look
        for look in get_args(Look):
            button = QRadioButton(names[look])
            button.setChecked(look == chosen)
            button.clicked.connect(lambda _=False, look=look: self._choose(look))
            self._group.addButton(button)
            self.looks[look] = button
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _choose(self, look: Look) -> None:
        THEME.prefer(look)
        try:
            keep(preferences().model_copy(update={"look": look}))
        except StorageError as error:
            self.notice.say("warn", error.message, error.hint)
