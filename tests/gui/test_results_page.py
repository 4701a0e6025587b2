"""The results page: what it asks of the engine, what it says, and which pictures it shows."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_up import made_up_evaluation, made_up_train_result
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from tlstudio.errors import RunError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.wizard.results import ResultsPage
from tlstudio.gui.wizard.results_words import basis, comparison, headline
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import EvaluateJob, EvaluationResult, Job, Result, ScanResult
from tlstudio.tasks import Event, Progress, Warned

if TYPE_CHECKING:
    from tests.gui.conftest import ScriptedClient

Work = Generator[Event, None, Result]


@pytest.fixture
def evaluation(scan: ScanResult) -> EvaluationResult:
    return made_up_evaluation(scan)


@pytest.fixture
def page(
    qtbot: QtBot,
    state: WizardState,
    engine: EngineRoom,
    client: ScriptedClient,
    scan: ScanResult,
    evaluation: EvaluationResult,
) -> Iterator[ResultsPage]:
    def evaluate(_: Job) -> Work:
        yield Progress(phase="evaluate", done=5, total=10)
        return evaluation

    client.script["evaluate"] = evaluate
    state.set_scan(scan)
    state.set_trained(state.job(), made_up_train_result())
    page = ResultsPage(state, engine)
    qtbot.addWidget(page)
    page.resize(900, 640)
    yield page
    page.leave()
    page.hide()


def enter(qtbot: QtBot, page: ResultsPage) -> None:
    page.show()
    qtbot.waitUntil(lambda: page.state.evaluation is not None)


def test_entering_evaluates_the_run_once(
    qtbot: QtBot, page: ResultsPage, client: ScriptedClient
) -> None:
    enter(qtbot, page)
    page.hide()
    page.show()
    assert [job.kind for job in client.jobs] == ["evaluate"]
    assert page.isComplete()


def test_the_headline_is_the_figure_with_its_interval(evaluation: EvaluationResult) -> None:
    assert headline(evaluation).replace("\u00a0", " ") == (
        "Expect about 80 % on new pictures like these (between 49 and 94 %)."
    )


def test_the_figure_is_called_optimistic_where_its_pictures_chose_the_epoch(
    evaluation: EvaluationResult,
) -> None:
    assert "optimistic" in basis(evaluation, made_up_train_result())
    assert "8 of them" in basis(evaluation, made_up_train_result())
    alone = made_up_train_result(kept="probe", trained_accuracy=None, epochs=0, best_epoch=0)
    assert "optimistic" not in basis(evaluation, alone)
    assert "probe" in comparison(alone)


def test_first_comes_what_was_wrong_with_most_confidence(qtbot: QtBot, page: ResultsPage) -> None:
    enter(qtbot, page)
    shown = page.pictures.pictures.predictions
    assert [p.truth != p.label for p in shown] == [True, True]
    assert [p.confidence for p in shown] == sorted((p.confidence for p in shown), reverse=True)
    assert page.pictures_heading.text() == "What was wrong, most confident first"


def test_a_cell_shows_its_pictures_and_the_link_goes_back(qtbot: QtBot, page: ResultsPage) -> None:
    enter(qtbot, page)
    table, model = page.matrix.table, page.matrix.model
    at = table.visualRect(model.index(0, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    shown = page.pictures.pictures.predictions
    assert {(p.truth, p.label) for p in shown} == {("hole", "hole")}
    assert str(len(shown)) == model.index(0, 0).data()
    qtbot.mouseClick(page.all_wrong, Qt.MouseButton.LeftButton)
    assert all(p.truth != p.label for p in page.pictures.pictures.predictions)
    assert not table.selectionModel().hasSelection()


def test_enter_on_a_picture_opens_it_large(qtbot: QtBot, page: ResultsPage) -> None:
    enter(qtbot, page)
    page.pictures.setCurrentIndex(page.pictures.pictures.index(0))
    page.pictures.setFocus()
    qtbot.keyClick(page.pictures, Qt.Key.Key_Return)
    dialog = page.findChild(QDialog)
    assert dialog is not None
    assert dialog.isVisible()
    assert dialog.windowTitle() == Path(page.pictures.pictures.predictions[0].picture).name
    dialog.close()


def test_a_failure_is_shown_with_a_way_to_try_again(
    qtbot: QtBot, page: ResultsPage, client: ScriptedClient
) -> None:
    good = client.script["evaluate"]

    def fails(_: Job) -> Work:
        yield Progress(phase="evaluate", done=0, total=10)
        raise RunError("The run is damaged.", "Train it again.")

    client.script["evaluate"] = fails
    page.show()
    qtbot.waitUntil(page.notice.isVisible)
    assert page.notice.message == "The run is damaged."
    assert not page.isComplete()
    client.script["evaluate"] = good
    page.notice.acted.emit()
    qtbot.waitUntil(lambda: page.state.evaluation is not None)
    assert not page.notice.isVisible()


def test_nothing_wrong_is_said_and_not_shown_as_an_empty_list(
    qtbot: QtBot, page: ResultsPage, client: ScriptedClient, scan: ScanResult
) -> None:
    perfect = made_up_evaluation(scan, wrong=0)

    def evaluate(_: Job) -> Work:
        yield Progress(phase="evaluate", done=10, total=10)
        return perfect

    client.script["evaluate"] = evaluate
    enter(qtbot, page)
    assert (
        page.pictures_heading.text() == "Nothing was wrong: all 10 pictures got the right answer."
    )
    assert not page.pictures.isVisible()


def test_a_new_run_is_evaluated_anew(
    qtbot: QtBot, page: ResultsPage, client: ScriptedClient, state: WizardState
) -> None:
    enter(qtbot, page)
    page.hide()
    state.set_trained(state.job(), made_up_train_result(run="another"))
    enter(qtbot, page)
    assert [getattr(job, "run", "") for job in client.jobs] == ["run", "another"]


# --- locked test pictures ------------------------------------------------------------------------


def scores_locked_pictures(
    client: ScriptedClient, evaluation: EvaluationResult, seen: bool = False
) -> None:
    """The engine has six locked pictures, of which five are right."""

    def evaluate(job: Job) -> Work:
        yield Progress(phase="evaluate", done=1, total=6)
        if not isinstance(job, EvaluateJob) or job.part == "val":
            return evaluation.model_copy(update={"part": "val", "locked": 6})
        if seen:
            yield Warned(message="They were scored before.", hint="Only new pictures tell.")
        values = {"part": "test", "locked": 6, "n": 6, "accuracy": 5 / 6}
        return evaluation.model_copy(
            update={**values, "accuracy_low": 0.4365, "accuracy_high": 0.9699}
        )

    client.script["evaluate"] = evaluate


def answer(qtbot: QtBot, page: ResultsPage, word: str) -> None:
    qtbot.mouseClick(page.locked.offer, Qt.MouseButton.LeftButton)
    box = page.findChild(QMessageBox)
    assert box is not None
    assert "6 pictures were locked away" in box.informativeText()
    button = next(each for each in box.findChildren(QPushButton) if word in each.text())
    with qtbot.waitSignal(box.finished):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.findChild(QMessageBox) is None)


def test_without_test_pictures_nothing_is_offered(qtbot: QtBot, page: ResultsPage) -> None:
    enter(qtbot, page)
    assert not page.locked.isVisible()


def test_locked_pictures_stay_locked_until_it_was_asked_and_answered(
    qtbot: QtBot, page: ResultsPage, client: ScriptedClient, evaluation: EvaluationResult
) -> None:
    scores_locked_pictures(client, evaluation)
    enter(qtbot, page)
    assert page.locked.offer.isVisible()
    answer(qtbot, page, "Keep")
    assert len(client.jobs) == 1
    answer(qtbot, page, "Score")
    qtbot.waitUntil(lambda: page.state.tested is not None)
    asked = client.jobs[1]
    assert isinstance(asked, EvaluateJob)
    assert (asked.run, asked.part) == ("run", "test")
    assert page.locked.figure.text().replace("\u00a0", " ") == (
        "On the locked test pictures 83 % of 6 are right (between 44 and 97 %), on the validation"
        " pictures 80 % of 10."
    )
    assert not page.locked.offer.isVisible()
    assert "80" in page.headline.text()  # the headline stays that of the validation pictures


def test_it_is_said_where_somebody_looked_at_them_before(
    qtbot: QtBot, page: ResultsPage, client: ScriptedClient, evaluation: EvaluationResult
) -> None:
    scores_locked_pictures(client, evaluation, seen=True)
    enter(qtbot, page)
    answer(qtbot, page, "Score")
    qtbot.waitUntil(lambda: page.state.tested is not None)
    assert page.locked.meaning.text() == "They were scored before. Only new pictures tell."


def test_a_new_run_has_locked_pictures_of_its_own(
    qtbot: QtBot, page: ResultsPage, client: ScriptedClient, evaluation: EvaluationResult
) -> None:
    scores_locked_pictures(client, evaluation)
    enter(qtbot, page)
    answer(qtbot, page, "Score")
    qtbot.waitUntil(lambda: page.state.tested is not None)
    page.hide()
    page.state.set_trained(page.state.job(), made_up_train_result(run="another"))
    enter(qtbot, page)
    assert page.state.tested is None
    assert page.locked.offer.isVisible()
    assert not page.locked.figure.isVisible()


def test_a_failed_score_is_said_and_can_be_asked_for_again(
    qtbot: QtBot, page: ResultsPage, client: ScriptedClient, evaluation: EvaluationResult
) -> None:
    scores_locked_pictures(client, evaluation)
    enter(qtbot, page)

    def fails(_: Job) -> Work:
        yield Progress(phase="evaluate", done=0, total=6)
        raise RunError("The disk is gone.", "Connect it.")

    client.script["evaluate"] = fails
    answer(qtbot, page, "Score")
    qtbot.waitUntil(page.locked.notice.isVisible)
    assert page.locked.notice.message == "The disk is gone."
    assert page.locked.offer.isVisible()
    scores_locked_pictures(client, evaluation)
    answer(qtbot, page, "Score")
    qtbot.waitUntil(lambda: page.state.tested is not None)
    assert not page.locked.notice.isVisible()


def test_another_run_that_is_opened_meanwhile_is_evaluated_next(
    qtbot: QtBot, page: ResultsPage, client: ScriptedClient, evaluation: EvaluationResult
) -> None:
    opened = threading.Event()

    def evaluate(job: Job) -> Work:
        opened.wait(5)
        yield Progress(phase="evaluate", done=5, total=10)
        if getattr(job, "run", "") == "run":
            raise RunError("This run is damaged.")
        return evaluation

    client.script["evaluate"] = evaluate
    page.show()
    qtbot.waitUntil(lambda: len(client.jobs) == 1)
    page.state.set_trained(page.state.job(), made_up_train_result("another"))
    opened.set()
    qtbot.waitUntil(lambda: page.state.evaluation is not None)
    assert [getattr(job, "run", "") for job in client.jobs] == ["run", "another"]
    assert not page.notice.isVisible()
