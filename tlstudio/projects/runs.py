"""Owns the runs of a project: which there are, what each came to, and what becomes of them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from send2trash import send2trash

from tlstudio.errors import RunError, StorageError
from tlstudio.jobs import Record, TrainingJob, TrainResult
from tlstudio.projects.atomic import storage_errors
from tlstudio.projects.project import Project
from tlstudio.projects.run_folder import RunFolder

Standing = Literal["running", "completed", "interrupted", "failed"]

_TITLES = "run_titles"


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
    """The newest first. What lies in the project's folder of runs and is none is left out."""
    titles = project.setting(_TITLES) or {}
    with storage_errors(project.runs_folder):
        paths = [path for path in _folders(project.runs_folder) if (path / "job.json").is_file()]
    found = [summary(path, titles.get(path.name, "")) for path in paths]
    return tuple(sorted(found, key=lambda each: (each.begun, each.path), reverse=True))


def summary(path: Path, title: str = "") -> RunSummary:
    """What is known of one run, wherever it lies."""
    run = RunFolder(path)
    job: TrainingJob | None = None
    result, trouble = None, ""
    standing: Standing = "failed"
    try:
        job, state = run.job(), run.state()
        standing, result, trouble = state.state, state.result, state.message
    except RunError as error:
        trouble = str(error)
    begun = datetime.fromtimestamp(run.job_file.stat().st_mtime, UTC)
    return RunSummary(
        path=str(path),
        title=title or path.name,
        standing=standing,
        begun=begun,
        job=job,
        result=result,
        can_carry_on=standing != "completed" and job is not None,
        trouble=trouble,
    )


def rename(project: Project, run: Path, title: str) -> None:
    """Gives a run another title; the folder keeps its name, because others may point to it."""
    titles = dict(project.setting(_TITLES) or {})
    titles.pop(run.name, None)
    if title.strip() and title.strip() != run.name:
        titles[run.name] = title.strip()
    project.set_setting(_TITLES, titles)


def delete(run: Path) -> None:
    """Moves a run to the system's bin. Raises `RunError` while it is being trained, and
    `StorageError` where there is no bin: nothing is deleted for good."""
    if summary(run).standing == "running":
        raise RunError(f"{run.name} is being trained.", "Stop it first.")
    try:
        send2trash(run)
    except OSError as error:
        raise StorageError(
            f"{run.name} can't be moved to the bin ({error}).",
            "It is where it was. Delete its folder yourself if you no longer want it.",
        ) from error


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    return []
