"""The export page: the format and folder that are asked for, the certificate, and the errors."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_up import made_up_evaluation, made_up_train_result
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tlstudio.errors import StorageError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.wizard.export import ExportPage
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import ExportJob, ExportResult, Job, Result, ScanResult
from tlstudio.tasks import Event, Progress

if TYPE_CHECKING:
    from tests.gui.conftest import ScriptedClient

Work = Generator[Event, None, Result]


def export(job: Job) -> Work:
    assert isinstance(job, ExportJob)
    yield Progress(phase="export", done=0, total=0)
    yield Progress(phase="verify", done=153, total=153)
    return ExportResult(
        format=job.format,
        files=(str(Path(job.out) / "model.onnx"),),
        runtime="ONNX Runtime",
        n=153,
        same_answer=153,
        largest_difference=2e-6,
        bytes=8_900_000,
        code="print('hello')\n",
    )


@pytest.fixture
def page(
    qtbot: QtBot,
    state: WizardState,
    engine: EngineRoom,
    client: ScriptedClient,
    scan: ScanResult,
) -> Iterator[ExportPage]:
    client.script["export"] = export
    state.set_scan(scan)
    state.set_trained(state.job(), made_up_train_result())
    state.set_evaluation(made_up_evaluation(scan))
    page = ExportPage(state, engine)
    qtbot.addWidget(page)
    page.resize(900, 640)
    page.show()
    yield page
    page.hide()


def export_and_wait(qtbot: QtBot, page: ExportPage) -> None:
    qtbot.mouseClick(page.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.state.exports))


def test_it_suggests_a_new_folder_named_by_the_pictures(page: ExportPage) -> None:
    folder = Path(page.folder.text())
    assert folder.name == "fabric ONNX"
    assert not folder.exists()
    assert page.primary() is page.export_button


def test_export_asks_for_the_chosen_format_and_folder(
    qtbot: QtBot, page: ExportPage, client: ScriptedClient, tmp_path: Path
) -> None:
    page.formats["torchvision"].click()
    assert Path(page.folder.text()).name == "fabric torchvision"
    page.folder.setText(str(tmp_path / "a b"))
    export_and_wait(qtbot, page)
    job = client.jobs[0]
    assert isinstance(job, ExportJob)
    assert (job.run, job.format, job.out) == ("run", "torchvision", str(tmp_path / "a b"))


def test_the_certificate_is_three_lines(qtbot: QtBot, page: ExportPage) -> None:
    export_and_wait(qtbot, page)
    lines = [label.text() for label in page.certificate]
    assert lines[0] == "✓ 153 of 153 pictures get the same answer in ONNX Runtime."
    assert lines[1] == "The largest difference of a probability is 0.000002."
    assert lines[2].endswith("model.onnx, 8.9 MB")
    assert page.primary() is None


def test_copy_puts_the_program_on_the_clipboard(qtbot: QtBot, page: ExportPage) -> None:
    export_and_wait(qtbot, page)
    qtbot.mouseClick(page.copy, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == "print('hello')\n"


def test_open_folder_opens_where_the_file_lies(
    qtbot: QtBot, page: ExportPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    page.folder.setText(str(tmp_path / "new"))
    export_and_wait(qtbot, page)
    qtbot.mouseClick(page.open_folder, Qt.MouseButton.LeftButton)
    assert opened == [str(tmp_path / "new")]


def test_a_full_disk_is_a_sentence_and_the_way_to_try_again_stays(
    qtbot: QtBot, page: ExportPage, client: ScriptedClient
) -> None:
    def full(_: Job) -> Work:
        yield Progress(phase="export", done=0, total=0)
        raise StorageError("The disk is full.", "Free some space.")

    client.script["export"] = full
    qtbot.mouseClick(page.export_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.notice.isVisible)
    assert (page.notice.message, page.notice.hint) == ("The disk is full.", "Free some space.")
    assert page.export_button.isEnabled()
    client.script["export"] = export
    export_and_wait(qtbot, page)
    assert not page.notice.isVisible()


def test_choices_wait_while_an_export_runs(
    qtbot: QtBot, page: ExportPage, client: ScriptedClient
) -> None:
    from scripted_engine import waits_for_cancel

    client.script["export"] = waits_for_cancel
    qtbot.mouseClick(page.export_button, Qt.MouseButton.LeftButton)
    assert not page.export_button.isEnabled()
    assert not page.folder.isEnabled()
    qtbot.waitUntil(lambda: page.engine.job is not None)
    qtbot.mouseClick(page.progress.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.notice.isVisible)
    assert page.folder.isEnabled()


def test_no_folder_no_export(page: ExportPage) -> None:
    page.folder.clear()
    assert not page.export_button.isEnabled()
