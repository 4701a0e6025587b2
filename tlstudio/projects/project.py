"""Owns a project on disk: one folder, and in it one SQLite file with what lasts about a data set.

The index of its pictures, the user's corrections, who was assigned to which part, and settings. The
user's own folder is never written to. Several processes may use a project at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tlstudio.errors import StorageError
from tlstudio.jobs import DatasetSpec
from tlstudio.projects.atomic import storage_errors
from tlstudio.projects.places import projects_folder

FILE = "project.sqlite"
SCHEMA = 1
_PATIENCE_S = 10

_TABLES = """
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


class Project:
    """A project folder, made where there is none. What lies in `cache` may be deleted.

    Raises `StorageError` where it can't be read or written, or was made by a newer program.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path / FILE
        self.cache = path / "cache"
        self.runs_folder = path / "runs"
        with storage_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        with self.writing() as database:
            self._prepare(database)

    @classmethod
    def of(cls, dataset: DatasetSpec) -> Project:
        """The one that the data set names, or the one that belongs to its folders."""
        return cls(Path(dataset.project) if dataset.project else default_folder(dataset))

    def setting(self, key: str) -> Any:
        """A value that was put there, None where there is none that can be read."""
        with self.reading() as database:
            row = database.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        try:
            return None if row is None else json.loads(row[0])
        except (ValueError, TypeError, RecursionError):
            return None

    def set_setting(self, key: str, value: Any) -> None:
        """Keeps a value that JSON can hold."""
        with self.writing() as database:
            put_setting(database, key, value)

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for as long as the block."""
        try:
            with contextlib.closing(sqlite3.connect(self.file, timeout=_PATIENCE_S)) as database:
                yield database
        except sqlite3.Error as error:
            raise self._broken(error) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of the block is kept, or nothing of it where it fails."""
        with self.reading() as database:
            # A power cut may take the last moment with it, but never the whole.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.isolation_level = None
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def _prepare(self, database: sqlite3.Connection) -> None:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA:
            raise StorageError(
                f"The project in {self.path} was made by a newer version of TL Studio.",
                "Update this program, or choose another project.",
            )
        if version < SCHEMA:
            for statement in _TABLES.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {SCHEMA}")

    def _broken(self, error: sqlite3.Error) -> StorageError:
        return StorageError(
            f"The project in {self.path} can't be read or written ({error}).",
            "Check that its disk has room and may be written to.",
        )


def put_setting(database: sqlite3.Connection, key: str, value: Any) -> None:
    """As `Project.set_setting`, within a transaction."""
    database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, json.dumps(value)))


def default_folder(dataset: DatasetSpec) -> Path:
    """Where the project of these folders lies: the same for whoever looks at them."""
    table = dataset.table.file if dataset.table else ""
    source = json.dumps([dataset.folder, sorted(dataset.roots), table, dataset.pattern or ""])
    name = Path(dataset.folder).name[:40] or "pictures"
    return projects_folder() / f"{name}-{hashlib.sha256(source.encode()).hexdigest()[:12]}"
