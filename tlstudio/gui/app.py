"""Owns the composition root of the window: application, theme, log, engine, wizard."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtWidgets import QApplication

from tlstudio.engine.client import EngineClient
from tlstudio.gui import unforeseen
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.icon import app_icon
from tlstudio.gui.theme import THEME
from tlstudio.gui.wizard import wording
from tlstudio.gui.wizard.state import WizardState
from tlstudio.gui.wizard.wizard import Wizard
from tlstudio.projects.places import logs_folder

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] = ()) -> int:
    """Shows the window and returns the exit status once it is closed."""
    app = application(argv)
    _log_to_file()
    unforeseen.install()
    # Qt's loop keeps Python from seeing Ctrl+C in a terminal; the engine saves when we are gone.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    wizard = build()
    wizard.left.connect(app.quit)
    wizard.show()
    # After the first paint, so that nothing competes with it.
    QTimer.singleShot(0, wizard.prepare)
    return app.exec()


def application(argv: Sequence[str] = ()) -> QApplication:
    """The one QApplication, named and styled."""
    app = QApplication(list(argv) or ["tlstudio"])
    app.setApplicationName("TL Studio")
    app.setDesktopFileName("tlstudio")
    app.setQuitOnLastWindowClosed(False)
    app.setWindowIcon(app_icon())
    wording.use(QCoreApplication.translate)
    THEME.install(app)
    return app


def build() -> Wizard:
    """The whole window in front of an engine that starts with its first job."""
    engine = EngineRoom(EngineClient(logs_folder() / "engine.log"))
    return Wizard(WizardState(), engine)


def _log_to_file() -> None:
    """A log that never grows beyond a few megabytes; without one the window works all the same."""
    try:
        logs_folder().mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            logs_folder() / "window.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8"
        )
    except OSError:
        logger.warning("The log can't be written to %s", logs_folder(), exc_info=True)
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
