"""Owns the question whether a window can be shown here, asked before Qt would abort."""

from __future__ import annotations

import os
import sys


def why_no_display() -> str | None:
    """A sentence where there is no display for a window, else None."""
    if not sys.platform.startswith("linux"):
        return None
    if any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        return None
    return (
        "There is no display here, so the window can't be shown. The same work can be done "
        "without one: `tlstudio train`, `evaluate`, `predict`, `export`; `tlstudio --help` lists "
        "every command."
    )
