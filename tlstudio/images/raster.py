"""Owns what Pillow reads: depth, palettes, transparency, rotation, and what the EXIF says."""

from __future__ import annotations

import calendar
import time
import warnings
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image

from tlstudio.images.colour import to_srgb
from tlstudio.images.decoded import About, Decoded
from tlstudio.images.depth import to_levels, used_bits, value_range
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
_BITS_TAG, _PHOTOMETRIC_TAG, _TEXT, _LARGEST = 258, 262, 270, 281


def decode_raster(file: BinaryIO, side: int | None) -> Decoded:
    """The first frame of `file`. A large JPEG is decoded at a half, a quarter or an eighth of its
    size where `side` is given and both of its sides keep at least so many pixels."""
    return from_pillow(Image.open(file, formats=FORMATS), side)


def from_pillow(picture: Image.Image, side: int | None = None) -> Decoded:
    """What Pillow has opened, as `decode_raster` gives it."""
    check_bounds(*picture.size)
    size = picture.size
    drafted = side is not None and picture.draft(None, (side, side)) is not None
    done: list[str] = []
    rgb = _rgb(picture, done)
    if not drafted:
        size = rgb.size  # an icon learns its true size while it is decoded
    orientation = _orientation(picture)
    rgb = turned(rgb, orientation, done)
    if orientation in _LYING:
        size = size[1], size[0]
    return Decoded(rgb, size, picture.format or "", tuple(done), lambda: _about(picture))


def turned(rgb: Image.Image, orientation: object, done: list[str]) -> Image.Image:
    """The picture turned as the EXIF, or a TIFF's tag, asks for."""
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    if turn is None:
        return rgb
    done.append("turned upright")
    return rgb.transpose(turn)


def _rgb(picture: Image.Image, done: list[str]) -> Image.Image:
    _rescale_transparent_colour(picture)
    picture.load()
    check_bounds(*picture.size)
    plain = _plain(picture, done)
    return to_srgb(plain, picture.info.get("icc_profile"), done)


def _plain(picture: Image.Image, done: list[str]) -> Image.Image:
    """In 8 bits and without transparency; CMYK stays, because its profile is one of inks."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _deep_grey(picture, done)
    if picture.has_transparency_data:
        return _over_white(picture, done)
    if picture.mode == "CMYK":
        done.append("colours from CMYK")
        return picture
    if picture.mode in ("YCbCr", "LAB", "HSV"):
        done.append(f"colours from {picture.mode}")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


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
    grey = picture.mode == "LA"  # whose profile is one of grey levels
    # Each copy of a large picture takes hundreds of megabytes.
    rgba = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    if rgba.getchannel("A").getextrema() == (255, 255):
        return rgba.convert("L" if grey else "RGB")
    done.append("laid over white")
    white = Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba.getchannel("A"))
    return white.convert("L") if grey else white


def _deep_grey(picture: Image.Image, done: list[str]) -> Image.Image:
    """The rule is stated in `read_rgb`."""
    tags = getattr(picture, "tag_v2", {})
    stored = np.asarray(picture)
    low, high, bits = 0.0, 65535.0, 16
    if picture.mode.startswith("I;16"):
        if picture.format == "TIFF":
            bits = used_bits(tags.get(_BITS_TAG, (16,))[0], tags.get(_LARGEST), tags.get(_TEXT))
            high = 2.0**bits - 1
    elif picture.format != "PPM":  # Pillow gives a PGM of 16 bits as 32-bit integers in 0..65535
        low, high = value_range(stored)
        bits = tags.get(_BITS_TAG, (32,))[0]
    done.append(
        "floating point brought to 8 bits" if picture.mode == "F" else f"{bits} bits brought to 8"
    )
    levels = to_levels(stored, low, high)
    if tags.get(_PHOTOMETRIC_TAG) == 0:  # white is zero
        levels = 255 - levels
    key = picture.info.get("transparency")
    if isinstance(key, int):
        levels[stored == key] = 255
    return Image.fromarray(levels)


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
            camera = camera_of(exif.get(ExifTags.Base.Make), exif.get(ExifTags.Base.Model))
            inner = exif.get_ifd(ExifTags.IFD.Exif)
            date = inner.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
            taken = seconds_of(str(date), "%Y:%m:%d %H:%M:%S")
        # A file of several cameras' views (MPO) is one photograph.
        frames = 1 if picture.format in ("JPEG", "MPO") else getattr(picture, "n_frames", 1)
    except BROKEN:
        return About()
    return About(camera, taken, frames)


def camera_of(maker: object, model: object) -> str | None:
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
