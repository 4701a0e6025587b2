"""Owns the TIFF files that Pillow can't show as they are meant: deep colours, floating point,
microscopes' channels."""

from __future__ import annotations

import logging
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from tlstudio.errors import PictureError
from tlstudio.images.colour import to_srgb
from tlstudio.images.decoded import About, Choices, Decoded
from tlstudio.images.depth import Levels, to_levels, used_bits, value_range
from tlstudio.images.extras import needed
from tlstudio.images.opening import BROKEN, CUT_OFF, MAX_PIXELS, TOO_LARGE, check_bounds
from tlstudio.images.raster import camera_of, seconds_of, turned

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_BITS, _PHOTOMETRIC, _DESCRIPTION, _SAMPLES = 258, 262, 270, 277
_LARGEST, _EXTRA, _FORMAT, _ORIENTATION = 281, 338, 339, 274
_MAKE, _MODEL, _DATE, _PROFILE = 271, 272, 306, 34675
_WHITE_IS_ZERO, _GREY, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_MOST_BYTES = 12 * MAX_PIXELS

Values = npt.NDArray[Any]


def needs_more_than_pillow(file: BinaryIO, reading: Choices | None) -> bool:
    """Whether a TIFF file has more than Pillow shows. Leaves the file at its start."""
    try:
        with Image.open(file, formats=("TIFF",)) as picture:
            tags = picture.tag_v2  # type: ignore[attr-defined]
            samples = tags.get(_SAMPLES, 1)
            deep = max(tags.get(_BITS, (1,))) > 8
            kind = tags.get(_PHOTOMETRIC)
            chosen = reading is not None and reading.channels is not None
            return bool(
                (deep and (samples > 1 or kind == _PALETTE))
                or (samples > 1 and kind in (_WHITE_IS_ZERO, _GREY))
                or samples > 4
                or (chosen and (samples > 1 or getattr(picture, "n_frames", 1) > 1))
            )
    except BROKEN:
        return True
    finally:
        file.seek(0)


def decode_tiff(file: BinaryIO, reading: Choices | None) -> Decoded:
    """The first page of `file`, or the channels of it that `reading` asks for."""
    package = needed("tifffile", "Such TIFF pictures")
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what is wrong is said in words
    # Not in a `with`: the file belongs to the caller.
    tiff = package.TiffFile(file)
    page = tiff.pages[0]
    check_bounds(page.imagewidth, page.imagelength)
    channels = None if reading is None else reading.channels
    planes = _channel_planes(tiff, page) if channels and page.samplesperpixel == 1 else None
    if planes is None:
        planes = _planes(file, page)
    done: list[str] = []
    rgb = _rgb(page, planes, channels, done)
    rgb = to_srgb(rgb, _tag(page, _PROFILE), done)
    rgb = turned(rgb, _tag(page, _ORIENTATION), done)
    return Decoded(rgb, rgb.size, "TIFF", tuple(done), lambda: _about(tiff, page))


# --- the stored values ---------------------------------------------------------------------------


def _planes(file: BinaryIO, page: Any) -> Values:
    """The values of a page, (height, width, samples)."""
    _check_stored(file, page)
    values = _decoded(page)
    if values.ndim == 2:
        return values[..., None]
    if values.ndim == 3 and page.axes.endswith("YXS"):
        return values
    if values.ndim == 3 and page.axes.endswith("SYX"):
        return np.moveaxis(values, 0, -1)
    raise PictureError("The picture is of a rare kind that can't be read.")


def _channel_planes(tiff: Any, page: Any) -> Values | None:
    """Channels that are stored a page each, (height, width, channels); None where there are none
    of the kind."""
    series = tiff.series[0]
    if "C" not in series.axes or series.axes[-2:] != "YX":
        return None
    at = series.axes.index("C")
    count = series.shape[at]
    behind = int(np.prod(series.shape[at + 1 : -2], dtype=np.int64))
    if count * page.imagewidth * page.imagelength * page.dtype.itemsize > _MOST_BYTES:
        raise PictureError(TOO_LARGE)
    pages = [series.pages[channel * behind] for channel in range(count)]
    if any(each is None or each.shape != page.shape for each in pages):
        raise PictureError(CUT_OFF)
    return np.stack([_decoded(each) for each in pages], axis=-1)


def _decoded(page: Any) -> Values:
    try:
        return np.asarray(page.asarray(maxworkers=1))
    except ValueError:
        needed("imagecodecs", "TIFF pictures that are compressed so")
        raise


def _check_stored(file: BinaryIO, page: Any) -> None:
    """Raises where a part of the pixels is not in the file: they would be read as black."""
    if page.dtype is None or page.size == 0:
        raise PictureError("The picture is of a rare kind that can't be read.")
    if page.size * page.dtype.itemsize > _MOST_BYTES:
        raise PictureError(TOO_LARGE)
    end = file.seek(0, 2)
    offsets, counts = page.dataoffsets, page.databytecounts
    if len(offsets) != len(counts) or not any(counts):
        raise PictureError(CUT_OFF)
    # A part at 0 was left out on purpose, as programs for maps do with what is empty.
    if any(
        at + count > end or (at and not count) for at, count in zip(offsets, counts, strict=True)
    ):
        raise PictureError(CUT_OFF)


# --- to colours ----------------------------------------------------------------------------------


def _rgb(
    page: Any, planes: Values, channels: tuple[int, ...] | None, done: list[str]
) -> Image.Image:
    """A picture in the mode L, RGB or CMYK."""
    count = planes.shape[2]
    kind = int(page.photometric)
    base = {_RGB: 3, _CMYK: 4}.get(kind, 3 if count > 2 else 1)
    alpha = None
    if channels is not None and count > 1:
        if max(channels) > count:
            raise PictureError(f"The picture has {count} channels, and not {max(channels)}.")
        done.append(f"{_named(channels)} of {count}")
        kind = _GREY
        colours = planes[..., [channel - 1 for channel in channels]]
    else:
        extra = [int(each) for each in page.extrasamples or ()]
        if count > base and extra and extra[0] in (1, 2) and kind in (_GREY, _RGB):
            base = min(base, count - len(extra))
            alpha = planes[..., base]
        elif count > base:
            done.append("first channel" if base == 1 else f"first {base} channels of {count}")
        colours = planes[..., :base]
    if kind == _PALETTE:
        return _through_palette(page, colours[..., 0])
    if kind not in (_WHITE_IS_ZERO, _GREY, _RGB, _CMYK):
        raise PictureError("The picture is of a rare kind that can't be read.")
    levels = _levels(page, colours, done)
    if kind == _WHITE_IS_ZERO:
        levels = 255 - levels
    if alpha is not None:
        levels = _over_white(page, levels, alpha, done)
    if kind == _CMYK:
        done.append("colours from CMYK")
        return Image.fromarray(levels, "CMYK")
    return Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)


def _named(channels: tuple[int, ...]) -> str:
    if len(channels) == 1:
        return f"channel {channels[0]}"
    return f"channels {', '.join(map(str, channels))}"


def _levels(page: Any, values: Values, done: list[str]) -> Levels:
    """The rule is stated in `read_rgb`."""
    if values.dtype == np.uint8 and page.bitspersample == 8:
        return np.ascontiguousarray(values)
    if values.dtype == np.bool_:
        return np.ascontiguousarray(values).astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "c":
        raise PictureError("The picture holds complex numbers.")
    if values.dtype.kind == "f":
        done.append("floating point brought to 8 bits")
        return to_levels(values, *value_range(values))
    bits = int(page.bitspersample)
    if values.dtype.kind == "u" and bits <= 16:
        bits = used_bits(bits, _tag(page, _LARGEST), _tag(page, _DESCRIPTION))
        low, high = 0.0, 2.0**bits - 1
    else:
        low, high = value_range(values)
    done.append(f"{'signed ' if values.dtype.kind == 'i' else ''}{bits} bits brought to 8")
    return to_levels(values, low, high)


def _over_white(page: Any, levels: Levels, alpha: Values, done: list[str]) -> Levels:
    """Colours that were multiplied with their opacity already (1) are not multiplied again."""
    opacity = _levels(page, alpha, [])[..., None].astype(np.uint16)
    if opacity.min() == 255:
        return levels
    done.append("laid over white")
    multiplied = int(page.extrasamples[0]) == 1
    shown = levels.astype(np.uint16)
    shown = shown if multiplied else (shown * opacity + 127) // 255
    return np.asarray(np.minimum(shown + (255 - opacity), 255), np.uint8)


def _through_palette(page: Any, indices: Values) -> Image.Image:
    table = to_levels(np.asarray(page.colormap), 0, 65535).T
    if indices.max(initial=0) >= len(table):
        raise PictureError("The file is damaged.")
    return Image.fromarray(np.ascontiguousarray(table[indices]))


# --- what the file says of itself ----------------------------------------------------------------


def _tag(page: Any, code: int) -> Any:
    tag = page.tags.get(code)
    return None if tag is None else tag.value


def _about(tiff: Any, page: Any) -> About:
    try:
        date = _tag(page, _DATE)
        return About(
            camera_of(_tag(page, _MAKE), _tag(page, _MODEL)),
            seconds_of(str(date), "%Y:%m:%d %H:%M:%S"),
            len(tiff.pages),
        )
    except BROKEN:
        return About()
