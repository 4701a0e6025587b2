"""The window around the pages: its rail, its buttons, its closing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_up_scans import made_up_scan
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractButton,
    QLabel,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QWidget,
    QWizard,
)
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient, waits_for_cancel

from tlstudio.gui import unforeseen
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.theme import DARK, LIGHT, THEME, Colours
from tlstudio.gui.window import MainWindow
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.gui.wizard.wizard import Wizard
from tlstudio.jobs import DatasetSpec, DoctorResult, ScanJob

NEXT, BACK = QWizard.WizardButton.NextButton, QWizard.WizardButton.BackButton


@pytest.fixture
def window(
    qtbot: QtBot, state: WizardState, engine: EngineRoom, client: ScriptedClient
) -> Iterator[MainWindow]:
    window = MainWindow(state, engine)
    window.show_wizard()
    window.show()
    qtbot.waitExposed(window)
    yield window
    if window.isVisible():
        state.set_training(None)
        with qtbot.waitSignal(window.left):
            window.close()
    window.deleteLater()


@pytest.fixture
def wizard(window: MainWindow) -> Wizard:
    return window.wizard


def click(qtbot: QtBot, button: QWidget) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_window_never_imports_torch() -> None:
    code = (
        "import sys; from tlstudio.gui import app; a = app.application(); w = app.build();"
        "w.show(); a.processEvents(); w.grab();"
        "[w.wizard.page(i).grab() for i in w.wizard.pageIds()];"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_next_says_beside_it_why_it_is_disabled(wizard: Wizard, state: WizardState) -> None:
    assert not wizard.button(NEXT).isEnabled()
    assert wizard.reason.text() == "Choose a folder of pictures first."
    state.set_scan(made_up_scan({"ants": 30, "bees": 30}))
    assert wizard.button(NEXT).isEnabled()
    assert wizard.reason.text() == ""


def test_the_reason_stands_left_of_the_buttons(wizard: Wizard) -> None:
    assert wizard.reason.geometry().right() < wizard.button(BACK).geometry().left()
    assert wizard.reason.geometry().width() > 300


def test_the_rail_says_where_one_is_and_takes_one_back(
    qtbot: QtBot, wizard: Wizard, state: WizardState
) -> None:
    state.set_scan(made_up_scan({"ants": 30, "bees": 30}))
    for _ in range(3):
        click(qtbot, wizard.button(NEXT))
    assert wizard.currentId() == PageId.TRAIN
    words = [step.accessibleName() for step in wizard.rail.steps]
    assert words == [
        "Images, done",
        "Backbone, done",
        "Settings, done",
        "Train, here",
        "Results, not yet",
        "Export, not yet",
    ]
    click(qtbot, wizard.rail.steps[PageId.IMAGES])
    assert wizard.currentId() == PageId.IMAGES
    assert not wizard.rail.steps[PageId.RESULTS].isEnabled()
    click(qtbot, wizard.rail.steps[PageId.SETTINGS])
    assert wizard.currentId() == PageId.SETTINGS
    click(qtbot, wizard.button(BACK))
    assert wizard.currentId() == PageId.BACKBONE


def test_the_chip_names_the_device(
    qtbot: QtBot, wizard: Wizard, client: ScriptedClient, doctor: DoctorResult
) -> None:
    def script(_: object):  # type: ignore[no-untyped-def]
        yield from ()
        return doctor

    client.script["doctor"] = script
    chip = wizard.pages[0].chip.label
    assert chip.text() == "Looking for devices…"
    wizard.look_for_devices()
    qtbot.waitUntil(lambda: chip.text() == "CPU, 2 cores")


def test_pages_before_training_are_locked_while_it_runs(wizard: Wizard, state: WizardState) -> None:
    state.set_scan(made_up_scan({"ants": 30, "bees": 30}))
    wizard.go_to(PageId.SETTINGS)
    state.set_training(Path("/runs/a"))
    page = wizard.pages[PageId.SETTINGS]
    assert page.lock_notice.isVisible()
    assert wizard.rail.steps[PageId.TRAIN].accessibleName() == "Train, running"
    assert not page.strip.isEnabled()  # type: ignore[attr-defined]
    state.set_training(None)
    assert not page.lock_notice.isVisible()
    assert page.strip.isEnabled()  # type: ignore[attr-defined]


def test_escape_does_not_close_the_window(qtbot: QtBot, wizard: Wizard) -> None:
    qtbot.keyClick(wizard, Qt.Key.Key_Escape)
    assert wizard.isVisible()


def test_closing_ends_the_engine_without_asking(
    qtbot: QtBot, window: MainWindow, client: ScriptedClient
) -> None:
    client.script["scan"] = waits_for_cancel
    window.engine.start(ScanJob(dataset=DatasetSpec(folder="/x")))
    with qtbot.waitSignal(window.left):
        window.close()
    assert client.requests["close"] == 1
    assert not window.isVisible()


def test_closing_while_training_asks_and_keeps_training(
    qtbot: QtBot, window: MainWindow, state: WizardState
) -> None:
    state.set_training(Path("/runs/a"))
    window.close()
    box = window.findChild(QMessageBox)
    assert box is not None
    assert box.isVisible()
    keep = next(each for each in box.findChildren(QPushButton) if "Keep" in each.text())
    click(qtbot, keep)
    qtbot.waitUntil(lambda: window.findChild(QMessageBox) is None)
    assert window.isVisible()
    assert state.training


def test_stopping_to_close_cancels_waits_and_closes(
    qtbot: QtBot, window: MainWindow, wizard: Wizard, state: WizardState, client: ScriptedClient
) -> None:
    client.script["scan"] = waits_for_cancel
    thread = window.engine.start(ScanJob(dataset=DatasetSpec(folder="/x")))
    with qtbot.waitSignal(thread.progressed):
        state.set_training(Path("/runs/a"))
    window.close()
    box = window.findChild(QMessageBox)
    assert box is not None
    stop = next(each for each in box.findChildren(QPushButton) if "Stop" in each.text())
    with qtbot.waitSignals([thread.cancelled, window.left]):
        click(qtbot, stop)
        state.set_training(None)  # the run has ended and the engine is about to
        assert wizard.reason.text().startswith("Saving the checkpoint")
    assert not window.isVisible()


def test_ctrl_q_closes(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.left):
        qtbot.keyClick(window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)


@pytest.mark.parametrize("size", [(1024, 680), (1280, 720)])
def test_nothing_is_wider_or_higher_than_the_window(
    qtbot: QtBot, window: MainWindow, wizard: Wizard, state: WizardState, size: tuple[int, int]
) -> None:
    state.set_scan(made_up_scan({"ants": 30, "bees": 8}))
    window.resize(*size)
    for page in (PageId.IMAGES, PageId.BACKBONE, PageId.SETTINGS):
        wizard.go_to(page)
        qtbot.waitUntil(wizard.pages[page].isVisible)
        assert (window.width(), window.height()) == size
        for label in wizard.pages[page].findChildren(QLabel):
            if label.isVisible() and not label.wordWrap():
                assert label.width() >= label.sizeHint().width(), label.text()


def test_every_control_has_a_name(wizard: Wizard, state: WizardState) -> None:
    state.set_scan(made_up_scan({"ants": 30, "bees": 30}))
    for page in (PageId.IMAGES, PageId.BACKBONE, PageId.SETTINGS):
        wizard.go_to(page)
        for control in wizard.pages[page].findChildren(QWidget):
            focusable = control.focusPolicy() & Qt.FocusPolicy.TabFocus
            inside = control.objectName().startswith("qt_")
            if not focusable or inside or not control.isVisible():
                continue
            named = control.accessibleName() or (
                isinstance(control, QAbstractButton) and control.text()
            )
            inner = isinstance(control.parent(), QWidget) and control.parent().accessibleName()
            assert named or inner, control


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""

    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue, _ = QColor(colour).getRgbF()
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("c", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_on_what_it_stands_on(c: Colours) -> None:
    for ink, ground in (
        *((ink, ground) for ink in (c.text, c.muted) for ground in (c.window, c.surface)),
        *((ink, ground) for ink in (c.text, c.muted) for ground in (c.sunken, c.accent_soft)),
        *((ink, c.surface) for ink in (c.accent, c.ok, c.warn, c.error)),
        *((c.text, ground) for ground in (c.ok_soft, c.warn_soft, c.error_soft)),
        *((c.muted, ground) for ground in (c.ok_soft, c.warn_soft, c.error_soft)),
        (c.warn, c.window),
        (c.warn, c.sunken),
        (c.ok, c.accent_soft),
        (c.on_accent, c.accent),
        (c.frozen_text, c.frozen),
        (c.learning_text, c.learning),
    ):
        assert _contrast(ink, ground) >= 4.5, (ink, ground)


@pytest.mark.parametrize("c", [LIGHT, DARK], ids=["light", "dark"])
def test_the_edge_of_a_field_can_be_seen(qtbot: QtBot, c: Colours) -> None:
    """WCAG asks for 3 to 1 for what one has to see to use a control."""
    THEME.use("dark" if c.dark else "light")
    field = QSpinBox()
    qtbot.addWidget(field)
    field.resize(100, 30)
    edge = field.grab().toImage().pixelColor(50, 1)
    THEME.use("light")
    assert _contrast(edge.name(), c.surface) >= 2.9


def test_the_window_repaints_in_the_other_theme(qtbot: QtBot, wizard: Wizard) -> None:
    THEME.use("dark")
    dark = wizard.grab().toImage().pixelColor(5, 300)
    THEME.use("light")
    light = wizard.grab().toImage().pixelColor(5, 300)
    assert dark == QColor(DARK.sunken)
    assert light == QColor(LIGHT.sunken)


def test_an_unforeseen_error_is_shown_with_folded_details(qtbot: QtBot) -> None:
    box = unforeseen.show("Traceback: the details")
    assert box.isVisible()
    assert box.detailedText() == "Traceback: the details"
    with qtbot.waitSignal(box.finished):
        box.reject()
