"""Owns the memory of who has looked at locked test pictures: a figure from pictures that choices
were made by is no longer one of unseen pictures."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from tlstudio.jobs import EvaluationResult
from tlstudio.projects.project import FILE, Project
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Task, Warned

_SCORED = "test_scored"
"""The project's setting that lists the runs whose figures on its test pictures are known."""
_HINT = (
    "If anything was chosen or changed because of what came out then, only new pictures tell how"
    " good it is."
)


def warnings(run: RunFolder) -> Task[None]:
    """Says where the test pictures of this run were scored before, with it or with another run of
    its project."""
    before = run.locked_score()
    if before is not None:
        day = datetime.fromisoformat(before.scored[0]).date().isoformat()
        yield Warned(
            message=f"The locked test pictures were scored with this run before, on {day}.",
            hint=_HINT,
        )
        return
    others = [path for path in _known(run) if path != _name(run)]
    if others:
        runs = "another run" if len(others) == 1 else f"{len(others)} other runs"
        yield Warned(
            message=f"The locked test pictures were scored with {runs} of this project before,"
            f" last with {Path(others[-1]).name}.",
            hint=_HINT,
        )


def record(run: RunFolder, result: EvaluationResult) -> None:
    """Keeps the figure in the run, and in its project that there is one. Raises `StorageError`."""
    run.save_locked_score(result)
    project, known = _project(run), _known(run)
    if project is not None and _name(run) not in known:
        project.set_setting(_SCORED, [*known, _name(run)])


def _known(run: RunFolder) -> list[str]:
    project = _project(run)
    return list(project.setting(_SCORED) or ()) if project is not None else []


def _project(run: RunFolder) -> Project | None:
    """None where the run's pictures belong to no project that is still there."""
    path = run.split().project
    return Project(Path(path)) if path and (Path(path) / FILE).is_file() else None


def _name(run: RunFolder) -> str:
    return os.path.abspath(run.path)  # noqa: PTH100  (Path.resolve would follow links)
