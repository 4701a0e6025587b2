"""What is most wrong stands above the pictures, and leads to where something can be done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_up_projects import made_up_project, picture
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.found import FoundPictures
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import DatasetSpec, Finding, FindingKind

Shows = Callable[[list[Finding]], FoundPictures]


@pytest.fixture
def show(qtbot: QtBot, state: WizardState, engine: EngineRoom, tmp_path: Path) -> Iterator[Shows]:
    desk = Desk(state, engine)
    found = FoundPictures(desk)
    qtbot.addWidget(found)
    found.resize(820, 560)
    found.show()
    qtbot.waitExposed(found)

    def shows(findings: list[Finding]) -> FoundPictures:
        seen = [picture(f"{name}/{i}.png") for name in ("ants", "bees") for i in range(30)]
        scan = made_up_project(tmp_path / "project", seen, findings)
        state.set_scan(scan, DatasetSpec(folder=scan.folder))
        assert state.overview is not None
        found.health.review = None
        found.show_overview(state.overview)
        qtbot.waitUntil(lambda: found.health.review is not None and found.health.settled)
        return found

    yield shows
    found.leave()
    desk.leave()


def finding(kind: FindingKind, *files: str, words: str = "Something is wrong.") -> Finding:
    return Finding(kind=kind, severity="warn", sentence=words, hint="Look.", files=files)


def twins(number: int) -> list[Finding]:
    return [finding("exact_duplicate", f"ants/{i}.png", f"bees/{i}.png") for i in range(number)]


def said(found: FoundPictures) -> list[str]:
    return [
        f"{line.words.text()} | {line.button.text()}"
        for line in found.worst.lines
        if line.isVisible()
    ]


def test_the_two_worst_kinds_are_said_above_the_pictures(show: Shows) -> None:
    shortcut = finding("shortcut", words="All “ants” pictures are 512 px wide.")
    blank = finding("blank", "ants/3.png")
    found = show([shortcut, *twins(22), blank])
    assert said(found) == [
        "All “ants” pictures are 512 px wide. | Look at it",
        "22 pairs of identical pictures. Something is wrong. | Look at all 22",
    ]


def test_where_nothing_is_wrong_nothing_is_said(show: Shows) -> None:
    found = show(twins(3))
    assert found.worst.isVisible()
    found = show([])
    assert not found.worst.isVisible()


def test_the_other_tabs_keep_their_room(show: Shows) -> None:
    found = show(twins(3))
    found.show_tab(found.split)
    assert not found.worst.isVisible()
    found.show_tab(found.pictures)
    assert found.worst.isVisible()


def test_one_press_leads_to_the_findings_of_that_kind(qtbot: QtBot, show: Shows) -> None:
    blank = [finding("blank", f"ants/{i}.png", f"ants/{i + 9}.png") for i in range(6)]
    found = show([*blank, *twins(9)])
    _, second = found.worst.lines
    second.button.setFocus()
    qtbot.keyClick(second.button, Qt.Key.Key_Space)
    tab = found.health
    assert tab.isVisible()
    qtbot.waitUntil(lambda: tab.area.verticalScrollBar().value() > 0)
    section = tab.sections["exact_duplicate"]
    qtbot.waitUntil(lambda: section.isAncestorOf(found.focusWidget() or found))
    top = section.mapTo(tab.area.viewport(), section.rect().topLeft()).y()
    assert 0 <= top < tab.area.viewport().height() // 2


def test_the_dismissed_ones_make_way_for_what_is_open(qtbot: QtBot, show: Shows) -> None:
    found = show([finding("blank", "ants/3.png"), *twins(4)])
    blank = found.health.sections["blank"]
    dismiss = next(button for button in blank.cards[next(iter(blank.cards))].buttons[-1:])
    found.show_tab(found.health)
    qtbot.mouseClick(dismiss, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "blank" not in found.health.sections)
    qtbot.mouseClick(found.health.dismissed_button, Qt.MouseButton.LeftButton)
    assert list(found.health.sections) == ["blank"]
    found.show_tab(found.pictures)
    (line,) = [line for line in found.worst.lines if line.isVisible()]
    qtbot.mouseClick(line.button, Qt.MouseButton.LeftButton)
    assert list(found.health.sections) == ["exact_duplicate"]
