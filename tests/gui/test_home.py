"""The home screen: what it says of the projects, and what mouse and keys do with them."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Generator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from made_up import made_up_run, made_up_train_result
from made_up_projects import made_up_project, picture
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient

from tlstudio.errors import DatasetError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.views.home import Home
from tlstudio.gui.widgets.question import Question
from tlstudio.gui.window import MainWindow
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.gui.wizard.train import TrainPage
from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    Job,
    Result,
    ResumeRun,
    ScanJob,
    ScanResult,
    TrainingJob,
)
from tlstudio.projects.locks import Lock
from tlstudio.projects.ownership import Ownership
from tlstudio.projects.places import projects_folder
from tlstudio.projects.project import Project
from tlstudio.projects.recent import known_projects, now, refreshed, remember
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Event

Scans = dict[str, ScanResult]


@pytest.fixture
def scans() -> Scans:
    """What a look at each folder of pictures finds."""
    return {}


@pytest.fixture
def window(
    qtbot: QtBot, state: WizardState, engine: EngineRoom, client: ScriptedClient, scans: Scans
) -> Iterator[MainWindow]:
    def scan(job: Job) -> Generator[Event, None, ScanResult]:
        yield from ()
        assert isinstance(job, ScanJob)
        return scans[job.dataset.folder]

    client.script["scan"] = scan
    window = MainWindow(state, engine)
    window.show()
    window.activateWindow()
    qtbot.waitExposed(window)
    yield window
    if state.training:
        state.set_training(None)
    with qtbot.waitSignal(window.left):
        window.close()
    window.deleteLater()


def project(tmp_path: Path, scans: Scans, name: str, hours: int = 0) -> Path:
    """A project of 20 pictures that was used so many hours ago."""
    pictures = tmp_path / name
    pictures.mkdir()
    path = projects_folder() / name
    seen = [picture(f"{label}/{n}.png") for label in ("hole", "stain") for n in range(10)]
    result = made_up_project(path, seen)
    scans[str(pictures)] = result.model_copy(update={"folder": str(pictures)})
    made = Project(path)
    made.keep_dataset(DatasetSpec(folder=str(pictures)))
    remember(refreshed(made, now() - timedelta(hours=hours)))
    return path


def run_in(path: Path, name: str = "run 1") -> RunFolder:
    job = TrainingJob(
        dataset=DatasetSpec(folder="/x"), backbone=BackboneSpec(id="squeezenet1_1"), freeze=2
    )
    return RunFolder.create(path / "runs" / name, job)


def read(qtbot: QtBot, home: Home) -> None:
    home.read()
    qtbot.waitUntil(lambda: not home.errands.busy)


def titles(home: Home) -> list[str]:
    return [entry.known.title for entry in home.list.projects.entries]


def arrived(qtbot: QtBot, window: MainWindow, scan: ScanResult | None = None) -> None:
    """The pictures of the project are shown, and the wizard is on the page that was open last."""

    def there() -> bool:
        found = window.state.scan
        return found is not None and (scan is None or found is scan) and window._page is None

    qtbot.waitUntil(there)


def click(qtbot: QtBot, button: QWidget) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def double_click(qtbot: QtBot, home: Home, row: int) -> None:
    place = home.list.visualRect(home.list.projects.index(row)).center()
    left, where = Qt.MouseButton.LeftButton, home.list.viewport()
    qtbot.mouseClick(where, left, pos=place)
    qtbot.mouseDClick(where, left, pos=place)


def test_without_projects_the_keyboard_is_on_choosing_a_folder(
    qtbot: QtBot, window: MainWindow
) -> None:
    read(qtbot, window.home)
    assert window.home.drop_area.isVisible()
    window.home.focus_first()
    assert window.focusWidget() is window.home.drop_area.choose_button
    assert not window.home.new_button.isVisible()


def test_the_project_used_last_stands_first_and_is_described(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, scans: Scans
) -> None:
    project(tmp_path, scans, "older", hours=30)
    newer = project(tmp_path, scans, "newer")
    run_in(newer).save_state("completed", result=made_up_train_result(str(newer / "runs/run 1")))
    read(qtbot, window.home)
    assert titles(window.home) == ["newer", "older"]
    panel = window.home.panel
    assert panel.title.text() == "newer"
    assert panel.figure.text() == "94.5\u00a0%"
    assert panel.contents.text() == "20 pictures, 2 classes: hole, stain"
    assert window.focusWidget() is window.home.list


def test_return_opens_the_chosen_project_and_the_rail_leads_back(
    qtbot: QtBot, window: MainWindow, state: WizardState, tmp_path: Path, scans: Scans
) -> None:
    project(tmp_path, scans, "ants", hours=1)
    path = project(tmp_path, scans, "bees", hours=2)
    read(qtbot, window.home)
    qtbot.keyClick(window.home.list, Qt.Key.Key_Down)
    assert window.home.panel.title.text() == "bees"
    qtbot.keyClick(window.home.list, Qt.Key.Key_Return)
    arrived(qtbot, window)
    assert state.scan is scans[str(tmp_path / "bees")]
    assert window.wizard.isVisible()
    assert window.project.path == path
    assert window.windowTitle() == "bees – TL Studio"
    assert not Ownership(path).held  # it is this window's
    qtbot.keyClick(window, Qt.Key.Key_Home, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(window.home.isVisible)
    qtbot.waitUntil(lambda: titles(window.home) == ["bees", "ants"])
    qtbot.waitUntil(lambda: not window.home.errands.busy)


def test_another_project_lets_go_of_the_first(
    qtbot: QtBot, window: MainWindow, state: WizardState, tmp_path: Path, scans: Scans
) -> None:
    first = project(tmp_path, scans, "ants", hours=1)
    project(tmp_path, scans, "bees", hours=2)
    read(qtbot, window.home)
    double_click(qtbot, window.home, 0)
    arrived(qtbot, window)
    state.set_trained(state.job(), made_up_train_result())
    window.show_home()
    qtbot.waitUntil(lambda: not window.home.errands.busy)
    double_click(qtbot, window.home, 1)
    bees = scans[str(tmp_path / "bees")]
    arrived(qtbot, window, bees)
    assert state.trained is None
    assert not state.may_go_to(PageId.RESULTS)

    def free() -> bool:
        with Ownership(first) as claim:
            return claim.held

    qtbot.waitUntil(free)


def test_choices_come_back_with_their_project(
    qtbot: QtBot, window: MainWindow, state: WizardState, tmp_path: Path, scans: Scans
) -> None:
    paths = [project(tmp_path, scans, name) for name in ("ants", "bees")]
    window.open_project(paths[0])
    arrived(qtbot, window)
    state.set_backbone("resnet34")
    state.set_preset("thorough")
    state.set_seed(7)
    window.wizard.go_to(PageId.SETTINGS)
    window.open_project(paths[1])
    arrived(qtbot, window, scans[str(tmp_path / "bees")])
    assert (state.seed, state.preset, state.page) == (0, "fast", PageId.IMAGES)
    assert state.backbone_id != "resnet34"
    window.open_project(paths[0])
    arrived(qtbot, window, scans[str(tmp_path / "ants")])
    assert (state.backbone_id, state.seed, state.preset) == ("resnet34", 7, "thorough")
    qtbot.waitUntil(lambda: window.wizard.currentId() == PageId.SETTINGS)


def test_damaged_choices_are_the_usual_ones(
    qtbot: QtBot, window: MainWindow, state: WizardState, tmp_path: Path, scans: Scans
) -> None:
    path = project(tmp_path, scans, "ants")
    Project(path).set_setting("choices", {"version": 1, "backbone": {"id": "no such"}, "seed": "x"})
    usual = state.choices()
    window.open_project(path)
    arrived(qtbot, window)
    assert state.choices() == usual


def test_a_project_of_another_window_is_read_only_until_that_lets_go(
    qtbot: QtBot, window: MainWindow, state: WizardState, tmp_path: Path, scans: Scans
) -> None:
    path = project(tmp_path, scans, "ants")
    with Ownership(path):
        window.open_project(path)
        arrived(qtbot, window)
        assert window.banner.isVisible()
        assert window.banner.message.startswith("Open in another window since")
        assert "changes are made there" in window.banner.message
        window.wizard.go_to(PageId.TRAIN)
        controls = window.wizard.pages[PageId.TRAIN].controls  # type: ignore[attr-defined]
        assert not controls.start.isEnabled()
        assert not any(action.isEnabled() for action in window.images.actions())
        assert not window.images.found.pictures.rename_button.isEnabled()
        state.set_seed(3)
    try_again = window.banner.findChild(QPushButton)
    click(qtbot, try_again)
    qtbot.waitUntil(lambda: not window.banner.isVisible())
    assert controls.start.isEnabled()
    assert window.project.held


def test_a_disk_that_may_not_be_written_to_is_not_taken_for_another_window(
    qtbot: QtBot,
    window: MainWindow,
    tmp_path: Path,
    scans: Scans,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_: Lock) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    path = project(tmp_path, scans, "ants")
    monkeypatch.setattr(Lock, "acquire", refused)
    window.open_project(path)
    arrived(qtbot, window)
    assert window.banner.message.startswith("This project lies on a disk")
    assert "copy its folder" in window.banner.message


def test_f2_renames_in_place(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, scans: Scans
) -> None:
    path = project(tmp_path, scans, "ants")
    read(qtbot, window.home)
    home = window.home
    qtbot.keyClick(home.list, Qt.Key.Key_F2)
    field = home.list.findChild(QLineEdit)
    assert field is not None
    qtbot.keyClicks(field, "Ants of 2024")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: titles(home) == ["Ants of 2024"])
    qtbot.waitUntil(lambda: not home.errands.busy)
    assert Project(path).title == "Ants of 2024"


def test_delete_takes_off_the_list_and_ctrl_z_puts_back(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, scans: Scans
) -> None:
    project(tmp_path, scans, "ants", hours=1)
    path = project(tmp_path, scans, "bees", hours=2)
    read(qtbot, window.home)
    home = window.home
    home.list.choose_row(1)
    qtbot.keyClick(home.list, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: titles(home) == ["ants"])
    assert "Nothing was deleted" in home.notice.message
    assert (path / "project.sqlite").is_file()
    qtbot.waitUntil(lambda: not home.errands.busy)
    qtbot.keyClick(home.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: titles(home) == ["ants", "bees"])
    qtbot.waitUntil(lambda: not home.errands.busy)


@pytest.mark.parametrize("opened", [False, True])
def test_the_bin_is_asked_for_once_and_names_what_is_lost(
    qtbot: QtBot,
    window: MainWindow,
    state: WizardState,
    tmp_path: Path,
    scans: Scans,
    monkeypatch: pytest.MonkeyPatch,
    opened: bool,
) -> None:
    path = project(tmp_path, scans, "ants")
    run_in(path).save_state("failed")
    binned: list[Path] = []

    def to_bin(thrown: Path) -> None:
        binned.append(thrown)
        thrown.rename(tmp_path / "bin")

    monkeypatch.setattr("tlstudio.projects.recent.to_bin", to_bin)
    if opened:
        window.open_project(path)
        arrived(qtbot, window)
        window.show_home()
    read(qtbot, window.home)
    click(qtbot, window.home.panel.bin_button)
    box = Question.of(window.home)
    assert box is not None
    assert "1 training" in box.informativeText()
    yes = next(b for b in box.buttons() if b is not box.escapeButton())
    click(qtbot, yes)
    qtbot.waitUntil(window.home.drop_area.isVisible)
    qtbot.waitUntil(lambda: not window.home.errands.busy)
    assert binned == [path]
    assert not known_projects()
    assert state.scan is None


def test_what_is_missing_is_said(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, scans: Scans
) -> None:
    project(tmp_path, scans, "ants", hours=1)
    gone = project(tmp_path, scans, "bees", hours=2)
    (tmp_path / "ants").rmdir()
    shutil.rmtree(gone)
    read(qtbot, window.home)
    home = window.home
    assert "Its pictures are not where they were" in home.panel.notice.message
    home.list.choose_row(1)
    assert "The project is not where it was" in home.panel.notice.message
    assert not home.panel.open_button.isEnabled()
    qtbot.keyClick(home.list, Qt.Key.Key_Return)
    assert "The project is not where it was" in home.notice.message


def test_pictures_that_were_moved_stay_those_of_their_project(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, scans: Scans, client: ScriptedClient
) -> None:
    path = project(tmp_path, scans, "bees")
    there, moved = scans.pop(str(tmp_path / "bees")), tmp_path / "moved"
    (tmp_path / "bees").rename(moved)

    def scan(job: Job) -> Generator[Event, None, ScanResult]:
        yield from ()
        assert isinstance(job, ScanJob)
        if not Path(job.dataset.folder).is_dir():
            raise DatasetError("The folder does not exist.")
        assert job.dataset.project == str(path)
        return there.model_copy(update={"folder": job.dataset.folder})

    client.script["scan"] = scan
    read(qtbot, window.home)
    assert "choose where they are now" in window.home.panel.notice.hint
    click(qtbot, window.home.panel.open_button)
    notice = window.images.notice
    qtbot.waitUntil(lambda: notice.message == "The folder does not exist.")
    click(qtbot, next(b for b in notice.findChildren(QPushButton) if "where they are" in b.text()))
    dialog = window.findChild(QFileDialog)
    assert isinstance(dialog, QFileDialog)
    dialog.filesSelected.emit([str(moved)])
    dialog.reject()
    arrived(qtbot, window)
    assert window.project.path == path
    assert window.state.dataset is not None
    assert window.state.dataset.folder == str(moved)


def test_why_an_open_project_stays_on_the_list_is_said(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, scans: Scans
) -> None:
    path = project(tmp_path, scans, "bees")
    read(qtbot, window.home)
    panel = window.home.panel
    assert not panel.reason.isVisible()
    window.open_project(path)
    arrived(qtbot, window)
    window.show_home()
    read(qtbot, window.home)
    assert not panel.forget_button.isEnabled()
    assert "stays on the list" in panel.reason.text()


def test_while_one_trains_another_has_to_wait(
    qtbot: QtBot, window: MainWindow, state: WizardState, tmp_path: Path, scans: Scans
) -> None:
    paths = [project(tmp_path, scans, name, hours) for hours, name in enumerate(("ants", "bees"))]
    window.open_project(paths[0])
    arrived(qtbot, window)
    state.set_training(paths[0] / "runs" / "x")
    window.show_home()
    qtbot.waitUntil(lambda: not window.home.errands.busy)
    window.home.list.choose_row(1)
    click(qtbot, window.home.panel.open_button)
    assert window.home.notice.message == "Training of “ants” is running."
    assert window.project.path == paths[0]
    to_training = window.home.notice.findChild(QPushButton)
    click(qtbot, to_training)
    assert window.wizard.isVisible()


def test_a_training_that_begins_while_another_project_opens_keeps_its_own(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, scans: Scans
) -> None:
    first = project(tmp_path, scans, "first")
    second = project(tmp_path, scans, "second")
    window.open_project(first)
    arrived(qtbot, window)
    window.open_project(second)  # in a thread of its own
    window.state.set_training(first / "runs" / "run 1")
    qtbot.waitUntil(lambda: "not opened" in window.home.notice.message)
    assert window.project.path == first
    assert window.state.scan is not None
    qtbot.waitUntil(lambda: not window.project._errands.busy)
    with Ownership(second) as claim:
        assert claim.held


def drop(home: Home, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    where, how = QPointF(50, 200), Qt.DropAction.CopyAction
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(home, QDragEnterEvent(where.toPoint(), how, data, buttons, keys))
    QApplication.sendEvent(home, QDropEvent(where, how, data, buttons, keys))


def test_a_dropped_project_is_opened(
    qtbot: QtBot, window: MainWindow, state: WizardState, tmp_path: Path, scans: Scans
) -> None:
    path = project(tmp_path, scans, "ants")
    drop(window.home, path)
    arrived(qtbot, window)
    assert window.project.path == path


def test_a_project_of_a_newer_program_is_refused_with_a_sentence(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, scans: Scans
) -> None:
    path = project(tmp_path, scans, "ants")
    with Project(path).writing() as database:
        database.execute("PRAGMA user_version = 99")
    window.open_project(path)
    qtbot.waitUntil(lambda: bool(window.home.notice.message))
    assert "newer version" in window.home.notice.message
    assert window.home.isVisible()


def test_an_interrupted_training_is_offered_and_said_on_its_row(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, scans: Scans
) -> None:
    project(tmp_path, scans, "ants")
    path = project(tmp_path, scans, "bees", hours=1)
    run = run_in(path)
    run.save_state("running")  # as a killed window leaves it
    run.start_file.write_bytes(b"x")
    with run.recording() as log:
        for event in made_up_run(10, upto=3):
            log.append(event)
    home = window.home
    read(qtbot, home)
    assert home.notice.message == "The training of “bees” was interrupted in epoch 3 of 10."
    row = home.list.projects.index(1)
    assert "Training was interrupted" in row.data(Qt.ItemDataRole.AccessibleTextRole)
    with qtbot.waitSignal(home.run_wanted) as asked:
        click(qtbot, home.notice.findChild(QPushButton))
    assert asked.args == [path, run.path, True]
    read(qtbot, home)
    assert not home.notice.isVisible()  # it was said


def test_carrying_on_opens_the_project_and_goes_on_with_the_run(
    qtbot: QtBot,
    window: MainWindow,
    state: WizardState,
    client: ScriptedClient,
    tmp_path: Path,
    scans: Scans,
) -> None:
    resumed: list[str] = []

    def resume(job: Job) -> Generator[Event, None, Result]:
        assert isinstance(job, ResumeRun)
        resumed.append(job.run)
        yield from made_up_run(4)
        return made_up_train_result(job.run)

    client.script["resume"] = resume
    path = project(tmp_path, scans, "bees")
    run = run_in(path)
    run.save_state("running")
    run.start_file.write_bytes(b"x")
    read(qtbot, window.home)
    click(qtbot, window.home.panel.notice.findChild(QPushButton))
    qtbot.waitUntil(lambda: state.trained is not None)
    assert resumed == [str(run.path)]
    assert window.wizard.currentId() == PageId.TRAIN
    assert window.wizard.isVisible()


def test_the_trainings_are_reached_from_home_and_from_the_rail(
    qtbot: QtBot, window: MainWindow, state: WizardState, tmp_path: Path, scans: Scans
) -> None:
    path = project(tmp_path, scans, "bees")
    run = run_in(path)
    run.save_state("completed", result=made_up_train_result(str(run.path)))
    read(qtbot, window.home)
    click(qtbot, window.home.panel.runs_button)
    qtbot.waitUntil(lambda: window.runs is not None and bool(window.runs.table.runs.rows))
    assert window.runs is not None
    assert window.runs.isVisible()
    arrived(qtbot, window)
    click(qtbot, window.runs.back_button)
    assert window.wizard.isVisible()
    click(qtbot, window.wizard.rail.runs_button)
    assert window.runs.isVisible()
    qtbot.waitUntil(window.runs.details.use.isEnabled)
    click(qtbot, window.runs.details.use)
    assert window.wizard.currentId() == PageId.SETTINGS
    assert (state.backbone_id, state.frozen) == ("squeezenet1_1", 2)


def test_each_letter_stands_for_one_button(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, scans: Scans
) -> None:
    run = run_in(project(tmp_path, scans, "bees"))
    run.save_state("running")
    run.start_file.write_bytes(b"x")
    read(qtbot, window.home)
    shown = [each for each in window.findChildren(QPushButton) if each.isVisible()]
    letters = [each.shortcut().toString() for each in shown if not each.shortcut().isEmpty()]
    assert len(letters) == len(shown)
    assert len(set(letters)) == len(letters)


def test_what_is_carried_on_in_a_project_of_another_window_is_only_shown(
    qtbot: QtBot, window: MainWindow, state: WizardState, tmp_path: Path, scans: Scans
) -> None:
    path = project(tmp_path, scans, "bees")
    run = run_in(path)
    run.save_state("interrupted")
    run.start_file.write_bytes(b"x")
    with Ownership(path):
        window.home.run_wanted.emit(path, run.path, True)
        arrived(qtbot, window)
        page = window.wizard.pages[PageId.TRAIN]
        assert isinstance(page, TrainPage)
        qtbot.waitUntil(lambda: page.session.stage == "interrupted")
        assert not page.controls.carry_on.isEnabled()
        assert not state.training
