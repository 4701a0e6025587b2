"""Owns what every kind of reader gives: a picture as upright 8-bit RGB, and what was done to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image


class Choices(Protocol):
    """What a reader asks of `jobs.Reading`, which the children that look at files do not import:
    they start without it in half the time."""

    @property
    def channels(self) -> tuple[int, ...] | None: ...


@dataclass(frozen=True, slots=True)
class About:
    """What a file says of itself beside its pixels; see `Facts` for `camera` and `taken`."""

    camera: str | None = None
    taken: float | None = None
    frames: int = 1


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture that was read: `rgb` is upright and may be smaller than the file's `size`, which
    is (width, height), upright too. `done` is what had to be done to it, in the user's words.

    `about` may read the file further: it is called before the file is closed, or never.
    """

    rgb: Image.Image
    size: tuple[int, int]
    format: str
    done: tuple[str, ...]
    about: Callable[[], About]
