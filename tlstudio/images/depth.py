"""Owns how grey levels of more than 8 bits become 8 bits. The rule is stated in `read_rgb`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.generic]
Levels = npt.NDArray[np.uint8]


def to_levels(values: Values, low: float, high: float) -> Levels:
    """`low` to `high` become 0 to 255; what lies outside is cut off, not-a-numbers are 0."""
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    np.nan_to_num(scaled, copy=False, nan=0.0)
    return np.asarray(np.clip(np.rint(scaled), 0, 255), np.uint8)


def value_range(values: Values) -> tuple[float, float]:
    """The range of 32-bit integers and of floating point, for which no file says one."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low >= 0:
        for top in (1.0, 255.0, 65535.0):
            if high <= top:
                return 0.0, top
    return low, high if high > low else low + 1
