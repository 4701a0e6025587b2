"""Owns what a listing of a data set gives: files, each with its class, part and group as found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tlstudio.errors import PicturesAwayError
from tlstudio.jobs import LeftOut, Part

PARTS: dict[str, Part] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
"""What a part of a split may be called, in any case of letters."""

Source = Literal["folders", "table", "names"]
"""Where the classes of a listing come from."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file with its class, called `folder` wherever it comes from. `file` is relative to the data
    set's folder, with forward slashes, or absolute where it lies elsewhere; `group` is what the
    table or its name says that it belongs together with, empty for nothing."""

    file: str
    part: Part
    folder: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is. `classes` maps each part to the names of its classes, sorted.

    `part_folders` maps each part to the name that it has there; it is empty where nothing says who
    belongs to which part, and every file counts as a training file. Each file occurs once. `anew`:
    something did say it, and was given up.
    """

    part_folders: dict[Part, str]
    classes: dict[Part, tuple[str, ...]]
    files: tuple[Found, ...]
    left_out: tuple[LeftOut, ...]
    source: Source = "folders"
    anew: bool = False


def vanished(root: str) -> PicturesAwayError:
    return PicturesAwayError(
        f"The folder {root} can't be reached any more.",
        "Check that its disk is still connected, then try again.",
    )
