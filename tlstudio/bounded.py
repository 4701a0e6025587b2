"""Owns how a file is read that may come from anybody: an ordinary one only, no more of it than
there can be, and nothing that leads out of the folder that it was found in.

What is wrong with such a file is an `OSError`, as if the disk had refused it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import BinaryIO, TypeVar

from pydantic import BaseModel

SMALL = 16_000_000
"""Bytes of a file that says a few things: a job, a state, a model's card."""
LARGE = 500_000_000
"""Bytes of a file that says something of every picture."""
LINE = 1_000_000
"""Bytes of a line."""

_LINKS = (0xA000000C, 0xA0000003)
"""How Windows marks links and junctions; files in a cloud have other marks."""

M = TypeVar("M", bound=BaseModel)


@contextlib.contextmanager
def opened(file: str | os.PathLike[str], *, follow: bool = True) -> Iterator[BinaryIO]:
    """The file, open. A pipe, which would wait for its other end, a device, which may have none,
    and what can't be a path are refused with an `OSError`; without `follow` a link is, too."""
    try:
        status = os.stat(file, follow_symlinks=follow)  # noqa: PTH116  (texts come as well)
    except ValueError as error:  # a null character, or half a character
        raise OSError(errno.EINVAL, "there can be no such path") from error
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not an ordinary file")
    with open(file, "rb") as source:  # noqa: PTH123
        yield source


def content(file: Path, most: int = SMALL, *, follow: bool = True) -> bytes:
    """All that is in a file, which is refused if that is more than `most` bytes."""
    with opened(file, follow=follow) as source:
        size = os.fstat(source.fileno()).st_size
        found = source.read(most + 1) if size <= most else b""
    if max(size, len(found)) > most:
        raise OSError(errno.EFBIG, f"it has more than {most / 1e6:,.0f} MB")
    return found


def record(kind: type[M], file: Path, most: int = SMALL, *, follow: bool = True) -> M:
    """What the JSON in a file says. Raises pydantic's `ValidationError` as well, for text of any
    depth and numbers of any length."""
    return kind.model_validate_json(content(file, most, follow=follow))


def lines(file: Path) -> Iterator[bytes]:
    """The lines of a file that is no link, up to one that is longer than any can be, or to the
    largest size of a file."""
    left = LARGE
    with opened(file, follow=False) as source:
        while left > 0 and (line := source.readline(LINE)):
            if len(line) == LINE:
                return
            left -= len(line)
            yield line


@contextlib.contextmanager
def zip_file(file: Path) -> Iterator[zipfile.ZipFile]:
    """A zip archive, open. Raises `zipfile.BadZipFile` for none, or for one whose table of contents
    is larger than that of any archive that this program reads, and `OSError` as `opened`."""
    with (
        opened(file) as source,
        _Contents(io.FileIO(source.fileno(), closefd=False)) as bounded,
        zipfile.ZipFile(bounded) as found,
    ):
        bounded.most = None
        yield found


class _Contents(io.BufferedReader):
    """Python reads the whole table of contents at once, of whatever size the file says it is."""

    most: int | None = SMALL

    def read(self, size: int | None = -1, /) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise zipfile.BadZipFile("the table of contents is too large")
        return super().read(size)


def foreign_in(folder: Path, *, deep: bool = True) -> Path | None:
    """The first thing in a folder of ours, or with `deep` directly in one of its folders, that is
    neither an ordinary file nor a folder: to read it, or to write there, would lead elsewhere.

    None where all of it is ours. Raises `OSError` where the folder can't be looked through.
    """
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    odd = next((entry.path for entry in found if not ordinary(entry)), None)
    if odd is not None:
        return Path(odd)
    folders = (Path(entry.path) for entry in found if deep and entry.is_dir())
    return next(filter(None, (foreign_in(each, deep=False) for each in folders)), None)


def leaves(name: str, kind: type[PurePath] = PurePath) -> bool:
    """Whether a name of a file below some folder would lead out of it: up, to another disk or to
    another computer. `kind` is the system's way of writing paths."""
    path = kind(name)
    return not name or "\0" in name or bool(path.anchor) or ".." in path.parts


def on_network(path: str, kind: type[PurePath] = PurePath, near: Sequence[str] = ()) -> bool:
    r"""Whether a path names another computer than those `near` do, as `\\server\share` does on
    Windows: to open it would tell that computer who asks."""
    drive = kind(path).drive.lower()
    return drive.startswith("\\\\") and drive not in {kind(each).drive.lower() for each in near}


def ordinary(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file or a folder, and no link to one."""
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # somebody has just taken it away
        return True
    linked = getattr(status, "st_reparse_tag", 0) in _LINKS
    return not linked and (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode))
