"""Earlier runs on the training page: shown as they stand, carried on, watched, put away."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_up import made_up_evaluation, made_up_run, made_up_train_result
from made_up_runs import made_up_job, made_up_run_folder
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.question import Question
from tlstudio.gui.wizard.replay import EventTail
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.gui.wizard.train import TrainPage
from tlstudio.jobs import Job, Result, ScanResult
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Event, Resumed

if TYPE_CHECKING:
    from tests.gui.conftest import ScriptedClient


@pytest.fixture
def page(
    qtbot: QtBot, state: WizardState, engine: EngineRoom, scan: ScanResult
) -> Iterator[TrainPage]:
    state.set_scan(scan.model_copy(update={"fingerprint": "those of now"}))
    page = TrainPage(state, engine)
    qtbot.addWidget(page)
    page.resize(900, 640)
    page.show()
    yield page
    page.leave()
    page.hide()


def click(qtbot: QtBot, button: QAbstractButton) -> None:
    assert button.isVisible()
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def adopt(qtbot: QtBot, page: TrainPage, run: Path) -> None:
    with qtbot.waitSignal(page.session.adopted):
        page.session.adopt(run)


def goes_on(job: Job) -> Generator[Event, None, Result]:
    """What an engine sends that carries on after the third of four epochs."""
    yield Resumed(resumed_at_step=12, epoch=3)
    yield from list(made_up_run(4))[16:]
    return made_up_train_result(getattr(job, "run", ""))


def test_an_interrupted_run_is_shown_with_its_curves_and_its_choices_and_carried_on(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient, state: WizardState, tmp_path: Path
) -> None:
    job = made_up_job(seed=7, recipe={"epochs": 4})
    events = made_up_run(4, upto=3)
    run = made_up_run_folder(tmp_path / "run", "interrupted", job=job, events=events)
    adopt(qtbot, page, run)
    assert page.sentence.text() == "Interrupted, in epoch 3 of 4"
    assert page.figures.best.value == "88.5 %"
    assert page.curves is not None
    assert page.curves.data.accuracy.val.x == [1, 2, 3]
    assert (state.seed, state.recipe.epochs, state.run) == (7, 4, run)
    client.script["resume"] = goes_on
    click(qtbot, page.controls.carry_on)
    qtbot.waitUntil(lambda: page.session.stage == "finished")
    assert [getattr(each, "run", None) for each in client.jobs] == [str(run)]
    assert page.curves.data.accuracy.val.x == [1, 2, 3, 4]
    assert state.trained_job == job


def test_it_can_be_carried_on_at_once(
    qtbot: QtBot, page: TrainPage, client: ScriptedClient, tmp_path: Path
) -> None:
    client.script["resume"] = goes_on
    page.session.adopt(made_up_run_folder(tmp_path / "run", "interrupted"), carry_on=True)
    qtbot.waitUntil(lambda: page.session.stage == "finished")
    assert [job.kind for job in client.jobs] == ["resume"]


def test_a_finished_run_comes_with_its_result_wherever_it_lies_now(
    qtbot: QtBot, page: TrainPage, state: WizardState, tmp_path: Path
) -> None:
    made_up_run_folder(tmp_path / "before", job=made_up_job(seed=7))
    run = tmp_path / "after"
    (tmp_path / "before").rename(run)
    adopt(qtbot, page, run)
    assert page.session.stage == "finished"
    assert state.trained is not None
    assert state.trained.run == str(run)
    assert state.may_go_to(PageId.RESULTS)
    # Nobody knows whether it was made with the pictures that are chosen.
    assert state.changed_since_training
    assert "beat the probe by 1.3 points" in page.sentence.text()


def test_a_run_of_the_command_line_with_the_same_pictures_is_not_out_of_date(
    page: TrainPage, state: WizardState, tmp_path: Path
) -> None:
    """It says the same in other words: "all" for a number of blocks, nothing of the grouping."""
    job, result = made_up_job(freeze="all", seed=7), made_up_train_result(str(tmp_path))
    state.open_run(tmp_path, job, result, "those of now")
    assert not state.changed_since_training
    state.set_seed(8)
    assert state.changed_since_training
    state.open_run(tmp_path, job, result, "those of then")
    assert state.changed_since_training


def test_a_run_that_another_program_trains_is_watched_and_can_be_carried_on_when_that_dies(
    qtbot: QtBot, page: TrainPage, tmp_path: Path
) -> None:
    run = made_up_run_folder(tmp_path / "run", "running")
    with RunFolder(run).locked():
        adopt(qtbot, page, run)
        assert page.session.stage == "elsewhere"
        assert page.sentence.text().startswith("Another window or program trains this")
        assert not [button for button in page.controls.all() if button.isVisible()]
        with RunFolder(run).recording() as log:
            for event in list(made_up_run(10, upto=5))[16:]:
                log.append(event)
        qtbot.waitUntil(lambda: page.session.model.finished_epochs == 5)
        assert page.curves is not None
        assert page.curves.data.accuracy.val.x == [1, 2, 3, 4, 5]
    qtbot.waitUntil(lambda: page.session.stage == "interrupted")
    assert page.controls.carry_on.isVisible()


def test_who_closes_the_run_begins_anew(
    qtbot: QtBot, page: TrainPage, state: WizardState, tmp_path: Path
) -> None:
    adopt(qtbot, page, made_up_run_folder(tmp_path / "run", "interrupted"))
    page.session.put_away()
    assert page.session.stage == "ready"
    assert page.curves is not None
    assert not page.curves.data.accuracy.val.x
    assert state.run is None
    assert page.primary() is page.controls.start


def test_an_interrupted_run_can_be_discarded_and_lies_in_the_bin_then(
    qtbot: QtBot, page: TrainPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_ = tmp_path / "bin"
    monkeypatch.setattr("tlstudio.projects.runs.to_bin", lambda path: shutil.move(path, bin_))
    run = made_up_run_folder(tmp_path / "run", "interrupted")
    adopt(qtbot, page, run)
    click(qtbot, page.controls.discard)
    question = Question.of(page)
    assert question is not None
    agree = next(each for each in question.buttons() if each.text() == "&Discard it")
    qtbot.mouseClick(agree, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.session.stage == "ready")
    assert not run.exists()
    assert (bin_ / "events.jsonl").is_file()


def test_what_its_locked_pictures_said_is_known_again(
    qtbot: QtBot, page: TrainPage, state: WizardState, scan: ScanResult, tmp_path: Path
) -> None:
    run, tested = made_up_run_folder(tmp_path / "run"), made_up_evaluation(scan)
    RunFolder(run).save_locked_score(tested)
    adopt(qtbot, page, run)
    assert state.tested == tested


def test_a_run_that_is_gone_or_damaged_is_said_to_be(
    qtbot: QtBot, page: TrainPage, tmp_path: Path
) -> None:
    damaged = made_up_run_folder(tmp_path / "run")
    (damaged / "job.json").write_text("[")
    for run, words in ((tmp_path / "gone", "holds no run"), (damaged, "is not valid")):
        with qtbot.waitSignal(page.session.not_adopted):
            page.session.adopt(run)
        assert words in page.error_notice.message
        assert page.session.stage == "ready"


def test_events_are_read_from_where_the_last_reading_ended(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    events = list(made_up_run(3))
    tail = EventTail(run.events_file)
    assert list(tail.new()) == []
    with run.recording() as log:
        for event in events[:7]:
            log.append(event)
    assert list(tail.new()) == events[:7]
    with run.events_file.open("ab") as file:
        file.write(b'{"type": "ep')  # a line that is being written
    assert list(tail.new()) == []
    with run.recording() as log:
        for event in events[7:]:
            log.append(event)
    assert list(tail.new()) == events[7:]
    assert not tail.cut_back()
    run.events_file.write_bytes(b"")
    assert tail.cut_back()
