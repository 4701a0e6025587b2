"""Owns the first look at a picture file: whether it can be read, its digest, and its facts."""

from __future__ import annotations

import hashlib
import io
import os
from typing import BinaryIO

from tlstudio.errors import PictureError
from tlstudio.images.decoded import About, Choices
from tlstudio.images.facts import Facts, Look
from tlstudio.images.measuring import SIDE, measure
from tlstudio.images.opening import UnreachableError, opened
from tlstudio.images.reader import decode

_IN_MEMORY, _PART = 256 * 1024 * 1024, 1024 * 1024
_PAGES = ("TIFF", "DCX")


def look(path: str | os.PathLike[str], reading: Choices | None = None) -> Look:
    """Reads and decodes a file once, in this process; what it raises is a bug.

    Every byte of the pixels is decoded: JPEG files at reduced scale, all others in full. The digest
    is that of the bytes that were decoded.
    """
    digest = b""
    try:
        with opened(path) as file:
            content, digest = _content(file)
            decoded = decode(content, reading, SIDE)
            about = decoded.about()
            facts = measure(decoded.rgb, decoded.size, decoded.format, about)
    except UnreachableError as error:
        return Look(error.message, lasting=False)
    except PictureError as error:
        return Look(error.message, digest=digest)
    return Look("", digest=digest, done=(*_first(about, facts), *decoded.done), facts=facts)


def _content(file: BinaryIO) -> tuple[BinaryIO, bytes]:
    """What to decode, and its SHA-256: in memory where it is small enough, so that nobody can
    write between the two."""
    if os.fstat(file.fileno()).st_size > _IN_MEMORY:
        sha = hashlib.sha256()
        while part := file.read(_PART):
            sha.update(part)
        file.seek(0)
        return file, sha.digest()
    content = file.read()
    return io.BytesIO(content), hashlib.sha256(content).digest()


def _first(about: About, facts: Facts) -> tuple[str, ...]:
    if about.frames < 2:
        return ()
    return (f"first of {about.frames} {'pages' if facts.format in _PAGES else 'frames'}",)
