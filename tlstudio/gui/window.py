"""Owns the window: which of its screens is shown, what is said across them, its closing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QStackedWidget, QSystemTrayIcon, QVBoxLayout, QWidget

from tlstudio.errors import UsageError
from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.open_project import Opened, OpenProject
from tlstudio.gui.views.home import Home
from tlstudio.gui.widgets.basics import Notice
from tlstudio.gui.widgets.question import ask
from tlstudio.gui.wizard.images import ImagesPage
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.gui.wizard.train import TrainPage
from tlstudio.gui.wizard.training_session import TrainingSession
from tlstudio.gui.wizard.wizard import Wizard
from tlstudio.jobs import DoctorJob, FinishRun, Job, ResumeRun, TrainingJob, TrainRun

if TYPE_CHECKING:
    from tlstudio.gui.views.runs import RunsView

LONG_S = 5
"""A job that took longer than this says so when it ends while the window is in the back."""


@dataclass(frozen=True)
class _Aim:
    """Where to go once a project is open: to its list of trainings, to one of them, which may be
    carried on at once, or to the page of the wizard that was open last."""

    trainings: bool = False
    run: Path | None = None
    carry_on: bool = False


class MainWindow(QWidget):
    """The home screen, and the wizard and the trainings of the project that is open.

    `left` comes once, when the window has closed and the engine has ended.
    """

    left = Signal()

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        super().__init__()
        self.state, self.engine = state, engine
        self._leaving = False
        self._aim = _Aim()
        self._page: PageId | None = None
        """Where the wizard goes once the pictures of the opened project are there."""
        self._arrival = QTimer(self, singleShot=True, interval=0)
        self._arrival.timeout.connect(self._arrived)
        self.project = OpenProject(state, self)
        self.home = Home(state)
        self.wizard = Wizard(state, engine, self)
        self.runs: RunsView | None = None
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
        home.runs_wanted.connect(lambda path: self.open_project(path, _Aim(trainings=True)))
        home.run_wanted.connect(
            lambda path, run, on: self.open_project(path, _Aim(run=run, carry_on=on))
        )
        home.paths_wanted.connect(self.open_paths)
        home.sample_wanted.connect(self.open_sample)
        home.bin_wanted.connect(lambda path: project.close(path, partial(home.move_to_bin, path)))
        project.opened.connect(self._opened)
        project.pictures_wanted.connect(self._open_pictures)
        project.failed.connect(home.say_failed)
        project.changed.connect(self._project_changed)
        wizard.rail.home_asked.connect(self.show_home)
        wizard.rail.runs_asked.connect(self.show_runs)
        wizard.through.connect(self.show_home)
        self._session.adopted.connect(self._adopted)
        self.banner.acted.connect(project.claim_again)
        self.state.observe(self._state_changed)
        self.engine.job_ended.connect(self._job_ended)
        self.engine.closed.connect(self._engine_closed)

    def prepare(self) -> None:
        """After the first paint: starts the engine and what else takes a while."""
        self.home.read()
        self.home.errands.do(_import_runs)
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

    def show_runs(self) -> None:
        """The trainings of the project that is open."""
        if self.project.path is not None:
            runs = self.runs or self._make_runs()
            self._show(runs)
            runs.show_project(self.project.path, self.project.title)

    def _make_runs(self) -> RunsView:
        """Made when it is first wanted: the window begins without."""
        from tlstudio.gui.views.runs import RunsView

        self.runs = runs = RunsView(self.state, self.engine)
        runs.carry_on.connect(lambda run: self._adopt(run, carry_on=True))
        runs.opened.connect(lambda run: self._adopt(run, carry_on=False))
        runs.start_from.connect(self._start_from)
        runs.new_run.connect(self._new_run)
        runs.back.connect(self.show_wizard)
        self._stack.addWidget(runs)
        return runs

    def open_project(self, path: Path, aim: _Aim = _Aim()) -> None:
        if path == self.project.path and self.state.scan is not None:
            self._aim = aim
            self._reach()
        elif not self._busy_training():
            self._aim = aim
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
        aim = self._aim
        self._to_images()
        if opened.dataset is not None:  # else the empty page asks for pictures
            page = opened.choices.page if opened.choices else PageId.IMAGES
            self._page = PageId(min(max(page, 0), PageId.TRAIN))
            self._aim = _Aim(run=aim.run, carry_on=aim.carry_on)
            self.images.open_source(opened.dataset)
        if aim.trainings:
            self.show_runs()

    def _arrived(self) -> None:
        """The pictures of the opened project are there. Whoever has gone elsewhere meanwhile is
        left there."""
        page, self._page = self._page, None
        if page is None:
            return
        if self._stack.currentWidget() is not self.wizard:
            self._aim = _Aim()
        self.wizard.go_to(page)
        if self._aim.run is not None:
            self._reach()

    def _reach(self) -> None:
        """The project is open: on to where the user wanted to go."""
        aim, self._aim = self._aim, _Aim()
        if aim.run is not None:
            self._adopt(aim.run, carry_on=aim.carry_on)
        elif aim.trainings:
            self.show_runs()
        else:
            self.show_wizard()

    # --- trainings ------------------------------------------------------------------------------

    def _adopt(self, run: Path, *, carry_on: bool) -> None:
        """Shows an earlier run where it stands; without its pictures, why they are not there."""
        self.show_wizard()
        if self.state.scan is None:
            self._aim = _Aim(run=run, carry_on=carry_on)
            self._page = PageId.TRAIN
            return
        self.wizard.go_to(PageId.TRAIN)
        self._session.adopt(run, carry_on=carry_on)

    def _adopted(self, read: object) -> None:
        """One that has ended is shown with its results."""
        if read is not None and self.state.trained is not None:
            self.wizard.go_to(PageId.RESULTS)

    def _start_from(self, job: TrainingJob) -> None:
        self._new_run()
        try:
            self.state.adopt(job)
        except UsageError as error:
            self.show_runs()
            if self.runs is not None:
                self.runs.notice.say("error", error.message, error.hint)
            return
        self.wizard.go_to(PageId.SETTINGS)

    def _new_run(self) -> None:
        """From the choices of the moment, which can still be changed."""
        self._session.put_away()
        self.show_wizard()
        self.wizard.go_to(PageId.BACKBONE)

    @property
    def _session(self) -> TrainingSession:
        return next(page for page in self.wizard.pages if isinstance(page, TrainPage)).session

    def _open_pictures(self, paths: list[str]) -> None:
        self._to_images()
        self.images.open_paths(paths)

    def _to_images(self) -> None:
        self._page, self._aim = None, _Aim()
        self.wizard.go_to(PageId.IMAGES)
        self._show(self.wizard)

    def _show(self, screen: QWidget) -> None:
        self._stack.setCurrentWidget(screen)
        self._show_banner()
        self._say_title()

    # --- what is said across the screens ----------------------------------------------------------

    def _state_changed(self) -> None:
        scan = self.state.scan
        if self._page is not None and scan is not None and not self.state.looking:
            if Path(scan.project) == self.project.path:
                self._arrival.start()
            else:
                self._page, self._aim = None, _Aim()
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
            if self.project.unwritable:
                hint = self.tr("Its trainings can be looked at. To work with it, copy its folder.")
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
        if self.runs is not None:
            self.runs.leave()
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


def _import_runs() -> None:
    import tlstudio.gui.views.runs  # noqa: F401
