"""The list of the user's own models on the backbone page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.wizard.backbone import BackbonePage
from tlstudio.gui.wizard.network_lists import Tab
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import BackboneSpec, WeightsSpec
from tlstudio.projects.places import runs_folder


def made(name: str, **changes: Any) -> Path:
    """A finished run, as far as the list looks at it."""
    run = runs_folder() / name
    (run / "model").mkdir(parents=True)
    card = {
        "version": 1,
        "backbone": "resnet18",
        "classes": ["ant", "bee"],
        "preprocessing": {"crop": 160},
        "weights": {"source": "published", "variant": "IMAGENET1K_V1"},
        "metrics": {"val_accuracy": 0.9, "pictures": {"train": 80}},
    }
    (run / "model" / "model.json").write_text(json.dumps({**card, **changes}))
    return run


Show = Callable[[], BackbonePage]


@pytest.fixture
def shown(qtbot: QtBot, state: WizardState, engine: EngineRoom) -> Iterator[Show]:
    """Shows the page on its third tab, once the models have been read."""

    def show() -> BackbonePage:
        page = BackbonePage(state, engine)
        qtbot.addWidget(page, before_close_func=lambda page: page.leave())
        page.resize(1000, 700)
        page.show()
        page.lists.show_tab(Tab.OWN)
        qtbot.waitUntil(lambda: page.lists._reading is None)
        return page

    return show


def test_a_model_of_ones_own_is_chosen_with_its_network_and_size(qtbot: QtBot, shown: Show) -> None:
    run = made("insects")
    page = shown()
    assert page.lists.tabs.tabText(Tab.OWN) == "Your own models (1)"
    qtbot.keyClick(page.lists.models, Qt.Key.Key_Down)
    assert page.state.backbone_spec == BackboneSpec(
        id="resnet18",
        weights=WeightsSpec(source="run", run=str(run), variant="IMAGENET1K_V1"),
        input_size=160,
    )
    assert "“insects”" in page.card.weights_label.text()
    facts = [fact.text() for _, fact in page.card._facts]
    assert facts[0] == "pictures of yours, as “insects”; before that ImageNet-1K"
    assert "not known" in facts[1]
    qtbot.mouseClick(page.card.published_button, Qt.MouseButton.LeftButton)
    assert page.state.backbone_spec == BackboneSpec(id="resnet18")
    assert not page.lists.models.currentIndex().isValid()


def test_without_models_the_list_says_where_they_come_from(shown: Show) -> None:
    page = shown()
    assert not page.lists.models.isVisible()
    assert "every model that you train" in " ".join(
        label.text().lower() for label in page.lists._empty.findChildren(type(page.title_label))
    )
    assert page.lists._empty.findChild(QPushButton).isVisible()


def test_a_model_of_a_network_that_the_window_does_not_know_cannot_be_chosen(
    qtbot: QtBot, shown: Show
) -> None:
    made("odd", backbone="timm:resnet10t")
    page = shown()
    before = page.state.backbone_spec
    index = page.lists.models.model().index(0, 0)
    spot = page.lists.models.visualRect(index).center()
    qtbot.mouseClick(page.lists.models.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    qtbot.keyClick(page.lists.models, Qt.Key.Key_Down)
    assert page.state.backbone_spec == before
    assert "command line" in index.siblingAtColumn(4).data()


def test_200_models_are_searched_without_holding_the_window_up(qtbot: QtBot, shown: Show) -> None:
    for n in range(200):
        made(f"moths {n:03}", classes=[f"moth {n}", "other"])
    page = shown()
    spent = []
    for query in ("moth", "moth 17", "moth 171"):
        began = time.thread_time()
        page.lists.search.setText(query)
        spent.append(time.thread_time() - began)
    assert page.lists.models.model().rowCount() == 1
    assert min(spent) < 0.05
    page.lists.search.setText("wasps")
    assert not page.lists.models.isVisible()


def test_a_run_is_found_in_any_folder(shown: Show, tmp_path: Path) -> None:
    run = made("elsewhere").rename(tmp_path / "elsewhere")
    page = shown()
    page.use_run(str(run))
    assert page.state.weights.run == str(run)


def test_weights_of_a_model_keep_their_ban_on_commercial_use(shown: Show) -> None:
    made(
        "borrowed",
        backbone="vit_b_16",
        preprocessing={"crop": 224},
        weights={"source": "published", "variant": "IMAGENET1K_SWAG_LINEAR_V1"},
    )
    page = shown()
    page._start_from_model(page.lists.models.models.rows[0])
    assert "not for commercial use" in page.notice.message
    assert not page.isComplete()
