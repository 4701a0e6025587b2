"""Owns what the window's tests share: an offscreen platform, a scripted engine, pictures."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from made_up_scans import made_up_pictures, made_up_scan
from PIL import Image
from PySide6.QtCore import QThreadPool
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient

import tlstudio.gui.widgets.curves  # noqa: F401  (or the page imports it in a thread of its own)
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.theme import THEME
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import DeviceInfo, DoctorResult, ScanResult


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["tlstudio-tests"]


@pytest.fixture(autouse=True)
def _theme(qapp: QApplication) -> None:
    if not qapp.styleSheet():
        THEME.install(qapp, "light")


@pytest.fixture(autouse=True)
def _nothing_left(qapp: QApplication) -> Iterator[None]:
    """A test that leaves a thread or a window behind fails."""
    before = set(threading.enumerate())
    yield
    QThreadPool.globalInstance().waitForDone(5000)
    qapp.processEvents()
    left = [thread for thread in threading.enumerate() if thread not in before]
    assert not [thread for thread in left if not isinstance(thread, threading._DummyThread)]
    assert not [widget for widget in qapp.topLevelWidgets() if widget.isVisible()]


@pytest.fixture(autouse=True)
def _no_qt_warnings(qtlog: object) -> Iterator[None]:
    """What Qt complains about is a mistake of ours."""
    yield
    records = [
        record.message
        for record in getattr(qtlog, "records", [])
        if "propagateSizeHints" not in record.message and "font" not in record.message.lower()
    ]
    assert not records


@pytest.fixture
def client() -> ScriptedClient:
    return ScriptedClient()


@pytest.fixture
def engine(qapp: QApplication, client: ScriptedClient, qtbot: QtBot) -> Iterator[EngineRoom]:
    """An engine room in front of the scripted client; it is shut down at the end."""
    room = EngineRoom(client)
    yield room
    with qtbot.waitSignal(room.closed, timeout=5000):
        room.shut_down()


@pytest.fixture
def state() -> WizardState:
    return WizardState()


@pytest.fixture
def desk(state: WizardState, engine: EngineRoom) -> Iterator[Desk]:
    """Without pictures as yet."""
    desk = Desk(state, engine)
    yield desk
    desk.leave()


@pytest.fixture
def doctor() -> DoctorResult:
    return DoctorResult(
        versions={"tlstudio": "0"},
        platform="a computer",
        devices=(DeviceInfo(id="cpu", name="CPU", memory=8 * 2**30, cores=2),),
        folders={},
    )


@pytest.fixture
def scan(tmp_path: Path) -> ScanResult:
    """Two classes of 30 and 20 real little pictures, as a scan finds them."""
    result = made_up_scan({"hole": 30, "stain": 20}, str(tmp_path / "fabric"), kept=True)
    for n, picture in enumerate(made_up_pictures(result.classes)):
        file = Path(result.folder) / picture.file
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (n * 5 % 256, 90, 160)).save(file)
    return result
