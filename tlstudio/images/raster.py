"""Owns what Pillow reads: depth, palettes, transparency, rotation, and what the EXIF says."""

from __future__ import annotations

import calendar
import time
import warnings
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image

from tlstudio.images.decoded import About, Decoded
from tlstudio.images.depth import to_levels, value_range
from tlstudio.images.opening import BROKEN, check_bounds

# What Pillow warns of (broken metadata, many pixels) is either harmless or refused.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Left out on purpose: EPS and WMF run another program or draw by the computer's own means, stubs
# (HDF5, GRIB, BUFR) can't be decoded, and textures of games (BLP, FTEX) are decoded so slowly that
# a hostile one would stall a scan. Kinds without a signature come last: they match almost anything.
FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM"),
    *("DIB", "ICO", "ICNS", "CUR", "PSD", "QOI", "SGI", "PCX", "DCX", "FITS", "DDS"),
    *("SUN", "MSP", "XBM", "XPM", "FLI", "TGA"),
)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = (5, 6, 7, 8)
_BITS_TAG, _PHOTOMETRIC_TAG = 258, 262


def decode_raster(file: BinaryIO, side: int | None) -> Decoded:
    """The first frame of `file`. A large JPEG is decoded at a half, a quarter or an eighth of its
    size where `side` is given and both of its sides keep at least so many pixels."""
    picture = Image.open(file, formats=FORMATS)
    check_bounds(*picture.size)
    width, height = picture.size
    drafted = side is not None and picture.draft(None, (side, side)) is not None
    done: list[str] = []
    rgb = _rgb(picture, done)
    if not drafted:
        width, height = picture.size  # an icon learns its true size while it is decoded
    orientation = _orientation(picture)
    turn = _TURNS.get(orientation)
    if turn is not None:
        rgb = rgb.transpose(turn)
        done.append("turned upright")
    if orientation in _LYING:
        width, height = height, width
    kind = picture.format or ""
    return Decoded(rgb, (width, height), kind, tuple(done), lambda: _about(picture))


def _rgb(picture: Image.Image, done: list[str]) -> Image.Image:
    _rescale_transparent_colour(picture)
    picture.load()
    check_bounds(*picture.size)
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _deep_grey_to_rgb(picture, done)
    if picture.has_transparency_data:
        return _over_white(picture, done)
    if picture.mode == "CMYK":
        done.append("colours from CMYK")
    elif picture.mode in ("YCbCr", "LAB", "HSV"):
        done.append(f"colours from {picture.mode}")
    return picture.convert("RGB")


def _rescale_transparent_colour(picture: Image.Image) -> None:
    """Brings a PNG's transparent colour to 8 bits; Pillow does so for the pixels only."""
    colour = picture.info.get("transparency")
    if picture.format != "PNG" or colour is None:
        return
    stored = picture.tile[0].args  # type: ignore[attr-defined]
    if stored in ("L;2", "L;4"):
        picture.info["transparency"] = colour * 255 // (2 ** int(stored[-1]) - 1)
    elif stored == "RGB;16B":
        picture.info["transparency"] = tuple(level >> 8 for level in colour)


def _over_white(picture: Image.Image, done: list[str]) -> Image.Image:
    rgba = picture.convert("RGBA")
    if rgba.getchannel("A").getextrema() == (255, 255):
        return rgba.convert("RGB")
    done.append("laid over white")
    white = Image.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    return white.convert("RGB")


def _deep_grey_to_rgb(picture: Image.Image, done: list[str]) -> Image.Image:
    tags = getattr(picture, "tag_v2", {})
    stored = np.asarray(picture)
    low, high, bits = 0.0, 65535.0, 16
    if picture.mode.startswith("I;16"):
        if picture.format == "TIFF":
            bits = tags.get(_BITS_TAG, (16,))[0]
            high = 2.0**bits - 1
    elif picture.format != "PPM":  # Pillow gives a PGM of 16 bits as 32-bit integers in 0..65535
        low, high = value_range(stored)
        bits = 32
    done.append(
        "floating point brought to 8 bits" if picture.mode == "F" else f"{bits} bits brought to 8"
    )
    levels = to_levels(stored, low, high)
    if tags.get(_PHOTOMETRIC_TAG) == 0:  # white is zero
        levels = 255 - levels
    key = picture.info.get("transparency")
    if isinstance(key, int):
        levels[stored == key] = 255
    return Image.fromarray(levels).convert("RGB")


# --- what the file says of itself ----------------------------------------------------------------


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, asked for after decoding: some kinds store it behind the pixels.

    A picture whose EXIF is broken is shown as it is stored, as every viewer does.
    """
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except BROKEN:
        return 1
    return value if isinstance(value, int) else 1


def _about(picture: Image.Image) -> About:
    """What is broken in here is not there: the pixels are good."""
    try:
        exif = picture.getexif()
        camera, taken = None, None
        if exif:
            camera = _camera(exif.get(ExifTags.Base.Make), exif.get(ExifTags.Base.Model))
            inner = exif.get_ifd(ExifTags.IFD.Exif)
            date = inner.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
            taken = seconds_of(str(date), "%Y:%m:%d %H:%M:%S")
        # A file of several cameras' views (MPO) is one photograph.
        frames = 1 if picture.format in ("JPEG", "MPO") else getattr(picture, "n_frames", 1)
    except BROKEN:
        return About()
    return About(camera, taken, frames)


def _camera(maker: object, model: object) -> str | None:
    """Maker and model as one name; many models begin with their maker's."""
    first, second = (str(part or "").strip(" \0") for part in (maker, model))
    whole = second if second.startswith(first) else f"{first} {second}"
    return whole.strip() or None


def seconds_of(date: str, layout: str) -> float | None:
    """The seconds since 1970 of a date without a zone; None for what is no date."""
    try:
        return float(calendar.timegm(time.strptime(date.strip(" \0"), layout)))
    except (ValueError, OverflowError):
        return None
