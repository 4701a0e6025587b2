"""Owns how a file becomes upright 8-bit RGB pixels, whatever kind it is.

Every function here may be called from any thread, and raises nothing but `PictureError`.
"""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from tlstudio.errors import PictureError
from tlstudio.images.decoded import Choices, Decoded
from tlstudio.images.dicom import decode_dicom, is_dicom
from tlstudio.images.heif import decode_heif
from tlstudio.images.opening import BROKEN, CUT_OFF, HEIC, opened
from tlstudio.images.raster import decode_raster
from tlstudio.images.tiff import SIGNATURES, decode_tiff, needs_more_than_pillow

Pixels = npt.NDArray[np.uint8]

READER_VERSION = 2
"""Raised whenever another set of files becomes readable, or one is read otherwise; verdicts of
before no longer count."""

READING_RULES = (
    "The first page or frame. Upright by its EXIF orientation. Colours by its ICC profile to sRGB,"
    " relative colorimetric with black point compensation; without one they are taken as sRGB."
    " Grey and palettes become RGB; transparency lies over white. Of more than three channels the"
    " first three, or those chosen. Unsigned levels of more than 8 bits: 0 to 2^bits - 1 becomes 0"
    " to 255, with the bits that the file says it uses; DICOM by its window or table; signed and"
    " 32-bit levels and floating point: the smallest of 0..1, 0..255 and 0..65535 that holds all"
    " values of the picture, else their whole range. Decoded in full, without scaling."
)
"""What turns a file into upright 8-bit RGB, for those who use a model without this program."""


def read_rgb(path: str | os.PathLike[str], reading: Choices | None = None) -> Pixels:
    """The first frame of a picture file, decoded in full, as (height, width, 3) RGB in 0..255.

    `READING_RULES` says in words what is done to it; what it says of deep levels, exactly:

    - unsigned levels of up to 16 bits: 0 to 2^bits - 1 becomes 0 to 255. The bits are those that
      the file says it stores; of a TIFF, fewer where its tag for the largest level or the
      significant bits of its OME-XML say so. The levels themselves are not asked, so that pictures
      of one camera stay comparable;
    - DICOM: by its table or its window, the first of several, else as above;
    - signed and 32-bit levels and floating point, for which no file says a range: the smallest of
      0..1, 0..255 and 0..65535 that holds all values of the picture becomes 0..255; where none
      does, the smallest to the largest value. Not-a-numbers are black.

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
    head = file.read(12)
    file.seek(0)
    if head[4:] in HEIC:
        return decode_heif(file)
    if is_dicom(file):  # asked before TIFF: what stands before its mark may be one's beginning
        return decode_dicom(file)
    if head[:4] in SIGNATURES and needs_more_than_pillow(file, reading):
        return _decode_deep_tiff(file, reading)
    return decode_raster(file, side)


def _decode_deep_tiff(file: BinaryIO, reading: Choices | None) -> Decoded:
    """What only one of the two readers can read is read, unless certain channels are asked for."""
    try:
        return decode_tiff(file, reading)
    except (PictureError, *BROKEN) as error:
        chosen = reading is not None and reading.channels is not None
        if chosen or str(error) == CUT_OFF:  # Pillow would show what is missing as black
            raise
        file.seek(0)
        try:
            return decode_raster(file, None)
        except BROKEN:
            raise error from None
