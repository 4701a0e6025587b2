"""Owns items for tests, made of pixels or of nothing but the facts that a test is about."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tlstudio.datasets.item import Item
from tlstudio.images.facts import Facts

Pixels = npt.NDArray[np.uint8]

NOBODY = Facts(
    width=640,
    height=480,
    format="JPEG",
    camera=None,
    taken=None,
    mean=120,
    spread=50,
    border=(120, 120, 120),
    border_spread=40,
    text=0,
    thumb=bytes(768),
)


def item(
    number: int, label: str = "a", *, file: str = "", digest: bytes = b"", **more: Any
) -> Item:
    """An item of its own digest; `more` are fields of the item or of its facts."""
    facts = {name: more.pop(name) for name in list(more) if name in Facts.__dataclass_fields__}
    return Item(
        id=number,
        file=file or f"{label}/{number:04d}.jpg",
        label=label,
        digest=digest or hashlib.sha256(str(number).encode()).digest(),
        facts=Facts(**{name: getattr(NOBODY, name) for name in NOBODY.__slots__} | facts),
        modified=more.pop("modified", 0.0),
        **more,
    )


def pictured(number: int, pixels: Pixels, label: str = "a", **more: Any) -> Item:
    """An item of a picture's size and small picture."""
    picture = Image.fromarray(pixels)
    return item(
        number,
        label,
        width=picture.width,
        height=picture.height,
        spread=float(pixels.std()),
        thumb=picture.resize((16, 16), Image.Resampling.BOX).tobytes(),
        **more,
    )


def scene(seed: int, side: int = 160) -> Pixels:
    """A picture of soft and sharp shapes that resembles no other one."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8))
    pixels = np.array(coarse.resize((side, side), Image.Resampling.BICUBIC))
    for _ in range(6):
        top, left = rng.integers(0, side - 40, 2)
        pixels[top : top + 30, left : left + 40] = rng.integers(0, 256, 3)
    return pixels


def at(number: int, file: str, label: str = "", **more: Any) -> Item:
    """An item of the class that its first folder says, without a `label`."""
    return item(number, label or file.split("/", maxsplit=1)[0], file=file, **more)


def items(files: list[str]) -> list[Item]:
    """An item a file, numbered from 1."""
    return [at(number, file) for number, file in enumerate(files, 1)]
