"""The page "Which network to start from?"."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from made_up_scans import made_up_scan
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient, waits_for_cancel

from tlstudio.backbones.catalogue import RECOMMENDED, Backbone, backbone, catalogue, selection
from tlstudio.errors import WeightsError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.backbone_table import Column
from tlstudio.gui.widgets.choice_table import SHARE_ROLE
from tlstudio.gui.wizard import network_choice
from tlstudio.gui.wizard.backbone import BackbonePage
from tlstudio.gui.wizard.network_lists import Tab
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.jobs import (
    BackboneSpec,
    DownloadWeights,
    IdentifiedWeights,
    Job,
    Result,
    WeightsName,
    WeightsResult,
    WeightsSpec,
)
from tlstudio.projects.places import weights_folder
from tlstudio.tasks import Event, Logged, Progress

Work = Generator[Event, None, Result]


@pytest.fixture
def page(qtbot: QtBot, state: WizardState, engine: EngineRoom) -> BackbonePage:
    state.set_scan(made_up_scan({"ants": 30, "bees": 20}))
    state.set_backbone(RECOMMENDED)
    page = BackbonePage(state, engine)
    qtbot.addWidget(page, before_close_func=lambda page: page.leave())
    page.resize(1000, 700)
    page.show()
    qtbot.waitExposed(page)
    return page


def click(qtbot: QtBot, button: QPushButton) -> None:
    assert button.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def click_row(qtbot: QtBot, page: BackbonePage, row: int) -> None:
    index = page.table.model().index(row, 0)
    page.table.scrollTo(index)
    spot = page.table.visualRect(index).center()
    qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=spot)


def put(identifier: str) -> None:
    """The weights seem to be on this computer."""
    weights = backbone(identifier).weights[0]
    weights_folder().mkdir(parents=True, exist_ok=True)
    with (weights_folder() / weights.file).open("wb") as sparse:
        sparse.truncate(weights.bytes)


# --- lists --------------------------------------------------------------------------------------


def test_a_few_networks_are_recommended_with_a_sentence_each(page: BackbonePage) -> None:
    assert [row.id for row in page.table.networks.rows] == [entry.id for entry in selection()]
    assert len(selection()) < 8
    assert page.isComplete()


def test_a_click_chooses_and_the_arrow_keys_too(qtbot: QtBot, page: BackbonePage) -> None:
    click_row(qtbot, page, 3)
    assert page.state.backbone_id == page.table.entry(3).id
    qtbot.keyClick(page.table, Qt.Key.Key_Up)
    assert page.state.backbone_id == page.table.entry(2).id
    assert page.card.name_label.text() == page.table.entry(2).name


def test_every_network_is_under_the_name_of_its_family(page: BackbonePage) -> None:
    page.lists.show_tab(Tab.ALL)
    rows = page.table.networks.rows
    assert {row.id for row in rows if not isinstance(row, str)} == {e.id for e in catalogue()}
    vit = rows.index("Vision Transformer (ViT)")
    assert page.table.entry(vit + 1).family == "vit"


def test_the_keyboard_goes_over_headings_to_every_network(qtbot: QtBot, page: BackbonePage) -> None:
    page.lists.show_tab(Tab.ALL)
    qtbot.keyClick(page.table, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    seen = set()
    for _ in catalogue():
        seen.add(page.state.backbone_id)
        qtbot.keyClick(page.table, Qt.Key.Key_Down)
    assert len(seen | {page.state.backbone_id}) >= len(catalogue()) - 1


def test_typing_searches_all_and_down_goes_to_the_first_hit(
    qtbot: QtBot, page: BackbonePage
) -> None:
    search = page.lists.search
    qtbot.keyClicks(search, "resnet50")
    assert page.lists.tabs.currentIndex() == Tab.ALL
    qtbot.keyClick(search, Qt.Key.Key_Down)
    assert page.state.backbone_id == "resnet50"
    qtbot.keyClick(search, Qt.Key.Key_Escape)
    assert search.text() == ""
    assert page.table.entry(page.table.currentIndex().row()).id == "resnet50"


def test_nonsense_finds_nothing_and_says_how_to_search(qtbot: QtBot, page: BackbonePage) -> None:
    qtbot.keyClicks(page.lists.search, "quark 7")
    assert not page.table.isVisible()
    qtbot.keyClick(page.lists.search, Qt.Key.Key_Return)
    assert page.state.backbone_id == RECOMMENDED
    clear = next(each for each in page.lists.findChildren(QPushButton) if "lear the" in each.text())
    click(qtbot, clear)
    assert page.table.isVisible()


def test_what_is_chosen_stays_in_sight_when_details_take_room(page: BackbonePage) -> None:
    page.lists.show_tab(Tab.ALL)
    page.state.set_backbone("efficientnet_b0")
    page.table.resize(page.table.width(), 120)
    assert page.table.viewport().rect().intersects(page.table.visualRect(page.table.currentIndex()))


def test_a_first_choice_that_is_not_recommended_is_shown_among_all(
    qtbot: QtBot, state: WizardState, engine: EngineRoom
) -> None:
    state.set_backbone("squeezenet1_0")
    page = BackbonePage(state, engine)
    qtbot.addWidget(page)
    assert page.lists.tabs.currentIndex() == Tab.ALL
    assert page.table.entry(page.table.currentIndex().row()).id == "squeezenet1_0"


def test_a_column_title_sorts_and_keeps_the_choice(qtbot: QtBot, page: BackbonePage) -> None:
    page.lists.show_tab(Tab.ALL)
    header = page.table.horizontalHeader()
    x = header.sectionViewportPosition(Column.ACCURACY) + 20
    for _ in range(2):
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, 10))
    accuracies = [page.table.entry(row).weights[0].top1 or 0 for row in range(len(catalogue()))]
    assert accuracies in (sorted(accuracies), sorted(accuracies, reverse=True))
    assert page.state.backbone_id == RECOMMENDED
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, 10))
    assert isinstance(page.table.networks.rows[0], str)


def test_the_bars_of_work_tell_small_networks_apart(page: BackbonePage) -> None:
    page.lists.show_tab(Tab.ALL)
    model = page.table.networks
    work = sorted(
        (entry.weights[0].gflops, model.index(row, Column.WORK).data(SHARE_ROLE))
        for row, entry in enumerate(model.rows)
        if not isinstance(entry, str)
    )
    shares = [share for _, share in work]
    assert shares == sorted(shares)
    assert 0.05 < shares[0] < shares[-1] == 1
    (least, first), (most, last) = work[0], work[-1]
    step = (last - first) / math.log2(most / least)
    assert step == pytest.approx(first)  # the shortest bar is one step, each doubling one more


def test_the_list_of_all_networks_does_not_hold_the_window_up(page: BackbonePage) -> None:
    page.lists.show_tab(Tab.ALL)
    spent = []
    for query in ("r", "re", "res", ""):
        began = time.thread_time()
        page.lists.search.setText(query)
        spent.append(time.thread_time() - began)
    assert min(spent) < 0.05


# --- published weights --------------------------------------------------------------------------


def test_weights_say_where_they_are(page: BackbonePage) -> None:
    words = page.table.networks.weights_words
    assert words(backbone(RECOMMENDED)) == "to download"
    put(RECOMMENDED)
    page.table.networks.look_for_weights()
    assert words(backbone(RECOMMENDED)) == "on this computer"


def test_weights_are_downloaded_when_the_button_says_so(
    qtbot: QtBot, page: BackbonePage, client: ScriptedClient
) -> None:
    go_on = threading.Event()

    def download(_: Job) -> Work:
        yield Progress(phase="download", done=7_000_000, total=14_000_000, unit="bytes")
        yield Logged(message="The connection broke. Trying again in 2 s.")
        go_on.wait(5)
        put(RECOMMENDED)
        return WeightsResult(weights=())

    client.script["download"] = download
    assert "14\u00a0MB" in page.card.download_button.text()
    click(qtbot, page.card.download_button)
    qtbot.waitUntil(lambda: "Trying again" in page.card.progress.words.text())
    assert page.card.progress.numbers.text() == "7.0 of 14.0 MB"
    assert "still being downloaded" in (page.state.why_not_next(PageId.BACKBONE) or "")
    go_on.set()
    qtbot.waitUntil(lambda: not page.session.running)
    wanted = WeightsName(backbone=RECOMMENDED, variant=backbone(RECOMMENDED).weights[0].name)
    assert client.jobs == [DownloadWeights(weights=(wanted,))]
    assert "on this computer now" in page.result_notice.message
    assert not page.card.download_button.isVisible()
    assert page.isComplete()


def test_a_cancelled_download_leaves_the_page_as_it_was(
    qtbot: QtBot, page: BackbonePage, client: ScriptedClient
) -> None:
    client.script["download"] = waits_for_cancel
    click(qtbot, page.card.download_button)
    qtbot.waitUntil(lambda: bool(client.jobs))
    click(qtbot, page.card.progress.cancel)
    qtbot.waitUntil(page.card.download_button.isVisible)
    assert not page.card.progress.isVisible()
    assert page.isComplete()


def test_a_failed_download_says_why_and_can_be_tried_again(
    qtbot: QtBot, page: BackbonePage, client: ScriptedClient
) -> None:
    def fails(_: Job) -> Work:
        yield Progress(phase="download", done=0, total=0, unit="bytes")
        raise WeightsError("The server does not answer.", "Look at the network cable.")

    client.script["download"] = fails
    click(qtbot, page.card.download_button)
    qtbot.waitUntil(page.result_notice.isVisible)
    assert page.result_notice.message == "The server does not answer."
    assert page.isComplete()
    click(qtbot, page.result_notice.findChild(QPushButton))
    qtbot.waitUntil(lambda: len(client.jobs) == 2 and not page.session.running)


def test_what_is_chosen_during_a_download_stays_chosen(
    qtbot: QtBot, page: BackbonePage, client: ScriptedClient
) -> None:
    go_on = threading.Event()

    def download(_: Job) -> Work:
        yield Progress(phase="download", done=0, total=0, unit="bytes")
        go_on.wait(5)
        return WeightsResult(weights=())

    client.script["download"] = download
    click(qtbot, page.card.download_button)
    click_row(qtbot, page, 3)
    chosen = page.state.backbone_id
    go_on.set()
    qtbot.waitUntil(lambda: not page.session.running)
    assert page.state.backbone_id == chosen


def test_other_weights_of_the_same_network_are_in_the_details(
    qtbot: QtBot, page: BackbonePage
) -> None:
    page.state.set_backbone("resnet50")
    page.card.details.set_open(True)
    qtbot.keyClick(page.card.variants, Qt.Key.Key_Down)
    assert page.state.weights.variant == backbone("resnet50").weights[1].name
    qtbot.keyClick(page.card.variants, Qt.Key.Key_Up)
    assert page.state.weights.variant is None


def test_weights_without_commercial_use_are_taken_after_one_consent(
    qtbot: QtBot, page: BackbonePage
) -> None:
    page.state.set_backbone("vit_h_14")
    assert "not for commercial use" in page.notice.message
    assert not page.isComplete()
    assert not page.card.download_button.isVisible()
    click(qtbot, page.notice.findChild(QPushButton))
    assert page.isComplete()
    assert not page.notice.isVisible()
    assert page.state.job().backbone.weights.variant == backbone("vit_h_14").weights[0].name


def bundled(monkeypatch: pytest.MonkeyPatch) -> Backbone:
    """The network that is chosen here, as if its weights came with the program."""
    entry = backbone("squeezenet1_1")
    own = {"url": None, "top1": None, "top5": None}
    entry = entry.model_copy(update={"weights": (entry.weights[0].model_copy(update=own),)})
    monkeypatch.setattr(
        network_choice, "backbone", lambda name: entry if name == entry.id else backbone(name)
    )
    return entry


def test_the_bundled_network_offers_better_weights_and_fetches_them_when_asked(
    qtbot: QtBot, page: BackbonePage, client: ScriptedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = bundled(monkeypatch)
    page.state.set_backbone(entry.id)
    page.card.details.set_open(True)
    assert "comes with the program" in page.notice.message
    assert "better" in page.notice.hint
    assert any("not measured on ImageNet" in fact.text() for _, fact in page.card._facts)
    assert not client.jobs

    def download(_: Job) -> Work:
        yield Progress(phase="download", done=0, total=0, unit="bytes")
        put(RECOMMENDED)
        return WeightsResult(weights=())

    client.script["download"] = download
    click(qtbot, page.notice.findChild(QPushButton))
    qtbot.waitUntil(lambda: page.state.backbone_id == RECOMMENDED)
    assert not page.notice.isVisible()


def test_better_weights_that_are_here_are_offered_without_a_download(
    qtbot: QtBot, page: BackbonePage, client: ScriptedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(RECOMMENDED)
    page.state.set_backbone(bundled(monkeypatch).id)
    button = page.notice.findChild(QPushButton)
    assert button.text() == "Choose MobileNetV2"
    click(qtbot, button)
    assert page.state.backbone_id == RECOMMENDED
    assert not client.jobs


# --- input size ---------------------------------------------------------------------------------


def test_an_input_size_between_two_allowed_ones_becomes_the_nearer(
    qtbot: QtBot, page: BackbonePage
) -> None:
    page.state.set_backbone("vit_b_16")
    page.card.details.set_open(True)
    page.card.size_field.selectAll()
    qtbot.keyClicks(page.card.size_field, "300")
    qtbot.keyClick(page.card.size_field, Qt.Key.Key_Return)
    assert page.state.input_size == page.card.size_field.value() == 304
    assert "1.8 times the work" in page.card.size_label.text()
    click(qtbot, page.card.reset_size)
    assert page.state.input_size is None
    assert not page.card.reset_size.isVisible()


# --- files and runs -----------------------------------------------------------------------------


def drop(page: BackbonePage, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    action = Qt.DropAction.CopyAction
    page.dropEvent(QDropEvent(QPointF(9, 9), action, mime, buttons, keys))


def test_a_dropped_file_chooses_the_network_that_it_belongs_to(
    qtbot: QtBot, page: BackbonePage, client: ScriptedClient, tmp_path: Path
) -> None:
    file = str(tmp_path / "weights.pth")

    def identify(_: Job) -> Work:
        yield Progress(phase="weights", done=0, total=0, unit="bytes")
        return IdentifiedWeights(
            file=file, backbone="resnet34", name="ResNet-34", variant=None, classes=1000
        )

    client.script["identify"] = identify
    drop(page, Path(file))
    assert page.card.progress.isVisible()
    qtbot.waitUntil(page.result_notice.isVisible)
    assert page.result_notice.message == "These are weights of ResNet-34; it is now chosen."
    assert page.state.backbone_id == "resnet34"
    assert page.state.job().backbone.weights.file == file
    click(qtbot, page.card.published_button)
    assert page.state.weights.source == "published"


def test_a_file_that_holds_no_weights_changes_nothing(
    qtbot: QtBot, page: BackbonePage, client: ScriptedClient, tmp_path: Path
) -> None:
    def identify(_: Job) -> Work:
        yield Progress(phase="weights", done=0, total=0, unit="bytes")
        raise WeightsError("cat.jpg is a picture.", "Choose a weights file.")

    client.script["identify"] = identify
    before = page.state.job()
    drop(page, tmp_path / "cat.jpg")
    qtbot.waitUntil(page.result_notice.isVisible)
    assert page.result_notice.message == "cat.jpg is a picture."
    assert page.state.job() == before
    click_row(qtbot, page, 3)
    assert not page.result_notice.isVisible()


def test_of_a_file_nothing_is_claimed_that_the_catalogue_says_of_published_weights(
    page: BackbonePage, tmp_path: Path
) -> None:
    file = WeightsSpec(source="file", file=str(tmp_path / "weights.pth"))
    page.state.start_from(BackboneSpec(id="resnet50", weights=file))
    learnt, accuracy, *_, licence, _paper = (fact.text() for _, fact in page.card._facts)
    assert "ImageNet" not in learnt + accuracy
    assert licence == "that of your file"
    assert page.card.variants.currentIndex() == -1


def test_whoever_chooses_another_network_does_not_wait_for_a_file(
    qtbot: QtBot, page: BackbonePage, client: ScriptedClient, tmp_path: Path
) -> None:
    client.script["identify"] = waits_for_cancel
    page.use_file(str(tmp_path / "weights.pth"))
    qtbot.waitUntil(lambda: bool(client.jobs))
    click_row(qtbot, page, 3)
    qtbot.waitUntil(lambda: not page.session.running)
    assert page.state.backbone_id == page.table.entry(3).id
    assert page.isComplete()


def test_several_dropped_files_are_refused_in_words(page: BackbonePage, tmp_path: Path) -> None:
    drop(page, tmp_path / "a.pth", tmp_path / "b.pth")
    assert "one file" in page.result_notice.message


def test_a_dropped_folder_that_is_no_run_is_called_that(page: BackbonePage, tmp_path: Path) -> None:
    drop(page, tmp_path)
    assert "holds no model" in page.result_notice.message
    assert page.isComplete()


def answer(qtbot: QtBot, page: BackbonePage, word: str) -> None:
    page.card.details.set_open(True)
    qtbot.mouseClick(page.card.scratch_button, Qt.MouseButton.LeftButton)
    box = page.findChild(QMessageBox)
    assert box is not None
    button = next(each for each in box.findChildren(QPushButton) if word in each.text())
    with qtbot.waitSignal(box.finished):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_random_numbers_only_by_an_explicit_answer(qtbot: QtBot, page: BackbonePage) -> None:
    answer(qtbot, page, "Keep")
    assert page.state.weights.source == "published"
    answer(qtbot, page, "random")
    assert page.state.weights.source == "scratch"
    assert "random numbers" in page.notice.message
    click(qtbot, page.notice.findChild(QPushButton))
    assert page.state.weights.source == "published"
    assert not page.notice.isVisible()
