"""Owns what the user has settled for the program as a whole, whatever project is open."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from tlstudio.bounded import record
from tlstudio.jobs import Record
from tlstudio.projects.atomic import write_text
from tlstudio.projects.places import preferences_file

Look = Literal["system", "light", "dark"]


class Preferences(Record):
    """`keep_awake`: the computer does not fall asleep by itself while it trains. `look`: the
    window's colours."""

    version: Literal[1] = 1
    keep_awake: bool = True
    look: Look = "system"


def preferences() -> Preferences:
    """As they were kept; the defaults where nothing was, or nothing that can be read."""
    try:
        return record(Preferences, preferences_file())
    except (OSError, ValidationError):
        return Preferences()


def keep(chosen: Preferences) -> None:
    """Raises `StorageError`."""
    write_text(preferences_file(), chosen.model_dump_json(indent=2) + "\n")
