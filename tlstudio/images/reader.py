"""Owns how a file becomes upright 8-bit RGB pixels: kinds, depth, transparency, rotation, limits.

Pixels are taken as the file gives them: colour profiles are not applied. Every function here may be
called from any thread, and raises nothing but `PictureError`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from tlstudio.errors import PictureError

Pixels = npt.NDArray[np.uint8]

MAX_PIXELS = 100_000_000

READER_VERSION = 1
"""Raised whenever another set of files becomes readable; verdicts of before no longer count."""

# Pillow also checks the pictures inside pictures (icons) against this, before it decodes them.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# What Pillow warns of (broken metadata, many pixels) is either harmless or refused below.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Left out on purpose: EPS and WMF run another program or draw by the computer's own means, stubs
# (HDF5, GRIB, BUFR) can't be decoded, and textures of games (BLP, FTEX) are decoded so slowly that
# a hostile one would stall a scan. Kinds without a signature come last: they match almost anything.
_FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM"),
    *("DIB", "ICO", "ICNS", "CUR", "PSD", "QOI", "SGI", "PCX", "DCX", "FITS", "DDS"),
    *("SUN", "MSP", "XBM", "XPM", "FLI", "TGA"),
)

# What Pillow raises for broken files: its own checks, and what its parsers run into.
_BROKEN = (
    OSError,  # with UnidentifiedImageError
    SyntaxError,
    ValueError,  # with UnicodeError
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RuntimeError,  # with NotImplementedError, RecursionError
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,  # where warnings are made errors
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
_ORIENTATION_TAG, _BITS_TAG, _PHOTOMETRIC_TAG = 0x0112, 258, 262

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
_HEIC = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1", b"ftypmsf1")

_TOO_LARGE = f"The picture is larger than {MAX_PIXELS // 1_000_000} million pixels."
_GONE = "The file can no longer be found."
_FORBIDDEN = "The file may not be read."
_NOT_A_FILE = "This is not an ordinary file."
_UNREACHABLE = {
    errno.ENOENT: _GONE,
    errno.ENOTDIR: _GONE,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EISDIR: _NOT_A_FILE,
    errno.ELOOP: "This is a link that leads back to itself.",
}
# Pillow's own errors have no number; a damaged file may also send it to an impossible position.
_SAID_OF_BROKEN_FILES = (None, errno.EINVAL, errno.EOVERFLOW)


class UnreachableError(PictureError):
    """The disk, the rights or the memory failed and not the picture: it may be readable later."""


def read_rgb(path: str | os.PathLike[str]) -> Pixels:
    """The first frame of a picture file, decoded in full, as (height, width, 3) RGB in 0..255.

    The EXIF orientation is honoured and transparency is laid over white. Deep grey pictures are
    brought to 8 bits by a rule that looks at the kind of file before it looks at the values:

    - 16 bits: divided by 257; fewer bits that are stored in 16 (a TIFF of 12 bits): by their range;
    - 32-bit integers and floating point: the smallest of 0..1, 0..255 and 0..65535 that holds all
      values becomes 0..255; where none does, the smallest to the largest value. Not-a-numbers are
      black.

    Raises `PictureError`, whose message is the reason, for everything that can't be read.
    """
    with _opened(path) as picture:
        return np.array(_upright_rgb(picture))


def read_reduced(path: str | os.PathLike[str], side: int) -> Pixels:
    """As `read_rgb`, but a large JPEG is decoded at a half, a quarter or an eighth of its size, as
    long as both sides keep at least `side` pixels. Other kinds of files are decoded in full.

    The values differ from those of a full picture that is scaled down: for training views only.
    """
    with _opened(path) as picture:
        picture.draft(None, (side, side))
        return np.array(_upright_rgb(picture))


def check(path: str | os.PathLike[str]) -> None:
    """Raises the `PictureError` that `read_rgb` would raise, after less work.

    JPEG files are decoded at an eighth of their size, which still reads every byte of them.
    """
    with _opened(path) as picture:
        picture.draft(None, (1, 1))
        _upright_rgb(picture)


def thumbnail(path: str | os.PathLike[str], side: int) -> Pixels:
    """The picture scaled down to at most `side` pixels a side, upright, as (h, w, 3) RGB in 0..255.

    Smaller pictures keep their size. Made for looking at, not for measuring: JPEG files are decoded
    at reduced scale. Raises `PictureError` as `read_rgb` does.
    """
    with _opened(path) as picture:
        picture.draft(None, (2 * side, 2 * side))
        upright = _upright_rgb(picture)
        upright.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
        return np.array(upright)


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """Opens a picture of bounded size; what goes wrong in the block becomes a `PictureError`."""
    size, head = -1, b""
    try:
        status = os.stat(path)  # noqa: PTH116  (a Path is not made for each of 100,000 files)
        if not stat.S_ISREG(status.st_mode):
            raise PictureError(_NOT_A_FILE)  # opening a pipe would wait for its other end
        size = status.st_size
        # Pillow is given the open file and not its name: it would map uncompressed kinds into
        # memory, and a file that is cut short while it is mapped ends the process.
        with open(path, "rb") as file:  # noqa: PTH123
            head = file.read(16)
            file.seek(0)
            with Image.open(file, formats=_FORMATS) as picture:
                _bound(picture)
                yield picture
    except PictureError:
        raise
    except _BROKEN as error:
        raise _explained(error, size, head) from error


def _explained(error: BaseException, size: int, head: bytes) -> PictureError:
    """Says in plain words why a file of `size` bytes that begins with `head` can't be read."""
    if isinstance(error, MemoryError):
        return UnreachableError("There is not enough memory to read the picture.")
    if isinstance(error, OSError) and error.errno not in _SAID_OF_BROKEN_FILES:
        other = f"The disk could not read the file ({error.strerror})."
        return UnreachableError(_UNREACHABLE.get(error.errno or 0, other))
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return PictureError(_TOO_LARGE)
    if size < 0:
        return PictureError("The file's name can't be used on this system.")
    if size == 0:
        return PictureError("The file is empty.")
    return PictureError(_damage(error, head))


def _damage(error: BaseException, head: bytes) -> str:
    if isinstance(error, UnidentifiedImageError):
        if head[4:12] in _HEIC:
            return "HEIC pictures can't be read. Save it as JPEG or PNG."
        if not head.startswith(_SIGNATURES):
            return "The file is not a picture of a kind that can be read."
    text = str(error).lower()
    if "truncated" in text or "not enough image data" in text:
        return "The file is cut off."
    if any(word in text for word in ("unsupported", "unimplemented", "unknown", "not supported")):
        return "The picture is of a rare kind that can't be read."
    return "The file is damaged."


def _bound(picture: Image.Image) -> None:
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise PictureError(_TOO_LARGE)
    if width < 1 or height < 1:
        raise PictureError("The picture has no pixels.")


def _upright_rgb(picture: Image.Image) -> Image.Image:
    _rescale_transparent_colour(picture)
    picture.load()
    _bound(picture)  # an icon learns its true size while it is decoded
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        rgb = _deep_grey_to_rgb(picture)
    elif picture.has_transparency_data:
        rgb = _over_white(picture)
    else:
        rgb = picture.convert("RGB")
    turn = _TURNS.get(_orientation(picture))
    return rgb if turn is None else rgb.transpose(turn)


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, asked for after decoding: some kinds store it behind the pixels.

    A picture whose EXIF is broken is shown as it is stored, as every viewer does.
    """
    try:
        value = picture.getexif().get(_ORIENTATION_TAG, 1)
    except _BROKEN:
        return 1
    return value if isinstance(value, int) else 1


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


def _over_white(picture: Image.Image) -> Image.Image:
    rgba = picture.convert("RGBA")
    if rgba.getchannel("A").getextrema() == (255, 255):
        return rgba.convert("RGB")
    white = Image.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    return white.convert("RGB")


def _deep_grey_to_rgb(picture: Image.Image) -> Image.Image:
    """The rule is stated in `read_rgb`."""
    tags = getattr(picture, "tag_v2", {})
    stored = np.asarray(picture)
    values = stored.astype(np.float32)
    low, high = 0.0, 65535.0
    if picture.mode.startswith("I;16"):
        if picture.format == "TIFF":
            high = 2.0 ** tags.get(_BITS_TAG, (16,))[0] - 1
    elif picture.format != "PPM":  # Pillow gives a PGM of 16 bits as 32-bit integers in 0..65535
        low, high = _range(values)
    grey = np.nan_to_num((values - low) * (255 / (high - low)), nan=0.0)
    if tags.get(_PHOTOMETRIC_TAG) == 0:  # white is zero
        grey = 255 - grey
    key = picture.info.get("transparency")
    if isinstance(key, int):
        grey[stored == key] = 255
    return Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8)).convert("RGB")


def _range(values: npt.NDArray[np.float32]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low >= 0:
        for top in (1.0, 255.0, 65535.0):
            if high <= top:
                return 0.0, top
    return low, high if high > low else low + 1
