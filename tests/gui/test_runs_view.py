"""The screen of a project's runs: what each click and key asks for, and what is shown."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_up import made_up_run
from made_up_runs import made_up_job, made_up_run_folder
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.views.comparison import compared
from tlstudio.gui.views.run_rows import row_of
from tlstudio.gui.views.runs import RunsView
from tlstudio.gui.widgets.question import Question
from tlstudio.gui.widgets.run_model import MOST_COMPARED, Column
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import TrainingJob
from tlstudio.projects.project import Project
from tlstudio.projects.run_folder import RunFolder
from tlstudio.projects.runs import runs_of, summary


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def view(qtbot: QtBot, state: WizardState, engine: EngineRoom) -> Iterator[RunsView]:
    view = RunsView(state, engine)
    qtbot.addWidget(view)
    view.resize(1100, 720)
    view.show()
    view.activateWindow()
    yield view
    view.leave()
    view.hide()


def show(qtbot: QtBot, view: RunsView, project: Project) -> None:
    """The runs are read, and so is the one that is looked at."""
    view.show_project(project.path, "fabric")
    qtbot.waitUntil(lambda: not view._list.busy and not view._rest.isActive())
    qtbot.waitUntil(lambda: not view._look.busy)


def look_at(qtbot: QtBot, view: RunsView, path: Path) -> None:
    number = view.table.runs.row_of(path)
    assert number is not None
    index = view.table.runs.index(number, Column.STATE)
    place = view.table.visualRect(index).center()
    qtbot.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: not view._rest.isActive() and not view._look.busy)


def click(qtbot: QtBot, button: QAbstractButton) -> None:
    assert button.isVisible()
    assert button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def column(view: RunsView, which: Column) -> list[str]:
    model = view.table.runs
    return [str(model.index(row, which).data()) for row in range(model.rowCount())]


def answer(qtbot: QtBot, view: RunsView, text: str) -> str:
    """Clicks the button of the question with this text; returns what was asked."""
    question = Question.of(view)
    assert question is not None
    button = next(each for each in question.buttons() if each.text() == text)
    said = f"{question.text()} {question.informativeText()}"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    return said


def test_without_a_run_it_says_what_will_stand_here_and_offers_the_next_thing(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    show(qtbot, view, project)
    assert view.empty.text().startswith("No training yet.")
    with qtbot.waitSignal(view.new_run):
        click(qtbot, view.empty_button)


def test_the_list_grows_with_the_runs(qtbot: QtBot, view: RunsView, project: Project) -> None:
    made_up_run_folder(project.runs_folder / "first")
    show(qtbot, view, project)
    for n in range(3):
        made_up_run_folder(project.runs_folder / f"more {n}", hours=n + 1)
    show(qtbot, view, project)
    assert view.table.verticalScrollBar().maximum() == 0


def test_each_run_stands_there_as_it_is_the_newest_first(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    runs = project.runs_folder
    made_up_run_folder(runs / "good", hours=0)
    made_up_run_folder(runs / "cut short", "interrupted", hours=1)
    made_up_run_folder(runs / "broken", "failed", hours=2, message="The disk is full.")
    made_up_run_folder(runs / "died", "running", hours=3)  # nobody holds it any more
    (made_up_run_folder(runs / "gnawed", hours=4) / "job.json").write_text("{")
    show(qtbot, view, project)
    titles = column(view, Column.TITLE)
    states = dict(zip(titles, column(view, Column.STATE), strict=True))
    assert titles[-4:] == ["died", "broken", "cut short", "good"]
    assert states == {
        "good": "✓ finished",
        "cut short": "◐ interrupted",
        "broken": "✕ failed",
        "died": "◐ interrupted",
        "gnawed": "✕ damaged",
    }
    facts = {name: view.table.runs.row_of(runs / name) for name in titles}
    accuracies, epochs = column(view, Column.ACCURACY), column(view, Column.EPOCHS)
    assert accuracies[facts["good"] or 0] == "94.5\u00a0% of 49"
    assert accuracies[facts["cut short"] or 0] == "88.5\u00a0% so far"
    assert epochs[facts["cut short"] or 0] == "3 of 10"


def test_a_click_on_a_title_sorts_and_the_run_that_is_looked_at_stays(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    for hours, accuracy in enumerate([0.91, 0.95, 0.93]):
        run = project.runs_folder / f"run {hours}"
        made_up_run_folder(run, hours=hours, val_accuracy=accuracy)
    show(qtbot, view, project)
    look_at(qtbot, view, project.runs_folder / "run 1")
    header = view.table.horizontalHeader()
    x = header.sectionPosition(Column.ACCURACY) + 20
    for order in (["run 0", "run 2", "run 1"], ["run 1", "run 2", "run 0"]):
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, 8))
        assert column(view, Column.TITLE) == order
        row = view.table.row()
        assert row is not None
        assert row.summary.title == "run 1"


def test_f2_renames_in_place_and_the_folder_keeps_its_name(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    run = made_up_run_folder(project.runs_folder / "fabric 1")
    show(qtbot, view, project)
    view.table.setFocus()
    qtbot.keyClick(view.table, Qt.Key.Key_F2)
    field = view.table.findChild(QLineEdit)
    assert field is not None
    assert field.text() == "fabric 1"
    qtbot.keyClicks(field, "With my own title")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: column(view, Column.TITLE) == ["With my own title"])
    assert [each.title for each in runs_of(project)] == ["With my own title"]
    assert run.is_dir()
    qtbot.waitUntil(lambda: view.details.title.text() == "With my own title")


def test_the_run_that_is_looked_at_shows_its_settings_and_its_curves(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    job = made_up_job(seed=7, recipe={"learning_rate": 0.001, "epochs": 4})
    made_up_run_folder(project.runs_folder / "run", job=job)
    show(qtbot, view, project)
    shown = [label.text() for label in view.details._grid._labels if label.isVisible()]
    facts = dict(zip(shown[::2], shown[1::2], strict=True))
    assert facts["Network"] == "SqueezeNet 1.1"
    assert facts["Learning rate"] == "0.001"
    assert facts["Seed"] == "7"
    assert "Optimiser" not in facts
    assert view.details.curves is not None
    data = view.details.curves.data
    expected = [event for event in made_up_run(4) if event.type == "epoch"]
    assert data.accuracy.val.y == [100 * event.val_accuracy for event in expected]


def test_what_can_be_carried_on_is_with_a_click_or_return(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    run = made_up_run_folder(project.runs_folder / "run", "interrupted")
    show(qtbot, view, project)
    assert not view.details.open.isVisible()
    with qtbot.waitSignal(view.carry_on) as asked:
        click(qtbot, view.details.carry_on)
    assert asked.args == [run]
    with qtbot.waitSignal(view.carry_on):
        qtbot.keyClick(view.table, Qt.Key.Key_Return)


def test_its_settings_or_its_model_are_where_the_next_one_starts(
    qtbot: QtBot, view: RunsView, project: Project, state: WizardState
) -> None:
    job = made_up_job(seed=7, recipe={"epochs": 33})
    run = made_up_run_folder(project.runs_folder / "run", job=job)
    show(qtbot, view, project)
    with qtbot.waitSignal(view.opened) as opened:
        click(qtbot, view.details.open)
    assert opened.args == [run]
    with qtbot.waitSignal(view.start_from) as asked:
        click(qtbot, view.details.use)
    assert asked.args == [job]
    with qtbot.waitSignal(view.start_from) as asked:
        click(qtbot, view.details.train_on)
    further: TrainingJob = asked.args[0]
    assert further.backbone.weights.run == str(run)
    assert further.recipe == job.recipe
    state.adopt(job)
    assert (state.backbone_id, state.seed, state.recipe.epochs) == ("squeezenet1_1", 7, 33)
    assert state.frozen == 8


def test_delete_asks_once_says_what_is_lost_and_moves_it_to_the_bin(
    qtbot: QtBot,
    view: RunsView,
    project: Project,
    state: WizardState,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    monkeypatch.setattr(
        "tlstudio.projects.runs.to_bin", lambda path: shutil.move(path, bin_ / path.name)
    )
    run = made_up_run_folder(project.runs_folder / "run")
    found = summary(run)
    assert found.job is not None
    state.open_run(run, found.job, found.result, "")
    show(qtbot, view, project)
    click(qtbot, view.details.delete)
    assert "94.5\u00a0% of 49" in answer(qtbot, view, "&Keep it")
    assert run.is_dir()
    qtbot.keyClick(view.table, Qt.Key.Key_Delete)
    answer(qtbot, view, "&Move it to the bin")
    qtbot.waitUntil(view.empty_button.isVisible)
    assert not run.exists()
    assert (bin_ / "run" / "job.json").is_file()
    assert state.trained is None


def test_two_that_are_ticked_are_compared_by_what_differs(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    fast, slow = made_up_job(seed=1), made_up_job(seed=1, recipe={"learning_rate": 0.0001})
    made_up_run_folder(project.runs_folder / "fast", job=fast, hours=1)
    made_up_run_folder(project.runs_folder / "slow", job=slow, kept="probe")
    show(qtbot, view, project)
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Down, Qt.Key.Key_Space):
        qtbot.keyClick(view.table, key)
    qtbot.waitUntil(lambda: view.comparison.curves is not None)
    assert view.comparison.isVisible()
    heads, texts = compared(view.table.runs.ticked_rows())
    assert heads == ["Training", "Accuracy", "Epochs", "Took", "Learning rate"]
    assert [row[0] for row in texts] == ["fast", "slow"]
    assert [row[4] for row in texts] == ["0.0003", "0.0001"]
    assert texts[1][1] == "94.5\u00a0% of 49, probe"
    assert view.comparison.rows == texts
    assert view.comparison.curves is not None
    lines = view.comparison.curves.loss.listDataItems()
    assert [list(line.getData()[1]) for line in lines] == [[2, 1, 2 / 3, 0.5]] * 2
    click(qtbot, view.comparison.stop)
    assert view.details.isVisible()
    assert not view.table.runs.ticked_rows()


def test_a_click_on_its_box_ticks_a_run_and_elsewhere_does_not(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    made_up_run_folder(project.runs_folder / "run")
    show(qtbot, view, project)
    cell = view.table.visualRect(view.table.runs.index(0, Column.TITLE))
    places = (QPoint(cell.left() + 17, cell.center().y()), cell.center())
    for place, ticked in zip(places, (1, 1), strict=True):
        qtbot.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert len(view.table.runs.ticked_rows()) == ticked
    assert view.hint.text() == "One is ticked: tick another to compare them."


def test_no_more_are_compared_than_can_be_told_apart(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    for number in range(MOST_COMPARED + 1):
        made_up_run_folder(project.runs_folder / f"run {number}", hours=number)
    show(qtbot, view, project)
    for _ in range(MOST_COMPARED + 1):
        qtbot.keyClick(view.table, Qt.Key.Key_Space)
        qtbot.keyClick(view.table, Qt.Key.Key_Down)
    assert len(view.table.runs.ticked_rows()) == MOST_COMPARED
    assert "more could not be told apart" in view.hint.text()


def test_where_a_project_is_only_looked_at_nothing_of_it_is_changed(
    qtbot: QtBot, view: RunsView, project: Project, state: WizardState
) -> None:
    made_up_run_folder(project.runs_folder / "run", "interrupted")
    show(qtbot, view, project)
    state.set_read_only("Open in another window.")
    assert view.details.reason.text() == "Open in another window."
    for button in (view.details.carry_on, view.details.rename, view.details.delete):
        assert not button.isEnabled()
    assert not view.new_button.isEnabled()
    assert view.details.folder.isEnabled()
    qtbot.keyClick(view.table, Qt.Key.Key_F2)
    assert view.table.findChild(QLineEdit) is None


def test_a_run_that_is_trained_elsewhere_is_followed(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    run = made_up_run_folder(project.runs_folder / "run", "running")
    with RunFolder(run).locked():
        show(qtbot, view, project)
        assert column(view, Column.STATE) == ["▶ running"]
        assert column(view, Column.EPOCHS) == ["3 of 10"]
        assert not view.details.delete.isEnabled()
        later = list(made_up_run(10, upto=5))[16:]
        with RunFolder(run).recording() as log:
            for event in later:
                log.append(event)
        qtbot.waitUntil(lambda: column(view, Column.EPOCHS) == ["5 of 10"])
        qtbot.waitUntil(lambda: bool(view.details.curves and _epochs(view) == [1, 2, 3, 4, 5]))
    qtbot.waitUntil(lambda: column(view, Column.STATE) == ["◐ interrupted"])
    assert view.details.carry_on.isVisible()


def test_who_comes_back_sees_what_was_learned_meanwhile(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    run = made_up_run_folder(project.runs_folder / "run", "interrupted")
    show(qtbot, view, project)
    assert _epochs(view) == [1, 2, 3]
    with RunFolder(run).recording() as log:
        for event in list(made_up_run(10, upto=5))[16:]:
            log.append(event)
    show(qtbot, view, project)
    qtbot.waitUntil(lambda: _epochs(view) == [1, 2, 3, 4, 5])


def test_what_is_compared_grows_while_it_is_trained(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    made_up_run_folder(project.runs_folder / "done")
    run = made_up_run_folder(project.runs_folder / "under way", "running", hours=1)
    with RunFolder(run).locked():
        show(qtbot, view, project)
        for key in (Qt.Key.Key_Space, Qt.Key.Key_Down, Qt.Key.Key_Space):
            qtbot.keyClick(view.table, key)
        with RunFolder(run).recording() as log:
            for event in list(made_up_run(10, upto=5))[16:]:
                log.append(event)
        qtbot.waitUntil(lambda: [row[2] for row in view.comparison.rows][:1] == ["5 of 10"])
        qtbot.waitUntil(lambda: _compared_epochs(view) == [5, 4])


def _compared_epochs(view: RunsView) -> list[float]:
    curves = view.comparison.curves
    lines = curves.accuracy.listDataItems() if curves else []
    return [line.getData()[0][-1] for line in lines]


def _epochs(view: RunsView) -> list[float]:
    return [] if view.details.curves is None else view.details.curves.data.accuracy.val.x


def test_a_damaged_run_is_said_to_be_and_can_only_be_deleted(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    run = made_up_run_folder(project.runs_folder / "run")
    (run / "job.json").write_text('{"version": 1, "dataset":')
    show(qtbot, view, project)
    assert "is not valid" in view.details.trouble.message
    assert not view.details.open.isVisible()
    assert not view.details.use.isVisible()
    assert view.details.delete.isEnabled()


def test_titles_keep_their_room_where_the_window_is_narrow(
    qtbot: QtBot, view: RunsView, project: Project
) -> None:
    made_up_run_folder(project.runs_folder / "run")
    show(qtbot, view, project)
    for width in (1400, 960):
        view.resize(width, 720)
        qtbot.waitUntil(lambda width=width: view.width() == width)
        assert view.table.isColumnHidden(Column.TOOK) == (width == 960)
        assert view.table.columnWidth(Column.TITLE) > 190


def test_everything_can_be_reached_and_has_a_name(
    qtbot: QtBot, view: RunsView, project: Project, qapp: QApplication
) -> None:
    made_up_run_folder(project.runs_folder / "run")
    show(qtbot, view, project)
    for button in view.findChildren(QPushButton):
        if button.isVisible():
            assert button.accessibleName() or button.text()
    reached = set()
    for _ in range(20):
        reached.add(qapp.focusWidget())
        qtbot.keyClick(qapp.focusWidget(), Qt.Key.Key_Tab)
    assert {view.table, view.details.open, view.details.delete, view.new_button} <= reached


def test_how_far_a_run_got_is_read_from_its_end_alone(project: Project) -> None:
    events = list(made_up_run(400, steps=40, upto=60))
    run = made_up_run_folder(project.runs_folder / "run", "interrupted", events=events)
    row = row_of(summary(run))
    assert (row.epoch, row.epochs) == (60, 400)
    assert row.accuracy == pytest.approx(0.9)
