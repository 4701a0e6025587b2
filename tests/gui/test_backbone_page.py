"""The page "Which network to start from?"."""

from __future__ import annotations

import math

import pytest
from made_up_scans import made_up_scan
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from tlstudio.backbones.catalogue import RECOMMENDED, catalogue
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.backbone_table import SHARE_ROLE, Column
from tlstudio.gui.wizard.backbone import BackbonePage
from tlstudio.gui.wizard.state import WizardState
from tlstudio.projects.places import weights_folder


@pytest.fixture
def page(qtbot: QtBot, state: WizardState, engine: EngineRoom) -> BackbonePage:
    state.set_scan(made_up_scan({"ants": 30, "bees": 20}))
    page = BackbonePage(state, engine)
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show()
    qtbot.waitExposed(page)
    return page


def click_row(qtbot: QtBot, page: BackbonePage, row: int) -> None:
    index = page.table.model().index(row, 0)
    page.table.scrollTo(index)
    spot = page.table.visualRect(index).center()
    qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=spot)


def test_the_recommended_network_is_first_and_chosen(page: BackbonePage) -> None:
    assert page.table.entry(0).id == RECOMMENDED == page.state.backbone_id
    assert page.table.model().rowCount() == len(catalogue())
    assert page.isComplete()


def test_a_click_chooses_and_the_arrow_keys_too(qtbot: QtBot, page: BackbonePage) -> None:
    click_row(qtbot, page, 2)
    assert page.state.backbone_id == page.table.entry(2).id
    qtbot.keyClick(page.table, Qt.Key.Key_Up)
    assert page.state.backbone_id == page.table.entry(1).id
    assert page.name_label.text() == page.table.entry(1).name


def test_a_column_title_sorts_and_keeps_the_choice(qtbot: QtBot, page: BackbonePage) -> None:
    header = page.table.horizontalHeader()
    x = header.sectionViewportPosition(Column.ACCURACY) + 20
    for _ in range(2):
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(x, 10))
    accuracies = [page.table.entry(row).weights[0].top1 for row in range(len(catalogue()))]
    assert accuracies in (sorted(accuracies), sorted(accuracies, reverse=True))
    assert page.state.backbone_id == RECOMMENDED


def test_weights_say_where_they_are(qtbot: QtBot, page: BackbonePage) -> None:
    entry = page.table.entry(0)
    words = page.table.networks.weights_words
    assert words(entry) == "to download (14\u00a0MB)"
    file = weights_folder() / entry.variant().file
    file.parent.mkdir(parents=True)
    with file.open("wb") as sparse:
        sparse.truncate(entry.variant().bytes)
    page.table.networks.look_for_weights()
    assert words(entry) == "on this computer"
    page.use_file("/home/me/weights.pth")
    assert words(entry) == "a file of yours"
    assert page.state.job().backbone.weights.file == "/home/me/weights.pth"
    qtbot.mouseClick(page.published_button, Qt.MouseButton.LeftButton)
    assert page.state.weights.source == "published"


def answer(qtbot: QtBot, page: BackbonePage, word: str) -> None:
    page.details.set_open(True)
    qtbot.mouseClick(page.scratch_button, Qt.MouseButton.LeftButton)
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
    with qtbot.waitSignal(page.notice.acted):
        qtbot.mouseClick(page.notice.findChild(QPushButton), Qt.MouseButton.LeftButton)
    assert page.state.weights.source == "published"
    assert not page.notice.isVisible()


def test_the_bars_of_work_tell_small_networks_apart(page: BackbonePage) -> None:
    model = page.table.networks
    work = sorted(
        (entry.weights[0].gflops, model.index(row, Column.WORK).data(SHARE_ROLE))
        for row, entry in enumerate(model.entries)
    )
    shares = [share for _, share in work]
    assert shares == sorted(shares)
    assert 0.05 < shares[0] < shares[-1] == 1
    (least, first), (most, last) = work[0], work[-1]
    doublings = math.log2(most / least)
    step = (last - first) / doublings
    assert step == pytest.approx(first)  # the shortest bar is one step, each doubling one more


def test_rows_stay_as_high_as_their_words_when_a_file_is_chosen(
    qtbot: QtBot, page: BackbonePage
) -> None:
    page.use_file("/a/very/long/folder/name/" + "x" * 150 + ".pth")
    page.table.select("resnet18")
    heights = [page.table.rowHeight(row) for row in range(page.table.model().rowCount())]
    assert max(heights) < 140
