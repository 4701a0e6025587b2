"""Owns the memory of picture files: what was said of them, so that a second scan need not decode
them, and what their content is, so that nothing computed of it is computed twice.

It is a cache: one SQLite file that may be deleted at any time, may be used by several processes at
once, and is done without wherever it can't be read or written.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import PIL

from tlstudio.images.facts import Look
from tlstudio.images.packed import pack, unpack
from tlstudio.images.reader import READER_VERSION
from tlstudio.jobs import Reading
from tlstudio.projects.database import tighten

_FILE = "verdicts.sqlite"
_SCHEMA = 4
# What another reader said does not count; the program and Pillow both change what is readable.
_READER = f"{READER_VERSION}/{PIL.__version__}"
_MOST_ROWS = 300_000
_AT_ONCE = 500
_MOST_STEPS = 500_000_000
"""For some seconds: ten times what the most rows take."""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_INTERRUPT)

_CREATE = """
CREATE TABLE verdicts (
    path TEXT NOT NULL, reading TEXT NOT NULL, reader TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, look BLOB NOT NULL,
    PRIMARY KEY (path, reading)
)
"""
_BELOW = """
SELECT path, size, mtime_ns, look FROM verdicts
WHERE path > ? AND path < ? AND reading = ? AND reader = ?
"""
_NAMED = """
SELECT path, size, mtime_ns, look FROM verdicts WHERE reading = ? AND reader = ? AND path IN ({})
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when a file does: its size in bytes, its time of change in nanoseconds."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said of a file as long as its stamp was this."""

    stamp: Stamp
    look: Look


def stamp_of(file: str | os.PathLike[str]) -> Stamp:
    """Raises `OSError`, or `ValueError` for what can't be a path."""
    status = os.stat(file)  # noqa: PTH116  (a Path is not made for each of 100,000 files)
    return Stamp(status.st_size, status.st_mtime_ns)


def recall(
    folder: Path, root: str, elsewhere: Sequence[str] = (), reading: Reading | None = None
) -> dict[str, Verdict]:
    """All that is remembered of files below `root`, by their path relative to it, and of the files
    `elsewhere` by their absolute path, as they were read with `reading`. An empty `root` has no
    files below it."""
    prefix, key = _prefix(root), _key(reading)
    try:
        with _database(folder) as database:
            below = (prefix, prefix + "\U0010ffff", key, _READER) if root else None
            rows = database.execute(_BELOW, below) if below else ()
            known = _verdicts(rows, len(prefix))
            for start in range(0, len(elsewhere), _AT_ONCE):
                paths = elsewhere[start : start + _AT_ONCE]
                query = _NAMED.format(", ".join(itertools.repeat("?", len(paths))))
                known.update(_verdicts(database.execute(query, (key, _READER, *paths)), 0))
    except (sqlite3.Error, OSError, UnicodeEncodeError) as error:
        _discard_if_damaged(folder, error)
        return {}
    return known


def remember(
    folder: Path, root: str, verdicts: Mapping[str, Verdict], reading: Reading | None = None
) -> None:
    """Adds verdicts by path, absolute or relative to `root`. What can't be written is forgotten."""
    if not verdicts:
        return
    prefix, key = _prefix(root), _key(reading)
    rows = [
        (file if os.path.isabs(file) else prefix + file, key, _READER, *_values(each))  # noqa: PTH117
        for file, each in verdicts.items()
    ]
    try:
        with _database(folder) as database, database:
            database.executemany("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?)", rows)
            database.execute(
                "DELETE FROM verdicts WHERE rowid <= (SELECT max(rowid) FROM verdicts) - ?",
                (_MOST_ROWS,),
            )
    except (sqlite3.Error, OSError, UnicodeEncodeError) as error:
        _discard_if_damaged(folder, error)


def _verdicts(rows: Iterable[tuple[str, int, int, bytes]], start: int) -> dict[str, Verdict]:
    """By path from the character `start` on. What is damaged is not remembered."""
    known: dict[str, Verdict] = {}
    for path, size, mtime_ns, packed in rows:
        try:
            look = unpack(packed)
        except ValueError:
            continue
        known[path[start:]] = Verdict(Stamp(size, mtime_ns), look)
    return known


def _values(verdict: Verdict) -> tuple[int, int, bytes]:
    return verdict.stamp.size, verdict.stamp.mtime_ns, pack(verdict.look)


def _key(reading: Reading | None) -> str:
    """What of the way of reading changes the pixels."""
    channels = None if reading is None else reading.channels
    return "" if channels is None else ",".join(map(str, channels))


def _prefix(root: str) -> str:
    return root.rstrip("/\\") + "/"


@contextlib.contextmanager
def _database(folder: Path) -> Iterator[sqlite3.Connection]:
    folder.mkdir(parents=True, exist_ok=True)
    # Another process writes for well under a second; waiting longer is worse than decoding again.
    with contextlib.closing(sqlite3.connect(folder / _FILE, timeout=1)) as database:
        tighten(database, _MOST_STEPS)
        # Losing the last second to a power cut only costs a little decoding.
        database.execute("PRAGMA synchronous = OFF")
        if database.execute("PRAGMA user_version").fetchone()[0] != _SCHEMA:
            with database:
                database.execute("BEGIN IMMEDIATE")
                database.execute("DROP TABLE IF EXISTS verdicts")
                database.execute(_CREATE)
                database.execute(f"PRAGMA user_version = {_SCHEMA}")
        yield database


def _discard_if_damaged(folder: Path, error: Exception) -> None:
    """Makes way for a new file; one that is merely locked or read-only stays."""
    if getattr(error, "sqlite_errorcode", None) in _DAMAGED:
        with contextlib.suppress(OSError):
            (folder / _FILE).unlink()
