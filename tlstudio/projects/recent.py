"""Owns which projects this computer knows, and what the home screen says of each."""

from __future__ import annotations

import contextlib
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from tlstudio.bounded import record
from tlstudio.jobs import DatasetSpec, Record
from tlstudio.projects.atomic import write_text
from tlstudio.projects.places import recent_folder


class KnownProject(Record):
    """A project as it was when it was last in use.

    `accuracy` is that of its best run, a fraction of the validation pictures; `interrupted` counts
    runs that can be carried on. `dataset` is None where nobody has looked through its pictures yet.
    """

    path: str
    title: str
    opened: datetime
    dataset: DatasetSpec | None = None
    pictures: int = 0
    classes: tuple[str, ...] = ()
    runs: int = 0
    accuracy: float | None = None
    interrupted: int = 0


def known_projects() -> tuple[KnownProject, ...]:
    """The one that was opened last comes first; what can't be read is left out."""
    found: list[KnownProject] = []
    for file in recent_folder().glob("*.json"):
        with contextlib.suppress(OSError, ValidationError):
            found.append(record(KnownProject, file))
    return tuple(sorted(found, key=lambda each: each.opened, reverse=True))


def remember(known: KnownProject) -> None:
    """Keeps what the home screen says of it. One file a project: windows do not overwrite each
    other's."""
    write_text(_file(known.path), known.model_dump_json(indent=2) + "\n")


def forget(path: str) -> None:
    """Takes a project off the list; the project itself stays."""
    _file(path).unlink(missing_ok=True)


def now() -> datetime:
    return datetime.now(UTC)


def _file(path: str) -> Path:
    return recent_folder() / f"{hashlib.sha256(path.encode()).hexdigest()[:24]}.json"
