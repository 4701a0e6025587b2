"""Owns how levels of more than 8 bits become 8 bits. The rule is stated in `read_rgb`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.generic]
Levels = npt.NDArray[np.uint8]

_BAND = 1_000_000
_OME_BITS = re.compile(r'SignificantBits="(\d{1,2})"')


def to_levels(values: Values, low: float, high: float) -> Levels:
    """`low` to `high` become 0 to 255; what lies outside is cut off, not-a-numbers are 0."""
    levels = np.empty(values.shape, np.uint8)
    for rows in _bands(values):
        part = values[rows].astype(np.float32)
        part -= np.float32(low)
        part *= np.float32(255 / (high - low))
        if values.dtype.kind == "f":
            np.nan_to_num(part, copy=False, nan=0.0)
        levels[rows] = np.clip(np.rint(part, out=part), 0, 255, out=part)
    return levels


def value_range(values: Values) -> tuple[float, float]:
    """The range of signed and 32-bit integers and of floating point, for which no file says one."""
    low, high = np.inf, -np.inf
    for rows in _bands(values):
        finite = values[rows][np.isfinite(values[rows])]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        return 0.0, 1.0
    if low >= 0:
        for top in (1.0, 255.0, 65535.0):
            if high <= top:
                return 0.0, top
    return low, high if high > low else low + 1


def _bands(values: Values) -> Iterator[slice]:
    """Rows in bands, so that what is computed on the way takes little memory."""
    rows = max(1, _BAND * len(values) // max(1, values.size))
    for start in range(0, len(values), rows):
        yield slice(start, start + rows)


def used_bits(stored: int, largest: object, description: object) -> int:
    """How many of a TIFF's `stored` bits its levels use, by what the file says and not by what is
    in the picture: its tag for the largest level, brought up to a whole number of bits, or the
    significant bits of its OME-XML."""
    bits = 0
    if isinstance(largest, (tuple, list)):
        largest = max((each for each in largest if isinstance(each, int)), default=0)
    if isinstance(largest, int) and largest > 0:
        bits = largest.bit_length()
    elif isinstance(description, str) and (found := _OME_BITS.search(description)):
        bits = int(found[1])
    return bits if 8 < bits < stored else stored
