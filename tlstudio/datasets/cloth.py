"""Owns how woven cloth is drawn: rolls of it, pieces of a roll, and their photograph.

A piece is a field of thread coordinates: `u` counts warp threads, `v` weft threads, both along the
picture's pixels. Heights of the threads come from the weave; light falls on those heights. Pictures
are drawn at twice their size and reduced as a lens would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Field = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int32]
Hollow = npt.NDArray[np.bool_]

SIDE = 256
"""The side of a picture in pixels."""

FINE = 2 * SIDE
"""The side at which it is drawn."""

_THREADS = 256  # more than any picture holds; a power of two, so that numbers wrap by a mask
_KNOTS = _THREADS // 2  # along a thread, where its thickness is drawn
_STEPS = 16  # from one thread to the next, in tables
_NOTHING = np.float32(-9)  # the height where there is no thread, below all threads

# 1 where the warp lies on top, for one repeat of the weave.
_WEAVES: dict[str, list[str]] = {
    "plain": ["10", "01"],
    "twill 2/1": ["110", "011", "101"],
    "twill 2/2": ["1100", "0110", "0011", "1001"],
    "twill 3/1": ["1110", "0111", "1011", "1101"],
    "herringbone": ["11001001", "01100011", "00110110", "10011100"],
    "satin": ["11110", "10111", "11101", "01111", "11011"],
    "basket": ["1100", "1100", "0011", "0011"],
    "rib": ["1010", "1010", "0101", "0101"],
}

# Yarns as they are sold: undyed, bleached, dyed; sRGB.
_YARNS = (
    *("#d8cdb4", "#e9e6dd", "#b9ab8f", "#8f8269", "#c9c5bb", "#6e6a64", "#4a4a4d", "#33353b"),
    *("#2f3e5c", "#40608c", "#7d95b5", "#4c6a57", "#77805a", "#a8875a", "#9c5b3c", "#7b3438"),
    *("#b7767a", "#3f6d70", "#c2a24a", "#8a6f86"),
)


@dataclass(frozen=True, slots=True)
class Roll:
    """A kind of cloth. Pairs are for warp and weft.

    `pitch` is in pixels of the picture, `fill` the share of its place that a thread takes, `twist`
    in turns of its fibres a crossing; every `stripe[0]` threads, `stripe[1]` are darker by
    `stripe[2]`.
    """

    warp_on_top: Field
    pitch: tuple[float, float]
    fill: tuple[float, float]
    colours: tuple[Field, Field]
    twist: tuple[float, float]
    unevenness: float
    gloss: float
    stripe: tuple[int, int, float]


@dataclass(slots=True)
class Threads:
    """The warp or the weft, by thread number: tone, and at knots along it its shift and width.

    A thread is missing where its crossings lie between `lo` and `hi`.
    """

    tone: Field
    shift: Field
    width: Field
    lo: Field = field(default_factory=lambda: np.full(_THREADS, np.inf, np.float32))
    hi: Field = field(default_factory=lambda: np.full(_THREADS, -np.inf, np.float32))

    @property
    def is_cut(self) -> bool:
        return bool(np.isfinite(self.lo).any())

    def gaps(self, number: Numbers, along: Field) -> Hollow:
        return (along > self.lo[number]) & (along < self.hi[number])


@dataclass(slots=True)
class Piece:
    """A piece of a roll as it lies in front of the camera."""

    roll: Roll
    u: Field
    v: Field
    warp: Threads
    weft: Threads
    relief: Field
    light: tuple[float, float, float]


def make_roll(rng: np.random.Generator) -> Roll:
    weave = _WEAVES[str(rng.choice(list(_WEAVES)))]
    table = np.array([[float(cell) for cell in row] for row in weave], np.float32) * 2 - 1
    if rng.random() < 0.5:
        table = np.ascontiguousarray(-table.T)
    repeats = (-(-_THREADS // table.shape[0]), -(-_THREADS // table.shape[1]))
    pitch = rng.uniform(4.2, 8.0)
    ratio = rng.uniform(0.85, 1.2)
    first = _yarn(rng)
    second = _yarn_beside(first, rng)
    return Roll(
        warp_on_top=np.tile(table, repeats)[:_THREADS, :_THREADS],
        pitch=(pitch, pitch * ratio),
        fill=(rng.uniform(0.8, 1.02), rng.uniform(0.8, 1.02)),
        colours=(first, second),
        twist=(rng.uniform(1.2, 2.6), rng.uniform(1.2, 2.6)),
        unevenness=rng.uniform(0.4, 1.3),
        gloss=rng.uniform(0, 0.35),
        stripe=(int(rng.integers(6, 24)), int(rng.integers(1, 4)), rng.choice([0, 0, 0, 0.12])),
    )


def lay(roll: Roll, rng: np.random.Generator) -> Piece:
    """Cuts a piece of a roll and lays it down, nearly straight and not quite flat."""
    axis = np.linspace(-SIDE / 2, SIDE / 2, FINE, dtype=np.float32)
    x, y = axis[None, :], axis[:, None]
    angle = rng.uniform(-0.22, 0.22)
    cos, sin = math.cos(angle), math.sin(angle)
    zoom = rng.uniform(0.92, 1.09)
    wave = rng.uniform(0.3, 2.0)
    u = (cos * x + sin * y) * zoom + wave * smooth(rng, 4) + 0.3 * smooth(rng, 14)
    v = (cos * y - sin * x) * zoom + wave * smooth(rng, 4) + 0.3 * smooth(rng, 14)
    start = rng.uniform(100, 140, 2)
    return Piece(
        roll=roll,
        u=_single(u / roll.pitch[0] + start[0]),
        v=_single(v / roll.pitch[1] + start[1]),
        warp=_threads(roll, rng),
        weft=_threads(roll, rng),
        relief=_creases(rng, x, y),
        light=_light(rng),
    )


def weave(piece: Piece, rng: np.random.Generator) -> tuple[Field, Hollow]:
    """The piece's surface, lit: (FINE, FINE, 3) in linear light, and where no thread covers it."""
    roll = piece.roll
    i, j = piece.u.astype(np.int32) & (_THREADS - 1), piece.v.astype(np.int32) & (_THREADS - 1)
    over = roll.warp_on_top
    warp, warp_across = _heights(piece.warp, i, piece.u, piece.v, fill=roll.fill[0], over=over)
    weft, weft_across = _heights(piece.weft, j, piece.v, piece.u, fill=roll.fill[1], over=-over.T)
    _take_away(piece.warp.gaps(i, piece.v), warp, weft)
    _take_away(piece.weft.gaps(j, piece.u), weft, warp)
    on_top = warp > weft
    height = np.maximum(np.maximum(warp, weft), -0.9)
    hollow = np.maximum(warp, weft) < _NOTHING / 2
    fibres = np.where(
        on_top,
        _fibres(piece.v * roll.twist[0] + 0.7 * warp_across),
        _fibres(piece.u * roll.twist[1] + 0.7 * weft_across),
    )
    grain = rng.standard_normal(fibres.shape, np.float32)
    lit = _lit(piece, height) * (1 + 0.1 * fibres + 0.07 * grain)
    tone = np.where(on_top, piece.warp.tone[i], piece.weft.tone[j]) * lit
    colour = np.where(on_top[..., None], roll.colours[0], roll.colours[1])
    return colour * tone[..., None], hollow


def photograph(surface: Field, piece: Piece, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """What a camera makes of a lit surface: (SIDE, SIDE, 3) in 0..255."""
    picture = _reduced(surface)
    axis = np.linspace(-1, 1, SIDE, dtype=np.float32)
    x, y = axis[None, :], axis[:, None]
    across = rng.normal(0, 0.16, 2).astype(np.float32)
    shade = 1 + across[0] * x + across[1] * y - rng.uniform(0, 0.22) * (x * x + y * y)
    shade = shade + 0.05 * _reduced(smooth(rng, 3))
    picture = picture * np.maximum(shade, 0.2)[..., None] * tint(rng, 0.025)
    # As cameras expose: dark cloth comes out lighter than it is, and still darker than light cloth.
    exposure = rng.uniform(0.12, 0.3) / max(float(np.median(picture[::4, ::4])), 1e-3)
    picture = blurred(picture * exposure**0.7, rng.uniform(0.35, 0.95))
    noise = rng.standard_normal(picture.shape, np.float32) * rng.uniform(0.004, 0.014)
    picture = np.clip(picture, 0, None) ** (1 / 2.2)
    picture = picture + noise + 0.5 * blurred(noise, 0.8)
    # Bright parts are compressed as film and cameras do, so that nothing is cut off hard.
    picture = np.where(picture > 0.8, 0.8 + 0.2 * np.tanh((picture - 0.8) / 0.2), picture)
    levels: npt.NDArray[np.uint8] = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return levels


def tint(rng: np.random.Generator, spread: float) -> Field:
    return rng.normal(1, spread, 3).astype(np.float32)


def smooth(rng: np.random.Generator, cells: int) -> Field:
    """Random hills over the drawing, about `cells` across, of unit standard deviation."""
    grid = rng.standard_normal((cells + 1, cells + 1), np.float32)
    hills = Image.fromarray(grid).resize((FINE, FINE), Image.Resampling.BICUBIC)
    return np.asarray(hills, np.float32)


def _reduced(drawn: Field) -> Field:
    """From the side of the drawing to that of the picture."""
    rows = drawn[::2] + drawn[1::2]
    return _single((rows[:, ::2] + rows[:, 1::2]) * 0.25)


def _single(values: npt.ArrayLike) -> Field:
    """In single precision, in which everything is drawn."""
    return np.asarray(values, np.float32)


def blurred(picture: Field, sigma: float) -> Field:
    """A Gaussian blur over the first two axes; `sigma` in pixels."""
    reach = max(1, int(3 * sigma + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        pads = [(reach, reach) if axis == own else (0, 0) for own in range(picture.ndim)]
        padded = np.pad(picture, pads, mode="edge")
        picture = np.zeros_like(picture)
        for at, weight in enumerate(kernel):
            end = at + picture.shape[axis]
            picture += weight * (padded[at:end] if axis == 0 else padded[:, at:end])
    return picture


def softened(mask: Field, sigma: float) -> Field:
    """A Gaussian blur of a mask in 0..1, fast and in steps of 1/255."""
    levels = Image.fromarray((mask * 255).astype(np.uint8))
    return _single(np.asarray(levels.filter(ImageFilter.GaussianBlur(sigma))) / 255)


def linear(colour: str) -> Field:
    """An sRGB colour as linear light."""
    levels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return _single(np.array(levels) ** 2.2)


def _yarn(rng: np.random.Generator) -> Field:
    yarn = linear(str(rng.choice(_YARNS)))
    return _single((yarn * tint(rng, 0.06) * rng.uniform(0.85, 1.15)).clip(0.01, 1))


def _yarn_beside(first: Field, rng: np.random.Generator) -> Field:
    """The weft's yarn: mostly the warp's own, at times one of another colour and similar light."""
    other = _yarn(rng) if rng.random() < 0.3 else first
    light = np.clip(other.mean() / first.mean(), 0.6, 1.7) * rng.uniform(0.88, 1.12)
    return _single(np.minimum(other * (first.mean() * light / other.mean()), 1))


def _threads(roll: Roll, rng: np.random.Generator) -> Threads:
    rough = roll.unevenness
    tone = 1 + 0.05 * rough * rng.standard_normal(_THREADS, np.float32)
    every, wide, deep = roll.stripe
    start = int(rng.integers(every))
    tone[(np.arange(_THREADS) + start) % every < wide] *= 1 - deep
    # Thick and thin places, with a slub here and there.
    width = 1 + 0.07 * rough * rng.standard_normal((_THREADS, _KNOTS), np.float32)
    slubs = rng.random((_THREADS, _KNOTS)) < 0.004 * rough
    width = width + slubs * rng.uniform(0.15, 0.4, slubs.shape)
    return Threads(
        tone=tone.astype(np.float32),
        shift=0.06 * rough * rng.standard_normal((_THREADS, _KNOTS), np.float32),
        width=width.astype(np.float32),
    )


def _heights(
    threads: Threads, number: Numbers, across: Field, along: Field, *, fill: float, over: Field
) -> tuple[Field, Field]:
    """The height of a system's surface, and the place across its threads in -1..1.

    `over` says for each thread and each one that it crosses whether it lies on top (1) or not (-1).
    Curves along the threads are looked up in tables with a few steps a thread, which is what makes
    drawing fast.
    """
    step = (along * np.float32(_STEPS)).astype(np.int32)
    # Thickness has a knot every two threads.
    knots = _THREADS * _STEPS // 2 - 1
    at = number * (knots + 1) + (step & knots)
    shift = _eased(threads.shift, _STEPS * 2).take(at)
    width = _eased(threads.width * np.float32(fill / 2), _STEPS * 2).take(at)
    place = (across - np.floor(across) - np.float32(0.5) - shift) / width
    crossings = _THREADS * _STEPS - 1
    at = number * (crossings + 1) + ((step - _STEPS // 2) & crossings)
    inside = 1 - place * place
    height = (np.float32(0.42) * _eased(over, _STEPS)).take(at)
    height += np.float32(0.55) * np.sqrt(np.maximum(inside, 0))
    height[inside <= 0] = _NOTHING
    return height, place


def _take_away(gaps: Hollow, own: Field, other: Field) -> None:
    """Threads that are missing hold nothing up: those that crossed them sink."""
    other[gaps] -= np.float32(0.45)
    own[gaps] = _NOTHING


def _eased(values: Field, steps: int) -> Field:
    """Rows of values with smooth steps between neighbours, the last one leading to the first."""
    ease = np.arange(steps, dtype=np.float32) / steps
    ease = ease * ease * (3 - 2 * ease)
    after = np.roll(values, -1, axis=1)
    curve = values[..., None] * (1 - ease) + after[..., None] * ease
    return _single(curve.reshape(len(values), -1))


def _fibres(turns: Field) -> Field:
    """Fibres wound around a thread: bright and dark once a turn, sharper than a sine."""
    wave = np.sin(turns * np.float32(2 * np.pi))
    return _single(wave * (1.3 - 0.3 * wave * wave))


def _lit(piece: Piece, height: Field) -> Field:
    """Light on the heights: direction, shadow in the depth, and a little gloss."""
    surface = blurred(height, 0.8) * np.float32(3.2) + piece.relief
    down, right = np.gradient(surface)
    x, y, z = piece.light
    facing = np.maximum((z - x * right - y * down) / np.sqrt(1 + right * right + down * down), 0)
    depth = np.clip((height + 0.5) / 1.4, 0, 1)
    gloss = piece.roll.gloss * facing**12
    return _single((0.25 + 0.75 * facing) * (0.4 + 0.6 * depth) + gloss * depth)


def _creases(rng: np.random.Generator, x: Field, y: Field) -> Field:
    """Height of the cloth itself, in pixels of the drawing: gentle waves, at times a fold."""
    relief = rng.uniform(1, 6) * smooth(rng, 4)
    for _ in range(int(rng.choice([0, 0, 0, 1, 1]))):
        angle, off = rng.uniform(0, np.pi), rng.uniform(-90, 90)
        away = math.cos(angle) * x + math.sin(angle) * y - off + 5 * smooth(rng, 5)
        away = away / rng.uniform(3, 12)
        relief = relief + rng.uniform(1.5, 5) * rng.choice([-1, 1]) * np.exp(-0.5 * away * away)
    return _single(relief)


def _light(rng: np.random.Generator) -> tuple[float, float, float]:
    azimuth, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.8)
    return math.cos(azimuth) * slope, math.sin(azimuth) * slope, 1 - 0.3 * slope
