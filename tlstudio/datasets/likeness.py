"""Owns the arithmetic of near copies: which small pictures show the same.

Small pictures are compared as vectors from which each channel's mean was taken, so that neither
brightness nor one colour all over makes two of them alike. The search is exact: a few low
frequencies of the cosine transform and the length of the rest give a bound that no pair above the
threshold can fall below (Parseval). The few pairs that pass it are laid over one another.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]

SIDE = 16
_LOW = 8  # as many frequencies each way
_FLAT = 3.0  # grey levels; what varies less is noise
_ROWS, _COLUMNS, _AT_ONCE = 128, 8192, 512
_CROWD = 40
"""On the average a picture is laid over the nearest few others, not more: where all are alike, only
what is closer than usual can be told to be a copy."""

STRAIGHT, TURNED = 0.88, 0.97
"""Least correlation of two small pictures. A crop by some per cent shifts what is in them, so that
even copies agree no better; for mirrored and turned ones there are seven times as many chances."""
_MISFIT_STRAIGHT, _MISFIT_TURNED = 0.05, 0.02
"""The largest share of a picture's variance that the other one may leave unexplained."""

_ALONG = np.linspace(-1, 1, SIDE, dtype=np.float32)
_TRANSFORM = np.array(
    [
        np.cos(np.pi * (2 * np.arange(SIDE) + 1) * u / (2 * SIDE))
        * np.sqrt((1 if u == 0 else 2) / SIDE)
        for u in range(_LOW)
    ],
    np.float32,
)
"""The first rows of the orthonormal DCT-II."""
_SIGNS = np.array(
    [[(-1) ** (u * down + v * across) for down in (0, 1) for across in (0, 1)]
     for u in range(_LOW) for v in range(_LOW)],
    np.float32,
)  # fmt: skip
"""What flipping does to each frequency: columns are as is, across, down, both."""


class Likeness:
    """Finds the pairs of near copies among small pictures, (N, 16, 16, 3) in 0..255."""

    def __init__(self, thumbs: Bytes) -> None:
        self._thumbs = thumbs
        self._low = np.zeros((len(thumbs), _LOW, _LOW), np.float32)
        self._straight = np.zeros((len(thumbs), _LOW * _LOW), np.float32)
        self._turned = np.zeros_like(self._straight)

    def describe(self) -> Iterator[None]:
        """Has to be run to its end before `pairs`."""
        for begin in range(0, len(self._thumbs), _AT_ONCE):
            few = slice(begin, begin + _AT_ONCE)
            unit = _units(centred(self._thumbs[few]))
            self._low[few] = low = _TRANSFORM @ (unit.sum(3) / np.sqrt(3)) @ _TRANSFORM.T
            self._straight[few] = _with_rest(low.reshape(len(low), -1), unit)
            self._turned[few] = _with_rest(_same_when_turned(low), unit)
            yield

    def pairs(self, old: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Pairs of which at least one is not among the first `old`, with how many have been
        compared with all before them."""
        straight = _crowded(self._straight, STRAIGHT)
        yield old, []
        turned = _crowded(self._turned, TURNED)
        yield old, []
        for begin in range(old, len(self._thumbs), _ROWS):
            for first, second in _slices(*_close(self._straight, begin, straight)):
                yield begin, self._confirmed(first, second, np.zeros_like(first))
            yield begin, []
            for first, second in _slices(*_close(self._turned, begin, turned)):
                turn = _best_turn(self._low[first], self._low[second])
                yield begin, self._confirmed(first, second, turn)
            yield begin, []

    def _confirmed(self, first: Ints, second: Ints, turn: Ints) -> list[tuple[int, int]]:
        """Those pairs that fit, the second one turned as `turn` says (0: as it is)."""
        least = np.where(turn == 0, STRAIGHT, TURNED)
        most = np.where(turn == 0, _MISFIT_STRAIGHT, _MISFIT_TURNED)
        one, other = centred(self._thumbs[first]), _turned(centred(self._thumbs[second]), turn)
        like = np.flatnonzero(correlation(one, other) >= least)
        if not len(like):
            return []
        fit = like[_misfit(one[like], other[like]) <= most[like]]
        return list(zip(first[fit].tolist(), second[fit].tolist(), strict=True))


def centred(thumbs: Bytes) -> Floats:
    """As numbers from which each channel's mean is taken."""
    return _without_means(thumbs.astype(np.float32))


def _without_means(pictures: Floats) -> Floats:
    count, height, width, channels = pictures.shape
    pixels = pictures.reshape(count, height * width, channels)
    # Many times faster than numpy's mean over the two axes in the middle.
    means = np.full((1, height * width), 1 / (height * width), np.float32) @ pixels
    return (pixels - means).reshape(pictures.shape)


def correlation(one: Floats, other: Floats) -> Floats:
    """Of two rows of pictures, picture by picture; 0 where one of them is flat."""
    product = np.einsum("nhwc,nhwc->n", one, other)
    lengths = np.sqrt(_squares(one) * _squares(other))
    found: Floats = product / np.maximum(lengths, 1e-6)
    return found


def _squares(pictures: Floats) -> Floats:
    found: Floats = np.einsum("nhwc,nhwc->n", pictures, pictures)
    return found


# --- the search ----------------------------------------------------------------------------------


def _units(pictures: Floats) -> Floats:
    """Pictures of length 1; flat ones are 0 and like nothing."""
    length = np.sqrt(_squares(pictures))
    flat = length < _FLAT * np.sqrt(pictures[0].size)
    scale = np.where(flat, 0, 1 / np.maximum(length, 1e-6))
    units: Floats = pictures * scale[:, None, None, None].astype(np.float32)
    return units


def _with_rest(low: Floats, unit: Floats) -> Floats:
    """The low frequencies but the mean, which is 0; in its place the length of all that is left."""
    sketch = low.copy()
    sketch[:, 0] = 0
    rest = _squares(unit) - np.einsum("nk,nk->n", sketch, sketch)
    sketch[:, 0] = np.sqrt(np.maximum(rest, 0))
    return sketch


def _same_when_turned(low: Floats) -> Floats:
    """What stays the same when a picture is mirrored or turned, which changes signs and swaps the
    axes. Sorting brings no two vectors further apart."""
    size = np.abs(low)
    swapped = size.swapaxes(1, 2)
    upper = np.triu(np.ones((_LOW, _LOW), bool))
    found: Floats = np.where(upper, np.maximum(size, swapped), np.minimum(size, swapped))
    return found.reshape(len(low), -1)


def _crowded(sketch: Floats, least: float) -> float:
    """`least`, or more where so many pictures are alike that few would be told apart by it."""
    sample = sketch[:: max(1, len(sketch) // 256)]
    products = (sample @ sketch.T).ravel()
    close = products[products >= least]
    allowed = (_CROWD + 1) * len(sample)  # each is also found to be like itself
    if len(close) <= allowed:
        return least
    return float(np.partition(close, len(close) - allowed)[len(close) - allowed])


def _close(sketch: Floats, begin: int, least: float) -> tuple[Ints, Ints]:
    """Pairs of the rows from `begin` with all before them, no less alike than that."""
    rows = sketch[begin : begin + _ROWS]
    first, second = list[Ints](), list[Ints]()
    for left in range(0, begin + len(rows), _COLUMNS):
        columns = sketch[left : min(left + _COLUMNS, begin + len(rows))]
        flat = np.flatnonzero(rows @ columns.T >= least)
        first.append(flat // len(columns) + begin)
        second.append(flat % len(columns) + left)
    one, other = np.concatenate(first), np.concatenate(second)
    before = other < one
    return one[before], other[before]


def _slices(first: Ints, second: Ints) -> Iterator[tuple[Ints, Ints]]:
    for begin in range(0, len(first), _AT_ONCE):
        few = slice(begin, begin + _AT_ONCE)
        yield first[few], second[few]


# --- laying one over the other -------------------------------------------------------------------


def _best_turn(one: Floats, other: Floats) -> Ints:
    """The turn of `other`, 1 to 7, that makes it most like `one`; by their low frequencies."""
    kept = (one * other).reshape(len(one), -1) @ _SIGNS
    swapped = (one * other.swapaxes(1, 2)).reshape(len(one), -1) @ _SIGNS
    best: Ints = 1 + np.argmax(np.concatenate([kept[:, 1:], swapped], axis=1), axis=1)
    return best


def _turned(pictures: Floats, turn: Ints) -> Floats:
    """Axes swapped from 4 on, then flipped down where 2 and across where 1 is in it."""
    found = pictures.copy()
    for bit, axis in ((4, 0), (2, 1), (1, 2)):
        which = (turn & bit) != 0
        if bit == 4:
            found[which] = found[which].swapaxes(1, 2)
        else:
            found[which] = np.flip(found[which], axis)
    return found


def _misfit(one: Floats, other: Floats) -> Floats:
    """The share of variance that two pictures leave unexplained in one another, on the mean of both
    ways, once brightness, contrast, shift and scale are fitted to first order (Lucas and Kanade,
    1981)."""
    return np.float32(0.5) * (_unexplained(one, other) + _unexplained(other, one))


def _unexplained(one: Floats, other: Floats) -> Floats:
    across, down = np.gradient(one, axis=2), np.gradient(one, axis=1)
    terms = [one, across, down, across * _ALONG[:, None], down * _ALONG[:, None, None]]
    inner = np.stack([_inner(term) for term in terms], axis=1)
    wanted = _inner(other)
    products = inner @ inner.swapaxes(1, 2) + 1e-3 * np.eye(len(terms), dtype=np.float32)
    weights = np.linalg.solve(products, inner @ wanted[:, :, None])
    left = wanted - (weights.swapaxes(1, 2) @ inner)[:, 0]
    whole = np.maximum(np.einsum("nk,nk->n", wanted, wanted), 1e-6)
    share: Floats = np.einsum("nk,nk->n", left, left) / whole
    return share


def _inner(pictures: Floats) -> Floats:
    """Without the outermost pixels, whose slopes are guesses; each channel's mean taken away."""
    inside = pictures[:, 1:-1, 1:-1]
    return _without_means(inside).reshape(len(pictures), -1)
