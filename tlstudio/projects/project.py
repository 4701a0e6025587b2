"""Owns a project on disk: one folder, and in it one SQLite file with what lasts about a data set.

The index of its pictures, the user's corrections, who was assigned to which part, its runs, and
settings. The user's own folder is never written to. Several processes may use a project at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from tlstudio.bounded import foreign_in, leaves, on_network
from tlstudio.errors import StorageError
from tlstudio.jobs import DatasetSpec
from tlstudio.projects.atomic import storage_errors
from tlstudio.projects.database import damage_in, parts_of, tighten
from tlstudio.projects.migrations import SCHEMA, keep_copy, migrate, parts_at, version_of
from tlstudio.projects.places import projects_folder

FILE = "project.sqlite"
_PATIENCE_S = 10
_sound: set[Path] = set()
"""Databases that this process has looked through: of a large one that takes a moment."""
_TITLE = "title"
_DATASET = "dataset"
LONGEST_TITLE = 100


class Project:
    """A project folder, made where there is none. What lies in `cache` may be deleted.

    With `read_only`, or where its disk may not be written to, nothing in it is changed, and
    `writing` raises. One of an older program is brought up to date, or, if it may not be changed,
    read as if it were. Raises `StorageError` where it can't be read or written, or was made by a
    newer program.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path = Path(os.path.abspath(path))  # noqa: PTH100  (links stay as they are)
        self.file = path / FILE
        self.cache = path / "cache"
        self.runs_folder = path / "runs"
        there = self.file.exists()
        self._locked = there and not (os.access(path, os.W_OK) and os.access(self.file, os.W_OK))
        self.read_only = read_only or self._locked
        self._outdated = False
        if there:
            self._refuse_links()
        else:
            if read_only:
                raise _none(path)
            with storage_errors(path):
                path.mkdir(parents=True, exist_ok=True)
        version = self._version() if there else 0
        if version < SCHEMA:
            if self.read_only:
                self._outdated = True
            else:
                self._bring_up_to_date()

    @classmethod
    def of(cls, dataset: DatasetSpec) -> Project:
        """The one that the data set names, or the one that belongs to its folders."""
        return cls(Path(dataset.project) if dataset.project else default_folder(dataset))

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Project:
        """One that is there already; raises `StorageError` where there is none."""
        if not is_project(path):
            raise _none(path)
        return cls(path, read_only=read_only)

    # --- what it is -----------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """The user's name for it, or that of its folder of pictures."""
        given = self.setting(_TITLE)
        if isinstance(given, str) and given:
            return given
        dataset = self.dataset
        return (dataset and Path(dataset.folder).name) or usual_title(self.path)

    def rename(self, title: str) -> None:
        """Gives it another title, none for that of its pictures; its folder keeps its name."""
        self.set_setting(_TITLE, title.strip()[:LONGEST_TITLE])

    @property
    def dataset(self) -> DatasetSpec | None:
        """Its pictures, as they were looked at last; None where nobody has, or where a project that
        came from elsewhere names another computer, which is not asked."""
        try:
            spec = DatasetSpec.model_validate(self.setting(_DATASET))
        except ValidationError:
            return None
        return self.as_its_own(spec)

    def as_its_own(self, spec: DatasetSpec) -> DatasetSpec | None:
        """The data set as one of this project, if it may be looked at; see `dataset`."""
        places = (spec.folder, *spec.roots, *([spec.table.file] if spec.table else []))
        if any(map(on_network, places)) and not made_here(self.path):
            return None
        return spec.model_copy(update={"project": str(self.path)})

    def keep_dataset(self, dataset: DatasetSpec) -> None:
        """Notes which pictures were looked at. The project itself may lie elsewhere tomorrow."""
        plain = dataset.model_copy(update={"project": None}).model_dump(mode="json")
        if self.setting(_DATASET) != plain:
            self.set_setting(_DATASET, plain)

    def place_of(self, path: Path) -> str:
        """How the project calls a file or folder: those in it stay the same when it is moved."""
        whole = Path(os.path.abspath(path))  # noqa: PTH100
        inside = whole.is_relative_to(self.path)
        return whole.relative_to(self.path).as_posix() if inside else str(whole)

    def path_of(self, place: str) -> Path | None:
        """The inverse of `place_of`; None for a place that leaves the project by a back door."""
        path = Path(place)
        odd = "\0" in place or ".." in path.parts
        odd = odd or (on_network(place, near=[str(self.path)]) and not made_here(self.path))
        return None if odd else self.path / path

    def may_name(self, file: str) -> bool:
        """Whether a data set's file may be called so: it lies below the folder, or, named by a
        table, elsewhere on this computer; on others only in a project that was made here."""
        if not leaves(file):
            return True
        distant = on_network(file) and not made_here(self.path)
        return Path(file).is_absolute() and "\0" not in file and not distant

    # --- settings -------------------------------------------------------------------------------

    def setting(self, key: str) -> Any:
        """A value that was put there, None where there is none that can be read."""
        with self.reading() as database:
            row = database.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        try:
            return None if row is None else json.loads(row[0])
        except (ValueError, TypeError, RecursionError):
            return None

    def texts(self, key: str) -> tuple[str, ...]:
        """A setting that is a list of texts; nothing where it is anything else."""
        value = self.setting(key)
        return tuple(filter(_is_text, value)) if isinstance(value, list) else ()

    def set_setting(self, key: str, value: Any) -> None:
        """Keeps a value that JSON can hold."""
        with self.writing() as database:
            put_setting(database, key, value)

    # --- the database ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for as long as the block."""
        with self._connected() as database:
            if not self._outdated:
                yield database
                return
            with contextlib.closing(sqlite3.connect(":memory:")) as copy:
                database.backup(copy)
                migrate(copy)
                yield copy

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of the block is kept, or nothing of it where it fails."""
        if self.read_only:
            raise StorageError(
                f"The project in {self.path} can only be looked at here.",
                "Change it in the window that has it open, or on a disk that may be written to.",
            )
        with self._connected() as database:
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

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(self._connection()) as database:
                tighten(database)
                if self.read_only:
                    database.execute("PRAGMA query_only = ON")
                yield database
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def _connection(self) -> sqlite3.Connection:
        if not self._locked:
            return sqlite3.connect(self.file, timeout=_PATIENCE_S)
        # Beside a database in WAL mode SQLite wants to write, unless it is told that nobody does.
        wal = self.file.with_name(f"{FILE}-wal")
        how = "mode=ro" if wal.exists() else "immutable=1"
        path = quote(self.file.absolute().as_posix())
        address = f"file://{'' if path.startswith('/') else '/'}{path}?{how}"
        return sqlite3.connect(address, timeout=_PATIENCE_S, uri=True)

    def _version(self) -> int:
        """Of a database that was looked through, and holds nothing that this program never made."""
        with self._connected() as database:
            database.execute("BEGIN")  # all of it as it is at one moment
            version = version_of(database)
            if version > SCHEMA:
                raise self._newer()
            foreign = sorted(name for _, name, *_ in parts_of(database) - parts_at(version))
            damage = foreign[0] if foreign else "" if self.file in _sound else damage_in(database)
        if damage:
            raise self.odd(damage)
        _sound.add(self.file)
        return version

    def _refuse_links(self) -> None:
        with storage_errors(self.path):
            foreign = foreign_in(self.path, deep=False)
        if foreign is not None:
            raise StorageError(
                f"{foreign} is a link or no ordinary file: it would lead out of the project, which"
                " is not used.",
                "If the project is your own, put the folder or the file itself in its place.",
            )

    def odd(self, what: str) -> StorageError:
        """What is said of a project in which `what` is not as this program writes it."""
        return StorageError(
            f"The project in {self.path} is damaged, or somebody else put something into it"
            f" ({what}): it is not used.",
            "Take a copy of it from before, or begin a new project with the same pictures.",
        )

    def _bring_up_to_date(self) -> None:
        """The transaction lets one program at a time do that."""
        with self.writing() as database:
            version = version_of(database)
            if version > SCHEMA:
                raise self._newer()
            if 0 < version < SCHEMA:
                keep_copy(self.file, version)
            migrate(database)

    def _newer(self) -> StorageError:
        return StorageError(
            f"The project in {self.path} was made by a newer version of TL Studio.",
            "Update this program, or choose another project.",
        )

    def _broken(self, error: sqlite3.Error) -> StorageError:
        return StorageError(
            f"The project in {self.path} can't be read or written ({error}).",
            "Check that its disk has room and may be written to.",
        )


def put_setting(database: sqlite3.Connection, key: str, value: Any) -> None:
    """As `Project.set_setting`, within a transaction."""
    database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, json.dumps(value)))


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _none(path: Path) -> StorageError:
    return StorageError(
        f"{path} holds no project.",
        "Choose the folder of a project, or begin a new one with a folder of pictures.",
    )


def is_project(path: Path) -> bool:
    return os.path.isfile(path / FILE)  # noqa: PTH113  (no for what can't be a path)


def made_here(path: Path) -> bool:
    """Whether a project, or what lies in one, is among those of this program on this computer."""
    return projects_folder().absolute() in path.absolute().parents


def usual_title(path: Path) -> str:
    """What a project is called of which only its place is known."""
    return re.sub(r"-[0-9a-f]{12}$", "", path.name) or str(path)


def default_folder(dataset: DatasetSpec) -> Path:
    """Where the project of these folders lies: the same for whoever looks at them."""
    table = dataset.table.file if dataset.table else ""
    source = json.dumps([dataset.folder, sorted(dataset.roots), table, dataset.pattern or ""])
    name = Path(dataset.folder).name[:40] or "pictures"
    return projects_folder() / f"{name}-{hashlib.sha256(source.encode()).hexdigest()[:12]}"
