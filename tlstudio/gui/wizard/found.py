"""Owns the filled face of the images page: its top line, its tabs, its foot."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import Notice, count, link_button, small_label
from tlstudio.gui.widgets.worst_findings import WorstFindings
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.files_tab import FilesTab
from tlstudio.gui.wizard.findings import Overview, changes_sentence, split_sentence
from tlstudio.gui.wizard.health_tab import HealthTab
from tlstudio.gui.wizard.images_tab import ImagesTab
from tlstudio.gui.wizard.pictures_tab import PicturesTab
from tlstudio.gui.wizard.review import Section
from tlstudio.gui.wizard.split_tab import SplitTab
from tlstudio.jobs import FindingKind, ScanResult

SAID_PX = 380
"""What was done or undone takes no more of the foot's width than this."""


class FoundPictures(QWidget):
    """Its parent connects `again_button`, `save_button`, and the two actions of `other_button`:
    `folder_wanted` and `table_wanted`."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._shown: Overview | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(self._top())
        self.problem = Notice()
        column.addWidget(self.problem)
        self.pictures = PicturesTab(desk)
        self.health, self.split = HealthTab(desk), SplitTab(desk)
        self.files = FilesTab(desk)
        self.tabs: tuple[ImagesTab, ...] = (self.pictures, self.health, self.split, self.files)
        self.bar = QTabBar()
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        self.bar.setAccessibleName(self.tr("What to look at"))
        self._stack = QStackedWidget()
        for tab in self.tabs:
            self.bar.addTab(tab.title())
            self._stack.addWidget(tab)
            tab.before = self.bar
            tab.retitled.connect(self._retitle)
        self.worst = WorstFindings()
        self.worst.wanted.connect(self._show_findings)
        self.worst.hide()
        self.health.reviewed.connect(self._reviewed)
        self.bar.currentChanged.connect(self._show_index)
        column.addWidget(self.bar)
        column.addWidget(self.worst)
        column.addWidget(self._stack, 1)
        column.addLayout(self._foot())
        QWidget.setTabOrder(self.again_button, self.save_button)
        QWidget.setTabOrder(self.save_button, self.other_button)
        QWidget.setTabOrder(self.other_button, self.bar)
        for before, after in pairwise([self.bar, *self.worst.stops()]):
            QWidget.setTabOrder(before, after)
        desk.said.connect(self._say)
        desk.class_wanted.connect(self._show_pictures)
        desk.files_wanted.connect(self._show_files)
        desk.health_wanted.connect(lambda: self.show_tab(self.health))

    def _top(self) -> QHBoxLayout:
        self.folder_label = QLabel()
        self.folder_label.setTextFormat(Qt.TextFormat.PlainText)
        self.folder_label.setWordWrap(True)
        self.again_button = QPushButton(self.tr("Look &again"))
        self.save_button = QPushButton(self.tr("Save labels as &table…"))
        self.save_button.setToolTip(self.tr("With your corrections and the split, as a table"))
        self.other_button = QPushButton(self.tr("&Choose others…"))
        menu = QMenu(self.other_button)
        self.folder_wanted = menu.addAction(self.tr("A &folder…"))
        self.table_wanted = menu.addAction(self.tr("A &table of labels…"))
        self.other_button.setMenu(menu)
        top = QHBoxLayout()
        top.setSpacing(theme.NORMAL)
        top.addWidget(self.folder_label, 1)
        top.addWidget(self.again_button)
        top.addWidget(self.save_button)
        top.addWidget(self.other_button)
        return top

    def _foot(self) -> QHBoxLayout:
        self.split_label = QLabel()
        self.split_label.setWordWrap(True)
        self.said_label = small_label("")
        self.undo_button = link_button(self.tr("&Undo"))
        self.undo_button.setAccessibleName(self.tr("Undo what was done last"))
        self.undo_button.clicked.connect(self._desk.take_back)
        self.undo_button.hide()
        self._desk.undo.indexChanged.connect(self._show_undo)
        foot = QHBoxLayout()
        foot.setSpacing(theme.NORMAL)
        foot.addWidget(self.split_label, 1)
        foot.addWidget(self.said_label)
        foot.addWidget(self.undo_button)
        return foot

    def show_overview(self, overview: Overview) -> None:
        if overview is self._shown:
            return
        self._shown = overview
        scan = overview.scan
        self.folder_label.setText(self._where(scan))
        problem = overview.why_unusable()
        if problem is None:
            self.problem.clear()
        else:
            self.problem.say(
                "error", problem, self.tr("Add pictures, put some back, or choose others.")
            )
        self.split_label.setText(split_sentence(scan) if overview.usable else "")
        for tab in self.tabs:
            tab.show_overview(overview)

    def _where(self, scan: ScanResult) -> str:
        """How many there are, and where they were said to be."""
        dataset, number = self._desk.state.dataset, count(scan.pictures)
        if dataset is not None and dataset.table is not None:
            text = self.tr("{0} pictures that {1} names")
            return text.format(number, dataset.table.file)
        if dataset is not None and dataset.roots:
            text = self.tr("{0} pictures in {1} folders of {2}")
            return text.format(number, count(len(dataset.roots)), scan.folder)
        return self.tr("{0} pictures in {1}").format(number, scan.folder)

    def show_tab(self, tab: ImagesTab) -> None:
        self.bar.setCurrentIndex(self.tabs.index(tab))

    def _show_index(self, index: int) -> None:
        self._stack.setCurrentIndex(index)
        self._place_worst()

    def _reviewed(self, sections: list[Section]) -> None:
        self.worst.show_sections(sections)
        self._place_worst()

    def _place_worst(self) -> None:
        """Above the pictures: the other tabs say themselves what concerns them."""
        above = self.tabs[self.bar.currentIndex()] is self.pictures
        self.worst.setVisible(above and not self.worst.empty)

    def _show_findings(self, kind: FindingKind) -> None:
        self.show_tab(self.health)
        self.health.show_kind(kind)

    def _show_pictures(self, _: str) -> None:
        self.show_tab(self.pictures)

    def _show_files(self, verdict: str) -> None:
        self.show_tab(self.files)
        self.files.show_verdict(verdict)

    def set_locked(self, locked: bool) -> None:
        self.other_button.setDisabled(locked)
        self.again_button.setDisabled(locked)
        self.save_button.setDisabled(locked)
        self.undo_button.setDisabled(locked)
        for tab in self.tabs:
            tab.set_locked(locked)

    def focus_first(self) -> None:
        """The keyboard goes to the tab that is shown."""
        self.tabs[self.bar.currentIndex()].first().setFocus()

    def say_changes(self, scan: ScanResult) -> None:
        """What became of the pictures since they were looked at last."""
        self._say(changes_sentence(scan.changes))

    def leave(self) -> None:
        for tab in self.tabs:
            tab.leave()

    def _retitle(self) -> None:
        for index, tab in enumerate(self.tabs):
            self.bar.setTabText(index, tab.title())

    def _say(self, text: str) -> None:
        """A long name in it gives way: the window may be narrow."""
        metrics = self.said_label.fontMetrics()
        self.said_label.setText(metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, SAID_PX))
        self.said_label.setAccessibleName(text)

    def _show_undo(self, _: int) -> None:
        self.undo_button.setVisible(self._desk.undo.canUndo())
        if not self._desk.undo.count():
            self.said_label.clear()
