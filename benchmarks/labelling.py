"""Owns the figures on labelling many pictures: how long the window is ever held up by what.

`python benchmarks/labelling.py [PICTURES]` makes a data set of that many small pictures in two
classes (most in one), in a temporary folder, and works with it in the real tab as a user would.
For each step it prints the longest gap between two beats of a clock in the window's main thread
that should beat every 10 ms, and the most processor time that this thread itself used between two.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PIL import Image
from PySide6.QtCore import QEventLoop, QPoint, Qt, QTimer
from PySide6.QtTest import QTest

from tlstudio.engine.client import EngineClient
from tlstudio.gui.app import application
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.tour import Heart
from tlstudio.gui.wizard.images import ImagesPage
from tlstudio.gui.wizard.pictures_tab import PicturesTab
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import DatasetSpec, Part, ScanResult, Split
from tlstudio.projects.index import Index, Seen
from tlstudio.projects.project import Project, default_folder

DISTINCT = 200
FEW = 100
PATIENCE_S = 120


def draw(folder: Path, pictures: int) -> dict[str, int]:
    """Pictures of 256 x 192 px with noise; the same file under many names."""
    random = np.random.default_rng(0)
    originals = folder / "originals"
    originals.mkdir(parents=True)
    for number in range(DISTINCT):
        pixels = random.integers(0, 255, (24, 32, 3), dtype=np.uint8)
        large = Image.fromarray(pixels).resize((256, 192), Image.Resampling.BICUBIC)
        large.save(originals / f"{number}.jpg")
    classes = {"many": pictures - FEW, "few": FEW}
    for name, count in classes.items():
        (folder / "pictures" / name).mkdir(parents=True)
        for number in range(count):
            file = folder / "pictures" / name / f"{number:06}.jpg"
            os.link(originals / f"{number % DISTINCT}.jpg", file)
    return classes


def keep(folder: Path, classes: dict[str, int]) -> ScanResult:
    """The index that a look would leave; looking is measured elsewhere."""
    project = Project(default_folder(DatasetSpec(folder=str(folder))))
    seen = [
        Seen(f"{name}/{n:06}.jpg", f"{name}{n}".encode(), name, None, "used", "", 256, 192, "JPEG")
        for name, count in classes.items()
        for n in range(count)
    ]
    index = Index(project)
    numbers, _ = index.update(seen)
    index.save_outcome(dict.fromkeys(numbers, "train"), {}, (), {})
    parts: dict[str, dict[Part, int]] = {
        name: {"train": n - 1, "val": 1, "test": 0} for name, n in classes.items()
    }
    return ScanResult(
        folder=str(folder),
        project=str(project.path),
        pictures=len(seen),
        classes=classes,
        parts=parts,
        split=Split(given=False, train=len(seen) - 2, val=2, test=0),
    )


class Bench:
    """Does one step after the other, and prints what each held up."""

    def __init__(self, page: ImagesPage) -> None:
        self.page, self.heart = page, Heart(page)

    @property
    def tab(self) -> PicturesTab:
        return self.page.found.pictures

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.heart.longest_ms = self.heart.longest_work_ms = 0.0
        self.heart.start()
        self.live(50)
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        self.live(300)
        self.heart.stop()
        print(
            f"{name:<42} {seconds:6.2f} s   longest gap {self.heart.longest_ms:5.0f} ms   "
            f"own work {self.heart.longest_work_ms:5.0f} ms",
            flush=True,
        )

    def live(self, ms: int) -> None:
        loop = QEventLoop()
        QTimer.singleShot(ms, loop.quit)
        loop.exec()

    def wait(self, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not ready():
            if time.monotonic() > end:
                raise TimeoutError
            self.live(5)

    def work(self, scan: ScanResult) -> None:
        tab, grid, many = self.tab, self.tab.grid, scan.classes["many"]
        bar = grid.verticalScrollBar()
        with self.step("the class is shown"):
            self.page.state.set_scan(scan)
            self.wait(lambda: len(tab.shelf.numbers) == many)
        grid.setFocus()
        with self.step("scrolled through, 200 places"):
            for place in range(200):
                bar.setValue(bar.maximum() * place // 199)
                self.live(15)
        with self.step("down by 200 pages, by key"):
            QTest.keyClick(grid, Qt.Key.Key_Home)
            for _ in range(200):
                QTest.keyClick(grid, Qt.Key.Key_PageDown)
                self.live(5)
        with self.step("scrolled to where thumbnails come"):
            bar.setValue(0)
            for _ in range(60):
                bar.setValue(bar.value() + 248)
                self.live(100)
        with self.step("a frame over 60 places"):
            self.drag(QPoint(2, 2), QPoint(grid.width() - 30, grid.height() - 10))
        with self.step("all chosen"):
            QTest.keyClick(grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        with self.step("resized, 20 times"):
            for width in range(20):
                self.page.resize(1000 + 10 * width, 700)
                self.live(20)
        for name, act in (
            ("all moved to the other class", lambda: QTest.keyClick(grid, Qt.Key.Key_2)),
            ("undone", self.page.desk.take_back),
            ("all left out", lambda: (grid.selectAll(), tab.leave_out())),
            ("undone", self.page.desk.take_back),
        ):
            before = tab.shelf.numbers
            with self.step(name):
                act()
                self.wait(lambda: not self.page.desk.busy and not tab.reading)
                self.wait(lambda before=before: tab.shelf.numbers != before)
            self.page._soon.stop()

    def drag(self, start: QPoint, end: QPoint) -> None:
        port = self.tab.grid.viewport()
        QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=start)
        for part in range(60):
            QTest.mouseMove(port, start + (end - start) * (part / 59))
            self.live(10)
        QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=end)


@contextmanager
def shown(pictures: int) -> Iterator[tuple[ImagesPage, ScanResult]]:
    """The images page in a window of its own, with a real engine, and a data set for it."""
    with tempfile.TemporaryDirectory(prefix="tlstudio-bench-") as scratch:
        os.environ["TLSTUDIO_HOME"] = str(Path(scratch) / "home")
        scan = keep(Path(scratch) / "pictures", draw(Path(scratch), pictures))
        app = application()
        room = EngineRoom(EngineClient(Path(scratch) / "log"))
        page = ImagesPage(WizardState(), room)
        page.resize(1000, 700)
        page.show()
        page.prepare()
        yield page, scan
        closed: list[bool] = []
        room.closed.connect(lambda: closed.append(True))
        room.shut_down()
        Bench(page).wait(lambda: bool(closed))
        page.leave()
        page.hide()
        app.processEvents()


def main(pictures: int) -> None:
    with shown(pictures) as (page, scan):
        bench = Bench(page)
        bench.live(1500)
        bench.work(scan)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
