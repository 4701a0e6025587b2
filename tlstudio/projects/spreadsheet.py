"""Owns how texts get into tables that people open in spreadsheet programs: as texts. A name or a
class that begins like a formula would be computed there, and a formula can start programs."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?", re.IGNORECASE)


def cell(text: str) -> str:
    """With an apostrophe before what would be a formula, as one types it there; see `meant`."""
    return f"'{text}" if _is_formula(text) else text


def path_cell(path: str) -> str:
    """The same file by a name that is no formula."""
    return f"./{path}" if _is_formula(path) else path


def meant(text: str) -> str:
    """What a cell says: the inverse of `cell`."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def _is_formula(text: str) -> bool:
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)
