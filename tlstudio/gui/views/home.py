"""Owns the home screen: the projects of this computer, and the ways to begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPen,
    QShortcut,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.errands import Errands
from tlstudio.gui.views import project_words as words
from tlstudio.gui.views.home_foot import HomeFoot
from tlstudio.gui.views.known import Entry, present_entries, remembered_entries, renamed
from tlstudio.gui.views.project_list import ProjectList
from tlstudio.gui.views.project_panel import ProjectPanel
from tlstudio.gui.widgets.basics import Notice, primary_button, title_label
from tlstudio.gui.widgets.drop_area import DropArea
from tlstudio.gui.widgets.question import ask
from tlstudio.gui.wizard.state import WizardState
from tlstudio.projects.places import projects_folder
from tlstudio.projects.recent import KnownProject, delete, forget, remember

AGAIN_MS = 3000
"""So often the projects are read while another program trains in one of them."""


class Home(QWidget):
    """A list with the chosen project beside it; without any, the place to drop pictures on."""

    project_wanted = Signal(object)
    """The path of a project to open."""
    runs_wanted = Signal(object)
    """The path of a project whose trainings are to be shown."""
    run_wanted = Signal(object, object, bool)
    """A project's path, that of its run, and whether to carry it on at once."""
    paths_wanted = Signal(list)
    """Folders of pictures, a table, or the folder of a project."""
    sample_wanted = Signal()
    bin_wanted = Signal(object)
    """The path of a project to move to the bin, by `move_to_bin` once nobody has it open."""

    def __init__(self, state: WizardState) -> None:
        super().__init__()
        self._state = state
        self._open: Path | None = None
        self._reading = False
        self._taken_off: list[KnownProject] = []
        self._offered: set[Path] = set()
        self.setAcceptDrops(True)
        self._hot = False
        self._again = QTimer(self, singleShot=True, interval=AGAIN_MS)
        self._again.timeout.connect(lambda: self.read() if self.isVisible() else None)
        self.errands = Errands(self)
        self.errands.failed.connect(self.say_failed)
        self.notice = Notice()
        self._action: Callable[[], object] = lambda: None
        self._also: Callable[[], object] = lambda: None
        self.notice.acted.connect(self._act)
        self.notice.acted_also.connect(self._act_also)
        self.list = ProjectList()
        self.panel = ProjectPanel()
        self.drop_area = DropArea()
        self.foot = HomeFoot()
        self._stack = QStackedWidget()
        self._build()
        self._connect()
        self._show_entries(())

    # --- putting it together --------------------------------------------------------------------

    def _build(self) -> None:
        self.new_button = primary_button(self.tr("&New project…"))
        self.open_button = QPushButton(self.tr("Op&en project…"))
        self.sample_button = QPushButton(self.tr("&Try the sample pictures"))
        head = QHBoxLayout()
        head.setSpacing(theme.NORMAL)
        head.addWidget(title_label(self.tr("Your projects")))
        head.addStretch(1)
        for button in (self.sample_button, self.open_button, self.new_button):
            head.addWidget(button)
        filled = QWidget()
        row = QHBoxLayout(filled)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.WIDE)
        row.addWidget(self.list, 1)
        row.addWidget(self.panel)
        self._stack.addWidget(self.drop_area)
        self._stack.addWidget(filled)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAGE, 20, theme.PAGE, theme.WIDE)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self.notice)
        column.addWidget(self._stack, 1)
        column.addWidget(self.foot)

    def _connect(self) -> None:
        area, panel = self.drop_area, self.panel
        for button in (self.new_button, area.choose_button):
            button.clicked.connect(self.ask_for_pictures)
        area.table.connect(self.ask_for_table)
        area.sample.connect(self.sample_wanted)
        self.sample_button.clicked.connect(self.sample_wanted)
        self.open_button.clicked.connect(self.ask_for_project)
        self.list.chosen.connect(lambda _entry: self._show_chosen())
        self.list.wanted.connect(self.open_entry)
        self.list.unwanted.connect(self.take_off)
        self.list.projects.renamed.connect(self._rename)
        self.list.customContextMenuRequested.connect(self._show_menu)
        panel.open_button.clicked.connect(self._with_chosen(self.open_entry))
        panel.runs_button.clicked.connect(
            self._with_chosen(lambda entry: self.runs_wanted.emit(entry.path))
        )
        panel.rename_button.clicked.connect(self.list.rename_current)
        panel.folder_button.clicked.connect(self._with_chosen(self.show_folder))
        panel.forget_button.clicked.connect(self._with_chosen(self.take_off))
        panel.bin_button.clicked.connect(self._with_chosen(self.ask_before_binning))
        panel.carry_on.connect(self._with_chosen(lambda entry: self._want_run(entry, True)))
        undo = QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), self)
        undo.activated.connect(self.put_back)

    def _with_chosen(self, action: Callable[[Entry], object]) -> Callable[..., None]:
        def act(*_: object) -> None:
            entry = self.list.current()
            if entry is not None:
                action(entry)

        return act

    def _show_menu(self, at: QPoint) -> None:
        entry = self.list.current()
        if entry is None or not self.list.indexAt(at).isValid():
            return
        menu = QMenu(self.list)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        panel = self.panel
        for button in (
            panel.open_button,
            panel.runs_button,
            panel.rename_button,
            panel.folder_button,
            panel.forget_button,
            panel.bin_button,
        ):
            action = menu.addAction(button.text())
            action.setEnabled(button.isEnabled())
            action.triggered.connect(button.click)
        menu.popup(self.list.viewport().mapToGlobal(at))

    # --- showing --------------------------------------------------------------------------------

    def read(self) -> None:
        """Reads the projects, beside the window: what is remembered, then what is true now."""
        if not self._reading:
            self._reading = True
            self.errands.do(remembered_entries, self._remembered, self._not_read)

    def _remembered(self, entries: tuple[Entry, ...]) -> None:
        before = {each.path: each for each in self.list.projects.entries}
        self._show_entries(
            tuple(
                replace(old, known=each.known) if (old := before.get(each.path)) else each
                for each in entries
            )
        )
        self.errands.do(partial(present_entries, entries), self._present, self._not_read)

    def _present(self, entries: tuple[Entry, ...]) -> None:
        self._reading = False
        self._show_entries(entries)
        if not self._state.training:
            self.foot.disk.measure()
        if any(each.running and each.path != self._open for each in entries):
            self._again.start()  # an engine whose window was killed is about to end
        self._offer_to_carry_on(entries)

    def _not_read(self, message: str, hint: str) -> None:
        self._reading = False
        self.say_failed(message, hint)

    def _show_entries(self, entries: tuple[Entry, ...]) -> None:
        self.list.show_entries(entries)
        for button in (self.new_button, self.sample_button):
            button.setVisible(bool(entries))
        if self._stack.currentIndex() != bool(entries):
            self._stack.setCurrentIndex(bool(entries))
            self.focus_first()
        self._show_chosen()

    def _show_chosen(self) -> None:
        entry = self.list.current()
        opened = entry is not None and entry.path == self._open
        self.panel.show_entry(entry, opened=opened, locked=self._state.locked)

    def show_open(self, path: Path | None) -> None:
        """Which project is open in this window."""
        self._open = path
        self.list.projects.open = path
        self.list.projects.touch()

    def focus_first(self) -> None:
        """The keyboard begins on the list, or on the one next thing."""
        if self._stack.currentIndex() == 0:
            self.drop_area.choose_button.setFocus()
        else:
            self.list.setFocus()

    def leave(self) -> None:
        self._again.stop()
        self.foot.leave()
        self.errands.finish()

    # --- saying ---------------------------------------------------------------------------------

    def _act(self) -> None:
        self._action()

    def _act_also(self) -> None:
        self._also()

    def say_failed(self, message: str, hint: str) -> None:
        self.notice.say("error", message, hint)

    def say_training(self, title: str) -> None:
        text = self.tr("Training of “{0}” is running.").format(title)
        hint = self.tr("Another project can be opened when it has ended.")
        self._action = lambda: self.project_wanted.emit(self._open)
        self.notice.say("info", text, hint, self.tr("&Go to the training"))

    def _offer_to_carry_on(self, entries: tuple[Entry, ...]) -> None:
        """Once for each training that was interrupted, the newest first; not for the one that was
        stopped in this window."""
        for entry in entries:
            offer = entry.offer
            if offer is None or entry.path == self._open or offer.run in self._offered:
                continue
            self._offered.add(offer.run)
            if not self.notice.message and entry.pictures_there:
                text = words.interrupted_words(entry.known.title, offer)
                self._action = partial(self._want_run, entry, True)
                self._also = partial(self._want_run, entry, False)
                hint = words.kept_words(offer)
                self.notice.say("info", text, hint, self.tr("Carr&y on"), self.tr("Look &at it"))

    def _want_run(self, entry: Entry, carry_on: bool) -> None:
        self.notice.clear()
        if entry.offer is not None:
            self.run_wanted.emit(entry.path, entry.offer.run, carry_on)

    # --- what the user asks for -------------------------------------------------------------------

    def open_entry(self, entry: Entry) -> None:
        self.notice.clear()
        if entry.there:
            self.project_wanted.emit(entry.path)
        else:
            self.notice.say("warn", *words.missing_words(entry))

    def show_folder(self, entry: Entry) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(entry.known.path))

    def _rename(self, entry: Entry, title: str) -> None:
        self.errands.do(
            partial(renamed, entry, title, entry.path == self._open), lambda _: self.read()
        )

    def take_off(self, entry: Entry) -> None:
        """Takes it off the list; the project stays where it is."""
        if entry.path == self._open:
            return
        self._taken_off.append(entry.known)
        self.errands.do(partial(forget, entry.known.path), lambda _: self.read())
        text = self.tr("“{0}” is off the list. Nothing was deleted.").format(entry.known.title)
        self._action = self.put_back
        self.notice.say("info", text, action=self.tr("&Undo"))

    def put_back(self) -> None:
        """Puts what was taken off last on the list again."""
        if self._taken_off:
            known = self._taken_off.pop()
            self.errands.do(partial(remember, known), lambda _: self.read())
            self.notice.clear()

    def ask_before_binning(self, entry: Entry) -> None:
        known = entry.known
        lost = self.tr(
            "Its corrections of labels, its split and its {0} go to the bin with it. "
            "The pictures themselves stay where they are."
        )
        ask(
            self,
            self.tr("Move “{0}” to the bin?").format(known.title),
            lost.format(words.number_of_trainings(known.runs)),
            yes=self.tr("&Move to the bin"),
            no=self.tr("&Keep it"),
            then=partial(self.bin_wanted.emit, entry.path),
        )

    def move_to_bin(self, path: Path) -> None:
        self.errands.do(partial(delete, path), lambda _: self.read())

    def ask_for_pictures(self) -> None:
        self._ask_for_folder(self.tr("Choose a folder of pictures"), "")

    def ask_for_project(self) -> None:
        self._ask_for_folder(self.tr("Choose the folder of a project"), str(projects_folder()))

    def _ask_for_folder(self, title: str, where: str) -> None:
        dialog = QFileDialog(self, title, where)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.filesSelected.connect(self._want_paths)
        dialog.open()

    def ask_for_table(self) -> None:
        dialog = QFileDialog(self, self.tr("Choose a table of labels"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        tables = self.tr("Tables ({0})").format("*.csv *.tsv *.txt *.xlsx *.xlsm")
        dialog.setNameFilters([tables, self.tr("All files (*)")])
        dialog.filesSelected.connect(self._want_paths)
        dialog.open()

    def _want_paths(self, paths: list[str]) -> None:
        self.notice.clear()
        self.paths_wanted.emit(paths)

    # --- dropping -------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
            self._set_hot(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._set_hot(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._set_hot(False)
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        if paths:
            self._want_paths(paths)

    def _set_hot(self, hot: bool) -> None:
        self._hot = hot
        self.drop_area.set_hot(hot)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """While something hovers over the list, the whole screen says that it may be dropped."""
        if self._hot and self._stack.currentIndex() == 1:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            pen = QPen(QColor(theme.colours().accent), 2)
            pen.setDashPattern([5, 4])
            painter.setPen(pen)
            painter.setBrush(QColor(theme.colours().accent_soft))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(6, 6, -6, -6), 10, 10)
