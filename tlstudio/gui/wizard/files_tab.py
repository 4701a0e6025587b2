"""Owns the tab that lists every file with its verdict: used, converted, or left out and why."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QTabBar, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.latest import Latest
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.widgets.basics import Notice, count, hint_label, link_button
from tlstudio.gui.widgets.file_table import FileTable
from tlstudio.gui.widgets.picture_dialog import PictureDialog
from tlstudio.gui.widgets.search_field import SearchField
from tlstudio.gui.widgets.thumbnails import ThumbnailModel
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.file_list import VERDICTS, FileList, read_files, save_list
from tlstudio.gui.wizard.findings import Overview
from tlstudio.gui.wizard.images_tab import ImagesTab
from tlstudio.projects.index import Entry, Verdict


class FilesTab(ImagesTab):
    """The list is read when the tab is shown."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._folder = ""
        self._stale = False
        self._saving: TaskThread | None = None
        self.notice = Notice()
        self._reading = Latest(self)
        self._reading.failed.connect(lambda *why: self.notice.say("error", *why))
        self.table = FileTable()
        self.table.opened.connect(self.open_row)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.NORMAL)
        column.addLayout(self._top())
        column.addWidget(self.notice)
        column.addWidget(self.table, 1)
        column.addLayout(self._foot())
        self.table.selectionModel().currentRowChanged.connect(self._say_shown)
        self.table.files.modelReset.connect(self._say_shown)
        desk.corrected.connect(self._outdated)

    def _top(self) -> QHBoxLayout:
        self.verdicts = QTabBar()
        self.verdicts.setDrawBase(False)
        self.verdicts.setExpanding(False)
        self.verdicts.setAccessibleName(self.tr("Which files to list"))
        for _ in (None, *VERDICTS):
            self.verdicts.addTab("")
        self.verdicts.currentChanged.connect(self._narrow)
        self.search = SearchField(self.tr("Find a file, a reason or a class"))
        self.search.textChanged.connect(self._narrow)
        self.search.list_asked.connect(self._go_to_list)
        self.save_button = QPushButton(self.tr("Sa&ve the list…"))
        self.save_button.clicked.connect(self.ask_where_to_save)
        top = QHBoxLayout()
        top.setSpacing(theme.WIDE)
        top.addWidget(self.verdicts)
        top.addStretch(1)
        top.addWidget(self.search, 2)
        top.addWidget(self.save_button)
        self._show_counts(FileList((), ()))
        return top

    def _foot(self) -> QHBoxLayout:
        self.shown_label = hint_label("")
        self.shown_label.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.shown_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.shown_label.setMinimumHeight(2 * self.shown_label.fontMetrics().height() + 4)
        self.folder_button = link_button(self.tr("Show in its &folder"))
        self.folder_button.clicked.connect(self._open_folder)
        self.folder_button.setDisabled(True)
        foot = QHBoxLayout()
        foot.addWidget(self.shown_label, 1)
        foot.addWidget(self.folder_button, 0, Qt.AlignmentFlag.AlignTop)
        return foot

    # --- what every tab has ---------------------------------------------------------------------

    def title(self) -> str:
        return self.tr("&Files")

    def first(self) -> QWidget:
        return self.table

    def show_overview(self, overview: Overview) -> None:
        if overview.scan.folder != self._folder:
            self._folder = overview.scan.folder
            self.search.clear()
            self.verdicts.setCurrentIndex(0)
        self._outdated()

    def leave(self) -> None:
        self._reading.stop()
        if self._saving is not None:
            self._saving.cancel()
            self._saving.wait()

    def show_verdict(self, verdict: str) -> None:
        """Lists only the files with this verdict; all for an empty one."""
        names = ["", *VERDICTS]
        self.search.clear()
        self.verdicts.setCurrentIndex(names.index(verdict))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._read()

    # --- the list -------------------------------------------------------------------------------

    def _outdated(self) -> None:
        self._stale = True
        if self.isVisible():
            self._read()

    def _read(self) -> None:
        project = self.desk.project
        if project is not None:
            self._stale = False
            self._reading.ask(lambda: read_files(project), self._show)

    def _show(self, files: FileList) -> None:
        self.notice.clear()
        self._show_counts(files)
        at = self.table.currentIndex()
        current = self.table.files.entry(at.row()).file if at.isValid() else None
        top = self.table.verticalScrollBar().value()
        self.table.files.show_files(files)
        row = None if current is None else self.table.files.row_of(current)
        if row is not None:
            self.table.setCurrentIndex(self.table.files.index(row, 0))
        self.table.verticalScrollBar().setValue(top)

    def _show_counts(self, files: FileList) -> None:
        names = (self.tr("Used"), self.tr("Converted"), self.tr("Left out"))
        self.verdicts.setTabText(0, self.tr("All {0}").format(count(len(files.entries))))
        for index, (verdict, name) in enumerate(zip(VERDICTS, names, strict=True), 1):
            self.verdicts.setTabText(index, f"{name} {count(files.counts[verdict])}")

    def _narrow(self) -> None:
        choices: tuple[Verdict | None, ...] = (None, *VERDICTS)
        which = choices[self.verdicts.currentIndex()]
        self.table.narrow(which, self.search.text())
        self.table.scrollToTop()

    def _say_shown(self) -> None:
        """All of what the chosen row says, however narrow its columns are; else how many there
        are."""
        number, at = self.table.files.rowCount(), self.table.currentIndex()
        self.save_button.setEnabled(number > 0 and self._saving is None)
        self.folder_button.setEnabled(at.isValid())
        if at.isValid():
            entry = self.table.files.entry(at.row())
            text = f"{entry.file}\n{entry.reason[:1].upper()}{entry.reason[1:]}".strip()
        elif number == 1:
            text = self.tr("1 file. Double-click enlarges a picture.")
        elif number:
            text = self.tr("{0} files. Double-click enlarges a picture.").format(count(number))
        else:
            text = self.tr("No file is like that.")
        self.shown_label.setText(text)

    def _go_to_list(self) -> None:
        if self.table.files.rowCount():
            if not self.table.currentIndex().isValid():
                self.table.setCurrentIndex(self.table.files.index(0, 0))
            self.table.setFocus(Qt.FocusReason.TabFocusReason)

    # --- one file -------------------------------------------------------------------------------

    def open_row(self, row: int) -> None:
        """A picture is shown larger, with those above and below it; of what can't be read, its
        folder."""
        entry = self.table.files.entry(row)
        if entry.verdict == "left_out":
            self._open_folder()
            return
        files = [each.file for each in self.table.files.entries() if each.verdict != "left_out"]
        model = ThumbnailModel(self.desk.loader, self)
        model.set_files(self._folder, files)
        dialog = PictureDialog(model, files.index(entry.file), self.desk.loader, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.destroyed.connect(model.deleteLater)
        dialog.open()

    def _open_folder(self) -> None:
        at = self.table.currentIndex()
        if at.isValid():
            folder = Path(self._folder, self.table.files.entry(at.row()).file).parent
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    # --- saving ---------------------------------------------------------------------------------

    def ask_where_to_save(self) -> None:
        dialog = QFileDialog(self, self.tr("Save the list of files"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilter(self.tr("Table (*.csv)"))
        dialog.setDefaultSuffix("csv")
        dialog.selectFile(self.tr("files") + ".csv")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda file: self.save(Path(file)))
        dialog.open()

    def save(self, path: Path) -> None:
        """Writes the rows of the moment, in their order."""
        entries: list[Entry] = self.table.files.entries()
        self.save_button.setDisabled(True)
        self.notice.clear()
        self._saving = thread = TaskThread(lambda: save_list(path, entries), parent=self)
        thread.succeeded.connect(lambda number: self._saved(number, path))
        thread.failed.connect(lambda *why: self.notice.say("error", *why))
        thread.ended.connect(self._saving_ended)
        thread.start()

    def _saved(self, number: int, path: Path) -> None:
        text = self.tr("The list of {0} files is saved as {1}.")
        self.notice.say("ok", text.format(count(number), path))

    def _saving_ended(self) -> None:
        if self._saving is not None:
            self._saving.deleteLater()
            self._saving = None
        self._say_shown()
