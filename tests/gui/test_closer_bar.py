"""The closer look as the health tab offers it, with a scripted engine."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from made_up_projects import made_up_project, picture
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient, waits_for_cancel

from tlstudio.errors import WeightsError
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.health_tab import HealthTab
from tlstudio.gui.wizard.state import PageId
from tlstudio.jobs import CloserLook, CloserLookResult, DatasetSpec, Finding, Job, Result
from tlstudio.tasks import Event, Progress

STRAYS = Finding(
    kind="odd_one_out", severity="warn", sentence="1 picture looks unlike.", files=("ants/1.png",)
)
COPIES = Finding(
    kind="near_duplicate", severity="info", sentence="Alike.", files=("ants/2.png", "ants/3.png")
)


@pytest.fixture
def tab(qtbot: QtBot, desk: Desk, tmp_path: Path) -> Iterator[HealthTab]:
    seen = [picture(f"{name}/{i}.png") for name in ("ants", "bees") for i in range(6)]
    scan = made_up_project(tmp_path / "project", seen, [COPIES])
    desk.state.set_scan(scan, DatasetSpec(folder=scan.folder, project=scan.project))
    tab = opened(qtbot, desk)
    yield tab
    tab.leave()


def opened(qtbot: QtBot, desk: Desk) -> HealthTab:
    tab = HealthTab(desk)
    qtbot.addWidget(tab)
    tab.resize(900, 640)
    tab.show()
    qtbot.waitExposed(tab)
    assert desk.state.overview is not None
    tab.show_overview(desk.state.overview)
    qtbot.waitUntil(lambda: tab.review is not None and tab.settled)
    return tab


def finds(client: ScriptedClient, *findings: Finding) -> None:
    def script(job: Job) -> Generator[Event, None, Result]:
        assert isinstance(job, CloserLook)
        yield Progress(phase="features", done=1, total=12)
        return CloserLookResult(
            folder=job.dataset.folder, backbone="compact_resnet", pictures=12, findings=findings
        )

    client.script["closer_look"] = script


def press(qtbot: QtBot, tab: HealthTab) -> None:
    qtbot.mouseClick(tab.closer_bar.button, Qt.MouseButton.LeftButton)


def test_what_it_finds_stands_among_the_findings_and_lasts(
    qtbot: QtBot, tab: HealthTab, desk: Desk, client: ScriptedClient
) -> None:
    finds(client, STRAYS, COPIES)
    press(qtbot, tab)
    qtbot.waitUntil(lambda: "odd_one_out" in tab.sections and tab.settled)
    assert tab.title() == "&Health (2)", "what the scan says as well is said twice"
    assert tab.closer_bar.words.text() == "A closer look found 2 things more."
    again = opened(qtbot, desk)
    assert "odd_one_out" in again.sections
    again.leave()


def test_another_look_takes_the_place_of_the_one_before(
    qtbot: QtBot, tab: HealthTab, client: ScriptedClient
) -> None:
    finds(client, STRAYS)
    press(qtbot, tab)
    qtbot.waitUntil(lambda: "odd_one_out" in tab.sections and not tab.closer.running)
    finds(client)
    press(qtbot, tab)
    qtbot.waitUntil(lambda: "odd_one_out" not in tab.sections)
    assert tab.closer_bar.words.text() == "A closer look found nothing else."


def test_it_is_cancelled_and_offered_again(
    qtbot: QtBot, tab: HealthTab, client: ScriptedClient
) -> None:
    client.script["closer_look"] = waits_for_cancel
    press(qtbot, tab)
    qtbot.waitUntil(lambda: tab.closer_bar.progress.numbers.text() != "")
    qtbot.mouseClick(tab.closer_bar.progress.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(tab.closer_bar.button.isVisible)
    assert not tab.closer.running


def test_it_makes_way_for_a_correction_and_begins_again(
    qtbot: QtBot, tab: HealthTab, desk: Desk, client: ScriptedClient
) -> None:
    client.script["closer_look"] = waits_for_cancel
    press(qtbot, tab)
    qtbot.waitUntil(lambda: tab.closer_bar.progress.numbers.text() != "")
    card = next(iter(tab.sections["near_duplicate"].cards.values()))
    qtbot.mouseClick(card.buttons[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not desk.engine.busy)
    assert tab.closer_bar.progress.isVisible()
    finds(client, STRAYS)
    assert desk.state.overview is not None
    tab.show_overview(desk.state.overview)
    qtbot.waitUntil(lambda: "odd_one_out" in tab.sections)


def test_it_is_in_nobodys_way_on_other_pages(
    qtbot: QtBot, tab: HealthTab, desk: Desk, client: ScriptedClient
) -> None:
    client.script["closer_look"] = waits_for_cancel
    press(qtbot, tab)
    qtbot.waitUntil(lambda: tab.closer_bar.progress.numbers.text() != "")
    desk.state.visit(PageId.BACKBONE)
    qtbot.waitUntil(lambda: not desk.engine.busy and not tab.closer.running)


def test_what_keeps_it_from_looking_is_said(
    qtbot: QtBot, tab: HealthTab, client: ScriptedClient
) -> None:
    def script(_: Job) -> Generator[Event, None, Result]:
        yield from ()
        raise WeightsError("The weights are not on this computer.", "Download them.")

    client.script["closer_look"] = script
    press(qtbot, tab)
    qtbot.waitUntil(tab.closer_bar.notice.isVisible)
    assert tab.closer_bar.notice.message == "The weights are not on this computer."
    qtbot.waitUntil(tab.closer_bar.button.isVisible)
