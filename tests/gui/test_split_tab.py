"""The split tab: what it shows, what it changes, and that it never decides by itself twice."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient

from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.images import ImagesPage
from tlstudio.gui.wizard.split_tab import SplitTab
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import (
    DatasetSpec,
    Finding,
    Grouping,
    Job,
    Part,
    Proposal,
    Result,
    ScanJob,
    ScanResult,
    Split,
    TableSource,
)
from tlstudio.projects.index import Index, Seen
from tlstudio.projects.project import Project
from tlstudio.tasks import Event

DECIDED = DatasetSpec(folder="/x", test_fraction=0.15)
PATIENTS = Proposal(
    grouping=Grouping(pattern="{group}_#"),
    sentence="The names begin with one of 20 words, such as “p3” in p3_7.png.",
    groups=20,
    examples=("yes/p3_7.png", "yes/p3_8.png"),
)
BURSTS = Proposal(grouping=Grouping(burst=10), sentence="Taken within 10 seconds.", groups=4)


@pytest.fixture
def tab(qtbot: QtBot, state: WizardState, engine: EngineRoom) -> Iterator[SplitTab]:
    desk = Desk(state, engine)
    tab = SplitTab(desk)
    qtbot.addWidget(tab)
    tab.resize(860, 700)
    tab.show()
    qtbot.waitExposed(tab)
    yield tab
    tab.leave()
    desk.leave()


Scanned = Callable[..., ScanResult]


@pytest.fixture
def scanned(tmp_path: Path) -> Scanned:
    """A split of p0_0.png, p0_1.png … in each class, with its index in a project."""

    def make(
        classes: dict[str, int],
        findings: Sequence[Finding] = (),
        given: bool = False,
        aside: int = 0,
        test: bool = True,
        **values: object,
    ) -> ScanResult:
        index = Index(Project(tmp_path / "project"))
        files = [
            (f"{name}/p{i // 3}_{i}.png", name) for name, n in classes.items() for i in range(n)
        ]
        seen = [Seen(f, f.encode(), name, None, "used", "") for f, name in files]
        ids, _ = index.update(seen)
        index.save_outcome(dict.fromkeys(ids, "train"), {}, findings, {})
        parts: dict[str, dict[Part, int]] = {
            name: {"train": n - n // 5 - test * (n // 10), "val": n // 5, "test": test * (n // 10)}
            for name, n in classes.items()
        }
        total = {
            part: sum(each[part] for each in parts.values()) for part in parts[next(iter(parts))]
        }
        return ScanResult.model_validate(
            {
                "folder": "/x",
                "pictures": len(files),
                "classes": classes,
                "parts": parts,
                "project": str(tmp_path / "project"),
                "test_fraction": 0.15 if test else 0,
                "split": Split(given=given, aside=aside, sentence="We split.", **total),
                **values,
            }
        )

    return make


def show(tab: SplitTab, scan: ScanResult, dataset: DatasetSpec = DECIDED) -> None:
    tab.state.set_scan(scan, dataset)
    assert tab.state.overview is not None
    tab.show_overview(tab.state.overview)


def press(qtbot: QtBot, button: QWidget) -> None:
    # A check box answers to its sign and its words, not to the room beside them.
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(8, button.height() // 2))


# --- the picture --------------------------------------------------------------------------------


def test_each_part_says_its_number_and_share(tab: SplitTab, scanned: Scanned) -> None:
    show(tab, scanned({"no": 100, "yes": 150}))
    said = {place: figure.number.text() for place, figure in tab.picture.figures.items()}
    assert (said["train"], said["val"], said["test"]) == ("175 · 70 %", "50 · 20 %", "25 · 10 %")
    assert not tab.picture.figures["aside"].isVisible()
    assert tab.picture.classes.accessibleName().startswith(
        "no: Training 70, Validation 20, Locked test 10"
    )


def test_what_is_set_aside_is_counted_and_explained(
    qtbot: QtBot, tab: SplitTab, scanned: Scanned
) -> None:
    show(tab, scanned({"no": 100, "yes": 150}, aside=2))
    assert tab.picture.figures["aside"].number.text().startswith("2 ·")
    assert tab.worth_card.isVisible()
    with qtbot.waitSignal(tab.desk.health_wanted):
        press(qtbot, tab.health_button)


def test_of_many_classes_the_smallest_are_shown_first(
    qtbot: QtBot, tab: SplitTab, scanned: Scanned
) -> None:
    sizes = {f"class {i}": 20 + 7 * (i * 11 % 30) for i in range(30)}
    show(tab, scanned(sizes))
    shown = [row.name for row in tab.picture.classes.rows()]
    assert set(shown) == set(sorted(sizes, key=lambda name: sizes[name])[:8])
    assert shown == [name for name in sizes if name in shown]
    press(qtbot, tab.picture.classes_button)
    assert [row.name for row in tab.picture.classes.rows()] == list(sizes)


def test_classes_whose_names_were_swapped_are_not_swapped_back(
    tab: SplitTab, scanned: Scanned
) -> None:
    show(tab, scanned({"no": 50, "yes": 60}, names={"no": "yes", "yes": "no"}))
    assert [row.name for row in tab.picture.classes.rows()] == ["no", "yes"]


# --- shares -------------------------------------------------------------------------------------


def test_a_share_typed_or_moved_has_the_pictures_looked_at_again(
    qtbot: QtBot, tab: SplitTab, scanned: Scanned
) -> None:
    show(tab, scanned({"no": 100, "yes": 150}))
    assert (tab.validation.spin.value(), tab.test.spin.value()) == (20, 15)
    field = tab.test.spin
    field.setFocus()
    with qtbot.waitSignal(tab.desk.look_wanted):
        field.selectAll()
        qtbot.keyClicks(field, "25")
        qtbot.keyClick(field, Qt.Key.Key_Tab)
    assert tab.test.slider.value() == 25
    with qtbot.waitSignal(tab.desk.look_wanted):
        qtbot.keyClick(tab.validation.slider, Qt.Key.Key_Right)
    dataset = tab.state.dataset
    assert dataset is not None
    assert (dataset.test_fraction, dataset.validation_fraction) == (0.25, 0.21)
    assert tab.validation.spin.value() == 21


def test_showing_a_split_changes_nothing(qtbot: QtBot, tab: SplitTab, scanned: Scanned) -> None:
    with qtbot.assertNotEmitted(tab.desk.look_wanted):
        show(tab, scanned({"no": 100, "yes": 150}, proposals=(PATIENTS, BURSTS)))
        qtbot.waitUntil(lambda: not tab.reader.busy)
    assert tab.state.dataset == DECIDED


def test_a_split_of_the_users_own_is_left_alone_and_its_leaks_are_named(
    qtbot: QtBot, tab: SplitTab, scanned: Scanned
) -> None:
    leak = Finding(kind="leak", severity="error", sentence="x", files=("train/a", "val/a"))
    show(tab, scanned({"no": 100, "yes": 150}, (leak, leak), given=True), DatasetSpec(folder="/x"))
    assert tab.given.text().startswith("Your folder's own split is used as it is.")
    assert not tab.validation.isEnabled()
    assert not tab.test.isEnabled()
    assert tab.validation.spin.value() == 20
    assert tab.first().isEnabled()
    tab.set_locked(True)
    assert not tab.own.isEnabled()
    assert tab.first().isEnabled()
    qtbot.waitUntil(tab.worth_card.isVisible)
    said = [label.text() for label in tab.worth_card.findChildren(type(tab.sentence))]
    assert any(text.startswith("2 groups of pictures that belong together") for text in said)


def test_a_folders_own_test_pictures_stay_what_they_are(tab: SplitTab, scanned: Scanned) -> None:
    show(tab, scanned({"no": 100, "yes": 150}, test_fraction=0), DatasetSpec(folder="/x"))
    assert tab.given.text() == "The test pictures of your folder stay what they are."
    assert tab.test.spin.value() == 10
    assert not tab.test.isEnabled()
    assert tab.validation.isEnabled()


def test_few_pictures_say_why_there_is_no_test_set(tab: SplitTab, scanned: Scanned) -> None:
    show(tab, scanned({"no": 30, "yes": 150}, test=False), DatasetSpec(folder="/x"))
    assert tab.test.spin.text() == "none"
    assert "fewer than 40 pictures" in tab.test.hint.text()


# --- what stays together ------------------------------------------------------------------------


def test_duplicates_and_the_tables_column_are_said_to_stay_together(
    qtbot: QtBot, tab: SplitTab, scanned: Scanned
) -> None:
    twins = Finding(kind="exact_duplicate", severity="warn", sentence="x", files=("a", "b"))
    table = TableSource(file="/x/labels.csv", group="patient")
    dataset = DECIDED.model_copy(update={"table": table})
    show(tab, scanned({"no": 100, "yes": 150}, (twins,)), dataset)
    said = {label.text() for label in tab.grouping.findChildren(type(tab.sentence))}
    assert "Rows with the same “patient” in your table stay on one side." in said
    qtbot.waitUntil(
        lambda: any(
            "1 group of them was found, with 2 pictures." in label.text()
            for label in tab.grouping.findChildren(type(tab.sentence))
        )
    )


def test_a_proposal_counts_only_once_it_is_switched_on_and_can_be_taken_back(
    qtbot: QtBot, tab: SplitTab, scanned: Scanned
) -> None:
    show(tab, scanned({"no": 100, "yes": 150}, proposals=(PATIENTS, BURSTS)))
    patients, bursts = tab.grouping.cards
    assert not patients.switch.isChecked()
    for card in (patients, bursts):
        with qtbot.waitSignal(tab.desk.look_wanted):
            press(qtbot, card.switch)
    assert tab.state.job().dataset.grouping == Grouping(pattern="{group}_#", burst=10)
    patients.switch.setFocus()
    with qtbot.waitSignal(tab.desk.look_wanted):
        qtbot.keyClick(patients.switch, Qt.Key.Key_Space)
    assert tab.state.job().dataset.grouping == Grouping(burst=10)
    assert not patients.switch.isChecked()


def test_a_card_names_examples_that_its_sentence_does_not(tab: SplitTab, scanned: Scanned) -> None:
    show(tab, scanned({"no": 100, "yes": 150}, proposals=(PATIENTS,)))
    said = [label.text() for label in tab.grouping.cards[0].findChildren(type(tab.sentence))]
    assert said == [PATIENTS.sentence, "Also p3_8.png", "20 groups"]


def test_what_the_project_remembers_is_switched_on(tab: SplitTab, scanned: Scanned) -> None:
    scan = scanned({"no": 100, "yes": 150}, proposals=(PATIENTS, BURSTS), grouping=BURSTS.grouping)
    show(tab, scan)
    assert [card.switch.isChecked() for card in tab.grouping.cards] == [False, True]


def test_a_pattern_of_ones_own_is_tried_while_typing_and_then_used(
    qtbot: QtBot, tab: SplitTab, scanned: Scanned
) -> None:
    show(tab, scanned({"no": 30, "yes": 33}))
    press(qtbot, tab.grouping.fold.button)
    rule = tab.grouping.rule
    qtbot.keyClicks(rule.pattern, "{group}_#")
    qtbot.waitUntil(lambda: rule.verdict.text() == "11 groups, the largest with 6 pictures.")
    assert "p0_0.png → p0" in rule.examples.text()
    with qtbot.waitSignal(tab.desk.look_wanted):
        qtbot.keyClick(rule.pattern, Qt.Key.Key_Return)
    assert tab.state.job().dataset.grouping == Grouping(pattern="{group}_#")
    assert rule.use_button.text() == "Let them go"
    with qtbot.waitSignal(tab.desk.look_wanted):
        press(qtbot, rule.use_button)
    assert tab.state.job().dataset.grouping == Grouping()


def test_what_is_no_pattern_says_so_where_it_is_typed_and_can_not_be_used(
    qtbot: QtBot, tab: SplitTab, scanned: Scanned
) -> None:
    show(tab, scanned({"no": 30, "yes": 33}))
    press(qtbot, tab.grouping.fold.button)
    rule = tab.grouping.rule
    qtbot.keyClicks(rule.pattern, "{patient}_*")
    qtbot.waitUntil(lambda: "braces" in rule.problem.text())
    assert not rule.use_button.isEnabled()
    rule.pattern.clear()
    qtbot.keyClicks(rule.pattern, "plate{group}")
    qtbot.waitUntil(lambda: rule.problem.text() == "No file name fits this pattern.")
    with qtbot.assertNotEmitted(tab.desk.look_wanted):
        qtbot.keyClick(rule.pattern, Qt.Key.Key_Return)


def test_a_folder_and_a_time_of_ones_own_are_used_beside_a_confirmed_pattern(
    qtbot: QtBot, tab: SplitTab, scanned: Scanned
) -> None:
    confirmed = DECIDED.model_copy(update={"grouping": PATIENTS.grouping})
    show(tab, scanned({"no": 30, "yes": 33}, proposals=(PATIENTS,)), confirmed)
    press(qtbot, tab.grouping.fold.button)
    rule = tab.grouping.rule
    assert rule.pattern.text() == ""
    with qtbot.waitSignal(tab.desk.look_wanted):
        qtbot.keyClick(rule.level, Qt.Key.Key_Up)
    expected = Grouping(pattern="{group}_#", folder_level=1)
    assert tab.state.job().dataset.grouping == expected
    with qtbot.waitSignal(tab.desk.look_wanted):
        qtbot.keyClick(rule.level, Qt.Key.Key_Down)
    assert tab.state.job().dataset.grouping == PATIENTS.grouping


# --- the rest -----------------------------------------------------------------------------------


def test_the_sentence_for_a_paper_is_copied_whole(
    qtbot: QtBot, tab: SplitTab, scanned: Scanned
) -> None:
    show(tab, scanned({"no": 100, "yes": 150}))
    tab.copy_button.setFocus()
    qtbot.keyClick(tab.copy_button, Qt.Key.Key_Space)
    assert QGuiApplication.clipboard().text() == "We split."
    assert tab.copy_button.text() == "Copied"


def test_while_training_it_can_be_read_and_not_changed(tab: SplitTab, scanned: Scanned) -> None:
    show(tab, scanned({"no": 100, "yes": 150}, proposals=(PATIENTS,)))
    changing = (tab.validation.spin, tab.test.slider, tab.grouping.cards[0].switch)
    fields = (*changing, tab.grouping.rule.pattern)
    tab.set_locked(True)
    assert not any(field.isEnabled() for field in fields)
    assert tab.copy_button.isEnabled()
    tab.set_locked(False)
    assert all(field.isEnabled() for field in fields)


def test_tab_goes_from_top_to_bottom_over_cards_that_came_later(
    qtbot: QtBot, tab: SplitTab, scanned: Scanned
) -> None:
    show(tab, scanned({"no": 100, "yes": 150}))
    show(tab, scanned({"no": 100, "yes": 150}, proposals=(PATIENTS, BURSTS)))
    qtbot.waitUntil(tab.grouping.cards[-1].isVisible)
    tab.first().setFocus()
    visited: list[QWidget | None] = []
    for _ in range(6):
        now = tab.focusWidget()
        visited.append(now)
        assert now is not None
        qtbot.keyClick(now, Qt.Key.Key_Tab)
    first, second = (card.switch for card in tab.grouping.cards)
    stops = [tab.validation.spin, tab.test.slider, tab.test.spin, first, second]
    assert visited == [*stops, tab.grouping.fold.button]


def test_everything_that_can_be_chosen_has_a_name(tab: SplitTab, scanned: Scanned) -> None:
    show(tab, scanned({"no": 100, "yes": 150}, proposals=(PATIENTS,)))
    rule = tab.grouping.rule
    for widget in (
        *(tab.validation.spin, tab.validation.slider, tab.test.spin, tab.test.slider),
        *(rule.pattern, rule.level, rule.burst, tab.copy_button, tab.picture.bar),
    ):
        assert widget.accessibleName()
    assert tab.grouping.cards[0].switch.accessibleDescription() == PATIENTS.sentence


# --- in its page --------------------------------------------------------------------------------


@pytest.fixture
def page(qtbot: QtBot, state: WizardState, engine: EngineRoom) -> Iterator[ImagesPage]:
    page = ImagesPage(state, engine)
    qtbot.addWidget(page)
    page.resize(900, 700)
    page.show()
    qtbot.waitExposed(page)
    yield page
    page.leave()


def test_a_changed_share_is_scanned_and_the_tab_stays(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scanned: Scanned
) -> None:
    first, second = scanned({"no": 100, "yes": 150}, test=False), scanned({"no": 100, "yes": 150})

    def script(_: Job) -> Generator[Event, None, Result]:
        yield from ()
        return second

    client.script["scan"] = script
    page.state.set_scan(first, DatasetSpec(folder="/x", test_fraction=0))
    tab = page.found.split
    page.found.show_tab(tab)
    tab.test.spin.setFocus()
    qtbot.keyClick(tab.test.spin, Qt.Key.Key_Up)
    assert tab.picture.busy.text()
    assert page.state.why_not_next(page.page_id) is not None
    qtbot.waitUntil(lambda: page.state.scan is second)
    (job,) = client.jobs
    assert isinstance(job, ScanJob)
    assert job.dataset.test_fraction == 0.01
    assert job.usual_test
    assert tab.isVisible()
    assert tab.picture.figures["test"].number.text() == "25 · 10 %"
    assert not tab.picture.busy.text()


def test_ctrl_z_takes_back_what_was_chosen_and_one_drag_is_one_step(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scanned: Scanned
) -> None:
    scan = scanned({"no": 100, "yes": 150}, proposals=(BURSTS,))

    def script(_: Job) -> Generator[Event, None, Result]:
        yield from ()
        return scan

    client.script["scan"] = script
    page.state.set_scan(scan, DatasetSpec(folder="/x"))
    tab = page.found.split
    page.found.show_tab(tab)
    press(qtbot, tab.grouping.cards[0].switch)
    qtbot.waitUntil(lambda: not page.state.looking)
    for _ in range(3):
        qtbot.keyClick(tab.test.slider, Qt.Key.Key_Right)
    assert tab.test.spin.value() == 18
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.keyClick(tab.test.slider, Qt.Key.Key_Z, control)
    assert tab.test.spin.value() == 15
    assert page.found.said_label.text() == "Undone: Locked test set: 18 %"
    assert tab.grouping.cards[0].switch.isChecked()
    qtbot.keyClick(tab.test.slider, Qt.Key.Key_Z, control)
    assert not tab.grouping.cards[0].switch.isChecked()
    assert page.state.job().dataset.grouping == Grouping()
    qtbot.keyClick(tab.test.slider, Qt.Key.Key_Z, control | Qt.KeyboardModifier.ShiftModifier)
    assert tab.grouping.cards[0].switch.isChecked()
    qtbot.waitUntil(lambda: not page.state.looking)


@pytest.mark.parametrize("own", ["split", "test"])
def test_a_split_of_the_users_own_is_given_up_and_taken_back(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scanned: Scanned, own: str
) -> None:
    classes = {"no": 100, "yes": 150}
    brought = scanned(classes, given=own == "split", test_fraction=0)
    drawn = scanned(classes, test_fraction=0.1)

    def script(job: Job) -> Generator[Event, None, Result]:
        yield from ()
        assert isinstance(job, ScanJob)
        return brought if job.dataset.own_split else drawn

    client.script["scan"] = script
    page.state.set_scan(brought, DatasetSpec(folder="/x"))
    tab = page.found.split
    page.found.show_tab(tab)
    assert tab.first() is tab.own
    assert tab.own.isChecked()
    words = tab.given.text()
    press(qtbot, tab.own)
    assert tab.validation.isEnabled()
    assert tab.test.isEnabled()
    assert "as if there were none" in tab.given.text()
    qtbot.waitUntil(lambda: page.state.scan is drawn)
    assert not page.state.job().dataset.own_split
    assert tab.own.isVisible()
    assert not tab.own.isChecked()
    assert tab.test.spin.value() == 10
    qtbot.keyClick(tab.own, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert page.found.said_label.text() == "Undone: Your own split is given up"
    assert tab.own.isChecked()
    assert not tab.test.isEnabled()
    assert tab.given.text() == words
    qtbot.waitUntil(lambda: page.state.scan is brought)
    assert page.state.job().dataset.own_split


def test_without_a_split_of_ones_own_there_is_none_to_give_up(
    tab: SplitTab, scanned: Scanned
) -> None:
    show(tab, scanned({"no": 100, "yes": 150}))
    assert not tab.own.isVisible()


def test_ctrl_z_in_a_number_field_takes_the_choice_back_and_not_its_letters(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, scanned: Scanned
) -> None:
    scan = scanned({"no": 100, "yes": 150})

    def script(_: Job) -> Generator[Event, None, Result]:
        yield from ()
        return scan

    client.script["scan"] = script
    page.state.set_scan(scan, DatasetSpec(folder="/x"))
    tab = page.found.split
    page.found.show_tab(tab)
    field, control = tab.test.spin, Qt.KeyboardModifier.ControlModifier
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "25")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    dataset = page.state.dataset
    assert dataset is not None
    assert dataset.test_fraction == 0.25
    qtbot.keyClick(field, Qt.Key.Key_Z, control)
    assert field.text() == "15 %"
    assert page.state.job().dataset.test_fraction == 0.15
    qtbot.keyClick(field, Qt.Key.Key_Z, control | Qt.KeyboardModifier.ShiftModifier)
    assert page.state.job().dataset.test_fraction == 0.25
    field.selectAll()
    qtbot.keyClicks(field, "3")
    qtbot.keyClick(field, Qt.Key.Key_Z, control)
    assert page.state.job().dataset.test_fraction == 0.25, "a number that is being typed is his"
    assert field.hasFocus()
    qtbot.waitUntil(lambda: not page.state.looking)


def test_from_what_is_worth_knowing_one_comes_to_the_findings(
    qtbot: QtBot, page: ImagesPage, scanned: Scanned
) -> None:
    page.state.set_scan(scanned({"no": 100, "yes": 150}, aside=1), DECIDED)
    page.found.show_tab(page.found.split)
    press(qtbot, page.found.split.health_button)
    assert page.found.health.isVisible()
