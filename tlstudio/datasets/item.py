"""Owns a picture as everything sees it that looks for findings and splits."""

from __future__ import annotations

from dataclasses import dataclass

from tlstudio.images.facts import Facts
from tlstudio.jobs import Part


@dataclass(frozen=True, slots=True)
class Item:
    """A usable picture with its label of the moment.

    `id` is its number in the project, for good; `given` the part that the user's own split puts it
    into, None without one; `modified` the file's time of change in seconds since 1970; `group` is
    that of the table's column, empty for none.
    """

    id: int
    file: str
    label: str
    digest: bytes
    facts: Facts
    modified: float
    given: Part | None = None
    group: str = ""
