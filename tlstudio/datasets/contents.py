"""Owns what a picture file holds, as a digest: the same content is the same picture, wherever it
lies and whatever it is called."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tlstudio.datasets.verdicts import Stamp, Verdict, recall, remember
from tlstudio.errors import DatasetError
from tlstudio.tasks import Meter, Phase, Task

_THREADS = 4
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Content:
    """A file's content as it was when its size and time of change were as in `stamp`."""

    stamp: Stamp
    digest: bytes

    def still_in(self, file: Path) -> bool:
        """Whether the file is there and nobody has written it since."""
        try:
            return stamp_of(file) == self.stamp
        except OSError:
            return False


def contents(
    folder: Path, names: Sequence[str], cache: Path, phase: Phase = "features"
) -> Task[tuple[Content, ...]]:
    """The contents of the readable pictures called `names`, relative to `folder`. What the memory
    in `cache` knows is not read again until its size or time of change differ.

    Raises `DatasetError` where a file can't be read.
    """
    known = recall(cache, str(folder))

    def content(name: str) -> Content:
        file, before = folder / name, known.get(name)
        try:
            stamp = stamp_of(file)
            if before is not None and before.digest and before.stamp == stamp:
                return Content(stamp, before.digest)
            return Content(stamp, digest_of(file))
        except OSError as error:
            raise DatasetError(
                f"The picture {file} can't be read any more ({error.strerror}).",
                "Check that its disk is still connected and that nobody moved it.",
            ) from error

    found: list[Content] = []
    meter, upcoming = Meter(phase, len(names)), iter(names)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="contents") as pool:
        while slice_ := list(itertools.islice(upcoming, _AT_ONCE)):
            # Handing a file to a thread takes longer than to see that it has not changed.
            remembered = all(name in known and known[name].digest for name in slice_)
            found += (map if remembered else pool.map)(content, slice_)
            yield from meter.at(len(found))
    # A file that changed since it was looked at last may not be readable any more: nothing is
    # remembered of it before it was looked at again.
    news = {
        name: Verdict(each.stamp, "", each.digest)
        for name, each in zip(names, found, strict=True)
        if name in known and known[name] == Verdict(each.stamp, "")
    }
    remember(cache, str(folder), news)
    return tuple(found)


def digest_of(file: str | os.PathLike[str]) -> bytes:
    """The SHA-256 of a file's bytes. Raises `OSError`."""
    with open(file, "rb") as opened:  # noqa: PTH123
        return hashlib.file_digest(opened, "sha256").digest()


def stamp_of(file: Path) -> Stamp:
    status = os.stat(file)  # noqa: PTH116
    return Stamp(status.st_size, status.st_mtime_ns)
