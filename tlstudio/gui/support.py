"""Owns the dialog that saves a report for support: what is in it, where to, how it went."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from tlstudio.diagnosis.collecting import collect
from tlstudio.gui import theme
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.widgets.basics import Notice, body_label, heading_label, hint_label
from tlstudio.gui.widgets.basics import primary_button as primary
from tlstudio.gui.widgets.job_progress import JobProgress
from tlstudio.tasks import Event, Progress

_WIDTH = 520
_working: set[TaskThread] = set()


def save_report(parent: QWidget | None, error: str = "") -> SupportDialog:
    """Opens the dialog in front of `parent`, once. `error` are the details of the error that the
    report is about."""
    if parent is not None:
        for shown in parent.findChildren(SupportDialog):
            if shown.isVisible():
                shown.raise_()
                return shown
    dialog = SupportDialog(parent, error)
    dialog.open()
    return dialog


class SupportDialog(QDialog):
    """Says what a report holds before it asks where to save it, and then makes it in a thread."""

    def __init__(self, parent: QWidget | None, error: str) -> None:
        super().__init__(parent)
        self._error = error
        self._thread: TaskThread | None = None
        self._file = Path()
        self.setWindowTitle(self.tr("Report for support"))
        self.setMinimumWidth(_WIDTH)
        self.notice = Notice()
        self.notice.acted.connect(self._show_folder)
        self.progress = JobProgress()
        self.progress.hide()
        self.progress.cancelled.connect(self._cancel)
        self.choose = primary(self.tr("&Save the report…"))
        self.choose.setDefault(True)
        self.choose.clicked.connect(self._ask_where)
        self.close_button = QPushButton(self.tr("C&lose"))
        self.close_button.clicked.connect(self.reject)
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAGE, theme.WIDE, theme.PAGE, theme.WIDE)
        column.setSpacing(theme.NORMAL)
        column.addWidget(heading_label(self.tr("One file that says what happened")))
        column.addWidget(
            body_label(
                self.tr(
                    "It holds versions, the devices and what a look at this installation finds, "
                    "the log of this session and of the one before, and how the last training was "
                    "set up and went."
                )
            )
        )
        column.addWidget(
            body_label(
                self.tr(
                    "It holds no pictures, and names of pictures, folders and classes are replaced "
                    "in it. Nothing is sent: you decide who gets the file, and you can look into "
                    "it before."
                )
            )
        )
        column.addWidget(hint_label(self.tr("Looking at the installation takes some seconds.")))
        column.addWidget(self.progress)
        column.addWidget(self.notice)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.close_button)
        row.addWidget(self.choose)
        column.addLayout(row)

    # --- where to -------------------------------------------------------------------------------

    def _ask_where(self) -> None:
        dialog = QFileDialog(self, self.tr("Save the report for support"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(self.tr("Report (*.zip)"))
        dialog.setDefaultSuffix("zip")
        dialog.selectFile(f"tl-studio-{date.today().isoformat()}.zip")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda file: self.save(Path(file)))
        dialog.open()

    # --- making it ------------------------------------------------------------------------------

    def save(self, file: Path) -> None:
        """Makes the report in a thread of its own, whatever the engine does meanwhile."""
        if self._thread is not None:
            return
        self._file = file
        self.notice.clear()
        self.choose.setDisabled(True)
        self.progress.begin(self.tr("Looking at the installation"))
        self.progress.show()
        self._thread = thread = TaskThread(lambda: collect(file, self._error))
        thread.progressed.connect(self._show_progress)
        thread.succeeded.connect(self._saved)
        thread.failed.connect(lambda *why: self.notice.say("error", *why))
        thread.ended.connect(self._ended)
        _outlive(thread)
        thread.start()

    def _show_progress(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progress.show_progress(event)

    def _saved(self, _result: object) -> None:
        text = self.tr("The report is saved as {0}.").format(self._file)
        self.notice.say("ok", text, action=self.tr("Show the &folder"))

    def _ended(self) -> None:
        self._thread = None
        self.progress.hide()
        self.choose.setEnabled(True)
        if not self.isVisible():
            self.deleteLater()

    def _show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._file.parent)))

    # --- leaving --------------------------------------------------------------------------------

    def _cancel(self) -> None:
        if self._thread is not None:
            self._thread.cancel()

    def done(self, result: int) -> None:
        """Closed while it works: it goes once the work has stopped."""
        self._cancel()
        super().done(result)
        if self._thread is None:
            self.deleteLater()


def _outlive(thread: TaskThread) -> None:
    """The thread is kept until it has ended, whatever becomes of the dialog; the program waits for
    it when it ends itself, which takes no longer than giving up does."""
    _working.add(thread)
    thread.ended.connect(lambda: _working.discard(thread))
    app = QCoreApplication.instance()
    if app is not None:
        app.aboutToQuit.connect(thread.cancel)
        app.aboutToQuit.connect(thread.wait)
