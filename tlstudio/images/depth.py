"""Owns how levels of more than 8 bits become 8 bits. The rule is stated in `read_rgb`."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.generic]
Levels = npt.NDArray[np.uint8]

_OME_BITS = re.compile(r'SignificantBits="(\d{1,2})"')


def to_levels(values: Values, low: float, high: float) -> Levels:
    """`low` to `high` become 0 to 255; what lies outside is cut off, not-a-numbers are 0."""
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    np.nan_to_num(scaled, copy=False, nan=0.0)
    return np.asarray(np.clip(np.rint(scaled, out=scaled), 0, 255, out=scaled), np.uint8)


def value_range(values: Values) -> tuple[float, float]:
    """The range of signed and 32-bit integers and of floating point, for which no file says one."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low >= 0:
        for top in (1.0, 255.0, 65535.0):
            if high <= top:
                return 0.0, top
    return low, high if high > low else low + 1


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
