"""The desk: corrections are written in order, undone in order, and none is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_scans import made_up_scan
from pytestqt.qtbot import QtBot

from tlstudio.errors import StorageError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.labelling import leave_out
from tlstudio.gui.wizard.state import WizardState
from tlstudio.projects.corrections import Correction, Corrections
from tlstudio.projects.project import Project


@pytest.fixture
def desk(qtbot: QtBot, state: WizardState, engine: EngineRoom) -> Desk:
    state.set_scan(made_up_scan({"ants": 6, "bees": 6}, kept=True))
    return Desk(state, engine, engine)


def left_out(desk: Desk) -> set[int]:
    assert desk.project is not None
    return {n for n, (_, out) in Corrections(Project(desk.project)).pictures().items() if out}


def idle(qtbot: QtBot, desk: Desk) -> None:
    qtbot.waitUntil(lambda: not desk.busy)


def full(_: object) -> Correction:
    raise StorageError("The disk is full.", "Free some space.")


def test_what_is_undone_is_what_was_done_last_also_before_it_was_written(
    qtbot: QtBot, desk: Desk
) -> None:
    for number in (1, 2, 3):
        desk.grant(leave_out([number], out=True))
    desk.take_back()
    desk.take_back()
    desk.do_again()
    assert desk.busy
    idle(qtbot, desk)
    assert left_out(desk) == {1, 2}
    desk.take_back()
    desk.take_back()
    idle(qtbot, desk)
    assert left_out(desk) == set()
    desk.leave()


def test_next_waits_from_the_first_moment_on(desk: Desk, state: WizardState) -> None:
    desk.grant(leave_out([1], out=True))
    assert state.looking
    desk.leave()


def test_what_could_not_be_written_is_said_and_is_nothing_to_undo(qtbot: QtBot, desk: Desk) -> None:
    said: list[str] = []
    desk.said.connect(said.append)
    desk.grant(leave_out([1], out=True))
    with qtbot.waitSignal(desk.failed) as failed:
        desk.correct("2 pictures left out", full)
    assert failed.args == ["The disk is full.", "Free some space."]
    idle(qtbot, desk)
    desk.take_back()
    idle(qtbot, desk)
    assert left_out(desk) == set()
    assert said == ["1 picture left out", "Undone: 1 picture left out"]
    assert not desk.undo.canUndo()
    desk.leave()


def test_an_undo_that_fails_leaves_the_correction_and_can_be_tried_again(
    qtbot: QtBot, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.grant(leave_out([4], out=True))
    idle(qtbot, desk)
    with monkeypatch.context() as broken:
        broken.setattr(Corrections, "apply", lambda *_: full(None))
        with qtbot.waitSignal(desk.failed):
            desk.take_back()
        idle(qtbot, desk)
    assert left_out(desk) == {4}
    desk.do_again()
    desk.take_back()
    idle(qtbot, desk)
    assert left_out(desk) == set()
    desk.leave()


def test_a_window_that_closes_writes_what_was_asked_for(desk: Desk) -> None:
    for number in (1, 2, 3):
        desk.grant(leave_out([number], out=True))
    desk.leave()
    assert left_out(desk) == {1, 2, 3}


def test_nothing_is_written_while_training(desk: Desk, state: WizardState) -> None:
    state.set_training(Path("/runs/a"))
    desk.grant(leave_out([1], out=True))
    desk.take_back()
    assert not desk.busy
    assert not desk.undo.canUndo()
    desk.leave()


def test_corrections_of_another_data_set_go_to_its_own_project(
    qtbot: QtBot, desk: Desk, state: WizardState
) -> None:
    first = desk.project
    for number in (1, 2, 3):
        desk.grant(leave_out([number], out=True))
    state.set_scan(made_up_scan({"a": 5, "b": 5}, "/elsewhere", kept=True))
    idle(qtbot, desk)
    assert left_out(desk) == set()
    assert first is not None
    assert len(Corrections(Project(first)).pictures()) == 3
    desk.leave()
