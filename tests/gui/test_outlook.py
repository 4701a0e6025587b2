"""What the settings page says of time and memory, and that measuring is never in the way."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from made_up_costs import answers_at_once, made_up_costs
from made_up_scans import made_up_scan
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient, waits_for_cancel

from tlstudio.errors import TLStudioError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.wizard.outlook import Outlook, Question, time_words
from tlstudio.gui.wizard.settings import SettingsPage
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import EstimateJob, Job, Recipe, Result, ScanJob
from tlstudio.tasks import Event


@pytest.fixture
def page(
    qtbot: QtBot, state: WizardState, engine: EngineRoom, client: ScriptedClient
) -> SettingsPage:
    client.script["estimate"] = answers_at_once
    state.set_scan(made_up_scan({"ants": 30, "bees": 20}))
    state.set_backbone("resnet18")
    page = SettingsPage(state, engine)
    qtbot.addWidget(page)
    page.resize(1000, 700)
    return page


def shown(qtbot: QtBot, page: SettingsPage, text: str) -> None:
    page.show()
    qtbot.waitUntil(lambda: text in page.caption.text())


def test_the_caption_moves_along_with_the_handle_and_nothing_is_measured_again(
    qtbot: QtBot, page: SettingsPage, client: ScriptedClient
) -> None:
    shown(qtbot, page, "Under a minute, ")
    page.strip.setFocus()
    qtbot.keyClick(page.strip, Qt.Key.Key_Home)
    # 10 epochs: 1,000 pictures x (9 blocks x 20 ms + 2 ms) and 250 x 9 x 4 ms; before them 1,250 x
    # (9 x 2 ms + 4 ms) and 1,000 x 3 ms.
    assert "About 32 minutes at most, " in page.caption.text()
    assert page.caption.text() == page.strip.accessibleDescription()
    page.epochs.setValue(1)
    assert "About 4 minutes, " in page.caption.text()
    page.hide()
    page.show()
    assert [job.kind for job in client.jobs] == ["estimate"]


def test_the_cards_say_how_long_each_preset_takes(qtbot: QtBot, page: SettingsPage) -> None:
    shown(qtbot, page, "Under a minute, ")
    assert "Under a minute." in page.presets["fast"].accessibleDescription()
    assert "About 8 minutes." in page.presets["balanced"].accessibleDescription()
    assert not page.presets["thorough"].grab().isNull()


def test_another_network_or_other_pictures_are_measured_anew(
    qtbot: QtBot, page: SettingsPage, client: ScriptedClient
) -> None:
    shown(qtbot, page, "Under a minute, ")
    page.state.set_backbone("mobilenet_v2")
    assert "Measuring this computer…" in page.caption.text()
    qtbot.waitUntil(lambda: len(client.jobs) == 2 and not page.engine.busy)
    page.state.set_scan(made_up_scan({"ants": 30, "bees": 21}))
    qtbot.waitUntil(lambda: len(client.jobs) == 3 and not page.engine.busy)
    asked = [job.job.backbone.id for job in client.jobs if isinstance(job, EstimateJob)]
    assert asked == ["resnet18", "mobilenet_v2", "mobilenet_v2"]


def test_who_leaves_the_page_does_not_wait_for_the_measurement(
    qtbot: QtBot, page: SettingsPage, client: ScriptedClient
) -> None:
    client.script["estimate"] = waits_for_cancel
    shown(qtbot, page, "Measuring this computer…")
    qtbot.waitUntil(lambda: len(client.jobs) == 1)
    page.hide()
    client.script["scan"] = answers_at_once
    with qtbot.waitSignal(page.engine.start(ScanJob(dataset=page.state.job().dataset)).succeeded):
        pass
    client.script["estimate"] = answers_at_once
    shown(qtbot, page, "Under a minute, ")


def test_a_measurement_that_fails_is_said_quietly(
    qtbot: QtBot, page: SettingsPage, client: ScriptedClient
) -> None:
    def fails(_: Job) -> Generator[Event, None, Result]:
        yield from ()
        raise TLStudioError("The engine is out of order.")

    client.script["estimate"] = fails
    shown(qtbot, page, "How long it takes could not be measured.")
    assert page.isComplete()
    assert page.presets["fast"].accessibleDescription().endswith("tries.")


def outlook(**values: object) -> Outlook:
    scan = made_up_scan({"ants": 30, "bees": 20})
    question = Question(
        scan, 50, "resnet18", 224, scratch=False, device="cpu", precision="float32", after=""
    )
    return Outlook(question, made_up_costs(**values))


def test_too_little_memory_is_said_before_it_runs_out() -> None:
    recipe = Recipe(batch_size=512)
    said = outlook().sentence(recipe, 0, 8 * 2**30)
    assert "more memory than there is: freeze more blocks or take smaller batches." in said
    assert "more memory than there is" not in outlook().sentence(recipe, 0, 2**40)
    assert "more memory than there is" not in outlook().sentence(recipe, 0, None)


def test_the_disk_is_mentioned_where_it_matters() -> None:
    assert "on the disk" not in outlook().sentence(Recipe(), 8, None)
    # A million pictures: 512 features and 4 views of 1,000 numbers, 2 bytes each. The run itself:
    # its network three times, and four checkpoints of what learns.
    assert "9.7 GB on the disk" in outlook(train=1_000_000).sentence(Recipe(), 8, None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "under a minute"),
        (70, "about a minute"),
        (170, "about 3 minutes"),
        (5000, "about 83 minutes"),
        (7000, "about 2 hours"),
        (400_000, "about 5 days"),
    ],
)
def test_time_is_said_as_exactly_as_it_is_known(seconds: float, words: str) -> None:
    assert time_words(seconds) == words
