"""The training page: what each click asks of the engine, and what is shown when it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_up import made_up_run, made_up_train_result
from made_up_scans import made_up_pictures
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tlstudio.errors import EngineError, StorageError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.question import Question
from tlstudio.gui.wizard.state import WizardState
from tlstudio.gui.wizard.train import TrainPage
from tlstudio.gui.wizard.training_model import TrainingModel
from tlstudio.gui.wizard.training_words import outcome
from tlstudio.jobs import Job, Result, ScanResult, WeightsSpec
from tlstudio.projects.places import preferences_file
from tlstudio.projects.preferences import Preferences, preferences
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Answer, Answers, Event, Logged, Progress, Waiting, Warned

if TYPE_CHECKING:
    from tests.gui.conftest import ScriptedClient

Work = Generator[Event, None, Result]


def leave_checkpoint(job: Job) -> None:
    run = Path(getattr(job, "run", ""))
    run.mkdir(parents=True, exist_ok=True)
    RunFolder(run).start_file.touch()


def endless(upto: int = 2) -> Callable[[Job], Work]:
    """Trains `upto` epochs, leaves a checkpoint, and goes on until it is cancelled."""

    def work(job: Job) -> Work:
        yield from made_up_run(10, upto=upto)
        leave_checkpoint(job)
        pause = threading.Event()
        while True:
            yield Progress(phase="train", done=0, total=0)
            pause.wait(0.005)

    return work


def done_after(*events: Event, **values: object) -> Callable[[Job], Work]:
    def work(job: Job) -> Work:
        yield from events
        return made_up_train_result(getattr(job, "run", "run"), **values)

    return work


@pytest.fixture
def page(
    qtbot: QtBot,
    state: WizardState,
    engine: EngineRoom,
    client: ScriptedClient,
    scan: ScanResult,
) -> Iterator[TrainPage]:
    state.set_scan(scan)
    client.script["train"] = endless()
    page = TrainPage(state, engine)
    qtbot.addWidget(page)
    page.resize(900, 640)
    page.show()
    yield page
    page.leave()
    page.hide()


def click(qtbot: QtBot, button: QPushButton) -> None:
    assert button.isVisible()
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def reach(qtbot: QtBot, page: TrainPage, stage: str) -> None:
    qtbot.waitUntil(lambda: page.session.stage == stage, timeout=5000)


def start_and_reach_epoch(qtbot: QtBot, page: TrainPage, epoch: int) -> None:
    click(qtbot, page.controls.start)
    qtbot.waitUntil(lambda: page.session.model.finished_epochs == epoch, timeout=5000)


def test_before_the_start_it_says_what_will_be_trained(page: TrainPage) -> None:
    assert page.primary() is page.controls.start
    assert "10 to check on" in page.detail.text()
    assert not page.isComplete()


def test_start_trains_the_choices_in_a_new_run_folder(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient, state: WizardState
) -> None:
    start_and_reach_epoch(qtbot, page, 2)
    job = client.jobs[0]
    assert job.kind == "train"
    assert job.job == state.job()
    assert state.training
    page.session.cancel()
    reach(qtbot, page, "interrupted")


def test_start_says_what_it_would_download_and_only_then_does(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient, state: WizardState
) -> None:
    state.set_backbone("resnet50")
    assert page.controls.start.text() == "Download 103\u00a0MB and &start"
    click(qtbot, page.controls.start)
    qtbot.waitUntil(lambda: len(client.jobs) == 1)
    page.session.cancel()
    reach(qtbot, page, "interrupted")
    state.set_weights(WeightsSpec(source="scratch"))
    assert page.controls.again.text() == "Start a&gain"
    click(qtbot, page.controls.again)
    qtbot.waitUntil(lambda: len(client.jobs) == 2)
    page.session.cancel()
    reach(qtbot, page, "interrupted")
    assert [getattr(job, "download", None) for job in client.jobs] == [True, False]


def test_the_figures_follow_the_events(qtbot: QtBot, page: TrainPage) -> None:
    start_and_reach_epoch(qtbot, page, 2)
    qtbot.waitUntil(lambda: page.figures.best.value != "–")
    assert page.figures.best.value == f"{100 * (0.9 - 0.3 * 0.1353):.1f} %"
    assert page.figures.loss.value == "0.500"
    assert page.figures.rate.value == "0.0010"
    assert page.figures.speed.value == "50"
    assert page.curves is not None
    assert page.curves.data.best_epoch == 2
    page.session.cancel()
    reach(qtbot, page, "interrupted")


def test_pause_and_resume_reach_the_engine(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient
) -> None:
    start_and_reach_epoch(qtbot, page, 2)
    click(qtbot, page.controls.pause)
    assert page.sentence.text().startswith("Paused")
    click(qtbot, page.controls.resume)
    assert client.requests == {"pause": 1, "resume": 1}
    assert page.session.stage == "running"
    page.session.cancel()
    reach(qtbot, page, "interrupted")


def test_nothing_can_be_kept_before_the_probe(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient
) -> None:
    def looks_forever(_: Job) -> Work:
        pause = threading.Event()
        while True:
            yield Progress(phase="features", done=120, total=244)
            pause.wait(0.005)

    client.script["train"] = looks_forever
    click(qtbot, page.controls.start)
    qtbot.waitUntil(lambda: "120 of 244" in page.sentence.text())
    assert not page.controls.keep.isEnabled()
    assert "probe" in page.detail.text()
    page.session.cancel()
    reach(qtbot, page, "interrupted")
    assert page.primary() is page.controls.again
    assert not page.controls.carry_on.isVisible()


def test_stop_and_keep_the_best_finishes_the_same_run(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient, state: WizardState
) -> None:
    client.script["finish"] = done_after()
    start_and_reach_epoch(qtbot, page, 2)
    qtbot.waitUntil(page.controls.keep.isEnabled)
    click(qtbot, page.controls.keep)
    reach(qtbot, page, "finished")
    assert [job.kind for job in client.jobs] == ["train", "finish"]
    assert getattr(client.jobs[1], "run", 1) == getattr(client.jobs[0], "run", 2)
    assert state.trained is not None
    assert page.isComplete()
    assert page.primary() is None


def test_cancel_asks_once_and_names_what_is_lost(qtbot: QtBot, page: TrainPage) -> None:
    start_and_reach_epoch(qtbot, page, 2)
    click(qtbot, page.controls.cancel)
    box = Question.of(page)
    assert box is not None
    assert "since the end of epoch 2 is lost" in box.informativeText()
    keep, stop = box.escapeButton(), box.buttons()[0]
    assert box.defaultButton() is keep
    qtbot.mouseClick(keep, Qt.MouseButton.LeftButton)
    assert page.session.stage == "running"
    click(qtbot, page.controls.cancel)
    box = Question.of(page)
    assert box is not None
    stop = next(b for b in box.buttons() if b is not box.escapeButton())
    qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)
    reach(qtbot, page, "interrupted")
    assert page.primary() is page.controls.carry_on
    assert page.controls.again.isVisible()
    assert page.controls.keep.accessibleName() == "Keep the best"  # there is nothing to stop


def test_carry_on_resumes_and_keeps_the_curves(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient
) -> None:
    start_and_reach_epoch(qtbot, page, 2)
    page.session.cancel()
    reach(qtbot, page, "interrupted")
    client.script["resume"] = done_after(*list(made_up_run(10, upto=3))[-5:])
    click(qtbot, page.controls.carry_on)
    reach(qtbot, page, "finished")
    assert page.curves is not None
    assert page.curves.data.accuracy.val.x == [1, 2, 3]


def test_a_dead_engine_is_an_error_that_can_be_carried_on_from(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient
) -> None:
    def dies(job: Job) -> Work:
        yield from made_up_run(10, upto=1)
        leave_checkpoint(job)
        raise EngineError("The engine ended (signal 9).", "Start again.")

    client.script["train"] = dies
    click(qtbot, page.controls.start)
    reach(qtbot, page, "failed")
    assert page.error_notice.message == "The engine ended (signal 9)."
    assert page.error_notice.isVisible()
    assert page.controls.carry_on.isVisible()
    client.script["resume"] = done_after()
    click(qtbot, page.controls.carry_on)
    reach(qtbot, page, "finished")
    assert not page.error_notice.isVisible()


def test_a_failure_without_checkpoint_offers_to_start_again(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient
) -> None:
    def full(_: Job) -> Work:
        yield Logged(message="trying")
        raise StorageError("The disk is full.", "Free some space.")

    client.script["train"] = full
    click(qtbot, page.controls.start)
    reach(qtbot, page, "failed")
    assert page.error_notice.hint == "Free some space."
    assert page.primary() is page.controls.again


def test_warnings_are_seen_without_opening_the_log(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient
) -> None:
    warned = Warned(message="Two files are left out.", hint="See the first page.")
    client.script["train"] = done_after(warned, Logged(message="decided"), warned)
    click(qtbot, page.controls.start)
    reach(qtbot, page, "finished")
    assert page.warning_notice.isVisible()
    assert page.warning_notice.message == "Two files are left out."
    click(qtbot, page.log.button)
    assert "decided" in page.log.text.toPlainText()


def test_the_answers_of_the_moment_say_right_and_wrong_in_words(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient, scan: ScanResult
) -> None:
    files = [picture for picture in made_up_pictures(scan.classes) if picture.part == "val"]
    answers = tuple(
        Answer(file=f.file, label=f.label, answer="hole", confidence=0.8) for f in files[:9]
    )
    client.script["train"] = done_after(Answers(epoch=1, answers=answers))
    click(qtbot, page.controls.start)
    reach(qtbot, page, "finished")
    names = [cell.accessibleName() for cell in page.answers.cells]
    assert names[0] == "Right: called hole, 80 % sure"
    assert names[-1] == "Wrong: called hole, 80 % sure; really stain"
    qtbot.waitUntil(lambda: all(cell._image is not None for cell in page.answers.cells))


def test_new_choices_after_training_say_so(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient, state: WizardState
) -> None:
    client.script["train"] = done_after()
    click(qtbot, page.controls.start)
    reach(qtbot, page, "finished")
    assert not page.stale_notice.isVisible()
    state.set_seed(7)
    assert page.stale_notice.isVisible()
    assert page.primary() is page.controls.again


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Training beat the probe by 1.3 points: the trained model is kept."),
        (
            {"kept": "probe", "trained_accuracy": 0.92},
            "Training did not beat the probe: the simpler model is kept.",
        ),
        (
            {"trained_accuracy": 0.932},
            "Training did as well as the probe: the trained model is kept.",
        ),
        (
            {"kept": "probe", "trained_accuracy": None, "epochs": 0, "best_epoch": 0},
            "No epoch was finished: the simpler model, the probe, is kept.",
        ),
    ],
)
def test_the_end_says_which_model_is_kept(values: dict[str, object], words: str) -> None:
    assert outcome(made_up_train_result(**values)) == words


def test_the_model_counts_an_epochs_share_of_the_whole_run() -> None:
    model = TrainingModel()
    for event in list(made_up_run(10, upto=3))[:-3]:
        model.add(event)
    assert model.share == pytest.approx(10 / 40)
    assert model.can_be_finished


def test_a_folder_that_is_away_is_told_until_it_is_back(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient
) -> None:
    back = threading.Event()

    def waits(job: Job) -> Work:
        yield from made_up_run(10, upto=2)
        leave_checkpoint(job)
        while not back.wait(0.005):
            yield Waiting(message="The folder can't be reached.", hint="Check its cable.")
        while True:
            yield Progress(phase="train", done=0, total=0)
            back.wait(0.005)

    client.script["train"] = waits
    click(qtbot, page.controls.start)
    qtbot.waitUntil(page.waiting_notice.isVisible, timeout=5000)
    assert page.waiting_notice.message == "The folder can't be reached."
    assert page.waiting_notice.kind == "warn"
    assert page.sentence.text().startswith("Waiting for the pictures")
    assert page.controls.cancel.isEnabled()
    back.set()
    qtbot.waitUntil(lambda: not page.waiting_notice.isVisible(), timeout=5000)
    assert page.sentence.text().startswith("Fine-tuning")
    page.session.cancel()
    reach(qtbot, page, "interrupted")


def test_a_training_that_waits_can_be_cancelled(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient
) -> None:
    def waits(_: Job) -> Work:
        pause = threading.Event()
        while True:
            yield Waiting(message="The folder can't be reached.")
            pause.wait(0.005)

    client.script["train"] = waits
    click(qtbot, page.controls.start)
    qtbot.waitUntil(page.waiting_notice.isVisible, timeout=5000)
    click(qtbot, page.controls.cancel)
    question = Question.of(page)
    assert question is not None
    stop = next(b for b in question.buttons() if b is not question.escapeButton())
    qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)
    reach(qtbot, page, "interrupted")
    assert not page.waiting_notice.isVisible()


def test_whether_the_computer_stays_awake_is_asked_once_and_kept(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient, state: WizardState, engine: EngineRoom
) -> None:
    assert page.keep_awake.isChecked()
    page.keep_awake.click()
    assert preferences() == Preferences(keep_awake=False)
    start_and_reach_epoch(qtbot, page, 2)
    assert getattr(client.jobs[0], "keep_awake", None) is False
    assert not page.keep_awake.isVisible()
    page.session.cancel()
    reach(qtbot, page, "interrupted")
    preferences_file().write_text("{}}")
    assert preferences().keep_awake
