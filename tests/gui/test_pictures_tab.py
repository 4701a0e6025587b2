"""The tab with the classes and their pictures: what each gesture does to the project."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_scans import looking_again, made_up_scan
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QLineEdit, QMessageBox
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient

from tlstudio.errors import StorageError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.wizard.images import ImagesPage
from tlstudio.gui.wizard.label_dialog import LabelDialog
from tlstudio.gui.wizard.pictures_tab import PicturesTab
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import ScanResult
from tlstudio.projects.index import Entry, Index
from tlstudio.projects.project import Project

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def made() -> ScanResult:
    return made_up_scan({"ants": 12, "bees": 10, "wasps": 10}, kept=True)


@pytest.fixture
def page(
    qtbot: QtBot, state: WizardState, engine: EngineRoom, client: ScriptedClient, made: ScanResult
) -> ImagesPage:
    client.script["scan"] = looking_again(made)
    page = ImagesPage(state, engine)

    def leave(_: ImagesPage) -> None:
        qtbot.waitUntil(lambda: not page.desk.busy and not state.looking)
        page.leave()

    qtbot.addWidget(page, before_close_func=leave)
    page.resize(1000, 700)
    page.show()
    qtbot.waitExposed(page)
    state.set_scan(made)
    qtbot.waitUntil(lambda: len(page.found.pictures.shelf.numbers) == 12)
    return page


@pytest.fixture
def tab(page: ImagesPage) -> PicturesTab:
    return page.found.pictures


def classes(tab: PicturesTab) -> dict[str, int]:
    """What the list shows, in its order; of what was left out the number is negative."""
    return {
        each.name: -each.pictures if each.excluded else each.pictures for each in tab.sheet.classes
    }


def shows(qtbot: QtBot, tab: PicturesTab, expected: dict[str, int]) -> None:
    qtbot.waitUntil(lambda: list(classes(tab).items()) == list(expected.items()))


def entry(made: ScanResult, file: str) -> Entry:
    return next(e for e in Index(Project(Path(made.project))).entries() if e.file == file)


def choose(tab: PicturesTab, *rows: int) -> None:
    tab.grid.setFocus()
    tab.grid.choose_rows([range(row, row + 1) for row in rows], rows[-1])


def rename(qtbot: QtBot, tab: PicturesTab, name: str) -> None:
    qtbot.mouseClick(tab.rename_button, Qt.MouseButton.LeftButton)
    editor = tab.bars.findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    qtbot.keyClicks(editor, name)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: tab.bars.findChild(QLineEdit) is None)


def test_a_class_is_renamed_in_its_place_and_ctrl_z_undoes_it(
    qtbot: QtBot, tab: PicturesTab
) -> None:
    rename(qtbot, tab, "Wanzen")
    shows(qtbot, tab, {"Wanzen": 12, "bees": 10, "wasps": 10})
    qtbot.keyClick(tab.bars, Qt.Key.Key_Z, CTRL)
    shows(qtbot, tab, {"ants": 12, "bees": 10, "wasps": 10})
    qtbot.keyClick(tab.bars, Qt.Key.Key_Z, CTRL | SHIFT)
    shows(qtbot, tab, {"Wanzen": 12, "bees": 10, "wasps": 10})


def test_a_name_that_cannot_be_is_refused_in_words(
    qtbot: QtBot, page: ImagesPage, tab: PicturesTab
) -> None:
    rename(qtbot, tab, "   ")
    assert page.notice.message == "A class needs a name of printable characters."
    assert list(classes(tab)) == ["ants", "bees", "wasps"]


def test_the_name_of_another_class_asks_and_merges_both(
    qtbot: QtBot, page: ImagesPage, tab: PicturesTab
) -> None:
    rename(qtbot, tab, "bees")
    box = tab.findChild(QMessageBox)
    assert box is not None
    assert box.text() == "Make “ants” and “bees” one class, “bees”?"
    merge = next(button for button in box.buttons() if button is not box.escapeButton())
    qtbot.mouseClick(merge, Qt.MouseButton.LeftButton)
    shows(qtbot, tab, {"bees": 22, "wasps": 10})
    qtbot.waitUntil(lambda: len(tab.shelf.numbers) == 22)
    qtbot.mouseClick(page.found.undo_button, Qt.MouseButton.LeftButton)
    shows(qtbot, tab, {"ants": 12, "bees": 10, "wasps": 10})


def test_a_class_is_left_out_by_delete_stands_last_and_is_put_back(
    qtbot: QtBot, page: ImagesPage, tab: PicturesTab
) -> None:
    tab.bars.setFocus()
    qtbot.keyClick(tab.bars, Qt.Key.Key_Delete)
    shows(qtbot, tab, {"bees": 10, "wasps": 10, "ants": -12})
    assert tab.bars.shown() == tab.sheet.named("ants")
    qtbot.waitUntil(lambda: list(page.state.scan.classes) == ["bees", "wasps"])  # type: ignore[union-attr]
    qtbot.mouseClick(tab.class_out_button, Qt.MouseButton.LeftButton)
    shows(qtbot, tab, {"ants": 12, "bees": 10, "wasps": 10})


def test_a_digit_moves_what_is_chosen_and_the_keyboard_goes_on_with_the_next(
    qtbot: QtBot, tab: PicturesTab, made: ScanResult
) -> None:
    choose(tab, 3)
    qtbot.keyClick(tab.grid, Qt.Key.Key_2)
    assert tab.shelf.files[3] == "ants/00004.png", "it is still there"
    qtbot.keyClick(tab.grid, Qt.Key.Key_3)
    shows(qtbot, tab, {"ants": 10, "bees": 11, "wasps": 11})
    assert entry(made, "ants/00003.png").label == "bees"
    assert entry(made, "ants/00004.png").label == "wasps"
    assert [tab.shelf.files[row] for part in tab.grid.chosen_rows() for row in part] == [
        "ants/00005.png"
    ]


def test_many_are_moved_left_out_and_put_back_and_each_step_is_undone(
    qtbot: QtBot, page: ImagesPage, tab: PicturesTab
) -> None:
    tab.grid.setFocus()
    choose(tab, 0, 1, 5)
    qtbot.keyClick(tab.grid, Qt.Key.Key_2)
    shows(qtbot, tab, {"ants": 9, "bees": 13, "wasps": 10})
    assert page.found.said_label.text() == "3 pictures moved to “bees”"
    qtbot.keyClick(tab.grid, Qt.Key.Key_A, CTRL)
    qtbot.keyClick(tab.grid, Qt.Key.Key_Delete)
    shows(qtbot, tab, {"ants": 0, "bees": 13, "wasps": 10})
    assert tab.sheet.left_out == 9
    tab.bars.setCurrentIndex(tab.bars.classes.index(3))
    qtbot.waitUntil(lambda: len(tab.shelf.numbers) == 9)
    choose(tab, 0, 1)
    qtbot.mouseClick(tab.out_button, Qt.MouseButton.LeftButton)
    shows(qtbot, tab, {"ants": 2, "bees": 13, "wasps": 10})
    for expected in ({"ants": 0, "bees": 13}, {"ants": 9, "bees": 13}, {"ants": 12, "bees": 10}):
        qtbot.mouseClick(page.found.undo_button, Qt.MouseButton.LeftButton)
        shows(qtbot, tab, {**expected, "wasps": 10})
    assert page.found.said_label.text() == "Undone: 3 pictures moved to “bees”"


def test_a_new_class_is_made_of_what_is_chosen_also_under_a_name_that_was_found_once(
    qtbot: QtBot, tab: PicturesTab, made: ScanResult
) -> None:
    rename(qtbot, tab, "Ameisen")
    shows(qtbot, tab, {"Ameisen": 12, "bees": 10, "wasps": 10})
    choose(tab, 0)
    tab.move_button.menu().aboutToShow.emit()
    tab.move_button.menu().actions()[-1].trigger()
    dialog = tab.findChild(QInputDialog)
    assert dialog is not None
    dialog.setTextValue("ants")
    dialog.accept()
    qtbot.waitUntil(lambda: classes(tab).get("ants") == 1)
    assert classes(tab)["Ameisen"] == 11
    assert entry(made, "ants/00000.png").label == "ants"


def test_what_the_user_moved_is_marked_and_says_where_it_was_found(
    qtbot: QtBot, tab: PicturesTab
) -> None:
    choose(tab, 0)
    qtbot.keyClick(tab.grid, Qt.Key.Key_2)
    shows(qtbot, tab, {"ants": 11, "bees": 11, "wasps": 10})
    tab.bars.choose("bees")
    qtbot.waitUntil(lambda: tab.shelf.shown == tab.sheet.named("bees"))
    words = tab.model.index(0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert words == "ants/00000.png, found in “ants”, now “bees”"


def test_in_the_large_view_the_same_keys_correct_and_the_arrows_go_on(
    qtbot: QtBot, tab: PicturesTab, made: ScanResult
) -> None:
    tab.open_picture(1)
    dialog = tab.findChild(LabelDialog)
    assert dialog is not None
    qtbot.keyClick(dialog, Qt.Key.Key_3)
    qtbot.waitUntil(lambda: "Class: wasps" in dialog.said)
    qtbot.keyClick(dialog, Qt.Key.Key_Right)
    assert dialog.windowTitle() == "00002.png"
    assert "Class: ants" in dialog.said
    qtbot.keyClick(dialog, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: "Class: ants, left out" in dialog.said)
    assert entry(made, "ants/00001.png").label == "wasps"
    assert entry(made, "ants/00002.png").excluded
    qtbot.keyClick(dialog, Qt.Key.Key_Z, CTRL)
    qtbot.waitUntil(lambda: "left out" not in dialog.said.splitlines()[0])
    assert not entry(made, "ants/00002.png").excluded
    with qtbot.waitSignal(dialog.finished):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)


def test_another_tab_can_ask_for_a_class(qtbot: QtBot, page: ImagesPage, tab: PicturesTab) -> None:
    page.found.bar.setCurrentIndex(1)
    page.desk.class_wanted.emit("wasps")
    assert tab.isVisible()
    qtbot.waitUntil(lambda: tab.shelf.shown == tab.sheet.named("wasps"))


def test_what_cannot_be_written_is_said_and_comes_back(
    qtbot: QtBot, page: ImagesPage, tab: PicturesTab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full.", "Free some space.")

    monkeypatch.setattr("tlstudio.projects.corrections.Corrections.apply", full)
    choose(tab, 0)
    qtbot.keyClick(tab.grid, Qt.Key.Key_2)
    qtbot.waitUntil(page.notice.isVisible)
    assert page.notice.message == "The disk is full."
    qtbot.waitUntil(lambda: len(tab.shelf.numbers) == 12)
    assert not page.desk.undo.canUndo()


def test_long_names_make_the_window_no_wider(
    qtbot: QtBot, page: ImagesPage, tab: PicturesTab
) -> None:
    narrowest = page.minimumSizeHint().width()
    rename(qtbot, tab, "a" * 100)
    qtbot.waitUntil(lambda: "called" in page.found.said_label.accessibleName())
    qtbot.waitUntil(lambda: tab.shelf.shown == tab.sheet.named("a" * 100))
    assert page.minimumSizeHint().width() <= max(narrowest, 900)
