"""Owns the memory of picture files: which were readable, so that a second scan need not decode
them, and what their content is, so that nothing computed of it is computed twice.

It is a cache: one SQLite file that may be deleted at any time, may be used by several processes at
once, and is done without wherever it can't be read or written.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import PIL

from tlstudio.images.reader import READER_VERSION

_FILE = "verdicts.sqlite"
_SCHEMA = 2
# What another reader said does not count; the program and Pillow both change what is readable.
_READER = f"{READER_VERSION}/{PIL.__version__}"
_MOST_ROWS = 1_000_000
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when a file does: its size in bytes, its time of change in nanoseconds."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said of a file; `reason` is empty where it could be read.

    `digest` is that of its content, empty where nobody asked for it yet.
    """

    stamp: Stamp
    reason: str
    digest: bytes = b""


def recall(folder: Path, root: str) -> dict[str, Verdict]:
    """All that is remembered of files below `root`, by their path relative to it."""
    prefix = _prefix(root)
    try:
        with _database(folder) as database:
            rows = database.execute(
                "SELECT path, size, mtime_ns, reason, digest FROM verdicts"
                " WHERE path > ? AND path < ? AND reader = ?",
                (prefix, prefix + "\U0010ffff", _READER),
            ).fetchall()
    except (sqlite3.Error, OSError) as error:
        _discard_if_damaged(folder, error)
        return {}
    start = len(prefix)
    return {
        path[start:]: Verdict(Stamp(size, mtime_ns), reason, digest)
        for path, size, mtime_ns, reason, digest in rows
    }


def remember(folder: Path, root: str, verdicts: Mapping[str, Verdict]) -> None:
    """Adds verdicts by path relative to `root`. What can't be written is forgotten."""
    if not verdicts:
        return
    prefix = _prefix(root)
    rows = [
        (prefix + file, each.stamp.size, each.stamp.mtime_ns, each.reason, _READER, each.digest)
        for file, each in verdicts.items()
    ]
    try:
        with _database(folder) as database, database:
            database.executemany("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?)", rows)
            database.execute(
                "DELETE FROM verdicts WHERE rowid <= (SELECT max(rowid) FROM verdicts) - ?",
                (_MOST_ROWS,),
            )
    except (sqlite3.Error, OSError) as error:
        _discard_if_damaged(folder, error)


def _prefix(root: str) -> str:
    return root.rstrip("/\\") + "/"


@contextlib.contextmanager
def _database(folder: Path) -> Iterator[sqlite3.Connection]:
    folder.mkdir(parents=True, exist_ok=True)
    # Another process writes for well under a second; waiting longer is worse than decoding again.
    with contextlib.closing(sqlite3.connect(folder / _FILE, timeout=1)) as database:
        # Losing the last second to a power cut only costs a little decoding.
        database.execute("PRAGMA synchronous = OFF")
        if database.execute("PRAGMA user_version").fetchone()[0] != _SCHEMA:
            with database:
                database.execute("BEGIN IMMEDIATE")
                database.execute("DROP TABLE IF EXISTS verdicts")
                database.execute(
                    "CREATE TABLE verdicts (path TEXT PRIMARY KEY, size INTEGER NOT NULL,"
                    " mtime_ns INTEGER NOT NULL, reason TEXT NOT NULL, reader TEXT NOT NULL,"
                    " digest BLOB NOT NULL)"
                )
                database.execute(f"PRAGMA user_version = {_SCHEMA}")
        yield database


def _discard_if_damaged(folder: Path, error: Exception) -> None:
    """Makes way for a new file; one that is merely locked or read-only stays."""
    if getattr(error, "sqlite_errorcode", None) in _DAMAGED:
        with contextlib.suppress(OSError):
            (folder / _FILE).unlink()
