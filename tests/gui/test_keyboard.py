"""Where the keyboard is after a click made its button go: where the user wants to go on."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator

import pytest
from made_up import made_up_evaluation, made_up_run, made_up_train_result
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QScrollArea, QWizard
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient, waits_for_cancel

from tlstudio.errors import DatasetError, StorageError, WeightsError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.question import Question
from tlstudio.gui.window import MainWindow
from tlstudio.gui.wizard.backbone import BackbonePage
from tlstudio.gui.wizard.export import ExportPage
from tlstudio.gui.wizard.images import ImagesPage
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.gui.wizard.train import TrainPage
from tlstudio.gui.wizard.wizard import Wizard
from tlstudio.jobs import ExportJob, ExportResult, IdentifiedWeights, Job, Result, ScanResult
from tlstudio.tasks import Event, Phase, Progress

Work = Generator[Event, None, Result]


@pytest.fixture
def wizard(
    qtbot: QtBot, state: WizardState, engine: EngineRoom, scan: ScanResult
) -> Iterator[Wizard]:
    window = MainWindow(state, engine)
    state.set_scan(scan)
    window.show_wizard()
    window.show()
    window.activateWindow()
    qtbot.waitExposed(window)
    yield window.wizard
    with qtbot.waitSignal(window.left):
        window.leave()
    window.deleteLater()


def press(qtbot: QtBot, button: QPushButton) -> None:
    """Tab to it and press the space bar."""
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)


def focused(qtbot: QtBot, wizard: Wizard, button: object) -> None:
    qtbot.waitUntil(lambda: wizard.focusWidget() is button)


def to_training(wizard: Wizard) -> TrainPage:
    wizard.go_to(PageId.TRAIN)
    page = wizard.pages[PageId.TRAIN]
    assert isinstance(page, TrainPage)
    return page


def test_it_goes_from_start_to_pause_and_at_the_end_to_next(
    qtbot: QtBot, wizard: Wizard, client: ScriptedClient
) -> None:
    go_on = threading.Event()

    def train(_: Job) -> Work:
        yield from made_up_run(2)
        go_on.wait(5)
        return made_up_train_result()

    client.script["train"] = train
    page = to_training(wizard)
    press(qtbot, page.controls.start)
    focused(qtbot, wizard, page.controls.pause)
    go_on.set()
    focused(qtbot, wizard, wizard.button(QWizard.WizardButton.NextButton))


def test_after_a_cancelled_run_it_is_on_what_there_is_to_do(
    qtbot: QtBot, wizard: Wizard, client: ScriptedClient
) -> None:
    def train(_: Job) -> Work:
        pause = threading.Event()
        while True:
            yield Progress(phase="features", done=1, total=2)
            pause.wait(0.005)

    client.script["train"] = train
    page = to_training(wizard)
    press(qtbot, page.controls.start)
    qtbot.waitUntil(lambda: page.session.model.phase == "features")
    press(qtbot, page.controls.cancel)
    box = Question.of(page)
    assert box is not None
    stop = next(b for b in box.buttons() if b is not box.escapeButton())
    qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)
    focused(qtbot, wizard, page.controls.again)


@pytest.mark.parametrize(
    ("phase", "done", "page"),
    [
        ("scan", 3, PageId.IMAGES),
        ("compare", 10, PageId.BACKBONE),
        ("weights", 10, PageId.BACKBONE),
        ("features", 10, PageId.TRAIN),
    ],
)
def test_an_error_leads_to_the_page_where_it_can_be_put_right(
    qtbot: QtBot,
    wizard: Wizard,
    client: ScriptedClient,
    phase: Phase,
    done: int,
    page: PageId,
) -> None:
    def train(_: Job) -> Work:
        yield Progress(phase=phase, done=done, total=10)
        raise WeightsError("These are weights of another network.", "Choose another file.")

    client.script["train"] = train
    training = to_training(wizard)
    press(qtbot, training.controls.start)
    qtbot.waitUntil(training.error_notice.isVisible)
    assert training.bar.value() == 0
    way_back = training.error_notice.findChild(QPushButton)
    assert way_back is not None
    assert way_back.isVisible() == (page != PageId.TRAIN)
    if way_back.isVisible():
        qtbot.mouseClick(way_back, Qt.MouseButton.LeftButton)
    assert wizard.currentId() == page


def to_export(wizard: Wizard, state: WizardState, scan: ScanResult) -> ExportPage:
    state.set_trained(state.job(), made_up_train_result())
    state.set_evaluation(made_up_evaluation(scan))
    wizard.go_to(PageId.EXPORT)
    page = wizard.pages[PageId.EXPORT]
    assert isinstance(page, ExportPage)
    return page


def test_after_an_export_it_is_on_open_folder_and_after_an_error_on_export(
    qtbot: QtBot, wizard: Wizard, client: ScriptedClient, state: WizardState, scan: ScanResult
) -> None:
    def full(_: Job) -> Work:
        yield Progress(phase="export", done=0, total=0)
        raise StorageError("The disk is full.", "Free some space.")

    def export(job: Job) -> Work:
        assert isinstance(job, ExportJob)
        yield Progress(phase="export", done=0, total=0)
        return ExportResult(
            format="onnx",
            files=("model.onnx",),
            runtime="ONNX Runtime",
            n=1,
            same_answer=1,
            largest_difference=0,
            bytes=1,
            code="",
        )

    page = to_export(wizard, state, scan)
    client.script["export"] = full
    press(qtbot, page.export_button)
    assert wizard.focusWidget() is page.progress.cancel
    qtbot.waitUntil(page.notice.isVisible)
    focused(qtbot, wizard, page.export_button)
    client.script["export"] = export
    press(qtbot, page.export_button)
    focused(qtbot, wizard, page.open_folder)


def test_an_export_to_nowhere_in_particular_is_refused(
    qtbot: QtBot, wizard: Wizard, client: ScriptedClient, state: WizardState, scan: ScanResult
) -> None:
    page = to_export(wizard, state, scan)
    page.folder.setText("models/x")
    press(qtbot, page.export_button)
    assert page.notice.message == "“models/x” does not say where the folder is to be made."
    assert not client.jobs


def test_after_a_bad_folder_it_is_on_choose(
    qtbot: QtBot, wizard: Wizard, client: ScriptedClient
) -> None:
    def scanning(_: Job) -> Work:
        yield Progress(phase="scan", done=0, total=10)
        raise DatasetError("The folder /x is empty.", "Choose another.")

    client.script["scan"] = scanning
    page = wizard.pages[PageId.IMAGES]
    assert isinstance(page, ImagesPage)
    page.open_folder("/x")
    assert wizard.focusWidget() is page.progress.cancel
    qtbot.waitUntil(page.notice.isVisible)
    focused(qtbot, wizard, page.found.other_button)


def test_it_goes_from_download_to_cancel_and_back(
    qtbot: QtBot, wizard: Wizard, client: ScriptedClient
) -> None:
    client.script["download"] = waits_for_cancel
    wizard.go_to(PageId.BACKBONE)
    page = wizard.pages[PageId.BACKBONE]
    assert isinstance(page, BackbonePage)
    wizard.state.set_backbone("resnet50")
    press(qtbot, page.card.download_button)
    focused(qtbot, wizard, page.card.progress.cancel)
    qtbot.waitUntil(lambda: bool(client.jobs))
    qtbot.keyClick(page.card.progress.cancel, Qt.Key.Key_Space)
    focused(qtbot, wizard, page.card.download_button)


def test_after_a_file_was_recognised_it_is_on_next(
    qtbot: QtBot, wizard: Wizard, client: ScriptedClient
) -> None:
    def identify(_: Job) -> Work:
        yield Progress(phase="weights", done=0, total=0, unit="bytes")
        return IdentifiedWeights(
            file="/x.pth", backbone="resnet34", name="ResNet-34", variant=None, classes=None
        )

    client.script["identify"] = identify
    wizard.go_to(PageId.BACKBONE)
    page = wizard.pages[PageId.BACKBONE]
    assert isinstance(page, BackbonePage)
    page.use_file("/x.pth")
    assert wizard.focusWidget() is page.card.progress.cancel
    focused(qtbot, wizard, wizard.button(QWizard.WizardButton.NextButton))


def test_each_page_begins_on_its_primary_button(
    qtbot: QtBot, wizard: Wizard, client: ScriptedClient
) -> None:
    following = wizard.button(QWizard.WizardButton.NextButton)
    for page in (PageId.BACKBONE, PageId.SETTINGS):
        qtbot.keyClick(wizard, Qt.Key.Key_N, Qt.KeyboardModifier.AltModifier)
        qtbot.waitUntil(lambda page=page: wizard.currentId() == page)
        focused(qtbot, wizard, following)
    training = wizard.pages[PageId.TRAIN]
    assert isinstance(training, TrainPage)
    qtbot.keyClick(wizard, Qt.Key.Key_N, Qt.KeyboardModifier.AltModifier)
    focused(qtbot, wizard, training.controls.start)


def test_tab_never_stops_where_nothing_shows_it(
    qtbot: QtBot, wizard: Wizard, state: WizardState, scan: ScanResult
) -> None:
    state.set_trained(state.job(), made_up_train_result())
    state.set_evaluation(made_up_evaluation(scan))
    for page in PageId:
        wizard.go_to(page)
        for _ in range(30):
            qtbot.keyClick(wizard.focusWidget() or wizard, Qt.Key.Key_Tab)
            stop = wizard.focusWidget()
            assert stop is not None
            assert stop.isVisible()
            assert not isinstance(stop, QScrollArea)


def test_tab_goes_from_the_top_over_the_tabs_to_classes_and_pictures(
    qtbot: QtBot, wizard: Wizard
) -> None:
    page = wizard.pages[PageId.IMAGES]
    assert isinstance(page, ImagesPage)
    found, tab = page.found, page.found.pictures
    qtbot.waitUntil(lambda: len(tab.shelf.numbers) == 30)
    tab.grid.setFocus()
    qtbot.keyClick(tab.grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    found.again_button.setFocus()
    stops = [found.save_button, found.other_button, found.bar]
    stops += [tab.bars, tab.rename_button, tab.class_out_button]
    for stop in (*stops, tab.move_button, tab.out_button, tab.grid):
        before = wizard.focusWidget()
        assert before is not None
        qtbot.keyClick(before, Qt.Key.Key_Tab)
        assert wizard.focusWidget() is stop


def test_the_plots_are_made_before_their_page_is_opened(qtbot: QtBot, wizard: Wizard) -> None:
    wizard.go_to(PageId.SETTINGS)
    training = wizard.pages[PageId.TRAIN]
    assert isinstance(training, TrainPage)
    qtbot.waitUntil(lambda: training.curves is not None)
    assert not training.isVisible()
