"""Owns the quiet line at the foot of the home screen: disk use, preferences, a report."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.support import save_report
from tlstudio.gui.views.disk_session import DiskSession
from tlstudio.gui.views.disk_use import DiskUseDialog, size_words
from tlstudio.gui.views.preferences import PreferencesDialog
from tlstudio.gui.widgets.basics import link_button


class HomeFoot(QWidget):
    """Each button opens a dialog."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = DiskSession(self)
        self.disk.changed.connect(self._show_disk)
        self.disk_button = link_button("")
        self.disk_button.clicked.connect(lambda: DiskUseDialog(self.disk, self).open())
        self.report_button = link_button(self.tr("&Save a report for support…"))
        self.report_button.clicked.connect(lambda: save_report(self))
        self.preferences_button = link_button(self.tr("&Preferences…"))
        self.preferences_button.clicked.connect(lambda: PreferencesDialog(self).open())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.PAGE)
        row.addWidget(self.disk_button)
        row.addStretch(1)
        row.addWidget(self.report_button)
        row.addWidget(self.preferences_button)
        self._show_disk()

    def leave(self) -> None:
        self.disk.leave()

    def _show_disk(self) -> None:
        use = self.disk.use
        text = self.tr("&Disk use…")
        if use is not None:
            text = self.tr("&Disk use: {0}…").format(size_words(use.bytes))
        self.disk_button.setText(text)
