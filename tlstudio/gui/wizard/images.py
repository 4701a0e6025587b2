"""Owns the page "Which pictures?": choose a folder, watch the scan, look at what was found."""

from __future__ import annotations

from itertools import count as count_from
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeySequence,
    QUndoStack,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.widgets.basics import Notice, count, small_label
from tlstudio.gui.widgets.class_bars import ClassBars
from tlstudio.gui.widgets.drop_area import DropArea
from tlstudio.gui.widgets.findings_list import FindingsList
from tlstudio.gui.widgets.job_progress import JobProgress
from tlstudio.gui.widgets.picture_dialog import PictureDialog
from tlstudio.gui.widgets.thumbnails import ThumbnailLoader, ThumbnailView
from tlstudio.gui.wizard.findings import Overview, findings, split_sentence
from tlstudio.gui.wizard.page import Page
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.jobs import DatasetSpec, SampleJob, SampleResult, ScanJob, ScanResult
from tlstudio.projects.places import samples_folder
from tlstudio.tasks import Event, Progress


class ImagesPage(Page):
    """Empty, scanning, or filled; a folder may be dropped on it at any time."""

    page_id = PageId.IMAGES

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        question = QCoreApplication.translate("ImagesPage", "Which pictures?")
        super().__init__(state, engine, question)
        self.setAcceptDrops(True)
        self.undo = QUndoStack(self)
        self.loader = ThumbnailLoader(self)
        self._thread: TaskThread | None = None
        self._shown: Overview | None = None
        self.notice = Notice()
        self.drop_area = DropArea()
        self.drop_area.choose.connect(self.ask_for_folder)
        self.drop_area.sample.connect(self.open_sample)
        self.progress = JobProgress()
        self.progress.cancelled.connect(self._stop)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.drop_area)
        self._stack.addWidget(self._scanning())
        self._stack.addWidget(self._filled())
        self.body.addWidget(self.notice)
        self.body.addWidget(self._stack, 1)
        for key, act in (
            (QKeySequence.StandardKey.Undo, self.undo.createUndoAction(self)),
            (QKeySequence.StandardKey.Redo, self.undo.createRedoAction(self)),
        ):
            act.setShortcut(QKeySequence(key))
            self.addAction(act)

    # --- its three faces ------------------------------------------------------------------------

    def _scanning(self) -> QWidget:
        widget = QWidget()
        column = QVBoxLayout(widget)
        column.setContentsMargins(0, theme.PAGE, 0, 0)
        column.addWidget(self.progress)
        column.addStretch(1)
        return widget

    def _filled(self) -> QWidget:
        self.folder_label = QLabel()
        self.folder_label.setTextFormat(Qt.TextFormat.PlainText)
        self.folder_label.setWordWrap(True)
        self.other_button = QPushButton(self.tr("&Choose another folder…"))
        self.other_button.clicked.connect(self.ask_for_folder)
        top = QHBoxLayout()
        top.setSpacing(theme.WIDE)
        top.addWidget(self.folder_label, 1)
        top.addWidget(self.other_button)
        self.findings = FindingsList()
        self.bars = ClassBars(self.state, self.undo)
        self.bars.setFixedWidth(236)
        self.bars.chosen.connect(self._show_class)
        self.bars.classes.refused.connect(lambda why: self.notice.say("warn", why))
        self.class_label = small_label("")
        self.thumbnails = ThumbnailView(self.loader)
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
        self.split_label = QLabel()
        self.split_label.setWordWrap(True)
        widget = QWidget()
        column = QVBoxLayout(widget)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(top)
        column.addWidget(self.findings)
        column.addLayout(both, 1)
        column.addWidget(self.split_label)
        return widget

    def refresh(self) -> None:
        overview = self.state.overview
        if self._thread is not None:
            self._stack.setCurrentIndex(1)
        elif overview is None:
            self._stack.setCurrentIndex(0)
        else:
            self._stack.setCurrentIndex(2)
            self._show_overview(overview)

    def primary(self) -> QAbstractButton | None:
        return None if self.state.scan else self.drop_area.choose_button

    def set_locked(self, locked: bool) -> None:
        self.bars.set_locked(locked)
        self.other_button.setDisabled(locked)
        self.setAcceptDrops(not locked)
        self.undo.setActive(not locked)
        for action in self.actions():
            action.setEnabled(not locked)

    def prepare(self) -> None:
        self.loader.warm_up()

    def leave(self) -> None:
        self.loader.stop()

    def _show_overview(self, overview: Overview) -> None:
        scan = overview.scan
        self.bars.refresh()
        if overview is not self._shown:
            self._shown = overview
            self.undo.clear()
            self._show_class()
        self.findings.show_findings(findings(overview, self.state.class_name))
        self._order_tabs()
        text = self.tr("{0} pictures in {1}").format(count(scan.pictures), scan.folder)
        self.folder_label.setText(text)
        self.split_label.setText(split_sentence(scan) if overview.usable else "")
        self._show_class_words()

    def _order_tabs(self) -> None:
        """Tab goes from top to bottom, also over findings that came later."""
        stops = [self.other_button, *self.findings.stops(), self.bars, self.thumbnails]
        for before, after in pairwise(stops):
            QWidget.setTabOrder(before, after)

    def _show_class(self) -> None:
        overview, key = self.state.overview, self.bars.current_key()
        if overview is not None and key is not None:
            self.thumbnails.set_files(overview.scan.folder, overview.files[key])
            self._show_class_words()

    def _show_class_words(self) -> None:
        key = self.bars.current_key()
        if key is not None:
            name = self.state.class_name(key)
            self.class_label.setText(self.tr("{0} (double-click enlarges)").format(name))
            self.thumbnails.setAccessibleName(self.tr("Pictures of {0}").format(name))

    def open_picture(self, row: int) -> None:
        """A larger view of one picture of the chosen class."""
        dialog = PictureDialog(self.thumbnails.thumbnails, row, self.loader, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    # --- choosing -------------------------------------------------------------------------------

    def ask_for_folder(self) -> None:
        dialog = QFileDialog(self, self.tr("Choose a folder of pictures"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.open_folder)
        dialog.open()

    def open_folder(self, folder: str) -> None:
        """Looks through a folder; one that is being looked through is left alone from now on."""
        job = ScanJob(dataset=DatasetSpec(folder=folder), seed=self.state.seed)
        thread = self._run(job, self.tr("Looking through {0}").format(folder))
        thread.succeeded.connect(self._scanned)

    def open_sample(self) -> None:
        """Looks through the sample pictures, which are drawn the first time. A drawing that was
        broken off is left aside, so that half a sample never passes for a whole one."""
        ready = samples_folder() / "fabric"
        if ready.is_dir():
            self.open_folder(str(ready))
            return
        attempts = (samples_folder() / f"fabric, drawing {n}" for n in count_from(1))
        drawing = next(folder for folder in attempts if not folder.exists())
        job = SampleJob(folder=str(drawing))
        thread = self._run(job, self.tr("Drawing the sample pictures: woven fabric with flaws"))
        thread.succeeded.connect(self._sampled)

    def _run(self, job: ScanJob | SampleJob, words: str) -> TaskThread:
        if self._thread is not None:
            self._thread.disconnect(self)
            self._thread.cancel()
        self.notice.clear()
        self.progress.begin(words)
        self._thread = thread = self.engine.start(job)
        self.state.set_looking(True)
        thread.progressed.connect(self._progressed)
        thread.failed.connect(self._failed)
        thread.cancelled.connect(self._idle)
        self.refresh()
        self.progress.cancel.setFocus()
        return thread

    def _stop(self) -> None:
        if self._thread is not None:
            self._thread.cancel()

    def _progressed(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progress.show_progress(event)

    def _scanned(self, scan: ScanResult) -> None:
        self._thread = None
        self.state.set_scan(scan)
        self.bars.setFocus()

    def _sampled(self, sample: SampleResult) -> None:
        self._thread = None
        ready = samples_folder() / "fabric"
        try:
            Path(sample.folder).rename(ready)
        except OSError:  # another window was quicker: this one's drawing is as good
            ready = Path(sample.folder)
        self.open_folder(str(ready))

    def _failed(self, message: str, hint: str) -> None:
        self.notice.say("error", message, hint)
        self._idle()

    def _idle(self) -> None:
        self._thread = None
        self.state.set_looking(False)
        self.refresh()
        back = self.drop_area.choose_button if self.state.scan is None else self.other_button
        back.setFocus()

    # --- dropping -------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
            self.drop_area.set_hot(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.drop_area.set_hot(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.drop_area.set_hot(False)
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        if len(paths) == 1 and Path(paths[0]).is_dir():
            self.open_folder(paths[0])
            return
        self.notice.say(
            "error",
            self.tr("That is not a folder."),
            self.tr("Drop the one folder that holds a folder for each class."),
        )
