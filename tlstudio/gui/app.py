"""Owns the composition root of the window: application, theme, log, engine."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtWidgets import QApplication

from tlstudio.diagnosis import session_log
from tlstudio.engine.client import EngineClient
from tlstudio.gui import qt_messages, unforeseen
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.icon import app_icon
from tlstudio.gui.theme import THEME
from tlstudio.gui.window import MainWindow
from tlstudio.gui.wizard import wording
from tlstudio.gui.wizard.state import WizardState
from tlstudio.projects.preferences import preferences

SWITCH_S = 0.0005
"""A thread that reads lets the window's have the interpreter after this time: while it draws, it
asks for it hundreds of times, and each time it would wait for Python's usual five milliseconds."""


def main(argv: Sequence[str] = ()) -> int:
    """Shows the window and returns the exit status once it is closed."""
    app = application(argv)
    session_log.begin("the window")
    qt_messages.install()
    unforeseen.install()
    # Qt's loop keeps Python from seeing Ctrl+C in a terminal; the engine saves when we are gone.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    window = build()
    window.left.connect(app.quit)
    window.show()
    # After the first paint, so that nothing competes with it.
    QTimer.singleShot(0, window.prepare)
    return app.exec()


def application(argv: Sequence[str] = ()) -> QApplication:
    """The one QApplication, named and styled."""
    sys.setswitchinterval(SWITCH_S)
    app = QApplication(list(argv) or ["tlstudio"])
    app.setApplicationName("TL Studio")
    app.setDesktopFileName("tlstudio")
    app.setQuitOnLastWindowClosed(False)
    app.setWindowIcon(app_icon())
    wording.use(QCoreApplication.translate)
    THEME.install(app)
    THEME.prefer(preferences().look)
    return app


def build() -> MainWindow:
    """The whole window in front of an engine that starts with its first job."""
    engine = EngineRoom(EngineClient(session_log.file()))
    return MainWindow(WizardState(), engine)
