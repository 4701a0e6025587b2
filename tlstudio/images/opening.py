"""Owns how a picture file is opened, and in which words a file is refused.

Every function here may be called from any thread, and raises nothing but `PictureError`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from tlstudio.errors import PictureError

MAX_PIXELS = 100_000_000

# Pillow also checks the pictures inside pictures (icons) against this, before it decodes them.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

# What readers raise for broken files: their own checks, and what their parsers run into.
BROKEN = (
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

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
HEIC = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypheim", b"ftypheis", b"ftypmif1", b"ftypmsf1")
"""What stands behind the first four bytes of a HEIC file."""

TOO_LARGE = f"The picture is larger than {MAX_PIXELS // 1_000_000} million pixels."
NO_MEMORY = "There is not enough memory to read the picture."
CUT_OFF = "The file is cut off."
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


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A picture's file, open; what goes wrong in the block becomes a `PictureError`."""
    size, head = -1, b""
    try:
        status = os.stat(path)  # noqa: PTH116  (a Path is not made for each of 100,000 files)
        if not stat.S_ISREG(status.st_mode):
            raise PictureError(_NOT_A_FILE)  # opening a pipe would wait for its other end
        size = status.st_size
        # Readers are given the open file and not its name: Pillow would map uncompressed kinds
        # into memory, and a file that is cut short while it is mapped ends the process.
        with open(path, "rb") as file:  # noqa: PTH123
            head = file.read(16)
            file.seek(0)
            yield file
    except PictureError:
        raise
    except BROKEN as error:
        raise _explained(error, size, head) from error


def check_bounds(width: int, height: int) -> None:
    """Raises `PictureError` for a size that is not decoded."""
    if width * height > MAX_PIXELS:
        raise PictureError(TOO_LARGE)
    if width < 1 or height < 1:
        raise PictureError("The picture has no pixels.")


def _explained(error: BaseException, size: int, head: bytes) -> PictureError:
    """Says in plain words why a file of `size` bytes that begins with `head` can't be read."""
    if isinstance(error, MemoryError):
        return UnreachableError(NO_MEMORY)
    if isinstance(error, OSError) and error.errno not in _SAID_OF_BROKEN_FILES:
        other = f"The disk could not read the file ({error.strerror})."
        return UnreachableError(_UNREACHABLE.get(error.errno or 0, other))
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return PictureError(TOO_LARGE)
    if size < 0:
        return PictureError("The file's name can't be used on this system.")
    if size == 0:
        return PictureError("The file is empty.")
    return PictureError(_damage(error, head))


def _damage(error: BaseException, head: bytes) -> str:
    if isinstance(error, UnidentifiedImageError):
        if head.startswith(_SIGNATURES):
            return "The file is damaged."  # the text of the error has nothing but the file's name
        return "The file is not a picture of a kind that can be read."
    text = str(error).lower()
    if "truncated" in text or "not enough image data" in text:
        return CUT_OFF
    if any(word in text for word in ("unsupported", "unimplemented", "unknown", "not supported")):
        return "The picture is of a rare kind that can't be read."
    return "The file is damaged."
