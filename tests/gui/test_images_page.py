"""The page "Which pictures?"."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from made_up_scans import made_up_scan
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient, waits_for_cancel

from tlstudio.errors import DatasetError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.picture_dialog import PictureDialog
from tlstudio.gui.wizard.images import ImagesPage
from tlstudio.gui.wizard.labelling import leave_out
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.jobs import (
    Changes,
    Job,
    Result,
    SampleJob,
    SampleResult,
    ScanJob,
    ScanResult,
)
from tlstudio.projects.places import samples_folder
from tlstudio.tasks import Event, Progress


@pytest.fixture
def page(
    qtbot: QtBot, state: WizardState, engine: EngineRoom, client: ScriptedClient
) -> Iterator[ImagesPage]:
    page = ImagesPage(state, engine)
    qtbot.addWidget(page)
    page.resize(900, 640)
    page.show()
    qtbot.waitExposed(page)
    yield page
    page.leave()


def finds(client: ScriptedClient, *results: ScanResult) -> None:
    """The engine finds these, one scan after the other."""
    waiting = list(results)

    def script(_: Job) -> Generator[Event, None, Result]:
        yield Progress(phase="scan", done=1, total=10, seconds_left=120.0)
        return waiting.pop(0)

    client.script["scan"] = script


def open_folder(qtbot: QtBot, page: ImagesPage, folder: str = "/pictures") -> None:
    page.open_folder(folder)
    qtbot.waitUntil(lambda: page.found.isVisible() or page.notice.isVisible())
    qtbot.waitUntil(lambda: bool(page.found.pictures.shelf.numbers) or page.notice.isVisible())


def test_an_empty_page_offers_the_one_next_thing(page: ImagesPage) -> None:
    assert page.drop_area.isVisible()
    assert page.primary() is page.drop_area.choose_button
    assert not page.isComplete()


def test_a_folder_is_scanned_and_shown(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    finds(client, scan)
    open_folder(qtbot, page, scan.folder)
    assert page.found.pictures.bars.classes.rowCount() == 2
    assert page.found.pictures.model.rowCount() == 30
    assert page.found.split_label.text().startswith(
        "It will learn from 40 pictures and be checked on 10"
    )
    assert not page.found.problem.isVisible()
    assert page.isComplete()
    assert page.primary() is None


def test_thumbnails_of_the_chosen_class_arrive(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    finds(client, scan)
    open_folder(qtbot, page, scan.folder)
    model = page.found.pictures.model
    qtbot.waitUntil(lambda: model.index(0).data(Qt.ItemDataRole.DecorationRole) is not None)
    assert model.path(0) == Path(scan.folder) / "hole/00000.png"
    qtbot.keyClick(page.found.pictures.bars, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: model.rowCount() == 20)
    assert model.path(0) == Path(scan.folder) / "stain/00000.png"
    qtbot.waitUntil(lambda: model.index(0).data(Qt.ItemDataRole.DecorationRole) is not None)


def test_a_picture_opens_larger_and_arrows_show_its_neighbours(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    finds(client, scan)
    open_folder(qtbot, page, scan.folder)
    page.found.pictures.grid.setCurrentIndex(page.found.pictures.model.index(2))
    qtbot.keyClick(page.found.pictures.grid, Qt.Key.Key_Return)
    dialog = page.findChild(PictureDialog)
    assert dialog is not None
    assert dialog.windowTitle() == "00002.png"
    qtbot.keyClick(dialog, Qt.Key.Key_Right)
    assert dialog.windowTitle() == "00003.png"
    with qtbot.waitSignal(dialog.finished):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)


def test_scanning_shows_words_numbers_and_time_left(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient
) -> None:
    client.script["scan"] = waits_for_cancel
    page.open_folder("/pictures")
    qtbot.waitUntil(lambda: page.progress.left.text() == "about 60 seconds left")
    assert page.progress.words.text() == "Looking through /pictures"
    assert page.progress.numbers.text().endswith("of 10,000 pictures")
    qtbot.mouseClick(page.progress.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.drop_area.isVisible)
    assert client.requests["cancel"] >= 1


def test_another_folder_replaces_the_scan_that_runs(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    def script(job: Job) -> Generator[Event, None, Result]:
        assert isinstance(job, ScanJob)
        if job.dataset.folder == "/slow":
            yield from waits_for_cancel(job)
        return scan

    client.script["scan"] = script
    page.open_folder("/slow")
    qtbot.waitUntil(lambda: page.progress.numbers.text() != "")
    open_folder(qtbot, page, scan.folder)
    assert page.state.folder == scan.folder


def test_a_bad_folder_says_what_to_do_and_keeps_the_good_one(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    finds(client, scan)
    open_folder(qtbot, page, scan.folder)

    def script(_: Job) -> Generator[Event, None, Result]:
        yield from ()
        raise DatasetError("The folder /x holds only one class.", "Add another.")

    client.script["scan"] = script
    open_folder(qtbot, page, "/x")
    qtbot.waitUntil(page.notice.isVisible)
    assert page.notice.message == "The folder /x holds only one class."
    assert page.notice.hint == "Add another."
    assert page.state.folder == scan.folder
    assert page.found.pictures.bars.isVisible()


def test_too_few_pictures_stop_and_say_why(qtbot: QtBot, page: ImagesPage) -> None:
    page.state.set_scan(made_up_scan({"ants": 30, "bees": 1}))
    assert not page.isComplete()
    assert "“bees” has 1 picture" in page.found.problem.message
    page.state.set_scan(made_up_scan({"ants": 30, "bees": 10}))
    assert not page.found.problem.isVisible()


def test_the_sample_is_drawn_once_and_scanned(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    def script(job: Job) -> Generator[Event, None, Result]:
        assert isinstance(job, SampleJob)
        Path(job.folder).mkdir(parents=True)
        yield Progress(phase="sample", done=1, total=2)
        return SampleResult(folder=job.folder, pictures=50, classes=scan.classes)

    client.script["sample"] = script
    finds(client, scan, scan)
    qtbot.mouseClick(page.drop_area.sample_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.found.pictures.bars.isVisible)
    assert [job.kind for job in client.jobs] == ["sample", "scan"]
    assert page.state.why_not_next(PageId.IMAGES) is None
    page.open_sample()
    qtbot.waitUntil(lambda: len(client.jobs) == 3 and page.found.pictures.bars.isVisible())
    scanned = [job.dataset.folder for job in client.jobs if isinstance(job, ScanJob)]
    assert scanned == [str(samples_folder() / "fabric")] * 2


def test_a_broken_off_sample_is_drawn_again(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient
) -> None:
    def script(job: Job) -> Generator[Event, None, Result]:
        assert isinstance(job, SampleJob)
        Path(job.folder).mkdir(parents=True)
        yield from waits_for_cancel(job)
        raise AssertionError

    client.script["sample"] = script
    for _ in range(2):
        page.open_sample()
        qtbot.waitUntil(lambda: page.progress.numbers.text() != "")
        qtbot.mouseClick(page.progress.cancel, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(page.drop_area.isVisible)
    folders = {job.folder for job in client.jobs if isinstance(job, SampleJob)}
    assert len(folders) == 2


def test_nobody_goes_on_while_other_pictures_are_looked_through(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    page.state.set_scan(scan)
    client.script["scan"] = waits_for_cancel
    page.open_folder("/pictures")
    qtbot.waitUntil(lambda: page.progress.numbers.text() != "")
    assert not page.isComplete()
    assert not page.state.may_go_to(PageId.TRAIN)
    qtbot.mouseClick(page.progress.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.found.pictures.bars.isVisible)
    assert page.isComplete()


def test_look_again_says_what_became_of_the_pictures(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    changed = scan.model_copy(update={"changes": Changes(added=1200, removed=3)})
    finds(client, scan, changed)
    open_folder(qtbot, page, scan.folder)
    assert page.found.said_label.text() == ""
    qtbot.mouseClick(page.found.again_button, Qt.MouseButton.LeftButton)
    said = "Since the last look: 1,200 added, 3 gone."
    qtbot.waitUntil(lambda: page.found.said_label.text() == said)


def test_a_quiet_look_keeps_the_page_and_next_waits_for_it(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    finds(client, scan, made_up_scan({"hole": 9, "stain": 8}, scan.folder))
    open_folder(qtbot, page, scan.folder)
    page.desk.look_wanted.emit()
    page.desk.look_wanted.emit()
    assert not page.isComplete()
    assert page.found.isVisible()
    qtbot.waitUntil(page.isComplete)
    assert page.state.scan is not None
    assert page.state.scan.pictures == 17
    assert len(client.jobs) == 2


def test_corrected_labels_that_cannot_be_looked_at_hold_next_back(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    finds(client, scan)
    open_folder(qtbot, page, scan.folder)

    def script(_: Job) -> Generator[Event, None, Result]:
        yield from ()
        raise DatasetError("Only one class is left.", "Put one back.")

    client.script["scan"] = script
    page.desk.corrected.emit()
    qtbot.waitUntil(page.notice.isVisible)
    assert page.state.why_not_next(PageId.IMAGES) == "Only one class is left."
    assert page.found.isVisible()
    finds(client, scan)
    page.desk.corrected.emit()
    qtbot.waitUntil(page.isComplete)


def test_another_data_set_forgets_what_could_be_undone_and_a_second_look_does_not(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    other = made_up_scan({"a": 9, "b": 9}, "/elsewhere", kept=True)
    finds(client, scan, scan, scan, other)
    open_folder(qtbot, page, scan.folder)
    page.desk.grant(leave_out([1], out=True))
    qtbot.waitUntil(page.found.undo_button.isVisible)
    qtbot.waitUntil(page.isComplete)
    qtbot.mouseClick(page.found.again_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(client.jobs) == 3 and page.isComplete())
    assert page.desk.undo.canUndo()
    page.open_folder("/elsewhere")
    qtbot.waitUntil(lambda: page.state.folder == "/elsewhere")
    assert not page.desk.undo.canUndo()
    assert not page.found.undo_button.isVisible()


def test_nothing_is_corrected_while_training(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scan: ScanResult
) -> None:
    finds(client, scan)
    open_folder(qtbot, page, scan.folder)
    page.state.set_training(Path("/runs/a"))
    tab = page.found.pictures
    for widget in (tab.bars, tab.grid):
        qtbot.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        qtbot.keyClick(widget, Qt.Key.Key_2)
        qtbot.keyClick(widget, Qt.Key.Key_Delete)
    assert not page.desk.busy
    assert not tab.out_button.isEnabled()
    assert not tab.rename_button.isEnabled()
    assert not page.found.again_button.isEnabled()
    page.state.set_training(None)
    assert tab.out_button.isEnabled()
