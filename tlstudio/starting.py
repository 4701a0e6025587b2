"""Owns how this installation starts another process of itself."""

from __future__ import annotations

import sys


def own_command(*arguments: str) -> list[str]:
    """The command line of this program with these arguments: a frozen program calls itself."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "tlstudio", *arguments]
