"""Owns the files of the activation cache: rows of numbers by name, checked when they are read.

A shelf is a folder of rows of one shape, such as the activations of one network at one depth. Every
run that adds rows writes files of its own and publishes them by putting an index in place, so that
several runs may read and add at the same time and a crash loses only what was not yet published.
Anything in it may be deleted, cut short or damaged at any time: what can't be read is not there.

Rows are read from files and not through a memory map: a file that is cut short while it is mapped
ends the process.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import time
import uuid
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from tlstudio.bounded import LARGE, content
from tlstudio.errors import StorageError
from tlstudio.projects.atomic import replacing, storage_errors

Row = npt.NDArray[np.floating]

VERSION = 2
LIMIT = 20_000_000_000
"""Bytes that the whole cache takes at most."""
SPARE = 2_000_000_000
"""Bytes that are left free on the disk."""
NAME = 32
"""Bytes of a row's name."""
PUBLISH_EVERY = 10.0
"""Seconds after which new rows are published: a crash costs no more than these, or than a tenth of
the time that was spent before."""
OPEN_FILES = 64
"""Files that a shelf keeps open at most."""
ABANDONED = 3600.0
"""Seconds after which rows without an index belong to nobody any more."""

_HALF = np.finfo(np.float16)
_ENTRY = np.dtype([("name", f"V{NAME}"), ("start", "<i8"), ("half", "u1"), ("check", "<u4")])
_TYPES: tuple[npt.DTypeLike, npt.DTypeLike] = (np.dtype("<f4"), np.dtype("<f2"))
_CHECK = 4
"""Bytes of the check that an index begins with."""


def row_name(*parts: bytes) -> bytes:
    """A row's name from what it was made from."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


@dataclass
class _Segment:
    """A published file of rows, open while it is being read."""

    rows: Path
    entries: npt.NDArray[np.void]
    file: BinaryIO | None = None


class Shelf:
    """The rows of one shape in `folder`, which other processes may read and extend as well.

    `shape` is the shape of a row. With `half`, rows are kept in half precision where it holds their
    values. Reading is safe from any thread, adding from one. `damaged` counts the places in which
    something was not as it was written, `gone` the rows whose file was taken away, `added` those
    that were added.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...], *, half: bool) -> None:
        self.folder, self.shape, self.half = folder, shape, half
        self.damaged = self.gone = self.added = 0
        self._numbers = int(np.prod(shape))
        self._lock = threading.Lock()
        self._segments: list[_Segment] = []
        self._places: dict[bytes, tuple[int, int]] = {}
        self._writer: _Writer | None = None
        self._opened = self._published = time.monotonic()
        for index in sorted(folder.glob("*.index")):
            self._open(index)

    @property
    def row_bytes(self) -> int:
        return self._numbers * (2 if self.half else 4)

    def __contains__(self, name: bytes) -> bool:
        return name in self._places

    def read(self, name: bytes) -> Row | None:
        """The row as it was added; None where it is not here, or no longer whole."""
        place = self._places.get(name)
        if place is None:
            return None
        segment = self._segments[place[0]]
        entry = segment.entries[place[1]]
        half = int(entry["half"])
        values = self._bytes(segment, int(entry["start"]), self._numbers * (2 if half else 4))
        if values is None or _check(name, half, values) != int(entry["check"]):
            there = segment.rows.exists()
            with self._lock:
                self._places.pop(name, None)
                self.damaged += there
                self.gone += not there
            return None
        return np.frombuffer(values, _TYPES[half]).reshape(self.shape)

    def add(self, name: bytes, row: npt.NDArray[np.float32]) -> None:
        """Adds a row (`shape`) that can be read once it is published. Raises `StorageError`; what
        was published before stays."""
        assert row.shape == self.shape, "a row of another shape"
        if self._writer is None:
            self._writer = _Writer(self.folder)
            self._published = time.monotonic()
        writer, self._writer = self._writer, None
        writer.add(name, rounded(row) if self.half else row)
        self._writer = writer
        self.added += 1
        # Further and further apart, so that hours of rows make tens of files and not thousands.
        since = self._published - self._opened
        if time.monotonic() - self._published > max(PUBLISH_EVERY, since / 10):
            self.publish()

    def publish(self) -> None:
        """Lets the rows that were added last be read. Raises `StorageError`."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            self._open(writer.finish())

    def close(self) -> None:
        """Publishes what was added and lets go of all files."""
        try:
            self.publish()
        finally:
            self._close_files()
            self._places.clear()

    def _close_files(self) -> None:
        for segment in self._segments:
            if segment.file is not None:
                segment.file.close()
                segment.file = None

    def _open(self, index: Path) -> None:
        """Takes a published file up; one whose index is damaged is of no use any more, and one
        that another process drops just now is passed over."""
        try:
            entries = _read_index(index)
            there = _rows_of(index).exists()
        except OSError:
            return
        if entries is None or not there:
            self.damaged += entries is None
            self.gone += 0 if entries is None else len(entries)
            _drop(index)
            return
        with contextlib.suppress(OSError):  # a folder that is only read from is read all the same
            os.utime(index)  # what was used last is dropped last
        number = len(self._segments)
        self._segments.append(_Segment(_rows_of(index), entries))
        names = entries["name"].tolist()
        self._places.update((bytes(name), (number, row)) for row, name in enumerate(names))

    def _bytes(self, segment: _Segment, start: int, count: int) -> bytes | None:
        try:
            with self._lock:
                if segment.file is None:
                    if sum(each.file is not None for each in self._segments) >= OPEN_FILES:
                        self._close_files()
                    segment.file = segment.rows.open("rb")
                segment.file.seek(max(0, start))
                return segment.file.read(count)
        except OSError:
            return None


class _Writer:
    """A file of rows under way."""

    def __init__(self, folder: Path) -> None:
        # In the order of time: where two files hold a row, the newer one counts.
        self._index = folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.index"
        self._entries: dict[bytes, tuple[int, int, int]] = {}
        self._end = 0
        with storage_errors(self._index):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _rows_of(self._index).open("wb")

    def add(self, name: bytes, row: Row) -> None:
        if name in self._entries:  # several pictures of one content
            return
        half = int(row.dtype.itemsize == 2)
        values = row.astype(_TYPES[half], copy=False).tobytes()
        try:
            with storage_errors(self._index):
                self._file.write(values)
        except StorageError:
            self._discard()
            raise
        self._entries[name] = self._end, half, _check(name, half, values)
        self._end += len(values)

    def finish(self) -> Path:
        try:
            with storage_errors(self._index):
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
            entries = [(name, *place) for name, place in self._entries.items()]
            table = np.array(entries, _ENTRY).tobytes()
            with replacing(self._index) as temporary:
                temporary.write_bytes(zlib.crc32(table).to_bytes(_CHECK, "little") + table)
        except StorageError:
            self._discard()
            raise
        return self._index

    def _discard(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            _rows_of(self._index).unlink(missing_ok=True)


def rounded(row: npt.NDArray[np.float32]) -> Row:
    """The row in half precision, or as it is where that would not hold its values: they are too
    large for it, or all so small that they would lose their digits."""
    largest = np.abs(row).max(initial=0)
    held = largest == 0 or _HALF.smallest_normal <= largest <= _HALF.max
    return row.astype(np.float16) if held else row


def make_room(root: Path, needed: int, used: Collection[Path] = ()) -> bool:
    """Drops what was used longest ago until `needed` bytes more fit under `root` and on its disk.

    What lies in the folders `used` is not dropped. False where they never will fit: then nothing
    is dropped at all.
    """
    with storage_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        kept = sorted(_published(root))
        taken = sum(size for _, size, _ in kept)
        loose = [each for each in kept if each[2].parent not in used]
        most = sum(size for _, size, _ in loose)
        free = shutil.disk_usage(root).free
        if taken - most + needed > LIMIT or free + most - needed < SPARE:
            return False
        for _, size, index in loose:
            if taken + needed <= LIMIT and free - needed >= SPARE:
                break
            _drop(index)
            taken, free = taken - size, free + size
    return True


def _published(root: Path) -> Iterator[tuple[float, int, Path]]:
    """When each file was used last, its bytes, and its index; abandoned ones are removed."""
    for rows in root.rglob("*.rows"):
        index = rows.with_suffix(".index")
        with contextlib.suppress(FileNotFoundError):  # another process drops files as well
            if index.exists():
                yield index.stat().st_mtime, rows.stat().st_size, index
            elif time.time() - rows.stat().st_mtime > ABANDONED:
                _drop(index)


def _drop(index: Path) -> None:
    """The index first: rows without one are read by nobody. Windows keeps files that are open."""
    for file in (index, _rows_of(index)):
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def _read_index(index: Path) -> npt.NDArray[np.void] | None:
    """The entries of an index, None where it is not as it was written."""
    found = content(index, LARGE)
    check, entries = found[:_CHECK], found[_CHECK:]
    if zlib.crc32(entries).to_bytes(_CHECK, "little") != check or len(entries) % _ENTRY.itemsize:
        return None
    return np.frombuffer(entries, _ENTRY)


def _rows_of(index: Path) -> Path:
    return index.with_suffix(".rows")


def _check(name: bytes, half: int, values: bytes) -> int:
    return zlib.crc32(values, zlib.crc32(name + bytes([half])))


def shelf_folder(root: Path, facts: Iterable[str]) -> Path:
    """Where the rows lie that were made under these circumstances."""
    digest = hashlib.sha256("\0".join((str(VERSION), *facts)).encode())
    return root / digest.hexdigest()[:32]
