"""Owns a window that does by itself what a user would: it carries on what was interrupted, or else
begins a training, and tells the kind of each event on a line, until somebody kills it.

Run as a script, with the folder of pictures.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QTimer

from tlstudio.gui.app import application, build
from tlstudio.gui.window import MainWindow
from tlstudio.gui.wizard.state import PageId
from tlstudio.gui.wizard.train import TrainPage
from tlstudio.jobs import WeightsSpec

LOOK_MS = 10


def user(window: MainWindow, pictures: Path) -> Iterator[bool]:
    """Gives whether the next thing can be done; it is done at the next turn."""
    home, state = window.home, window.state
    page = window.wizard.pages[PageId.TRAIN]
    assert isinstance(page, TrainPage)
    page.session.happened.connect(lambda event: tell(type(event).__name__))
    home.read()
    while home.errands.busy:
        yield False
    if home.notice.message:
        tell("offered")
        home.notice.acted.emit()
        return
    window.open_paths([str(pictures)])
    while state.scan is None or state.looking or not window.project.held:
        yield False
    state.set_backbone("squeezenet1_1")
    state.set_weights(WeightsSpec(source="scratch"))
    state.change_recipe(epochs=5000, patience=None, batch_size=5, precision="float32")
    state.set_device("cpu")
    window.wizard.go_to(PageId.TRAIN)
    page.controls.start.click()


def tell(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def main(pictures: Path) -> None:
    app = application(["window"])
    window = build()
    window.left.connect(app.quit)
    window.show()
    acts = user(window, pictures)
    timer = QTimer(window, interval=LOOK_MS)
    timer.timeout.connect(lambda: next(acts, None) is None and timer.stop())
    timer.start()
    sys.exit(app.exec())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
