"""Owns the tour: the real window and the real engine, driven by clicks through the main job.

It saves a picture of each page, and measures how long the window was ever held up while training.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QWizard

from tlstudio.errors import TLStudioError
from tlstudio.gui.app import application, build
from tlstudio.gui.widgets.thumbnails import ThumbnailLoader
from tlstudio.gui.window import MainWindow
from tlstudio.gui.wizard.export import ExportPage
from tlstudio.gui.wizard.found import FoundPictures
from tlstudio.gui.wizard.images import ImagesPage
from tlstudio.gui.wizard.images_tab import ImagesTab
from tlstudio.gui.wizard.page import Page
from tlstudio.gui.wizard.results import ResultsPage
from tlstudio.gui.wizard.state import PageId
from tlstudio.gui.wizard.train import TrainPage
from tlstudio.jobs import WeightsSpec

BEAT_MS = 10
STALL_MS = 50
CHECK_MS = 25
SETTLE_MS = 300
LEAVE_S = 60

P = TypeVar("P", bound=Page)


class TourError(TLStudioError):
    """The tour could not go on."""


@dataclass(frozen=True)
class TourReport:
    """What the tour saw. A stall is a gap between two beats of a clock in the window's main thread
    that should beat every `BEAT_MS`; stalls count from `STALL_MS` on, and only while training.
    `longest_work_ms` is the most processor time that the main thread itself used between two beats:
    a longer stall than that was spent waiting for a processor."""

    pages: tuple[str, ...]
    seconds: float
    training_seconds: float
    longest_stall_ms: float
    stalls: int
    longest_work_ms: float
    val_accuracy: float
    exported: tuple[str, ...]


def tour(
    out: Path,
    backbone: str = "squeezenet1_1",
    weights: WeightsSpec | None = None,
    epochs: int | None = None,
    timeout_s: float = 1200,
    pictures: Path | None = None,
    keep: Path | None = None,
) -> TourReport:
    """Drives the window through the main job, a PNG a page into `out`.

    The pictures are the sample's, or those of the folder `pictures`. The exported model goes to the
    new folder `keep`, or away with the tour. Without `epochs` it is the preset's number.
    The published weights are looked for where the program keeps them; with others, everything but
    the pictures of the pages goes to a temporary folder. Raises `TourError` when something does not
    come within `timeout_s` seconds, and what else goes wrong as its own sentence.
    """
    weights = weights or WeightsSpec()
    out.mkdir(parents=True, exist_ok=True)
    with _temporary_home(weights) as scratch:
        app = QApplication.instance() or application()
        guide = Guide(build(), out, timeout_s)
        try:
            export = keep or scratch / "fabric ONNX"
            return guide.walk(backbone, weights, epochs, export, pictures)
        finally:
            guide.leave()
            app.processEvents()


@contextmanager
def _temporary_home(weights: WeightsSpec) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tlstudio-tour-"))
    before = os.environ.get("TLSTUDIO_HOME")
    if weights.source != "published" and before is None:
        os.environ["TLSTUDIO_HOME"] = str(folder / "home")
    try:
        yield folder
    finally:
        if before is None:
            os.environ.pop("TLSTUDIO_HOME", None)
        shutil.rmtree(folder, ignore_errors=True)


class Heart(QObject):
    """Beats in the main thread and remembers the longest gap between two beats."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.longest_ms, self.longest_work_ms, self.stalls = 0.0, 0.0, 0
        self._last: tuple[float, float] | None = None
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        self._last = None
        self._timer.start(BEAT_MS)

    def stop(self) -> None:
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter(), time.thread_time()
        if self._last is not None:
            gap, work = (1000 * (b - a) for a, b in zip(self._last, now, strict=True))
            self.longest_ms = max(self.longest_ms, gap)
            self.longest_work_ms = max(self.longest_work_ms, work)
            self.stalls += gap > STALL_MS
        self._last = now


class Guide:
    """Clicks, waits for what follows, and takes the pictures."""

    def __init__(self, window: MainWindow, out: Path, timeout_s: float) -> None:
        self._window, self._wizard, self._out = window, window.wizard, out
        self._started = time.monotonic()
        self._deadline = self._started + timeout_s
        self._heart = Heart(window)
        self._pages: list[str] = []

    def walk(
        self,
        backbone: str,
        weights: WeightsSpec,
        epochs: int | None,
        export: Path,
        pictures: Path | None = None,
    ) -> TourReport:
        self._window.show()
        self._window.prepare()
        try:
            self._choose_pictures(pictures)
            self._choose_network(backbone, weights, epochs)
            training_seconds = self._train()
            return self._finish(export, training_seconds)
        except TourError:
            self._window.grab().save(str(self._out / "stopped.png"))
            raise

    def leave(self) -> None:
        """Closes the window and waits for its engine's end."""
        left: list[bool] = []
        self._window.left.connect(lambda: left.append(True))
        self._deadline = time.monotonic() + LEAVE_S
        self._window.leave()
        self._wait(lambda: bool(left), "The engine did not end.")

    # --- the main job ---------------------------------------------------------------------------

    def _choose_pictures(self, pictures: Path | None) -> None:
        state = self._wizard.state
        images = self._page(ImagesPage)
        self._wait(lambda: state.doctor is not None, "The engine did not start.")
        home = self._window.home
        self._wait(lambda: not home.errands.busy, "The projects were not read.")
        self._shoot("home-empty")
        if pictures is not None:
            self._window.open_paths([str(pictures)])
        elif home.drop_area.isVisible():
            self._click(home.drop_area.sample_button)
        else:
            self._click(home.sample_button)
        self._wait(
            lambda: state.scan is not None,
            "The pictures were not looked through.",
            lambda: images.notice.message,
        )
        self._shoot("images", images.desk.loader)
        self._look_into_tabs(images)

    def _look_into_tabs(self, images: ImagesPage) -> None:
        """What is wrong with the pictures, how they are split, and every file; and back."""
        found = images.found
        shown = {"images-health": found.health, "images-split": found.split}
        for name, tab in {**shown, "images-files": found.files}.items():
            self._choose_tab(found, tab)
            self._shoot(name, images.desk.loader)
        self._choose_tab(found, found.pictures)

    def _choose_tab(self, found: FoundPictures, tab: ImagesTab) -> None:
        place = found.bar.tabRect(found.tabs.index(tab)).center()
        QTest.mouseClick(found.bar, Qt.MouseButton.LeftButton, pos=place)

    def _choose_network(self, backbone: str, weights: WeightsSpec, epochs: int | None) -> None:
        state = self._wizard.state
        state.set_backbone(backbone)
        state.set_weights(weights)
        self._next(PageId.BACKBONE)
        self._shoot("backbone")
        self._next(PageId.SETTINGS)
        state.set_preset("balanced")
        if weights.source == "scratch":
            state.set_frozen(0)
        if epochs is not None:
            state.change_recipe(epochs=epochs)
        self._wait(
            lambda: state.outlook.answer is not None or state.outlook.failed,
            "The computer was not measured.",
        )
        self._shoot("settings")

    def _train(self) -> float:
        self._next(PageId.TRAIN)
        page = self._page(TrainPage)
        session = page.session
        self._settle()
        began = time.monotonic()
        self._click(page.controls.start)
        self._heart.start()
        half = max(1, self._wizard.state.recipe.epochs // 2)
        self._wait(
            lambda: session.model.finished_epochs >= half or not session.running,
            "Training did not get to its middle.",
        )
        self._heart.stop()
        self._shoot("train-running")
        self._heart.start()
        self._wait(lambda: not session.running, "Training did not end.")
        self._heart.stop()
        if session.stage != "finished":
            raise TourError(*(session.error if session.error[0] else ("Training was stopped.", "")))
        seconds = time.monotonic() - began
        self._shoot("train")
        return seconds

    def _finish(self, export: Path, training_seconds: float) -> TourReport:
        state = self._wizard.state
        self._next(PageId.RESULTS)
        results = self._page(ResultsPage)
        self._wait(
            lambda: state.evaluation is not None,
            "The answers were not checked.",
            lambda: results.notice.message,
        )
        self._shoot("results", results.loader)
        self._next(PageId.EXPORT)
        page = self._page(ExportPage)
        page.folder.setText(str(export))
        self._click(page.export_button)
        self._wait(
            lambda: bool(state.exports), "The export did not end.", lambda: page.notice.message
        )
        self._shoot("export")
        self._look_back()
        return TourReport(
            pages=tuple(self._pages),
            seconds=round(time.monotonic() - self._started, 1),
            training_seconds=round(training_seconds, 1),
            longest_stall_ms=round(self._heart.longest_ms, 1),
            stalls=self._heart.stalls,
            longest_work_ms=round(self._heart.longest_work_ms, 1),
            val_accuracy=state.trained.val_accuracy if state.trained else 0.0,
            exported=state.exports[-1].files,
        )

    def _look_back(self) -> None:
        """The trainings of the project, and all projects."""
        rail = self._wizard.rail
        self._click(rail.runs_button)
        runs = self._window.runs
        self._wait(
            lambda: runs is not None and bool(runs.table.runs.rows), "The trainings were not read."
        )
        self._shoot("runs")
        self._window.show_wizard()
        self._click(rail.home_button)
        home = self._window.home
        self._wait(
            lambda: bool(home.list.projects.entries) and not home.errands.busy,
            "The projects were not read.",
        )
        self._shoot("home")

    # --- hands and eyes -------------------------------------------------------------------------

    def _page(self, kind: type[P]) -> P:
        return next(page for page in self._wizard.pages if isinstance(page, kind))

    def _next(self, page: PageId) -> None:
        button = self._wizard.button(QWizard.WizardButton.NextButton)
        self._click(button)
        self._wait(lambda: self._wizard.currentId() == page, f"Next did not lead to {page.name}.")

    def _click(self, button: QAbstractButton) -> None:
        name = button.text().replace("&", "")
        self._wait(
            lambda: button.isVisible() and button.isEnabled(), f"“{name}” could not be pressed."
        )
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def _shoot(self, name: str, loader: ThumbnailLoader | None = None) -> None:
        self._settle(loader)
        file = self._out / f"{name}.png"
        if not self._window.grab().save(str(file)):
            raise TourError(f"{file} could not be written.", "Choose another folder.")
        self._pages.append(file.name)

    def _settle(self, loader: ThumbnailLoader | None = None) -> None:
        """Lets the page lay itself out, and its thumbnails arrive."""
        loop, quiet = QEventLoop(), QTimer()
        quiet.setSingleShot(True)
        quiet.timeout.connect(loop.quit)
        quiet.start(SETTLE_MS if loader is None else 3 * SETTLE_MS)
        restart = lambda *_: quiet.start(SETTLE_MS)  # noqa: E731
        if loader is not None:
            loader.loaded.connect(restart)
        loop.exec()
        if loader is not None:
            loader.loaded.disconnect(restart)

    def _wait(
        self, ready: Callable[[], bool], late: str, wrong: Callable[[], str] = lambda: ""
    ) -> None:
        """Lets the window live until `ready`; `wrong` gives a sentence when there is no hope."""
        loop, timer = QEventLoop(), QTimer()
        timer.timeout.connect(
            lambda: loop.quit() if ready() or wrong() or self._late() else None,
        )
        timer.start(CHECK_MS)
        if not ready():
            loop.exec()
        timer.stop()
        if ready():
            return
        if wrong():
            raise TourError(wrong())
        raise TourError(late, "The tour waited as long as it was told to.")

    def _late(self) -> bool:
        return time.monotonic() > self._deadline
