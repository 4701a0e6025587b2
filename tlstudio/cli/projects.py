"""Owns the commands about what is on the disk: projects, their runs, and what all of it takes."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from tlstudio.cli.console import Json, out, print_json, run_task
from tlstudio.errors import StorageError, UsageError
from tlstudio.jobs import DatasetSpec
from tlstudio.projects import runs as project_runs
from tlstudio.projects.disk_use import Cleanable, DiskUse, What, clean, measure
from tlstudio.projects.project import Project, default_folder, is_project
from tlstudio.projects.recent import KnownProject, known_projects, refreshed
from tlstudio.projects.runs import RunSummary, is_run, project_of, runs_of, summary

_STANDINGS: dict[project_runs.Standing, str] = {
    "running": "running",
    "completed": "finished",
    "interrupted": "interrupted",
    "failed": "failed",
}
_WHATS: dict[What, str] = {
    "activations": "what frozen blocks gave",
    "decoded": "decoded pictures",
    "other_cache": "other caches",
    "leftovers": "leftovers of crashes",
    "logs": "logs",
    "weights": "weights that were fetched",
    "samples": "sample pictures",
    "models": "models of your runs",
    "checkpoints": "checkpoints of interrupted runs",
    "projects": "everything else in projects",
}


def projects(json: Json = False) -> None:
    """List the projects that this computer knows, the last used first."""
    found = [_as_it_is_now(known) for known in known_projects()]
    if json:
        each = [known.model_dump(mode="json") | {"there": known.there} for known in found]
        print_json({"type": "result", "projects": each})
        return
    table = Table(
        "project",
        "pictures",
        "classes",
        "runs",
        "best",
        "last used",
        Column("", overflow="fold"),
        box=None,
    )
    for known in found:
        table.add_row(
            escape(known.title),
            f"{known.pictures}",
            f"{len(known.classes)}",
            f"{known.runs}",
            "" if known.accuracy is None else f"{known.accuracy:.1%}",
            _day(known.opened),
            escape(known.path) if known.there else f"{escape(known.path)} [yellow](gone)[/]",
        )
    if found:
        out.print(table)
    else:
        out.print("There are no projects yet: `tlstudio scan PICTURES` begins one.")


def runs(
    place: Annotated[
        Path | None,
        typer.Argument(help="A project, its folder of pictures, or a run. Default: all projects."),
    ] = None,
    rename: Annotated[
        str | None, typer.Option(metavar="TITLE", help="Give the run PLACE another title.")
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Move the run PLACE to the bin.")
    ] = False,
    json: Json = False,
) -> None:
    """List the runs of a project with what they came to; rename one, or move it to the bin."""
    if rename is not None or delete:
        found = [_changed(place, rename, delete=delete)]
    elif place is not None and is_run(place):
        found = [_titled(place)]
    else:
        found = [run for project in _projects(place) for run in runs_of(project)]
    if json:
        print_json({"type": "result", "runs": [run.model_dump(mode="json") for run in found]})
        return
    folder = Column("", overflow="fold")
    table = Table("run", "", "network", "right", "begun", folder, box=None)
    for run in found:
        table.add_row(
            escape(run.title),
            _STANDINGS[run.standing] + (", can be carried on" if run.can_carry_on else ""),
            escape(run.job.backbone.id) if run.job else "",
            f"{run.result.val_accuracy:.1%}" if run.result else "",
            _day(run.begun),
            escape(run.path),
        )
    if delete:
        out.print("Moved to the bin:")
    out.print(table if found else "There are no runs yet.")


def disk(
    clean_up: Annotated[
        Cleanable | None,
        typer.Option(
            "--clean",
            help="cache: what saves time and comes back by itself; leftovers: what crashes left "
            "half written; logs: those of ended sessions.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Say what the program's own files take on the disk, and clean what may go."""
    freed = run_task(clean(clean_up), as_json=json) if clean_up else 0
    found = run_task(measure(), as_json=json)
    if json:
        freed_bytes = {"freed": freed} if clean_up else {}
        print_json({**found.model_dump(mode="json"), **freed_bytes, "type": "result"})
        return
    if clean_up:
        out.print(f"{_size(freed)} freed.")
    _show(found)


def _show(found: DiskUse) -> None:
    table = Table("", Column("", justify="right"), "", box=None, show_header=False)
    for use in found.uses:
        hint = f"--clean {use.clean}" if use.clean and use.bytes else ""
        table.add_row(_WHATS[use.what], _size(use.bytes), hint)
    table.add_row("together", _size(found.bytes), "")
    out.print(table)
    for project in found.projects:
        out.print(f"{_size(project.bytes):>10}  {project.title}  {project.path}", markup=False)


def _projects(place: Path | None) -> list[Project]:
    """The project in or of a folder; without one, all of them."""
    if place is None:
        found = []
        for known in known_projects():
            with contextlib.suppress(StorageError):  # `tlstudio projects` lists it all the same
                found.append(Project.open(Path(known.path), read_only=True))
        return found
    if is_project(place):
        return [Project.open(place, read_only=True)]
    pictures = DatasetSpec(folder=os.path.abspath(place))  # noqa: PTH100  (as a scan does)
    return [Project.open(default_folder(pictures), read_only=True)]


def _changed(place: Path | None, title: str | None, *, delete: bool) -> RunSummary:
    if place is None or not is_run(place) or (delete and title is not None):
        raise UsageError(
            "--rename and --delete are about one run, and one of them at a time.",
            "For example: tlstudio runs my-run --rename “More epochs”",
        )
    before = _titled(place)
    if title is None:
        project_runs.delete(place)
        return before
    project = project_of(place)
    if project is None:
        raise UsageError(
            f"{place} belongs to no project on this computer, so its title can't be kept.",
            "Rename its folder instead.",
        )
    project_runs.rename(project, place, title)
    return _titled(place)


def _titled(run: Path) -> RunSummary:
    """The run as its project calls it."""
    project = project_of(run)
    known = runs_of(project) if project else ()
    same = (each for each in known if Path(each.path).absolute() == run.absolute())
    return next(same, None) or summary(run)


def _as_it_is_now(known: KnownProject) -> KnownProject:
    with contextlib.suppress(StorageError):
        return refreshed(Project.open(Path(known.path), read_only=True))
    return known


def _day(time: datetime) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M}"


def _size(size: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"
