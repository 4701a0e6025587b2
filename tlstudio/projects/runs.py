"""Owns the runs of a project: which there are, what each came to, and what becomes of them.

What is true of a run stands in its own folder. The project only knows where its runs lie, what the
user calls them, and when they were begun.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tlstudio.bounded import on_network
from tlstudio.errors import RunError, TLStudioError
from tlstudio.jobs import Record, TrainingJob, TrainResult
from tlstudio.projects.bin import to_bin
from tlstudio.projects.places import runs_folder
from tlstudio.projects.project import Project, default_folder, is_project
from tlstudio.projects.run_folder import RunFolder

Standing = Literal["running", "completed", "interrupted", "failed"]

LONGEST_TITLE = 200


class RunSummary(Record):
    """A run as a list shows it. `title` is the user's name for it, or the folder's.

    `standing` is what holds now: a run whose process died is interrupted. `can_carry_on`: from a
    checkpoint or from its start. `begun` in UTC. `trouble` says why it failed, or why it can't be
    read, in which case `job` is None.
    """

    path: str
    title: str
    standing: Standing
    begun: datetime
    job: TrainingJob | None
    result: TrainResult | None
    can_carry_on: bool
    trouble: str = ""


def runs_of(project: Project) -> tuple[RunSummary, ...]:
    """The newest first. What lies where a run should be and is none is left out."""
    known = _known(project)
    found = []
    for path in run_folders(project):
        title, begun = known.get(project.place_of(path), ("", None))
        with contextlib.suppress(FileNotFoundError):  # somebody has just deleted it
            found.append(summary(path, title, begun))
    return tuple(sorted(found, key=lambda each: (each.begun, each.path), reverse=True))


def run_folders(project: Project) -> tuple[Path, ...]:
    """Where its runs lie: in its own folder, where the command line was told to put them, and among
    those that were made before projects held runs."""
    older = (run for run in _runs_in(runs_folder()) if _made_with(run) == str(project.path))
    return tuple(dict.fromkeys([*noted_runs(project), *older]))


def noted_runs(project: Project) -> tuple[Path, ...]:
    """Those of `run_folders` that the project itself knows of."""
    places = (project.path_of(place) for place in _known(project))
    elsewhere = (path for path in places if path is not None and is_run(path))
    return tuple(dict.fromkeys([*_runs_in(project.runs_folder), *elsewhere]))


def summary(path: Path, title: str = "", begun: datetime | None = None) -> RunSummary:
    """What is known of one run, wherever it lies. Raises `FileNotFoundError` where it is gone."""
    run = RunFolder(path)
    job: TrainingJob | None = None
    result, trouble = None, ""
    standing: Standing = "failed"
    try:
        job, state = run.job(), run.state()
        standing, result, trouble = run.standing(), state.result, state.message
    except TLStudioError as error:
        trouble = str(error)
    return RunSummary(
        path=str(path),
        title=title or path.name,
        standing=standing,
        begun=begun or datetime.fromtimestamp(run.job_file.stat().st_mtime, UTC),
        job=job,
        result=result,
        can_carry_on=job is not None
        and standing in {"interrupted", "failed"}
        and run.can_be_carried_on(),
        trouble=trouble,
    )


def register(project: Project, run: Path) -> None:
    """Lets a project know of a run that begins now, wherever it lies. Raises `StorageError`."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with project.writing() as database:
        database.execute(
            "INSERT OR IGNORE INTO runs (path, title, begun) VALUES (?, '', ?)",
            (project.place_of(run), now),
        )


def rename(project: Project, run: Path, title: str) -> None:
    """Gives a run another title; the folder keeps its name, because others may point to it. Raises
    `RunError` where the run has gone, such as to the bin while its title was typed."""
    title = title.strip()[:LONGEST_TITLE]
    try:
        begun = summary(run).begun.isoformat(timespec="seconds")
    except FileNotFoundError as error:
        raise RunError(f"{run.name} is no longer there.", "Look for it in the bin.") from error
    with project.writing() as database:
        database.execute(
            "INSERT INTO runs (path, title, begun) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET title = excluded.title",
            (project.place_of(run), "" if title == run.name else title, begun),
        )


def delete(run: Path) -> None:
    """Moves a run to the system's bin. Raises `RunError` while it is being trained, and
    `StorageError` where there is no bin: nothing is deleted for good. Its title stays, in case it
    comes back from there."""
    if not is_run(run):
        raise RunError(f"{run} holds no run.", "Choose the folder of a run.")
    if summary(run).standing == "running":
        raise RunError(f"{run.name} is being trained.", "Stop it first.")
    to_bin(run)


def project_of(run: Path) -> Project | None:
    """The project that a run lies in, or else the one that it was made with, if it is still there
    and the run can be read. Raises `StorageError` where the project can't."""
    home = run.absolute().parent.parent
    if run.absolute().parent == home / "runs" and is_project(home):
        return Project.open(home)
    try:
        made_with = RunFolder(run).split().project
    except TLStudioError:
        return None
    if not made_with or on_network(made_with, near=[str(run)]) or not is_project(Path(made_with)):
        return None
    return Project.open(Path(made_with))


def is_run(path: Path) -> bool:
    return os.path.isfile(path / "job.json")  # noqa: PTH113  (no for what can't be a path)


def _known(project: Project) -> dict[str, tuple[str, datetime]]:
    """Title and beginning by place, as the project has noted them."""
    with project.reading() as database:
        rows = database.execute("SELECT path, title, begun FROM runs").fetchall()
    known = {}
    for place, title, begun in rows:
        with contextlib.suppress(ValueError, OverflowError):
            known[place] = title, datetime.fromisoformat(begun).astimezone(UTC)
    return known


def _runs_in(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for path in sorted(folder.iterdir()):
            if not path.name.startswith(".") and is_run(path):
                yield path


@functools.lru_cache(maxsize=10_000)
def _made_with(run: Path) -> str:
    """The project that a run's job names or belongs to; a job that was written never changes."""
    try:
        dataset = RunFolder(run).job().dataset
    except TLStudioError:
        return ""
    return os.path.abspath(dataset.project or default_folder(dataset))  # noqa: PTH100
