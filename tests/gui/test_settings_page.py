"""The page "How much should it learn anew?"."""

from __future__ import annotations

from itertools import pairwise

import pytest
from made_up_scans import made_up_scan
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSpinBox
from pytestqt.qtbot import QtBot

from tlstudio.backbones.catalogue import catalogue
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.stage_strip import StageStrip
from tlstudio.gui.wizard.settings import SettingsPage
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import AUGMENTATIONS, DoctorResult, Recipe


@pytest.fixture
def page(qtbot: QtBot, state: WizardState, engine: EngineRoom) -> SettingsPage:
    state.set_scan(made_up_scan({"ants": 30, "bees": 20}))
    state.set_backbone("resnet18")
    page = SettingsPage(state, engine)
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show()
    qtbot.waitExposed(page)
    return page


def test_a_preset_card_sets_recipe_and_handle(qtbot: QtBot, page: SettingsPage) -> None:
    qtbot.mouseClick(page.presets["thorough"], Qt.MouseButton.LeftButton)
    assert page.state.preset == "thorough"
    assert page.state.recipe.epochs == page.epochs.value() == 30
    assert page.strip.value() == page.state.frozen == 4
    assert page.presets["thorough"].isChecked()
    assert not page.presets["fast"].isChecked()


def test_the_handle_moves_by_keys_and_its_caption_along(qtbot: QtBot, page: SettingsPage) -> None:
    page.strip.setFocus()
    qtbot.keyClick(page.strip, Qt.Key.Key_Left)
    assert page.state.frozen == 8
    assert page.caption.text().startswith("8 of 9 blocks frozen.")
    qtbot.keyClick(page.strip, Qt.Key.Key_Home)
    assert page.caption.text().startswith("0 of 9 blocks frozen. 11.2 of 11.2 million")
    qtbot.keyClick(page.strip, Qt.Key.Key_PageUp)
    assert page.state.frozen == 1
    qtbot.keyClick(page.strip, Qt.Key.Key_End)
    assert page.state.frozen == 9
    assert page.state.preset == "fast"


def test_the_handle_follows_the_mouse(qtbot: QtBot, page: SettingsPage) -> None:
    def at(frozen: int) -> QPoint:
        return QPoint(round(page.strip.edge(frozen)), 60)

    qtbot.mousePress(page.strip, Qt.MouseButton.LeftButton, pos=at(9))
    qtbot.mouseMove(page.strip, at(3))
    qtbot.mouseRelease(page.strip, Qt.MouseButton.LeftButton, pos=at(3))
    assert page.state.frozen == 3
    qtbot.mouseClick(page.strip, Qt.MouseButton.LeftButton, pos=at(6))
    assert page.state.frozen == 6
    assert page.own_label.isVisible()


def test_the_strip_tells_assistive_technology_its_value(page: SettingsPage) -> None:
    interface = QAccessible.queryAccessibleInterface(page.strip)
    assert interface.role() == QAccessible.Role.Slider
    assert interface.valueInterface().currentValue() == 9
    assert interface.valueInterface().maximumValue() == 9


def test_every_network_fits_the_strip(qtbot: QtBot) -> None:
    strip = StageStrip()
    qtbot.addWidget(strip)
    strip.resize(560, strip.sizeHint().height())
    for entry in catalogue():
        strip.set_stages(entry.stages)
        edges = [strip.edge(frozen) for frozen in range(len(entry.stages) + 1)]
        assert all(later > earlier for earlier, later in pairwise(edges)), entry.id
        assert edges[0] > 50
        assert edges[-1] < 560 - 50


def test_a_hundred_blocks_can_be_told_apart_by_mouse_and_keyboard(qtbot: QtBot) -> None:
    strip = StageStrip()
    qtbot.addWidget(strip)
    strip.resize(560, strip.sizeHint().height())
    entry = max(catalogue(), key=lambda entry: len(entry.stages))
    strip.set_stages(entry.stages)
    strip.show()
    spot = QPoint(round(strip.edge(40)), 60)
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=spot)
    assert strip.value() == pytest.approx(40, abs=1)
    before = strip.value()
    qtbot.keyClick(strip, Qt.Key.Key_Right)
    assert strip.value() == before + 1
    qtbot.keyClick(strip, Qt.Key.Key_PageUp)
    groups = [stage.group for stage in entry.stages]
    assert groups[strip.value()] != groups[strip.value() - 1]
    assert not strip.grab().isNull()


def test_epochs_go_into_the_recipe(qtbot: QtBot, page: SettingsPage) -> None:
    page.epochs.setFocus()
    page.epochs.selectAll()
    qtbot.keyClicks(page.epochs, "25")
    qtbot.keyClick(page.epochs, Qt.Key.Key_Return)
    assert page.state.recipe.epochs == 25


def choose(page: SettingsPage, name: str, value: str) -> None:
    field = page.advanced.fields[name]
    assert isinstance(field, QComboBox)
    row = field.findData(value)
    assert row >= 0
    field.setCurrentIndex(row)
    field.activated.emit(row)


def type_in(qtbot: QtBot, page: SettingsPage, name: str, text: str) -> None:
    field = page.advanced.fields[name]
    assert isinstance(field, QSpinBox | QDoubleSpinBox)
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def test_every_advanced_field_reaches_the_job(
    qtbot: QtBot, page: SettingsPage, doctor: DoctorResult
) -> None:
    page.state.set_doctor(doctor)
    page.fold.set_open(True)
    for name, text in {
        "learning_rate": "0.0004",
        "batch_size": "16",
        "weight_decay": "0.05",
        "dropout": "0.5",
        "label_smoothing": "0.1",
        "hidden": "128",
        "patience": "3",
        "seed": "7",
    }.items():
        type_in(qtbot, page, name, text)
    choose(page, "optimizer", "sgd")
    choose(page, "augmentation", "any-orientation")
    choose(page, "class_weights", "balanced")
    choose(page, "batchnorm_statistics", "update")
    choose(page, "device", "cpu")
    job = page.state.job()
    assert job.recipe == Recipe.model_validate(
        {
            "learning_rate": 0.0004,
            "batch_size": 16,
            "weight_decay": 0.05,
            "label_smoothing": 0.1,
            "patience": 3,
            "optimizer": "sgd",
            "class_weights": "balanced",
            "batchnorm_statistics": "update",
            "augmentation": AUGMENTATIONS["any-orientation"],
            "head": {"hidden": 128, "dropout": 0.5},
        }
    )
    assert (job.seed, job.device) == (7, "cpu")


def test_reset_brings_the_defaults_back(qtbot: QtBot, page: SettingsPage) -> None:
    page.fold.set_open(True)
    type_in(qtbot, page, "learning_rate", "0.5")
    type_in(qtbot, page, "seed", "9")
    qtbot.mouseClick(page.advanced.reset_button, Qt.MouseButton.LeftButton)
    assert page.state.recipe == Recipe()
    assert page.state.seed == 0
    rate = page.advanced.fields["learning_rate"]
    assert isinstance(rate, QDoubleSpinBox)
    assert rate.value() == pytest.approx(Recipe().learning_rate)


def test_zero_means_none_and_never(qtbot: QtBot, page: SettingsPage) -> None:
    page.fold.set_open(True)
    page.state.change_recipe(head={"hidden": 64}, patience=4)
    type_in(qtbot, page, "hidden", "0")
    type_in(qtbot, page, "patience", "0")
    assert page.state.recipe.head.hidden is None
    assert page.state.recipe.patience is None
    assert page.epochs_hint.text() == "runs to the end"


def test_no_field_cuts_its_text(page: SettingsPage) -> None:
    page.fold.set_open(True)
    for field in (page.epochs, *page.advanced.fields.values()):
        assert field.height() >= field.fontMetrics().height() + 8, field.accessibleName()
