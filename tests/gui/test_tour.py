"""The tour: it measures stalls, never waits forever, and leaves the surroundings as they were.

The whole tour with the real engine is in `tests/end_to_end`.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.tour import Guide, Heart, TourError, _temporary_home
from tlstudio.gui.window import MainWindow
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import WeightsSpec


def hold_up(seconds: float) -> None:
    """Works for so long; on a busy computer that takes longer."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_held_up_window_is_counted_as_a_stall(qtbot: QtBot, engine: EngineRoom) -> None:
    heart = Heart(engine)
    heart.start()
    QTimer.singleShot(30, lambda: hold_up(0.12))
    qtbot.waitUntil(lambda: heart.longest_work_ms >= 100, timeout=5000)
    heart.stop()
    assert heart.longest_ms >= 100
    assert heart.stalls >= 1


def test_what_happens_between_stop_and_start_is_no_stall(qtbot: QtBot, engine: EngineRoom) -> None:
    heart = Heart(engine)
    heart.start()
    qtbot.waitUntil(lambda: heart._last is not None)
    heart.stop()
    hold_up(0.3)
    heart.start()
    qtbot.waitUntil(lambda: heart._last is not None)
    heart.stop()
    assert heart.longest_work_ms < 250


@pytest.fixture
def guide(qtbot: QtBot, state: WizardState, engine: EngineRoom, tmp_path: Path) -> Guide:
    window = MainWindow(state, engine)
    qtbot.addWidget(window, before_close_func=lambda w: [w.wizard.leave(), w.project.leave()])
    return Guide(window, tmp_path, timeout_s=0.1)


def test_what_never_comes_ends_the_tour_with_a_sentence(guide: Guide) -> None:
    with pytest.raises(TourError, match="The moon did not rise"):
        guide._wait(lambda: False, "The moon did not rise.")


def test_a_failure_on_a_page_ends_the_tour_with_its_sentence(guide: Guide) -> None:
    with pytest.raises(TourError, match="The disk is full"):
        guide._wait(lambda: False, "late", lambda: "The disk is full.")


def test_a_file_that_cannot_be_written_is_said(guide: Guide, tmp_path: Path) -> None:
    guide._out = tmp_path / "not" / "there"
    with pytest.raises(TourError, match="could not be written"):
        guide._shoot("images")


def test_the_home_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TLSTUDIO_HOME")
    with _temporary_home(WeightsSpec(source="scratch")) as folder:
        assert os.environ["TLSTUDIO_HOME"] == str(folder / "home")
    assert "TLSTUDIO_HOME" not in os.environ
    assert not folder.exists()
    with _temporary_home(WeightsSpec()):
        assert "TLSTUDIO_HOME" not in os.environ
