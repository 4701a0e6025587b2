"""Owns the user who clicks and types at random on the real window, and what is noticed meanwhile.

Started as a program with a seed, a number of actions and a folder; prints what it noticed as JSON.
The same seed wants the same things; what it meets depends on how fast the computer is.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import random
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QUrl, Slot
from PySide6.QtGui import (
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QFileDialog,
    QWidget,
    QWizard,
)

from tlstudio.diagnosis import session_log
from tlstudio.engine import client
from tlstudio.gui import app, qt_messages, unforeseen
from tlstudio.gui.window import MainWindow
from tlstudio.gui.wizard.state import PageId

HERE = Path(__file__).parent
_PATIENCE = 500
HANG_S = 60
"""One action, or what follows from it in the main thread, may take so long on a busy computer."""
_HARMLESS = ("This plugin does not support", "font", "Font", "not accepted by receiving")
"""What the platform without a screen lacks, and what QTest says of keys that mean nothing."""
_LEFT, _RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
_KEYS = (
    *("Tab", "Tab", "Tab", "Shift+Tab", "Return", "Return", "Space", "Space", "Esc", "Up", "Down"),
    *("Left", "Right", "Home", "End", "PgUp", "PgDown", "Del", "Backspace", "F2", "F5", "Menu"),
    *("Ctrl+Z", "Ctrl+Z", "Ctrl+Y", "Ctrl+Shift+Z", "Ctrl+A", "Ctrl+C", "Ctrl+V", "Ctrl+F"),
    *("Ctrl+Tab", "Alt+N", "Alt+B", "Alt+S", "Alt+L", "Alt+C", "Ctrl+Home", "Shift+End"),
)
_TEXTS = (
    "a",
    "hole",
    "0",
    "99999999999",
    "-1",
    "{label}",
    "../..",
    "C:\\",
    "ä 🐙 \u202e",
    "x" * 300,
)


@dataclass
class Noticed:
    """What went wrong, and enough of what was done to see that it was something."""

    errors: list[str] = field(default_factory=list)
    qt: list[str] = field(default_factory=list)
    longest_s: float = 0.0
    windows: int = 0
    actions: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    fronts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    pages: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class _Errors(logging.Handler):
    """Hears of everything that is logged as an error, and of what Qt complains about."""

    def __init__(self, noticed: Noticed) -> None:
        super().__init__(logging.WARNING)
        self._noticed = noticed

    def emit(self, record: logging.LogRecord) -> None:
        words = logging.Formatter().format(record)
        if record.name.endswith("qt_messages"):
            if not any(harmless in words for harmless in _HARMLESS):
                self._noticed.qt.append(words + "\n" + "".join(traceback.format_stack()[-9:-4]))
        elif record.levelno >= logging.ERROR:
            self._noticed.errors.append(words)


class Nowhere(QObject):
    """What the program would open in other programs goes here."""

    @Slot(QUrl)
    def opened(self, _url: QUrl) -> None:
        return


class RandomUser(QObject):
    """Acts from a timer, so that it goes on in the loops of menus and dialogs, too."""

    def __init__(self, seed: int, actions: int, place: Path, noticed: Noticed) -> None:
        super().__init__()
        self._random = random.Random(seed)  # noqa: S311  (nothing secret)
        self._left_to_do, self._noticed = actions, noticed
        self._pictures, self._odd = place / "pictures", place / "documents"
        self._out = place / "out"
        self._window: MainWindow | None = None
        self._since = time.monotonic()
        self._doing = "starting"
        self._waited, self._leaps = 0, 2 * (seed % 4)
        self._open_window()

    # --- the window -----------------------------------------------------------------------------

    def _open_window(self) -> None:
        self._noticed.windows += 1
        self._window = window = app.build()
        window.left.connect(self._closed)
        window.show()
        QTimer.singleShot(0, window.prepare)
        if self._leaps and self._noticed.windows == 1:
            window.open_paths([str(self._pictures)])
        QTimer.singleShot(300, self._act)

    def _closed(self) -> None:
        """Somebody closed it: the program is started again."""
        if self._window is not None:
            self._window.deleteLater()
        self._window = None
        if self._left_to_do > 0:
            QTimer.singleShot(0, self._open_window)
        else:
            QTimer.singleShot(0, QApplication.instance().exit)

    def _finish(self) -> None:
        for widget in (QApplication.activePopupWidget(), QApplication.activeModalWidget()):
            if widget is not None:
                widget.close()
                QTimer.singleShot(0, self._finish)
                return
        if self._window is not None:
            self._window.leave()

    # --- acting ---------------------------------------------------------------------------------

    def _act(self) -> None:
        now = time.monotonic()
        self._noticed.longest_s = max(self._noticed.longest_s, now - self._since)
        self._since = now
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        if self._window is None:
            return  # it is being closed; the next one acts again
        if self._left_to_do <= 0:
            self._finish()
            return
        if self._waits():
            QTimer.singleShot(20, self._act)
            return
        self._left_to_do -= 1
        rarely = self._random.random() < 0.05
        # Scheduled first: a menu or a dialog may begin a loop of its own in the middle of it.
        QTimer.singleShot(self._random.randint(100, 400) if rarely else 2, self._act)
        name, action = self._next()
        self._noticed.actions[name] += 1
        self._noticed.pages[self._where()] += 1
        root = self._root()
        self._noticed.fronts[type(root).__name__] += 1
        action(root)
        self._since = max(self._since, now)

    def _waits(self) -> bool:
        """Nobody who clicks all the time ever sees his pictures: mostly he waits for them."""
        looking = self._window is not None and self._window.state.looking
        self._waited = self._waited + 1 if looking else 0
        return 0 < self._waited < _PATIENCE and self._random.random() < 0.98

    def _next(self) -> tuple[str, Callable[[QWidget], None]]:
        weights = [weight for weight, _, _ in _WEIGHTS]
        _, name, method = self._random.choices(_WEIGHTS, weights)[0]
        if self._leaps > 0:
            self._leaps, name, method = self._leaps - 1, "leap", "leap"
        return name, getattr(self, method)

    def _where(self) -> str:
        window = self._window
        if window is None:
            return "closed"
        if window.home.isVisible():
            return "home"
        page = window.wizard.currentId()
        return PageId(page).name.lower() if page >= 0 else "elsewhere"

    def _root(self) -> QWidget:
        """What the user can reach: what stands in front."""
        front = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        if front is not None:
            return front
        shown = [
            each
            for each in QApplication.topLevelWidgets()
            if each.isVisible() and each.isEnabled() and each.windowType() != Qt.WindowType.ToolTip
        ]
        assert self._window is not None
        return self._random.choice(shown) if shown else self._window

    def _target(self, root: QWidget) -> tuple[QWidget, QPoint] | None:
        """A widget that can be seen and used, and a point of it that can be seen."""
        every = [
            each
            for each in (root, *root.findChildren(QWidget))
            if each.isVisible() and each.isEnabled() and each.window() is root
        ]
        if not every:
            return None  # the window is just being closed
        liked = [each for each in every if isinstance(each, QAbstractButton | QAbstractItemView)]
        widget = self._random.choice(liked if liked and self._random.random() < 0.7 else every)
        if isinstance(widget, QAbstractItemView):
            widget = widget.viewport()
        seen = widget.visibleRegion().boundingRect()
        if seen.isEmpty():
            return None
        x = self._random.randint(seen.left(), seen.right())
        return widget, QPoint(x, self._random.randint(seen.top(), seen.bottom()))

    def click(self, root: QWidget) -> None:
        if isinstance(root, QFileDialog):
            self._answer(root)
        elif (target := self._target(root)) is not None:
            modifiers = (Qt.KeyboardModifier.NoModifier,) * 6 + (
                Qt.KeyboardModifier.ControlModifier,
                Qt.KeyboardModifier.ShiftModifier,
            )
            QTest.mouseClick(target[0], _LEFT, self._random.choice(modifiers), target[1])

    def double_click(self, root: QWidget) -> None:
        if not isinstance(root, QFileDialog) and (target := self._target(root)) is not None:
            QTest.mouseDClick(target[0], _LEFT, Qt.KeyboardModifier.NoModifier, target[1])

    def right_click(self, root: QWidget) -> None:
        if not isinstance(root, QFileDialog) and (target := self._target(root)) is not None:
            QTest.mouseClick(target[0], _RIGHT, Qt.KeyboardModifier.NoModifier, target[1])

    def drag(self, root: QWidget) -> None:
        if isinstance(root, QFileDialog) or (target := self._target(root)) is None:
            return
        widget, start = target
        none = Qt.KeyboardModifier.NoModifier
        QTest.mousePress(widget, _LEFT, none, start)
        for _ in range(3):
            offset = QPoint(self._random.randint(-80, 80), self._random.randint(-80, 80))
            QTest.mouseMove(widget, start + offset)
        QTest.mouseRelease(widget, _LEFT, none, start)

    def wheel(self, root: QWidget) -> None:
        if isinstance(root, QFileDialog) or (target := self._target(root)) is None:
            return
        widget, at = target
        turned = QPoint(0, self._random.choice((-1200, -120, 120, 1200)))
        event = QWheelEvent(
            QPointF(at),
            QPointF(widget.mapToGlobal(at)),
            turned,
            turned,
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)

    def key(self, root: QWidget) -> None:
        if isinstance(root, QFileDialog):
            self._answer(root)
            return
        keys = QKeySequence(self._random.choice(_KEYS))
        QTest.keySequence(root.focusWidget() or root, keys)

    def text(self, root: QWidget) -> None:
        if isinstance(root, QFileDialog):
            return
        widget = root.focusWidget() or root
        for letter in self._random.choice(_TEXTS):
            # QTest knows the keys of few letters.
            for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                event = QKeyEvent(kind, 0, Qt.KeyboardModifier.NoModifier, letter)
                QApplication.sendEvent(widget, event)

    def forward(self, root: QWidget) -> None:
        """What most people would press: most screens are behind it."""
        if self._window is None or root is not self._window:
            return
        next_button = self._window.wizard.button(QWizard.WizardButton.NextButton)
        buttons = [
            each
            for each in root.findChildren(QAbstractButton)
            if each.property("kind") == "primary" or each is next_button
        ]
        seen = [each for each in buttons if each.isVisible() and each.isEnabled()]
        if seen:
            QTest.mouseClick(self._random.choice(seen), _LEFT)

    def leap(self, root: QWidget) -> None:
        """As far as the wizard lets anybody go: few would get there by accident."""
        window = self._window
        if window is None or root is not window or not window.isVisible():
            return
        if window.state.scan is None:
            window.open_paths([str(self._pictures)])
            return
        window.show_wizard()
        furthest = max(page for page in PageId if window.state.may_go_to(page))
        window.wizard.go_to(self._random.choice((furthest, furthest, furthest, PageId(1))))
        if window.wizard.currentId() == furthest:
            self.forward(root)

    def drop(self, root: QWidget) -> None:
        accepting = [each for each in root.findChildren(QWidget) if each.acceptDrops()]
        accepting = [each for each in (root, *accepting) if each.isVisible() and each.isEnabled()]
        if isinstance(root, QFileDialog) or not accepting:
            return
        widget = self._random.choice(accepting)
        data = QMimeData()
        if self._random.random() < 0.1:
            data.setText("no file at all")
        else:
            few = self._random.sample(self._paths(), self._random.choice((1, 1, 1, 2, 3)))
            data.setUrls([QUrl.fromLocalFile(path) for path in few])
        at = widget.rect().center()
        copy, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(widget, QDragEnterEvent(at, copy, data, _LEFT, none))
        QApplication.sendEvent(widget, QDropEvent(QPointF(at), copy, data, _LEFT, none))

    def resize(self, root: QWidget) -> None:
        if self._window is not None and root is self._window:
            root.resize(self._random.randint(400, 2400), self._random.randint(300, 1500))

    def close(self, root: QWidget) -> None:
        root.close()

    def _answer(self, dialog: QFileDialog) -> None:
        """Chooses something, or nothing. Nobody is let into it: it can delete files."""
        if self._random.random() < 0.4:
            dialog.reject()
            return
        saving = dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
        making = dialog.fileMode() == QFileDialog.FileMode.Directory
        chosen = self._random.choice(self._paths())
        if saving or "made" in dialog.windowTitle():
            chosen = str(self._out / self._random.choice(("new", "a.csv", "b.zip", "no/where/c")))
        dialog.reject()
        if making and not Path(chosen).is_dir() and not saving:
            return
        dialog.fileSelected.emit(chosen)
        dialog.filesSelected.emit([chosen])

    def _paths(self) -> list[str]:
        odd = [str(each) for each in sorted(self._odd.iterdir())]
        folders = [str(self._pictures), str(self._pictures / "hole"), str(self._out)]
        return [*odd, *folders, *folders, "/dev/null", "/nowhere", "/", str(self._odd)]


_WEIGHTS = [
    (40, "click", "click"),
    (24, "key", "key"),
    (12, "forward", "forward"),
    (2, "leap", "leap"),
    (5, "text", "text"),
    (4, "double click", "double_click"),
    (4, "right click", "right_click"),
    (4, "drag", "drag"),
    (4, "wheel", "wheel"),
    (3, "drop", "drop"),
    (2, "resize", "resize"),
    (0.5, "close", "close"),
]


def main(seed: int, actions: int, place: Path) -> int:
    """Runs as `tlstudio` does, but for the engine, which plays."""
    noticed = Noticed()
    os.environ["TLSTUDIO_TEST_SEED"] = str(seed)
    client.own_command = lambda *_: [sys.executable, str(HERE / "acted_engine.py")]  # type: ignore[assignment]
    application = app.application(["tlstudio"])
    session_log.begin("the random user")
    qt_messages.install()
    unforeseen.install()
    _notice_exceptions(noticed)
    logging.getLogger().addHandler(_Errors(noticed))
    nowhere = Nowhere()
    for scheme in ("file", "https", "http"):
        QDesktopServices.setUrlHandler(scheme, nowhere, "opened")
    user = RandomUser(seed, actions, place, noticed)
    application.exec()
    faulthandler.cancel_dump_traceback_later()
    del user
    (place / "noticed.json").write_text(json.dumps(vars(noticed)))
    return 0


def _notice_exceptions(noticed: Noticed) -> None:
    """The program's own hook logs and shows them, so they are heard of once, in the log."""
    hook = sys.excepthook

    def heard(kind: type[BaseException], error: BaseException, trace: object) -> None:
        noticed.errors.append("".join(traceback.format_exception(error)))
        hook(kind, error, trace)  # type: ignore[arg-type]

    sys.excepthook = heard


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
