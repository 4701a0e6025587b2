"""The tab that shows what is wrong with the pictures, with real projects in temporary folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_up_projects import made_up_project, picture
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from tlstudio.gui.widgets.finding_section import FIRST, MORE, FindingSection
from tlstudio.gui.widgets.picture_dialog import PictureDialog
from tlstudio.gui.widgets.tiles import TileStrip
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.health_tab import HealthTab
from tlstudio.jobs import DatasetSpec, Finding, FindingKind
from tlstudio.projects.index import Entry, Index, Place, Seen
from tlstudio.projects.project import Project

Shows = Callable[..., HealthTab]


@pytest.fixture
def show(qtbot: QtBot, desk: Desk, tmp_path: Path) -> Iterator[Shows]:
    """Makes a project with these pictures and findings, and shows it."""
    made: list[HealthTab] = []

    def shows(
        seen: list[Seen],
        findings: list[Finding],
        places: dict[str, Place] | None = None,
        project: Path | None = None,
    ) -> HealthTab:
        if project is None:
            project = tmp_path / "project"
        scan = made_up_project(project, seen, findings, places)
        desk.state.set_scan(scan, DatasetSpec(folder=scan.folder, project=str(project)))
        tab = HealthTab(desk)
        made.append(tab)
        qtbot.addWidget(tab)
        tab.resize(900, 640)
        tab.show()
        qtbot.waitExposed(tab)
        assert desk.state.overview is not None
        tab.show_overview(desk.state.overview)
        settle(qtbot, tab)
        return tab

    yield shows
    for tab in made:
        tab.leave()


def settle(qtbot: QtBot, tab: HealthTab) -> None:
    """Until everything is read and built."""
    qtbot.waitUntil(lambda: tab.review is not None and tab.settled)


def finding(kind: FindingKind, *files: str, classes: tuple[str, ...] = ()) -> Finding:
    return Finding(
        kind=kind,
        severity="warn",
        sentence=f"This is about {', '.join(files or classes)}.",
        hint="Do something.",
        files=files,
        classes=classes,
    )


def ants_and_bees(number: int = 10) -> list[Seen]:
    return [picture(f"{name}/{i}.png") for name in ("ants", "bees") for i in range(number)]


def button(section: FindingSection, text: str) -> QPushButton:
    """The first one with this text among those of the section and its cards."""
    inside = [each for card in section.cards.values() for each in card.buttons]
    return next(each for each in [*section.common_buttons, *inside] if each.text() == text)


def press(qtbot: QtBot, tab: HealthTab, kind: FindingKind, text: str) -> None:
    """Presses a button and waits until what it does is done and shown."""
    qtbot.mouseClick(button(tab.sections[kind], text), Qt.MouseButton.LeftButton)


def entries(desk: Desk) -> dict[str, Entry]:
    assert desk.project is not None
    return {entry.file: entry for entry in Index(Project(desk.project)).entries()}


def left_out(desk: Desk) -> set[str]:
    return {file for file, entry in entries(desk).items() if entry.excluded}


def test_findings_are_grouped_by_kind_in_the_order_of_the_look(show: Shows) -> None:
    tab = show(
        ants_and_bees(),
        [
            finding("blank", "bees/9.png"),
            finding("exact_duplicate", "ants/1.png", "ants/2.png"),
            finding("blank", "ants/9.png"),
            finding("exact_duplicate", "ants/3.png", "ants/4.png"),
        ],
    )
    headings = [section.heading.text() for section in tab.sections.values()]
    assert headings == ["2 blank pictures", "2 pairs of identical pictures"]
    assert [tile.accessibleName() for tile in cards(tab, "exact_duplicate")[0].tiles] == [
        "1.png, ants · training",
        "2.png, ants · training",
    ]
    assert tab.title() == "&Health (4)"


def cards(tab: HealthTab, kind: FindingKind) -> list:  # type: ignore[type-arg]
    return list(tab.sections[kind].cards.values())


def test_keep_one_leaves_the_smaller_copy_out_until_it_is_undone(
    qtbot: QtBot, show: Shows, desk: Desk
) -> None:
    small, large = picture("ants/a.png", width=10), picture("ants/b.png", width=20)
    tab = show(
        [small, large, *ants_and_bees()], [finding("near_duplicate", small.file, large.file)]
    )
    press(qtbot, tab, "near_duplicate", "Keep one")
    qtbot.waitUntil(lambda: not tab.sections and tab.settled)
    assert left_out(desk) == {"ants/a.png"}
    assert tab.nothing.isVisible()
    desk.undo.undo()
    qtbot.waitUntil(lambda: "near_duplicate" in tab.sections)
    assert left_out(desk) == set()


def test_keep_one_of_each_is_one_step(qtbot: QtBot, show: Shows, desk: Desk) -> None:
    pairs = [(f"ants/{i}.png", f"bees/{i}.png") for i in range(8)]
    tab = show(ants_and_bees(), [finding("exact_duplicate", *pair) for pair in pairs])
    press(qtbot, tab, "exact_duplicate", "Keep one of each in all 8")
    qtbot.waitUntil(lambda: not tab.sections)
    assert left_out(desk) == {second for _, second in pairs}
    desk.undo.undo()
    qtbot.waitUntil(lambda: "exact_duplicate" in tab.sections)
    assert left_out(desk) == set()


def test_a_picture_in_two_classes_is_put_into_one(qtbot: QtBot, show: Shows, desk: Desk) -> None:
    tab = show(ants_and_bees(), [finding("conflicting_labels", "ants/1.png", "bees/1.png")])
    press(qtbot, tab, "conflicting_labels", "Both are “bees”")
    qtbot.waitUntil(lambda: not tab.sections)
    assert entries(desk)["ants/1.png"].label == "bees"
    assert entries(desk)["bees/1.png"].relabelled is False


def test_of_a_leak_the_checked_copies_are_left_out(qtbot: QtBot, show: Shows, desk: Desk) -> None:
    files = ("ants/1.png", "ants/2.png", "ants/3.png")
    places: dict[str, Place] = {"ants/2.png": "val", "ants/3.png": "test"}
    tab = show(ants_and_bees(), [finding("leak", *files)], {"ants/1.png": "train", **places})
    press(qtbot, tab, "leak", "Leave the checked copies out")
    qtbot.waitUntil(lambda: not tab.sections)
    assert left_out(desk) == set(places)


def test_a_small_class_can_be_left_out_where_two_others_are_left(
    qtbot: QtBot, show: Shows, desk: Desk
) -> None:
    tab = show(
        [*ants_and_bees(), picture("wasps/1.png")], [finding("small_class", classes=("wasps",))]
    )
    press(qtbot, tab, "small_class", "Leave “wasps” out")
    qtbot.waitUntil(lambda: entries(desk)["wasps/1.png"].excluded)


def test_of_two_classes_none_can_be_left_out(show: Shows) -> None:
    tab = show(ants_and_bees(), [finding("small_class", classes=("bees",))])
    assert [each.text() for each in cards(tab, "small_class")[0].buttons] == [
        "Show “bees”",
        "Dismiss",
    ]


def test_what_was_dismissed_does_not_come_back(qtbot: QtBot, show: Shows, desk: Desk) -> None:
    seen, pair = ants_and_bees(), finding("exact_duplicate", "ants/1.png", "ants/2.png")
    tab = show(seen, [pair])
    press(qtbot, tab, "exact_duplicate", "Keep both")
    assert not tab.sections
    assert tab.title() == "&Health"
    tab.leave()
    moved = [picture("ants/new name.png", b"ants/1.png"), *seen[:1], *seen[2:]]
    again = show(moved, [finding("exact_duplicate", "ants/2.png", "ants/new name.png")])
    assert not again.sections
    qtbot.mouseClick(again.dismissed_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: again.settled)
    press(qtbot, again, "exact_duplicate", "Bring back")
    qtbot.waitUntil(lambda: again.title() == "&Health (1)")
    desk.undo.undo()
    assert again.title() == "&Health"


def test_another_copy_makes_a_new_finding_of_a_dismissed_one(qtbot: QtBot, show: Shows) -> None:
    tab = show(ants_and_bees(), [finding("exact_duplicate", "ants/1.png", "ants/2.png")])
    press(qtbot, tab, "exact_duplicate", "Keep both")
    tab.leave()
    again = show(
        ants_and_bees(), [finding("exact_duplicate", "ants/1.png", "ants/2.png", "ants/3.png")]
    )
    assert again.title() == "&Health (1)"


def test_a_dismissed_finding_stays_dismissed_when_one_of_its_pictures_has_gone(
    qtbot: QtBot, show: Shows
) -> None:
    three = finding("near_duplicate", "ants/1.png", "ants/2.png", "ants/3.png")
    tab = show(ants_and_bees(), [three])
    press(qtbot, tab, "near_duplicate", "Keep all")
    tab.leave()
    seen = [each for each in ants_and_bees() if each.file != "ants/2.png"]
    again = show(seen, [finding("near_duplicate", "ants/1.png", "ants/3.png")])
    assert again.title() == "&Health"
    qtbot.mouseClick(again.dismissed_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: again.settled)
    press(qtbot, again, "near_duplicate", "Bring back")
    qtbot.waitUntil(lambda: again.title() == "&Health (1)")


def test_a_dismissed_shortcut_stays_dismissed_when_its_figures_change(
    qtbot: QtBot, show: Shows
) -> None:
    shortcut = finding("shortcut", "ants/1.png", "bees/1.png", classes=("ants",))
    wide = "59 % of the 98 pictures of “ants” are 512 px wide."
    tab = show(ants_and_bees(), [shortcut.model_copy(update={"sentence": wide})])
    press(qtbot, tab, "shortcut", "Dismiss")
    tab.leave()
    more = wide.replace("59", "61").replace("98", "1,100")
    high = wide.replace("wide", "high")
    again = show(
        ants_and_bees(), [shortcut.model_copy(update={"sentence": each}) for each in (more, high)]
    )
    assert [card.case.finding.sentence for card in cards(again, "shortcut")] == [high]


def test_classes_are_balanced_by_the_recipe_and_not_again(
    qtbot: QtBot, show: Shows, desk: Desk
) -> None:
    tab = show(ants_and_bees(), [finding("imbalance", classes=("ants", "bees"))])
    press(qtbot, tab, "imbalance", "Balance classes")
    assert desk.state.recipe.class_weights == "balanced"
    qtbot.waitUntil(
        lambda: (
            tab.settled and [b.text() for b in cards(tab, "imbalance")[0].buttons] == ["Dismiss"]
        )
    )
    desk.undo.undo()
    assert desk.state.recipe.class_weights == "none"


def test_files_that_cannot_be_read_lead_to_their_list(
    qtbot: QtBot, show: Shows, desk: Desk
) -> None:
    broken = picture("ants/broken.png", verdict="left_out", reason="It ends too early.")
    tab = show([broken, *ants_and_bees()], [finding("unreadable", broken.file)])
    with qtbot.waitSignal(desk.files_wanted) as asked:
        press(qtbot, tab, "unreadable", "Show the files")
    assert asked.args == ["left_out"]


def test_nothing_wrong_is_said_with_what_was_looked_for(show: Shows) -> None:
    tab = show(ants_and_bees(), [])
    assert tab.nothing.words.text() == "Nothing wrong was found in 20 pictures."
    assert "nearly identical" in tab.nothing.details.text()


def test_a_thousand_findings_are_shown_a_few_at_a_time(qtbot: QtBot, show: Shows) -> None:
    names = [(f"ants/{i}.png", f"bees/{i}.png") for i in range(1000)]
    tab = show(ants_and_bees(1000), [finding("near_duplicate", *pair) for pair in names])
    section = tab.sections["near_duplicate"]
    assert section.heading.text() == "1,000 pairs of nearly identical pictures"
    assert len(section.cards) == FIRST
    qtbot.mouseClick(section.more_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(section.cards) == FIRST + MORE)


def test_two_findings_about_the_same_pictures_are_both_shown(show: Shows) -> None:
    leak = finding("leak", "ants/1.png", "ants/2.png")
    places: dict[str, Place] = {"ants/1.png": "train", "ants/2.png": "val"}
    two = [leak, leak.model_copy(update={"sentence": "Another."})]
    tab = show(ants_and_bees(), two, places)
    assert [card.case.finding.sentence for card in cards(tab, "leak")][1] == "Another."


def test_while_training_nothing_can_be_changed(show: Shows) -> None:
    tab = show(ants_and_bees(), [finding("blank", f"ants/{i}.png") for i in range(2)])
    tab.set_locked(True)
    section = tab.sections["blank"]
    assert not any(each.isEnabled() for each in section.common_buttons)
    assert not button(section, "Leave it out").isEnabled()


def test_the_keyboard_goes_on_to_the_next_finding(
    qtbot: QtBot, qapp: QApplication, show: Shows
) -> None:
    tab = show(ants_and_bees(), [finding("blank", f"ants/{i}.png") for i in range(3)])
    first = cards(tab, "blank")[0]
    first.buttons[0].setFocus()
    qtbot.keyClick(first.buttons[0], Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(cards(tab, "blank")) == 2)
    assert tab.window().focusWidget() is cards(tab, "blank")[0].buttons[0]


def test_what_is_written_last_is_kept_and_read_by_nobody_once_the_window_closes(
    qtbot: QtBot, show: Shows, desk: Desk
) -> None:
    pairs = [finding("exact_duplicate", f"ants/{i}.png", f"bees/{i}.png") for i in range(3)]
    tab = show(ants_and_bees(), pairs)
    for _ in range(2):
        press(qtbot, tab, "exact_duplicate", "Keep both")
    tab.leave()
    desk.corrected.emit()
    assert tab.settled, "a thread was started that nobody waits for"
    assert show(ants_and_bees(), pairs).title() == "&Health (1)"


def test_a_picture_of_a_finding_opens_larger_with_its_twin_beside(
    qtbot: QtBot, show: Shows, tmp_path: Path
) -> None:
    for number in range(2):
        (tmp_path / "ants").mkdir(exist_ok=True)
        Image.new("RGB", (40, 30), (90, 90, 90)).save(tmp_path / f"ants/{number}.png")
    tab = show(ants_and_bees(), [finding("exact_duplicate", "ants/0.png", "ants/1.png")])
    qtbot.mouseClick(cards(tab, "exact_duplicate")[0].tiles[1], Qt.MouseButton.LeftButton)
    dialog = tab.findChild(PictureDialog)
    assert dialog is not None
    assert dialog.windowTitle() == "1.png"
    qtbot.keyClick(dialog, Qt.Key.Key_Right)
    assert dialog.windowTitle() == "0.png"
    with qtbot.waitSignal(dialog.finished):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)


def test_a_narrow_page_shows_fewer_pictures_and_counts_the_rest(qtbot: QtBot, show: Shows) -> None:
    tab = show(ants_and_bees(), [finding("blank", *(f"ants/{i}.png" for i in range(9)))])
    card = cards(tab, "blank")[0]

    def shown() -> int:
        return sum(tile.isVisible() for tile in card.tiles)

    def counted() -> bool:
        return f"and {9 - shown()} more" in [label.text() for label in card.findChildren(QLabel)]

    qtbot.waitUntil(lambda: shown() == 6 and counted())
    tab.resize(500, 640)
    qtbot.waitUntil(lambda: 0 < shown() < 4 and counted())
    strip = card.findChild(TileStrip)
    assert strip is not None
    assert all(strip.rect().contains(tile.geometry()) for tile in card.tiles if tile.isVisible())
