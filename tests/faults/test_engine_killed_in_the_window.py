"""The engine dies, or stops for a while, in the middle of a real run in front of a real page."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from training.made_jobs import made_pictures, nothing

from tlstudio.engine.client import EngineClient
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.theme import THEME
from tlstudio.gui.wizard.state import WizardState
from tlstudio.gui.wizard.train import TrainPage
from tlstudio.jobs import DatasetSpec, ScanJob, ScanResult, TrainRun, WeightsSpec
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Event, Step, drive

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

_PATIENCE_MS = 120_000


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineClient]:
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")  # other programs compute at the same time
    client = EngineClient(tmp_path / "engine.log")
    yield client
    client.close(30)


@pytest.fixture
def state(client: EngineClient, tmp_path: Path) -> WizardState:
    """A network that learns from nothing, for as long as nobody stops it."""
    dataset = DatasetSpec(folder=str(made_pictures(tmp_path / "set")))
    scan = drive(client.run(ScanJob(dataset=dataset)), nothing)
    assert isinstance(scan, ScanResult)
    state = WizardState()
    state.set_scan(scan, dataset)
    state.set_backbone("squeezenet1_1")
    state.set_weights(WeightsSpec(source="scratch"))
    state.change_recipe(epochs=5000, patience=None, batch_size=5, precision="float32")
    state.device = "cpu"
    return state


@pytest.fixture
def page(
    qtbot: QtBot, qapp: QApplication, state: WizardState, client: EngineClient
) -> Iterator[TrainPage]:
    THEME.install(qapp, "light")
    room = EngineRoom(client)
    page = TrainPage(state, room)
    qtbot.addWidget(page)
    page.resize(1100, 760)
    page.show()
    yield page
    with qtbot.waitSignal(room.closed, timeout=_PATIENCE_MS):
        room.shut_down()


def kill(client: EngineClient, how: signal.Signals) -> None:
    assert client._process is not None
    os.kill(client._process.pid, how)


def test_the_window_stays_says_what_happened_and_carries_on(
    qtbot: QtBot, page: TrainPage, client: EngineClient, seen: Callable[[str], None]
) -> None:
    session, controls = page.session, page.controls

    def reach(epoch: int) -> None:
        qtbot.waitUntil(lambda: session.model.finished_epochs >= epoch, timeout=_PATIENCE_MS)

    def dies(how: signal.Signals) -> str:
        kill(client, how)
        qtbot.waitUntil(lambda: session.stage == "failed", timeout=_PATIENCE_MS)
        assert page.isVisible()
        assert page.primary() is controls.carry_on
        seen(how.name)
        return page.error_notice.message

    qtbot.mouseClick(controls.start, Qt.MouseButton.LeftButton)
    reach(1)
    said = dies(signal.SIGKILL)
    assert "memory ran out" in said
    assert "last checkpoint is kept" in said
    qtbot.mouseClick(controls.carry_on, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: client._process is not None, timeout=_PATIENCE_MS)
    assert "same place" in dies(signal.SIGKILL)
    assert "smaller batch size" in page.error_notice.hint
    qtbot.mouseClick(controls.carry_on, Qt.MouseButton.LeftButton)
    reach(session.model.finished_epochs + 1)
    assert not page.error_notice.isVisible()
    said = dies(signal.SIGSEGV)
    assert "graphics card" in said
    assert "same place" not in said


@pytest.fixture
def seen(page: TrainPage) -> Callable[[str], None]:
    """Keeps a picture of the page where `TLSTUDIO_PICTURES` names a folder for it."""
    folder = os.environ.get("TLSTUDIO_PICTURES")

    def take(name: str) -> None:
        if folder:
            page.grab().save(f"{folder}/{name}.png")

    return take


@pytest.mark.slow
def test_an_engine_that_was_stopped_for_a_while_comes_to_the_same_weights(
    client: EngineClient, state: WizardState, tmp_path: Path
) -> None:
    """What a computer that sleeps does to a program."""
    state.change_recipe(epochs=2)

    def stop_and_go_on(event: Event) -> None:
        if isinstance(event, Step) and event.step == 3:
            assert client._process is not None
            engine = psutil.Process(client._process.pid)
            engine.suspend()
            while engine.status() != psutil.STATUS_STOPPED:
                pass
            engine.resume()

    models = []
    for name, watch in (("undisturbed", nothing), ("stopped", stop_and_go_on)):
        run = tmp_path / name
        drive(client.run(TrainRun(job=state.job(), run=str(run))), watch)
        models.append((RunFolder(run).model / "last.safetensors").read_bytes())
    assert models[0] == models[1]
