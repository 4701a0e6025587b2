"""Owns the page "Which pictures?": choose a folder, watch the scan, look at what was found."""

from __future__ import annotations

from itertools import count as count_from
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeySequence,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QFileDialog,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tlstudio.errors import UsageError
from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.widgets.basics import Notice, count
from tlstudio.gui.widgets.drop_area import DropArea
from tlstudio.gui.widgets.job_progress import JobProgress
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.found import FoundPictures
from tlstudio.gui.wizard.importing import question_about
from tlstudio.gui.wizard.page import Page
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.jobs import (
    DatasetSpec,
    LabelsJob,
    LabelsResult,
    PreviewJob,
    PreviewResult,
    SampleJob,
    SampleResult,
    ScanJob,
    ScanResult,
)
from tlstudio.jobs.sources import source_of
from tlstudio.projects.places import samples_folder
from tlstudio.tasks import Event, Progress, Waiting

SOON_MS = 700
"""After the last change the pictures are looked at again."""


class ImagesPage(Page):
    """Empty, scanning, or filled; pictures may be dropped on it at any time."""

    page_id = PageId.IMAGES

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        question = QCoreApplication.translate("ImagesPage", "Which pictures?")
        super().__init__(state, engine, question)
        self.setAcceptDrops(True)
        self.notice = Notice()
        self.notice.acted.connect(self.ask_where_moved)
        self.desk = Desk(state, engine, self)
        self.desk.failed.connect(lambda *why: self.notice.say("warn", *why))
        self._soon = QTimer(self, singleShot=True, interval=SOON_MS)
        self._soon.timeout.connect(self._look_quietly)
        self.desk.corrected.connect(self._look_soon)
        self.desk.look_wanted.connect(self._look_soon)
        self._thread: TaskThread | None = None
        self._quiet = False
        """Whether the page stays while it runs."""
        self._due = False
        """Whether something was changed that the last look did not see."""
        self._dataset = DatasetSpec(folder="")
        self.drop_area = DropArea()
        self.drop_area.choose.connect(self.ask_for_folder)
        self.drop_area.table.connect(self.ask_for_table)
        self.drop_area.sample.connect(self.open_sample)
        self.progress = JobProgress()
        self.progress.cancelled.connect(self._stop)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.drop_area)
        self._stack.addWidget(self._scanning())
        self.found = FoundPictures(self.desk)
        self.found.save_button.clicked.connect(self.ask_where_to_save)
        self.found.folder_wanted.triggered.connect(self.ask_for_folder)
        self.found.table_wanted.triggered.connect(self.ask_for_table)
        self.found.again_button.clicked.connect(self.look_again)
        self._stack.addWidget(self.found)
        self.body.addWidget(self.notice)
        self.body.addWidget(self._stack, 1)
        undo, keys = self.desk.undo, QKeySequence.StandardKey
        for key, action in (
            (keys.Undo, undo.createUndoAction(self)),
            (keys.Redo, undo.createRedoAction(self)),
        ):
            action.setShortcuts(QKeySequence.keyBindings(key))
            self.addAction(action)

    # --- its three faces ------------------------------------------------------------------------

    def _scanning(self) -> QWidget:
        widget = QWidget()
        column = QVBoxLayout(widget)
        column.setContentsMargins(0, theme.PAGE, 0, 0)
        column.addWidget(self.progress)
        column.addStretch(1)
        return widget

    def refresh(self) -> None:
        overview = self.state.overview
        if self._thread is not None and not self._quiet:
            self._stack.setCurrentIndex(1)
        elif overview is None:
            self._stack.setCurrentIndex(0)
        else:
            self._stack.setCurrentIndex(2)
            self.found.show_overview(overview)

    def primary(self) -> QAbstractButton | None:
        return None if self.state.scan else self.drop_area.choose_button

    def set_locked(self, locked: bool) -> None:
        self.found.set_locked(locked)
        self.setAcceptDrops(not locked)
        self.desk.undo.setActive(not locked)
        for action in self.actions():
            action.setEnabled(not locked)

    def prepare(self) -> None:
        self.desk.loader.warm_up()

    def leave(self) -> None:
        self.found.leave()
        self.desk.leave()

    # --- choosing -------------------------------------------------------------------------------

    def ask_for_folder(self) -> None:
        dialog = self._file_dialog(self.tr("Choose a folder of pictures"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.filesSelected.connect(self.open_paths)
        dialog.open()

    def ask_where_moved(self) -> None:
        """The project stays, with what was corrected in it; only its folder is another one."""
        dialog = self._file_dialog(self.tr("Choose where the pictures of this project are now"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.filesSelected.connect(
            lambda paths: self.open_source(self._dataset.model_copy(update={"folder": paths[0]}))
        )
        dialog.open()

    def ask_for_table(self) -> None:
        dialog = self._file_dialog(self.tr("Choose a table of labels"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        tables = self.tr("Tables ({0})").format("*.csv *.tsv *.txt *.xlsx *.xlsm")
        dialog.setNameFilters([tables, self.tr("All files (*)")])
        dialog.filesSelected.connect(self.open_paths)
        dialog.open()

    def _file_dialog(self, title: str) -> QFileDialog:
        dialog = QFileDialog(self, title)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    def open_paths(self, paths: list[str]) -> None:
        """Takes a first glance at folders or a table; where they leave a question open, asks."""
        try:
            dataset = source_of(paths)
        except UsageError as error:
            self.notice.say("error", error.message, error.hint)
            return
        words = self.tr("Looking at {0}").format(", ".join(paths[:3]))
        thread = self._run(PreviewJob(dataset=dataset), words)
        thread.succeeded.connect(self._glanced)
        self.progress.cancel.setFocus()

    def _glanced(self, glance: PreviewResult) -> None:
        question = question_about(glance, self.engine, self)
        if question is None:
            self.open_source(glance.dataset)
            return
        question.chosen.connect(self.open_source)
        self._idle()
        question.open()

    def open_folder(self, folder: str) -> None:
        self.open_source(DatasetSpec(folder=folder))

    def open_source(self, dataset: DatasetSpec) -> None:
        """Looks through a data set; one that is being looked through is left alone from now on."""
        where = dataset.table.file if dataset.table else dataset.folder
        words = self.tr("Looking through {0}").format(where)
        self._look(dataset, words)
        self.progress.cancel.setFocus()

    def look_again(self) -> None:
        """Looks through the same pictures: some may have come, gone or changed."""
        if self.state.dataset is not None:
            self.open_source(self.state.dataset)

    def _look_soon(self) -> None:
        """Once nothing more was changed for a moment, the pictures are looked at again."""
        self._due = True
        self.state.set_looking(True)
        if self._thread is None or self._quiet:
            self._put_off()
            self._soon.start()

    def _look_quietly(self) -> None:
        """Looks at the same pictures while the page stays."""
        if self.state.dataset is not None:
            self._look(self.state.dataset)

    def _look(self, dataset: DatasetSpec, words: str = "") -> None:
        """With `words` the page shows them and how far it is; else it stays."""
        self._dataset = dataset
        job = ScanJob(dataset=dataset, seed=self.state.seed, listed=False, usual_test=True)
        thread = self._run(job, words)
        thread.succeeded.connect(self._scanned)
        thread.failed.connect(self._offer_moved)

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
        self.progress.cancel.setFocus()
        thread.succeeded.connect(self._sampled)

    def _run(self, job: ScanJob | SampleJob | PreviewJob | LabelsJob, words: str) -> TaskThread:
        self._put_off()
        self._soon.stop()
        self.notice.clear()
        self._quiet = not words
        self.progress.begin(words)
        self._thread = thread = self.engine.start(job)
        self.state.set_looking(True)
        thread.progressed.connect(self._progressed)
        thread.failed.connect(self._failed)
        thread.cancelled.connect(self._idle)
        self.refresh()
        return thread

    def _put_off(self) -> None:
        """What runs comes to its end without being heard."""
        if self._thread is not None:
            self._thread.disconnect(self)
            self._thread.cancel()
            self._thread = None

    def _stop(self) -> None:
        if self._thread is not None:
            self._thread.cancel()

    def _progressed(self, event: Event) -> None:
        if isinstance(event, Progress | Waiting):
            self.progress.show_progress(event)

    def _scanned(self, scan: ScanResult) -> None:
        self._thread, self._due = None, False
        if not self.state.shows(self._dataset):
            self.desk.undo.clear()
        self.state.set_scan(scan, self._dataset)
        if not self._quiet:
            self.found.say_changes(scan)
            self.found.focus_first()

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
        stays = self._due and self._quiet
        self._due = self._due and not self._quiet
        self._idle(message if stays else "")

    def _offer_moved(self, message: str, hint: str) -> None:
        """The pictures of a project that was just opened may be elsewhere by now."""
        spec = self._dataset
        elsewhere = spec.project and not spec.table and not spec.roots
        if elsewhere and self.state.scan is None and not self.state.read_only:
            action = self.tr("Choose where they are no&w…")
            self.notice.say("error", message, hint, action=action)

    def _idle(self, trouble: str = "") -> None:
        self._thread = None
        self.state.set_looking(False, trouble)
        self.refresh()
        if not self._quiet:
            has_pictures = self.state.scan is not None
            back = self.found.other_button if has_pictures else self.drop_area.choose_button
            back.setFocus()
        if self._due:
            self._look_soon()

    # --- saving ---------------------------------------------------------------------------------

    def ask_where_to_save(self) -> None:
        dialog = self._file_dialog(self.tr("Save the labels as a table"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("csv")
        dialog.setNameFilter(self.tr("Tables ({0})").format("*.csv"))
        dialog.selectFile("labels.csv")
        dialog.fileSelected.connect(self.save_labels)
        dialog.open()

    def save_labels(self, file: str) -> None:
        """Writes the labels as they are corrected, with who is in which part."""
        if self.state.dataset is not None:
            job = LabelsJob(dataset=self.state.dataset, seed=self.state.seed, out=file)
            thread = self._run(job, self.tr("Saving the labels as {0}").format(file))
            thread.succeeded.connect(self._labels_saved)
            self.progress.cancel.setFocus()

    def _labels_saved(self, saved: LabelsResult) -> None:
        self._idle()
        text = self.tr("The labels of {0} pictures are saved as {1}.")
        self.desk.said.emit(text.format(count(saved.pictures), Path(saved.file).name))

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
        self.open_paths(paths)
