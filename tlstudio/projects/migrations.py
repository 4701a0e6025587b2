"""Owns the forms that a project's database has had, and how each becomes the next one.

A new database goes through all of them, so that it is the same as one that has grown old.
"""

from __future__ import annotations

import contextlib
import sqlite3
from functools import cache
from pathlib import Path

from tlstudio.projects.atomic import replacing
from tlstudio.projects.database import Part, parts_of

_FIRST = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE pictures (
    id INTEGER PRIMARY KEY,
    file TEXT NOT NULL UNIQUE,
    present INTEGER NOT NULL,
    digest BLOB NOT NULL,
    found TEXT NOT NULL,
    given TEXT,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    format TEXT NOT NULL,
    relabelled TEXT,
    excluded INTEGER NOT NULL DEFAULT 0,
    part TEXT,
    grouped TEXT NOT NULL DEFAULT ''
);
CREATE INDEX by_class ON pictures (coalesce(relabelled, found), file);
CREATE TABLE classes (found TEXT PRIMARY KEY, shown TEXT NOT NULL, excluded INTEGER NOT NULL);
CREATE TABLE assignments (
    picture INTEGER NOT NULL, draw TEXT NOT NULL, part TEXT NOT NULL, PRIMARY KEY (draw, picture)
) WITHOUT ROWID;
CREATE TABLE findings (
    rank INTEGER PRIMARY KEY, kind TEXT NOT NULL, severity TEXT NOT NULL, sentence TEXT NOT NULL,
    hint TEXT NOT NULL, classes TEXT NOT NULL, weight REAL NOT NULL
);
CREATE TABLE finding_files (
    rank INTEGER NOT NULL, number INTEGER NOT NULL, file TEXT NOT NULL, PRIMARY KEY (rank, number)
) WITHOUT ROWID;
"""
_RUNS = """
CREATE TABLE runs (path TEXT PRIMARY KEY, title TEXT NOT NULL, begun TEXT NOT NULL);
"""

MIGRATIONS = (_FIRST, _RUNS)
"""The statements that lead to version 1, 2, …: what was released is never changed again."""
SCHEMA = len(MIGRATIONS)


def version_of(database: sqlite3.Connection) -> int:
    """0 for an empty one."""
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    return version


def migrate(database: sqlite3.Connection, to: int | None = None) -> None:
    """Brings a database to a version, None the latest. The caller's transaction makes it all of it
    or nothing."""
    for version in range(version_of(database), SCHEMA if to is None else to):
        for statement in MIGRATIONS[version].split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {version + 1}")


@cache
def parts_at(version: int) -> frozenset[Part]:
    """All that a project's database of this version may hold."""
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        migrate(database, version)
        return parts_of(database)


def keep_copy(file: Path, version: int) -> None:
    """Keeps what a database of this version holds now beside it: the way back for who has to use
    the older program again. Copies of versions before it go. Raises `StorageError`."""
    kept = file.with_name(f"{file.stem}-v{version}{file.suffix}")
    with (
        replacing(kept) as temporary,
        contextlib.closing(sqlite3.connect(file)) as source,
        contextlib.closing(sqlite3.connect(temporary)) as target,
    ):
        source.backup(target)
    for older in file.parent.glob(f"{file.stem}-v*{file.suffix}"):
        if older != kept:
            older.unlink(missing_ok=True)
