"""Owns the numbers that findings rest on, measured on a small copy of a picture."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from tlstudio.images.decoded import About
from tlstudio.images.facts import Facts

SIDE = 128
"""The shorter side of the small copy, in px, is at least this and less than twice as much, unless
the picture is smaller."""

_LONGEST = 4096
_THUMB = 16
_STROKE = 5
"""Burned-in letters are drawn with lines thinner than this, in px of the small copy."""
_CONTRAST, _PLAIN = 60, 32
_CELL, _RUN = 8, 3
_FEWEST, _MOST, _GROUND = 3, 40, 24  # px of a cell

_LEVELS = np.arange(256, dtype=np.float64)

Grey = npt.NDArray[np.uint8]


def measure(rgb: Image.Image, size: tuple[int, int], kind: str, about: About) -> Facts:
    """The facts of an upright picture. `rgb` may be smaller than its `size` (width, height)."""
    small = _reduced(rgb)
    grey = small.convert("L")
    levels = np.asarray(grey)
    mean, spread = _moments(grey)
    colour, vary = _border(np.asarray(small))
    return Facts(
        width=size[0],
        height=size[1],
        format=kind,
        camera=about.camera,
        taken=about.taken,
        mean=mean,
        spread=spread,
        border=colour,
        border_spread=vary,
        text=text_share(levels),
        thumb=small.resize((_THUMB, _THUMB), Image.Resampling.BOX).tobytes(),
    )


def _reduced(rgb: Image.Image) -> Image.Image:
    shorter = max(1, min(rgb.size) // SIDE)
    across, down = (max(shorter, math.ceil(side / _LONGEST)) for side in rgb.size)
    return rgb if across == down == 1 else rgb.reduce((across, down))


def _moments(grey: Image.Image) -> tuple[float, float]:
    """Mean and standard deviation of the levels."""
    counts = np.array(grey.histogram(), np.float64)
    mean = float(counts @ _LEVELS / counts.sum())
    return mean, math.sqrt(counts @ (_LEVELS - mean) ** 2 / counts.sum())


def _border(pixels: npt.NDArray[np.uint8]) -> tuple[tuple[int, int, int], float]:
    """Mean colour of the outermost pixels, and the standard deviation around it."""
    edge = np.concatenate((pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]))
    mean = edge.mean(axis=0)
    red, green, blue = (round(float(level)) for level in mean)
    return (red, green, blue), float(np.sqrt(((edge - mean) ** 2).mean()))


# --- burned-in text ------------------------------------------------------------------------------


def text_share(levels: Grey) -> float:
    """The share of a picture's area that looks like text burned into it near its edges.

    Letters are lines thinner than `_STROKE`, much brighter or darker than what lies beside them,
    on a plain ground. The picture is cut into cells; a cell is one of text where a part of it, but
    not most of it, are such lines and where the ground shows little of its own; at least `_RUN` of
    them must stand in a row, in the outer quarter of the picture. Grass and hair are lines on lines
    and do not count. It is a hint, made for comparing classes: single pictures are told wrongly.
    """
    height, width = levels.shape
    if min(height, width) < _CELL * _RUN:
        return 0.0
    low = _along(levels, np.minimum)
    bright = _text_cells(levels, _along(low, np.maximum))
    high = _along(levels, np.maximum)
    dark = _text_cells(255 - levels, 255 - _along(high, np.minimum))
    return float((bright | dark).mean())


def _along(levels: Grey, extreme: np.ufunc) -> Grey:
    """The extreme of each pixel and its neighbours in the row, `_STROKE` in all."""
    half = _STROKE // 2
    padded = np.empty((levels.shape[0], levels.shape[1] + 2 * half), np.uint8)
    padded[:, half:-half] = levels
    padded[:, :half], padded[:, -half:] = levels[:, :1], levels[:, -1:]
    pairs = extreme(padded[:, :-1], padded[:, 1:])
    fours = extreme(pairs[:, :-2], pairs[:, 2:])
    return np.asarray(extreme(fours[:, :-1], padded[:, 4:]))


def _text_cells(levels: Grey, ground: Grey) -> npt.NDArray[np.bool_]:
    """Which cells hold lines that are brighter than the ground, from which they are taken away."""
    strokes = _cells((levels - ground) > _CONTRAST)
    count = strokes.sum(axis=1, dtype=np.uint8).sum(axis=2, dtype=np.uint8)
    found = (count > _FEWEST) & (count < _MOST)
    found = _in_rows(found & _outer(found.shape))
    if found.any():
        inside = _cells(levels)
        lowest = inside.min(axis=1, keepdims=True).min(axis=3, keepdims=True)
        plain = (inside - lowest < _PLAIN).sum(axis=1, dtype=np.uint8).sum(axis=2, dtype=np.uint8)
        found = _in_rows(found & (plain > _GROUND))
    return found


def _cells(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    down, across = values.shape[0] // _CELL, values.shape[1] // _CELL
    return values[: down * _CELL, : across * _CELL].reshape(down, _CELL, across, _CELL)


def _in_rows(cells: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Only the cells that stand in a row of at least `_RUN`."""
    kept = np.zeros_like(cells)
    if cells.shape[1] < _RUN:
        return kept
    whole = cells[:, :-2] & cells[:, 1:-1] & cells[:, 2:]
    for start in range(_RUN):
        kept[:, start : start + whole.shape[1]] |= whole
    return kept


def _outer(shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Which cells lie in the outer quarter on any side."""
    outer = np.ones(shape, bool)
    down, across = shape
    outer[down // 4 : down - down // 4, across // 4 : across - across // 4] = False
    return outer
