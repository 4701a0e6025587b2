"""Owns how a file becomes upright 8-bit RGB pixels, whatever kind it is.

Every function here may be called from any thread, and raises nothing but `PictureError`.
"""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from tlstudio.images.decoded import Choices, Decoded
from tlstudio.images.opening import opened
from tlstudio.images.raster import decode_raster

Pixels = npt.NDArray[np.uint8]

READER_VERSION = 2
"""Raised whenever another set of files becomes readable, or one is read otherwise; verdicts of
before no longer count."""


def read_rgb(path: str | os.PathLike[str], reading: Choices | None = None) -> Pixels:
    """The first frame of a picture file, decoded in full, as (height, width, 3) RGB in 0..255.

    The EXIF orientation is honoured and transparency is laid over white. Deep grey pictures are
    brought to 8 bits by a rule that looks at the kind of file before it looks at the values:

    - 16 bits: divided by 257; fewer bits that are stored in 16 (a TIFF of 12 bits): by their range;
    - 32-bit integers and floating point: the smallest of 0..1, 0..255 and 0..65535 that holds all
      values becomes 0..255; where none does, the smallest to the largest value. Not-a-numbers are
      black.

    Raises `PictureError`, whose message is the reason, for everything that can't be read.
    """
    with opened(path) as file:
        return np.array(decode(file, reading).rgb)


def read_reduced(path: str | os.PathLike[str], side: int, reading: Choices | None = None) -> Pixels:
    """As `read_rgb`, but a large JPEG is decoded at a half, a quarter or an eighth of its size, as
    long as both sides keep at least `side` pixels. Other kinds of files are decoded in full.

    The values differ from those of a full picture that is scaled down: for training views only.
    """
    with opened(path) as file:
        return np.array(decode(file, reading, side).rgb)


def thumbnail(path: str | os.PathLike[str], side: int, reading: Choices | None = None) -> Pixels:
    """The picture scaled down to at most `side` pixels a side, upright, as (h, w, 3) RGB in 0..255.

    Smaller pictures keep their size. Made for looking at, not for measuring: JPEG files are decoded
    at reduced scale. Raises `PictureError` as `read_rgb` does.
    """
    with opened(path) as file:
        small = decode(file, reading, 2 * side).rgb
        small.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
        return np.array(small)


def decode(file: BinaryIO, reading: Choices | None = None, side: int | None = None) -> Decoded:
    """Decodes an open file within `opened`; see `read_reduced` for `side`."""
    return decode_raster(file, side)
