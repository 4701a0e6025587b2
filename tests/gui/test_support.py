"""Whoever meets an error gets its details, and a report that is made beside the window's work."""

from __future__ import annotations

import logging
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from tlstudio.diagnosis import collecting
from tlstudio.errors import DatasetError, UnforeseenError
from tlstudio.gui import unforeseen
from tlstudio.gui.support import SupportDialog, save_report
from tlstudio.gui.task_thread import TaskThread
from tlstudio.tasks import Logged, Task


@pytest.fixture(autouse=True)
def _quick_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "own_command", lambda *_: [sys.executable, "-c", "pass"])


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    unforeseen.install()
    yield
    unforeseen._Showing.installed = False
    if unforeseen._Showing.box is not None:
        unforeseen._Showing.box.reject()


def press(qtbot: QtBot, box: QMessageBox, words: str) -> None:
    (button,) = [each for each in box.findChildren(QPushButton) if words in each.text()]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def shown() -> QMessageBox:
    box = unforeseen._Showing.box
    assert box is not None
    return box


def error_of(words: str) -> None:
    try:
        raise ValueError(words)
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)


def test_an_error_is_logged_shown_once_and_copied_without_the_home_folder(
    qtbot: QtBot, installed: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        error_of(f"at {Path.home() / 'pictures'}")
        error_of("a second one")
    assert caplog.text.count("Traceback") == 2
    box = shown()
    assert box.isVisible()
    press(qtbot, box, "Copy")
    copied = QGuiApplication.clipboard().text()
    assert f"ValueError: at {Path('~/pictures')}" in copied
    assert "a second one" not in copied
    assert box.isVisible()
    press(qtbot, box, "lose")
    assert unforeseen._Showing.box is None


def test_a_report_is_saved_from_the_error_with_its_details(
    qtbot: QtBot, installed: None, tmp_path: Path
) -> None:
    error_of("the one in question")
    press(qtbot, shown(), "Save a report")
    (dialog,) = shown().findChildren(SupportDialog)
    assert dialog.isVisible()
    assert dialog.choose.isDefault()
    qtbot.mouseClick(dialog.choose, Qt.MouseButton.LeftButton)
    (files,) = dialog.findChildren(QFileDialog)
    assert files.selectedFiles()[0].endswith(".zip")
    files.fileSelected.emit(str(tmp_path / "report.zip"))
    files.close()
    qtbot.waitUntil(lambda: dialog.notice.kind == "ok", timeout=10_000)
    assert str(tmp_path / "report.zip") in dialog.notice.message
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        assert "the one in question" in archive.read("error.txt").decode()
    dialog.reject()


def test_a_job_that_fails_unforeseen_shows_its_traceback_and_others_do_not(
    qtbot: QtBot, installed: None
) -> None:
    def foreseen() -> Task[None]:
        yield Logged(message="")
        raise DatasetError("It is empty.", "Fill it.")

    def unforeseen_one() -> Task[None]:
        yield Logged(message="")
        raise UnforeseenError("It broke.", "", "Traceback of the engine")

    for task, box_comes in ((foreseen, False), (unforeseen_one, True)):
        thread = TaskThread(task)
        with qtbot.waitSignal(thread.ended):
            thread.start()
        assert (unforeseen._Showing.box is not None) == box_comes
    assert "Traceback of the engine" in shown().detailedText()


def test_a_report_that_cannot_be_written_is_a_sentence_and_can_be_tried_again(
    qtbot: QtBot, tmp_path: Path
) -> None:
    dialog = save_report(None)
    (tmp_path / "file").touch()
    dialog.save(tmp_path / "file" / "report.zip")
    qtbot.waitUntil(lambda: dialog.notice.kind == "error", timeout=10_000)
    assert "could not be written" in dialog.notice.message
    qtbot.waitUntil(dialog.choose.isEnabled, timeout=10_000)
    dialog.save(tmp_path / "report.zip")
    qtbot.waitUntil(lambda: dialog.notice.kind == "ok", timeout=10_000)
    dialog.reject()


def test_closing_gives_up_and_leaves_nothing(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forever = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    monkeypatch.setattr(collecting, "own_command", lambda *_: forever)
    dialog = save_report(None)
    dialog.save(tmp_path / "report.zip")
    thread = dialog._thread
    assert thread is not None
    qtbot.waitSignal(thread.progressed, timeout=10_000).wait()
    with qtbot.waitSignal(dialog.destroyed, timeout=10_000):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert list(tmp_path.iterdir()) == []
