"""Owns what goes wrong with cloth, and what merely looks like it: holes, stains, broken threads.

A defect first changes the threads of a piece, before it is woven, and then paints on its surface.
Places are (row, column) in pixels of the drawing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from tlstudio.datasets.cloth import (
    FINE,
    Field,
    Hollow,
    Piece,
    Roll,
    Threads,
    lay,
    linear,
    photograph,
    smooth,
    softened,
    tint,
    weave,
)

Kind = Literal["good", "hole", "stain", "broken thread"]
KINDS: tuple[Kind, ...] = ("good", "hole", "stain", "broken thread")

Point = tuple[float, float]

# What lies behind the cloth; what spills on it; what falls on it. sRGB.
_BACKS = ("#15161a", "#2c2d31", "#4a4b4f", "#77736c", "#a9a49a", "#5b4a3a", "#2b2620")
_STAINS = ("#3b2415", "#6b4a24", "#20242c", "#7a5a2e", "#5f1f26", "#e2dccf", "#c9c07a", "#37475e")
_LINT = ("#f2efe8", "#1c1b1b", "#b8a88a", "#7c2f33")
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True, slots=True)
class _Yarn:
    """A loose piece of yarn or a hair on the surface."""

    path: list[Point]
    width: float
    colour: Field


def draw(kind: Kind, roll: Roll, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A photograph of a piece of `roll` with a defect of one kind, as (SIDE, SIDE, 3) in 0..255."""
    piece = lay(roll, rng)
    row, column = (int(at) for at in rng.uniform(0.14, 0.86, 2) * FINE)
    yarns: list[_Yarn] = []
    if kind == "hole":
        yarns = _tear(piece, row, column, rng)
    elif kind == "broken thread":
        yarns = _snap(piece, row, column, rng)
    surface, hollow = weave(piece, rng)
    _see_through(piece, surface, hollow, rng)
    if kind == "stain":
        surface = _spill(surface, row, column, rng)
    for yarn in (*yarns, *_lint(surface, rng)):
        _lay_yarn(surface, yarn, piece)
    return photograph(surface, piece, rng)


def _tear(piece: Piece, row: int, column: int, rng: np.random.Generator) -> list[_Yarn]:
    """Cuts the threads of both systems in a ragged patch and pushes their ends apart."""
    u, v = float(piece.u[row, column]), float(piece.v[row, column])
    size = rng.uniform(13, 32)
    stretch = rng.uniform(0.65, 1.5)
    reach_u = max(size * stretch / piece.roll.pitch[0], 1.1)
    reach_v = max(size / stretch / piece.roll.pitch[1], 1.1)
    _cut(piece.warp, rng, at=u, along=v, reach=reach_u, length=reach_v)
    _cut(piece.weft, rng, at=v, along=u, reach=reach_v, length=reach_u)
    away_u, away_v = piece.u - np.float32(u), piece.v - np.float32(v)
    distance = np.sqrt((away_u / reach_u) ** 2 + (away_v / reach_v) ** 2) + np.float32(1e-3)
    push = np.float32(rng.uniform(0.1, 0.5)) * np.exp(-0.5 * ((distance - 1) / 0.6) ** 2) / distance
    piece.u -= push * away_u / np.float32(reach_u)
    piece.v -= push * away_v / np.float32(reach_v)
    frays = []
    for _ in range(int(rng.integers(5, 16))):
        turn = rng.uniform(0, 2 * np.pi)
        edge = 2 * size * np.array([np.sin(turn), np.cos(turn)])
        start = np.array([row, column]) + edge * rng.uniform(0.8, 1.1)
        path = _curl(start, turn + np.pi + rng.normal(0, 0.6), size * rng.uniform(0.8, 1.8), rng)
        frays.append(_Yarn(path, rng.uniform(1, 2.4), _own_colour(piece, rng)))
    return frays


def _cut(
    threads: Threads,
    rng: np.random.Generator,
    *,
    at: float,
    along: float,
    reach: float,
    length: float,
) -> None:
    """Cuts the threads within `reach` of `at`, each about `length` to both sides of `along`."""
    for number in range(int(np.floor(at - reach)), int(np.ceil(at + reach)) + 1):
        off = (number + 0.5 - at) / reach
        if abs(off) >= 1:
            continue
        half = length * np.sqrt(1 - off * off)
        threads.lo[number] = along - half * rng.uniform(0.35, 1.3) - rng.uniform(0, 0.4)
        threads.hi[number] = along + half * rng.uniform(0.35, 1.3) + rng.uniform(0, 0.4)


def _snap(piece: Piece, row: int, column: int, rng: np.random.Generator) -> list[_Yarn]:
    """Takes a length of a few threads away; neighbours lean in, and loose ends lie about."""
    u, v = float(piece.u[row, column]), float(piece.v[row, column])
    # A thread that mostly runs below the others could break without a trace.
    share = float(piece.roll.warp_on_top.mean())
    is_warp = share > 0 if abs(share) > 0.1 else rng.random() < 0.5
    threads, own, other = (piece.warp, 0, 1) if is_warp else (piece.weft, 1, 0)
    at, along = (u, v) if is_warp else (v, u)
    across, field = (piece.u, piece.v) if is_warp else (piece.v, piece.u)
    first, many = int(np.floor(at)), int(rng.choice([1, 2, 2, 3]))
    length, before = rng.uniform(120, 320) / piece.roll.pitch[other], rng.uniform(0.2, 0.8)
    for number in range(first, first + many):
        threads.lo[number] = along - length * before + rng.normal(0, 1)
        threads.hi[number] = along + length * (1 - before) + rng.normal(0, 1)
    lean = np.float32(rng.uniform(0, 0.12))
    threads.shift[first - 1] += lean
    threads.shift[first + many] -= lean
    yarns = []
    for end in (threads.lo[first], threads.hi[first]):
        off = np.abs(field - end) + np.abs(across - np.float32(first + 0.5))
        if rng.random() < 0.15 or off.min() > 0.5:  # pulled out, or outside the picture
            continue
        start = np.array(np.unravel_index(int(off.argmin()), off.shape), float)
        path = _curl(start, rng.uniform(0, 2 * np.pi), rng.uniform(30, 80), rng)
        bright = rng.uniform(0.45, 0.7) if rng.random() < 0.5 else rng.uniform(1.3, 1.9)
        colour = piece.roll.colours[own] * np.float32(bright)
        yarns.append(_Yarn(path, 1.1 * piece.roll.pitch[own], colour))
    return yarns


def _see_through(piece: Piece, surface: Field, hollow: Hollow, rng: np.random.Generator) -> None:
    """Fills the places that no thread covers.

    Narrow gaps of sound cloth show fibres and shadow; what lies behind is seen through wide ones.
    """
    own = _mean_colour(surface)
    surface[hollow] = own * np.float32(0.3)
    if not (piece.warp.is_cut or piece.weft.is_cut):
        return
    back, _ = _unlike(own, _BACKS, rng)
    wide = softened(hollow.astype(np.float32), 4)[hollow][:, None]
    opened = np.clip((wide - 0.45) / 0.3, 0, 1)
    behind = back * (0.35 + 0.65 * wide**1.5)
    surface[hollow] += (behind - surface[hollow]) * opened


def _mean_colour(surface: Field) -> Field:
    colour: Field = surface[::4, ::4].mean(axis=(0, 1))
    return colour


def _unlike(own: Field, colours: tuple[str, ...], rng: np.random.Generator) -> tuple[Field, float]:
    """One of the colours that can be told from `own`, and the contrast between the two.

    Some are dark and some are light, so that there always is one.
    """
    while True:
        colour = linear(str(rng.choice(colours))) * tint(rng, 0.07)
        contrast = abs(float(colour @ _LUMINANCE) / float(own @ _LUMINANCE) - 1)
        if contrast > 0.35:
            return colour, contrast


def _spill(surface: Field, row: int, column: int, rng: np.random.Generator) -> Field:
    """Soaks a patch with something that differs from the cloth, at times with a tide mark."""
    own = _mean_colour(surface)
    stain, contrast = _unlike(own, _STAINS, rng)
    # Strong dyes soak in less, so that no stain looks like paint.
    most = min(0.85, rng.uniform(0.5, 0.9) / contrast)
    axis = np.arange(FINE, dtype=np.float32)
    y, x = axis[:, None] - row, axis[None, :] - column
    angle, size, stretch = rng.uniform(0, np.pi), rng.uniform(44, 110), rng.uniform(0.65, 1.0)
    cos, sin = math.cos(angle), math.sin(angle)
    distance = np.sqrt(((cos * x + sin * y) * stretch) ** 2 + ((cos * y - sin * x) / stretch) ** 2)
    rim = distance / np.float32(size) + 0.2 * smooth(rng, 9) + 0.09 * smooth(rng, 36)
    soft = rng.uniform(0.04, 0.2)
    patch = 1 / (1 + np.exp(np.clip((rim - 1) / soft, -30, 30)))
    tide = np.exp(-0.5 * ((rim - 0.93) / 0.07) ** 2) * rng.choice([0, 0.6, 0.8])
    strength = most * np.clip(patch * (1 - 0.4 * (tide.max() > 0)) + tide, 0, 1)
    # Dyes soak into the threads and keep their relief; the threads' light stays on them.
    light = (surface @ _LUMINANCE) / float(own @ _LUMINANCE)
    soaked = stain * light[..., None]
    mixed = surface * (1 - strength[..., None]) + soaked * strength[..., None]
    return np.asarray(mixed, np.float32)


def _lint(surface: Field, rng: np.random.Generator) -> list[_Yarn]:
    """Hairs and fluff that lie on any cloth and are no defect."""
    own = _mean_colour(surface)
    hairs = []
    for _ in range(int(rng.choice([0, 0, 0, 1, 1, 2]))):
        start = rng.uniform(0, FINE, 2)
        path = _curl(start, rng.uniform(0, 2 * np.pi), rng.uniform(6, 28), rng)
        colour = 0.45 * linear(str(rng.choice(_LINT))) + 0.55 * own
        hairs.append(_Yarn(path, rng.uniform(1, 2), colour))
    return hairs


def _curl(
    start: npt.NDArray[np.float64], heading: float, reach: float, rng: np.random.Generator
) -> list[Point]:
    """A wandering curve of `reach` pixels of the picture, as (x, y) in pixels of the drawing."""
    steps = max(6, int(reach))
    bends = np.cumsum(rng.normal(0, 0.10, steps)) + rng.normal(0, 0.05) * np.arange(steps)
    headings = heading + bends
    step = 2 * reach / steps
    x = start[1] + np.cumsum(np.cos(headings)) * step
    y = start[0] + np.cumsum(np.sin(headings)) * step
    return [(float(start[1]), float(start[0])), *zip(x.tolist(), y.tolist(), strict=True)]


def _lay_yarn(surface: Field, yarn: _Yarn, piece: Piece) -> None:
    """Lays a loose yarn on the surface: its shadow beside it, its own roundness in the light."""
    margin = int(3 * yarn.width) + 6
    x, y = [at for at, _ in yarn.path], [at for _, at in yarn.path]
    left, top = max(0, int(min(x)) - margin), max(0, int(min(y)) - margin)
    right, bottom = min(FINE, int(max(x)) + margin), min(FINE, int(max(y)) + margin)
    if right - left < 2 or bottom - top < 2:
        return  # it fell beside the picture
    drawn = Image.new("L", (right - left, bottom - top))
    path = [(x - left, y - top) for x, y in yarn.path]
    ImageDraw.Draw(drawn).line(path, fill=255, width=max(1, round(yarn.width)), joint="curve")
    mask = np.asarray(drawn.filter(ImageFilter.GaussianBlur(0.7)), np.float32) / np.float32(255)
    dx, dy = (round(-at * yarn.width) for at in piece.light[:2])
    shadow = softened(np.roll(mask, (dy, dx), (0, 1)), 1.5)[..., None]
    down, across = np.gradient(softened(mask, max(0.6, yarn.width / 4)))
    slope = -(piece.light[0] * across + piece.light[1] * down) * yarn.width * 0.5
    light = np.clip(np.asarray(0.75 + slope), 0.3, 1.2)
    body = yarn.colour * light[..., None]
    cover = mask[..., None] * 0.92
    under = surface[top:bottom, left:right]
    surface[top:bottom, left:right] = under * (1 - 0.45 * shadow) * (1 - cover) + body * cover


def _own_colour(piece: Piece, rng: np.random.Generator) -> Field:
    colour = piece.roll.colours[int(rng.integers(2))] * np.float32(rng.uniform(0.6, 1.1))
    return np.asarray(colour, np.float32)
