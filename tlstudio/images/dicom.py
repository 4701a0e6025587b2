"""Owns DICOM, in which hospitals keep their pictures: what a viewer shows first is what is read.

The parts of the standard meant here are PS3.3 C.7.6.3 (pixels), C.11.1 (modality LUT) and C.11.2
(VOI LUT and window).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from tlstudio.errors import PictureError
from tlstudio.images.decoded import About, Decoded
from tlstudio.images.depth import Levels, to_levels, value_range
from tlstudio.images.extras import needed
from tlstudio.images.opening import BROKEN, MAX_PIXELS, TOO_LARGE, check_bounds
from tlstudio.images.raster import camera_of, seconds_of

_PREAMBLE, _MARK = 128, b"DICM"
_MOST_BYTES = 12 * MAX_PIXELS

Values = npt.NDArray[Any]


def is_dicom(file: BinaryIO) -> bool:
    """Leaves the file at its start."""
    file.seek(_PREAMBLE)
    found = file.read(len(_MARK)) == _MARK
    file.seek(0)
    return found


def decode_dicom(file: BinaryIO) -> Decoded:
    """The first frame of `file`, with the window or the table that it asks for."""
    package = needed("pydicom", "DICOM pictures")
    try:
        return _decoded(package.dcmread(file))
    except _errors() as error:
        raise ValueError(str(error)) from error


def _errors() -> tuple[type[Exception], ...]:
    """What pydicom raises for broken files beside what all readers do; values are parsed when they
    are asked for."""
    package = needed("pydicom.errors", "DICOM pictures")
    found: tuple[type[Exception], ...] = (package.BytesLengthException, package.InvalidDicomError)
    return found


def _decoded(header: Any) -> Decoded:
    if "PixelData" not in header and "FloatPixelData" not in header:
        raise PictureError("This DICOM file holds no picture.")
    width, height = int(header.Columns), int(header.Rows)
    check_bounds(width, height)
    if width * height * int(header.BitsAllocated) // 8 * int(header.SamplesPerPixel) > _MOST_BYTES:
        raise PictureError(TOO_LARGE)
    done: list[str] = []
    pixels = _first_frame(header)
    kind = str(header.PhotometricInterpretation)
    if kind in ("MONOCHROME1", "MONOCHROME2"):
        levels = _grey(header, pixels, done)
        if kind == "MONOCHROME1":
            done.append("dark and light exchanged")
            levels = 255 - levels
    elif kind == "PALETTE COLOR":
        levels = _through_palette(header, pixels)
    elif pixels.ndim == 3 and pixels.shape[2] == 3:
        levels = _to_eight(header, pixels, done)
    else:
        raise PictureError("The picture is of a rare kind that can't be read.")
    rgb = Image.fromarray(np.ascontiguousarray(levels)).convert("RGB")
    return Decoded(rgb, rgb.size, "DICOM", tuple(done), lambda: _about(header))


def _pixels() -> ModuleType:
    return needed("pydicom.pixels", "DICOM pictures")


def _first_frame(header: Any) -> Values:
    """(height, width) or (height, width, 3); YBR is brought to RGB."""
    syntax = header.file_meta.TransferSyntaxUID
    try:
        return np.asarray(_pixels().pixel_array(header, index=0))
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        if syntax.is_compressed:
            raise PictureError(
                f"The DICOM file is damaged, or its compression ({syntax.name}) can't be read."
                " Save it without compression."
            ) from error
        raise


def _grey(header: Any, pixels: Values, done: list[str]) -> Levels:
    if pixels.dtype.kind == "f":
        done.append("floating point brought to 8 bits")
        return to_levels(pixels, *value_range(pixels))
    values = np.asarray(_pixels().apply_modality_lut(pixels, header))
    if header.get("VOILUTSequence"):
        done.append("brightness table applied")
        bits = int(header.VOILUTSequence[0].LUTDescriptor[2])
        return to_levels(np.asarray(_pixels().apply_voi(values, header)), 0, 2**bits - 1)
    window = _window(header)
    if window is not None:
        done.append("brightness window applied")
        return _windowed(values, *window, str(header.get("VOILUTFunction", "LINEAR")))
    if header.get("ModalityLUTSequence"):
        bits = int(header.ModalityLUTSequence[0].LUTDescriptor[2])
        return to_levels(values, 0, 2**bits - 1)
    return _to_eight(header, pixels, done)


def _window(header: Any) -> tuple[float, float] | None:
    """Centre and width of the window; the first of several."""
    centre, width = header.get("WindowCenter"), header.get("WindowWidth")
    if centre is None or width is None:
        return None
    try:
        first = [
            float(each if isinstance(each, (int, float, str)) else each[0])
            for each in (centre, width)
        ]
    except (TypeError, ValueError, IndexError):
        return None
    return (first[0], first[1]) if first[1] >= 1 else None


def _windowed(values: Values, centre: float, width: float, function: str) -> Levels:
    if function == "SIGMOID":
        values = values.astype(np.float64)
        return to_levels(1 / (1 + np.exp(-4 * (values - centre) / width)), 0, 1)
    if function == "LINEAR_EXACT":
        return to_levels(values, centre - width / 2, centre + width / 2)
    low = centre - 0.5 - (width - 1) / 2
    high = low + width - 1
    if high <= low:  # a window of one level: black up to it, white above
        return np.asarray(np.where(values > low, 255, 0), np.uint8)
    return to_levels(values, low, high)


def _to_eight(header: Any, pixels: Values, done: list[str]) -> Levels:
    """By the bits that the file says it uses."""
    bits = int(header.BitsStored)
    low = -(2.0 ** (bits - 1)) if header.PixelRepresentation == 1 else 0.0
    if (bits, low) == (8, 0.0) and pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    done.append(f"{'signed ' if low else ''}{bits} bits brought to 8")
    return to_levels(pixels, low, low + 2.0**bits - 1)


def _through_palette(header: Any, pixels: Values) -> Levels:
    colours = np.asarray(_pixels().apply_color_lut(pixels, header))[..., :3]
    return to_levels(colours, 0, 255 if colours.dtype == np.uint8 else 65535)


def _about(header: Any) -> About:
    try:
        frames = int(header.get("NumberOfFrames") or 1)
        maker, model = header.get("Manufacturer"), header.get("ManufacturerModelName")
        return About(camera_of(maker, model), _taken(header), frames)
    except BROKEN + _errors():
        return About()


def _taken(header: Any) -> float | None:
    """When the picture was taken, by the most exact of the dates that are there."""
    whole = str(header.get("AcquisitionDateTime") or "")[:14]
    if len(whole) == 14:
        return seconds_of(whole, "%Y%m%d%H%M%S")
    for name in ("Acquisition", "Content", "Series", "Study"):
        date, hour = header.get(f"{name}Date"), header.get(f"{name}Time")
        if date and hour:
            return seconds_of(f"{date}{str(hour)[:6]}", "%Y%m%d%H%M%S")
    return None
