"""Owns the doctor's trial of the window: whether Qt and its platform load on this computer."""

from __future__ import annotations

import os

from tlstudio.display import why_no_display
from tlstudio.jobs import Check


def try_window() -> int:
    """Makes an application and a widget that nobody sees, where there is no display without one.
    Qt ends the process where it can't."""
    shown = why_no_display() is None
    if not shown:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtCore import qVersion
    from PySide6.QtWidgets import QApplication, QWidget

    app = QApplication(["tlstudio"])
    QWidget().winId()
    says = f"Qt {qVersion()} can show the window ({app.platformName()})."
    if not shown:
        says = f"Qt {qVersion()} loads. There is no display here for the window."
    print(Check(name="window", says=says).model_dump_json())  # noqa: T201
    return 0
