"""Owns the window: which of its screens is shown, what is said across them, its closing."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QStackedWidget, QSystemTrayIcon, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.open_project import Opened, OpenProject
from tlstudio.gui.views.home import Home
from tlstudio.gui.widgets.basics import Notice
from tlstudio.gui.widgets.question import ask
from tlstudio.gui.wizard.images import ImagesPage
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.gui.wizard.wizard import Wizard
from tlstudio.jobs import DoctorJob, FinishRun, Job, ResumeRun, TrainRun

LONG_S = 5
"""A job that took longer than this says so when it ends while the window is in the back."""


class MainWindow(QWidget):
    """The home screen and the wizard of the project that is open.

    `left` comes once, when the window has closed and the engine has ended.
    """

    left = Signal()

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        super().__init__()
        self.state, self.engine = state, engine
        self._leaving = False
        self._page: PageId | None = None
        """Where the wizard goes once the pictures of the opened project are there."""
        self.project = OpenProject(state, self)
        self.home = Home(state)
        self.wizard = Wizard(state, engine, self)
        self.banner = Notice()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.home)
        self._stack.addWidget(self.wizard)
        self._build()
        self._connect()
        self._say_title()

    def _build(self) -> None:
        self.setMinimumSize(960, 600)
        self.resize(1200, 780)
        above = QVBoxLayout()
        above.setContentsMargins(theme.NORMAL, theme.NORMAL, theme.NORMAL, 0)
        above.addWidget(self.banner)
        self._above = QWidget()
        self._above.setLayout(above)
        self._above.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._above)
        column.addWidget(self._stack, 1)

    def _connect(self) -> None:
        quit_shortcut = QShortcut(QKeySequence("Ctrl+Q"), self)
        quit_shortcut.activated.connect(self.close)
        home, project, wizard = self.home, self.project, self.wizard
        home.project_wanted.connect(self.open_project)
        home.paths_wanted.connect(self.open_paths)
        home.sample_wanted.connect(self.open_sample)
        home.going_away.connect(project.forget)
        project.opened.connect(self._opened)
        project.pictures_wanted.connect(self._open_pictures)
        project.failed.connect(home.say_failed)
        project.changed.connect(self._project_changed)
        wizard.rail.home_asked.connect(self.show_home)
        wizard.through.connect(self.show_home)
        self.banner.acted.connect(project.claim_again)
        self.state.observe(self._state_changed)
        self.engine.job_ended.connect(self._job_ended)
        self.engine.closed.connect(self._engine_closed)

    def prepare(self) -> None:
        """After the first paint: starts the engine and what else takes a while."""
        self.home.read()
        self.home.focus_first()
        self.wizard.prepare()

    # --- going about ----------------------------------------------------------------------------

    @property
    def images(self) -> ImagesPage:
        return next(page for page in self.wizard.pages if isinstance(page, ImagesPage))

    def show_home(self) -> None:
        self.project.note()
        self.home.show_open(self.project.path)
        self._show(self.home)
        self.home.read()
        self.home.focus_first()

    def show_wizard(self) -> None:
        self._show(self.wizard)
        self.wizard.focus_first()

    def open_project(self, path: Path) -> None:
        if path == self.project.path and self.state.scan is not None:
            self.show_wizard()
        elif not self._busy_training():
            self.project.open(path)

    def open_paths(self, paths: list[str]) -> None:
        """Folders of pictures, a table, or the folder of a project."""
        if not self._busy_training():
            self.project.open_paths(paths)

    def open_sample(self) -> None:
        if not self._busy_training():
            self._to_images()
            self.images.open_sample()

    def _busy_training(self) -> bool:
        """Whether another project has to wait, which is said."""
        if self.state.training:
            self.home.say_training(self.project.title)
        return self.state.training

    def _opened(self, opened: Opened) -> None:
        self._to_images()
        if opened.dataset is None:
            return  # the empty page asks for pictures
        self._page = PageId(min(opened.choices.page, PageId.TRAIN)) if opened.choices else None
        self.images.open_source(opened.dataset)

    def _open_pictures(self, paths: list[str]) -> None:
        self._to_images()
        self.images.open_paths(paths)

    def _to_images(self) -> None:
        self._page = None
        self.wizard.go_to(PageId.IMAGES)
        self._show(self.wizard)

    def _show(self, screen: QWidget) -> None:
        self._stack.setCurrentWidget(screen)
        self._show_banner()
        self._say_title()

    # --- what is said across the screens ----------------------------------------------------------

    def _state_changed(self) -> None:
        page, scan = self._page, self.state.scan
        if page is not None and scan is not None and not self.state.looking:
            self._page = None
            if Path(scan.project) == self.project.path:
                QTimer.singleShot(0, self, lambda: self.wizard.go_to(page))
        self._show_banner()

    def _project_changed(self) -> None:
        self.home.show_open(self.project.path)
        self.wizard.rail.name_project(self.project.title)
        self._show_banner()
        self._say_title()

    def _show_banner(self) -> None:
        why = self.state.read_only
        if why and self._stack.currentWidget() is not self.home:
            hint = self.tr("You can look at everything; changes are made there.")
            self.banner.say("info", f"{why} {hint}", action=self.tr("Try &again"))
            self._above.show()
        else:
            self.banner.clear()
            self._above.hide()

    def _say_title(self) -> None:
        name, title = self.tr("TL Studio"), self.project.title
        inside = title and self._stack.currentWidget() is not self.home
        self.setWindowTitle(f"{title} – {name}" if inside else name)

    def _job_ended(self, job: Job, seconds: float) -> None:
        long = isinstance(job, TrainRun | ResumeRun | FinishRun) or seconds > LONG_S
        if not long or self.isActiveWindow() or isinstance(job, DoctorJob) or self._leaving:
            return
        QApplication.alert(self)
        if QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages():
            icon = QSystemTrayIcon(self.windowIcon(), self)
            icon.show()
            icon.showMessage(self.tr("TL Studio"), self.tr("It is done. Come and have a look."))
            icon.messageClicked.connect(self.activateWindow)

    # --- leaving --------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        if self._leaving:
            return
        if self.state.training:
            self._ask_before_leaving()
        else:
            self.leave()

    def leave(self) -> None:
        """Stops what runs, keeps its checkpoint, and closes; the event loop goes on meanwhile."""
        self._leaving = True
        if self.state.training:
            self._show(self.wizard)
            self.wizard.say_closing()
            self.setEnabled(False)
        else:
            self.hide()
        self.engine.shut_down()

    def _engine_closed(self) -> None:
        self.hide()
        self.state.forget(self._state_changed)
        self.wizard.leave()
        self.home.leave()
        self.project.leave()
        self.left.emit()

    def _ask_before_leaving(self) -> None:
        ask(
            self,
            self.tr("Training is running."),
            self.tr("What it has learned up to the last checkpoint is kept either way."),
            yes=self.tr("&Stop and keep the checkpoint, then close"),
            no=self.tr("&Keep training"),
            then=self.leave,
        )
