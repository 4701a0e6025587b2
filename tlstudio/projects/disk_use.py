"""Owns how much the program's own files take on the disk, by what they are, and which may go.

Only what the program made itself is ever counted or taken away, and nothing that a link leads to.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from tlstudio.bounded import ordinary
from tlstudio.errors import StorageError
from tlstudio.jobs import Record
from tlstudio.projects import places
from tlstudio.projects.atomic import is_unfinished
from tlstudio.projects.project import Project, usual_title
from tlstudio.projects.recent import project_folders
from tlstudio.projects.runs import run_folders
from tlstudio.tasks import Meter, Task

What = Literal[
    "activations",
    "decoded",
    "other_cache",
    "leftovers",
    "logs",
    "weights",
    "samples",
    "models",
    "checkpoints",
    "projects",
]
Cleanable = Literal["cache", "leftovers", "logs"]

CLEANED_BY: dict[What, Cleanable | None] = {
    "activations": "cache",
    "decoded": "cache",
    "other_cache": "cache",
    "leftovers": "leftovers",
    "logs": "logs",
    "weights": None,
    "samples": None,
    "models": None,
    "checkpoints": None,
    "projects": None,
}
ABANDONED_S = 3600.0
"""Nobody leaves a file half written for so long who is still writing it."""


class Use(Record):
    """What one kind of files takes. `clean` says what takes it away, None where nothing here does.

    Caches save time and come back by themselves. Leftovers are what a crash left half written.
    `models` are those of runs, `checkpoints` what interrupted ones are carried on from, `projects`
    everything else in projects and runs.
    """

    what: What
    bytes: int
    files: int
    clean: Cleanable | None


class ProjectUse(Record):
    """What a project takes, with its runs, wherever they lie, and its own cache."""

    path: str
    title: str
    bytes: int
    models: int
    checkpoints: int


class DiskUse(Record):
    """`uses` has every kind, also where there is nothing of it; of `projects` the largest is first.
    `folder` is where most of it lies."""

    uses: tuple[Use, ...]
    projects: tuple[ProjectUse, ...]
    folder: str

    @property
    def bytes(self) -> int:
        return sum(use.bytes for use in self.uses)


def measure() -> Task[DiskUse]:
    """Looks through all of it; what can't be read is left out."""
    meter, done = Meter("disk", 0), 0
    sizes, files, projects = Counter[What](), Counter[What](), list[ProjectUse]()
    for home in _homes():
        own = Counter[What]()
        for what, file in home.files():
            own[what] += file.bytes
            files[what] += 1
            done += 1
            yield from meter.at(done)
        sizes += own
        if home.project is not None:
            projects.append(
                ProjectUse(
                    path=str(home.project),
                    title=home.title,
                    bytes=own.total(),
                    models=own["models"],
                    checkpoints=own["checkpoints"],
                )
            )
    return DiskUse(
        uses=tuple(
            Use(what=what, bytes=sizes[what], files=files[what], clean=clean)
            for what, clean in CLEANED_BY.items()
        ),
        projects=tuple(sorted(projects, key=lambda each: each.bytes, reverse=True)),
        folder=str(places.projects_folder().parent),
    )


def clean(kind: Cleanable) -> Task[int]:
    """Takes away what is of no use any more, or comes back by itself; gives the bytes that this
    freed. It may be asked for at any time. What is in use and can't be taken away stays."""
    found = [file for home in _homes() for what, file in home.files() if CLEANED_BY[what] == kind]
    meter, freed = Meter("disk", len(found)), 0
    for number, file in enumerate(found):
        yield from meter.at(number)
        if kind == "logs" and _session_lives(file.path):
            continue
        with contextlib.suppress(OSError):
            file.path.unlink()
            freed += file.bytes
    _drop_empty(kind, found)
    yield from meter.at(len(found))
    return freed


# --- what lies where -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    bytes: int
    changed: float


_Sort = Callable[[tuple[str, ...]], What]
"""What a file is, by the names of the folders on the way to it and its own."""


@dataclass(frozen=True, slots=True)
class _Home:
    """Folders that belong together, each with what says of its files what they are."""

    folders: tuple[tuple[Path, _Sort], ...]
    project: Path | None = None
    title: str = ""

    def files(self) -> Iterator[tuple[What, _File]]:
        for folder, sort in self.folders:
            for file in _files(folder):
                parts = file.path.relative_to(folder).parts
                what = sort(parts)
                half = CLEANED_BY[what] is None and any(map(_unfinished, parts))
                abandoned = half and time.time() - file.changed > ABANDONED_S
                yield ("leftovers" if abandoned else what), file


def _homes() -> Iterator[_Home]:
    """Every folder of files once."""
    yield _Home(
        (
            (places.cache_folder(), _of_cache),
            (places.weights_folder(), lambda _: "weights"),
            (places.samples_folder(), lambda _: "samples"),
            (places.logs_folder(), lambda _: "logs"),
            (places.recent_folder(), lambda _: "projects"),
        )
    )
    counted = set[Path]()
    for path in project_folders():
        title, runs = usual_title(path), list[Path]()
        with contextlib.suppress(StorageError):
            project = Project.open(path, read_only=True)
            title, inside = project.title, project.runs_folder.absolute()
            elsewhere = (run.absolute() for run in run_folders(project))
            runs = [run for run in elsewhere if run.parent != inside and run not in counted]
        counted.update(runs)
        yield _Home(((path, _of_project), *((run, _of_run) for run in runs)), path, title)
    with contextlib.suppress(OSError):
        others = [path for path in places.runs_folder().iterdir() if path.absolute() not in counted]
        yield _Home(tuple((path, _of_run) for path in others if path.is_dir()))


def _of_cache(parts: tuple[str, ...]) -> What:
    if parts[0] == "activations":
        return "activations"
    return "decoded" if parts[0] == "decoded" else "other_cache"


def _of_project(parts: tuple[str, ...]) -> What:
    if parts[0] == "cache":
        return "other_cache"
    return _of_run(parts[2:]) if parts[0] == "runs" and len(parts) > 2 else "projects"


def _of_run(parts: tuple[str, ...]) -> What:
    if parts[0] == "model":
        return "models"
    return "checkpoints" if parts[0].startswith(("checkpoint", "start.")) else "projects"


def _unfinished(name: str) -> bool:
    """Whether a file, or a run, is called so until it is whole."""
    return is_unfinished(name) or (name.startswith(".") and name.endswith(".new"))


def _files(folder: Path) -> Iterator[_File]:
    """The files below a folder; neither it nor what is in it is a link. What goes meanwhile, or
    may not be read, is passed over."""
    if folder.is_symlink():
        return
    pending = [folder]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if not ordinary(entry):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(Path(entry.path))
                        continue
                    status = entry.stat(follow_symlinks=False)
                    yield _File(Path(entry.path), status.st_size, status.st_mtime)


# --- taking away ---------------------------------------------------------------------------------


def _drop_empty(kind: Cleanable, cleaned: Sequence[_File]) -> None:
    """Takes away the folders that are empty now, and shelves of activations that were before."""
    folders = set[Path]()
    if kind == "cache":
        folders = {places.cache_folder(), *(path / "cache" for path in project_folders())}
    elif kind == "leftovers":
        folders = {places.cache_folder() / "activations"}
        parents = (parent for file in cleaned for parent in file.path.parents)
        folders |= {parent for parent in parents if _unfinished(parent.name)}
    for folder in folders:
        if not folder.is_symlink():
            _drop_empty_below(folder)
        if _unfinished(folder.name):
            with contextlib.suppress(OSError):
                folder.rmdir()


def _drop_empty_below(folder: Path) -> None:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        below = [
            Path(entry.path)
            for entry in entries
            if ordinary(entry) and entry.is_dir(follow_symlinks=False)
        ]
        for each in below:
            _drop_empty_below(each)
            with contextlib.suppress(OSError):
                each.rmdir()


def _session_lives(log: Path) -> bool:
    """Whether the program that writes this log still runs: its number stands in the name."""
    number = log.stem.rpartition("_")[2]
    return number.isdecimal() and psutil.pid_exists(int(number))
