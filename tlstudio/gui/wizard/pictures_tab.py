"""Owns the tab with the classes and their pictures."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import small_label
from tlstudio.gui.widgets.class_bars import ClassBars
from tlstudio.gui.widgets.findings_list import FindingsList
from tlstudio.gui.widgets.picture_dialog import PictureDialog
from tlstudio.gui.widgets.thumbnails import ThumbnailView
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.findings import Overview, findings
from tlstudio.gui.wizard.images_tab import ImagesTab


class PicturesTab(ImagesTab):
    """The classes on the left, the pictures of the chosen one on the right."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.findings = FindingsList()
        self.bars = ClassBars(self.state, desk.undo)
        self.bars.setFixedWidth(236)
        self.bars.chosen.connect(self._show_class)
        self.bars.classes.refused.connect(lambda why: desk.failed.emit(why, ""))
        self.class_label = small_label("")
        self.thumbnails = ThumbnailView(desk.loader)
        self.thumbnails.opened.connect(self.open_picture)
        left, right = QVBoxLayout(), QVBoxLayout()
        for side in (left, right):
            side.setSpacing(theme.TIGHT)
        left.addWidget(small_label(self.tr("Classes (double-click renames)")))
        left.addWidget(self.bars, 1)
        right.addWidget(self.class_label)
        right.addWidget(self.thumbnails, 1)
        both = QHBoxLayout()
        both.setSpacing(theme.WIDE)
        both.addLayout(left)
        both.addLayout(right, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.findings)
        column.addLayout(both, 1)
        self.state.observe(self._show_names)
        self.destroyed.connect(lambda: self.state.forget(self._show_names))

    def title(self) -> str:
        return self.tr("&Pictures")

    def show_overview(self, overview: Overview) -> None:
        self.bars.refresh()
        self._show_class()
        self._show_names()

    def first(self) -> QWidget:
        return self.bars

    def set_locked(self, locked: bool) -> None:
        self.bars.set_locked(locked)

    def open_picture(self, row: int) -> None:
        """A larger view of one picture of the chosen class."""
        dialog = PictureDialog(self.thumbnails.thumbnails, row, self.desk.loader, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _show_names(self) -> None:
        """Classes as they are called now."""
        overview, key = self.state.overview, self.bars.current_key()
        if overview is None or not self.isVisible():
            return
        self.bars.refresh()
        self.findings.show_findings(findings(overview, self.state.class_name))
        self.order([*self.findings.stops(), self.bars, self.thumbnails])
        if key is not None:
            name = self.state.class_name(key)
            self.class_label.setText(self.tr("{0} (double-click enlarges)").format(name))
            self.thumbnails.setAccessibleName(self.tr("Pictures of {0}").format(name))

    def _show_class(self) -> None:
        overview, key = self.state.overview, self.bars.current_key()
        if overview is not None and key is not None:
            self.thumbnails.set_files(overview.scan.folder, overview.files[key])
            self._show_names()
