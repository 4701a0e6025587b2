"""What the foot of the home screen opens: disk use and preferences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from tlstudio.gui.theme import DARK, LIGHT, THEME
from tlstudio.gui.views.disk_use import DiskUseDialog, size_words
from tlstudio.gui.views.home_foot import HomeFoot
from tlstudio.gui.views.preferences import PreferencesDialog
from tlstudio.gui.widgets.keep_awake import KeepAwake
from tlstudio.projects import places
from tlstudio.projects.preferences import preferences


@pytest.fixture
def foot(qtbot: QtBot) -> Iterator[HomeFoot]:
    foot = HomeFoot()
    qtbot.addWidget(foot, before_close_func=lambda widget: widget.leave())
    foot.show()
    qtbot.waitExposed(foot)
    yield foot
    THEME.use("light")


def click(qtbot: QtBot, button: QWidget) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def written(folder: Path, size: int) -> Path:
    folder.mkdir(parents=True)
    file = folder / "file"
    file.write_bytes(bytes(size))
    return file


def shown(dialog: DiskUseDialog, name: str) -> str:
    label = next(
        each for each in dialog.findChildren(QLabel) if each.accessibleName() == f"Size of {name}"
    )
    return label.text()


def test_disk_use_says_what_takes_how_much_and_cleans_only_what_comes_back(
    qtbot: QtBot, foot: HomeFoot
) -> None:
    cached = written(places.cache_folder() / "activations" / "shelf", 25_000_000)
    weights = written(places.weights_folder(), 44_000_000)
    click(qtbot, foot.disk_button)
    dialog = foot.findChild(DiskUseDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: not foot.disk.running)
    assert dialog.total.text() == "69\u00a0MB on this disk"
    assert shown(dialog, "Computed from your pictures") == "25\u00a0MB"
    assert shown(dialog, "Published networks") == "44\u00a0MB"
    assert not dialog.buttons["leftovers"].isEnabled()
    click(qtbot, dialog.buttons["cache"])
    qtbot.waitUntil(lambda: dialog.total.text() == "44\u00a0MB on this disk")
    qtbot.waitUntil(lambda: not foot.disk.running)
    assert not cached.exists()
    assert weights.exists()
    assert dialog.notice.message == "25\u00a0MB are free again."
    assert not dialog.buttons["cache"].isEnabled()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert "44\u00a0MB" in foot.disk_button.text()


def test_the_dialog_can_be_closed_while_it_measures(qtbot: QtBot, foot: HomeFoot) -> None:
    written(places.weights_folder(), 1000)
    click(qtbot, foot.disk_button)
    dialog = foot.findChild(DiskUseDialog)
    assert dialog is not None
    with qtbot.waitSignal(dialog.destroyed):
        dialog.reject()
    qtbot.waitUntil(lambda: not foot.disk.running)


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0"), (1, "0.1"), (9_940_000, "9.9"), (999_000_000, "999"), (3_440_000_000, "3.4")],
)
def test_sizes_are_said_with_few_digits(size: int, words: str) -> None:
    unit = "GB" if size >= 1e9 else "MB"
    assert size_words(size) == f"{words}\u00a0{unit}"


def test_the_colours_change_at_once_and_are_kept(qtbot: QtBot, foot: HomeFoot) -> None:
    THEME._forced = False  # the tests' own choice
    click(qtbot, foot.preferences_button)
    dialog = foot.findChild(PreferencesDialog)
    assert dialog is not None
    assert dialog.looks["system"].isChecked()
    dialog.looks["dark"].setFocus()
    qtbot.keyClick(dialog.looks["dark"], Qt.Key.Key_Space)
    assert THEME.colours is DARK
    assert preferences().look == "dark"
    click(qtbot, dialog.looks["light"])
    assert THEME.colours is LIGHT
    dialog.accept()


def test_staying_awake_is_the_same_choice_in_both_places(qtbot: QtBot, foot: HomeFoot) -> None:
    elsewhere = KeepAwake()
    qtbot.addWidget(elsewhere)
    click(qtbot, foot.preferences_button)
    dialog = foot.findChild(PreferencesDialog)
    assert dialog is not None
    click(qtbot, dialog.awake)
    assert preferences().keep_awake is False
    elsewhere.show()
    assert not elsewhere.isChecked()
    dialog.accept()
