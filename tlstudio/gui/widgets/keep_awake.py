"""Owns the check box by which the computer stays awake while it trains; the choice is kept."""

from __future__ import annotations

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QCheckBox, QWidget

from tlstudio.errors import StorageError
from tlstudio.projects.preferences import keep, preferences


class KeepAwake(QCheckBox):
    """Shows what is kept, and keeps what is chosen. Where that can't be written, the box goes back
    and its tip says why."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(self.tr("Keep the computer a&wake while it trains"))
        self.setAccessibleName(self.text().replace("&", ""))
        self.setChecked(preferences().keep_awake)
        self.clicked.connect(self._keep)

    def showEvent(self, event: QShowEvent) -> None:
        """It may have been chosen elsewhere meanwhile."""
        self.setChecked(preferences().keep_awake)
        super().showEvent(event)

    def _keep(self, chosen: bool) -> None:
        try:
            keep(preferences().model_copy(update={"keep_awake": chosen}))
        except StorageError as error:
            self.setChecked(not chosen)
            self.setToolTip(str(error))
