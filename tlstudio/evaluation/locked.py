"""Owns the memory of who has looked at locked test pictures: a figure from pictures that choices
were made by is no longer one of unseen pictures."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tlstudio.jobs import EvaluationResult
from tlstudio.projects.run_folder import RunFolder
from tlstudio.projects.runs import project_of
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
    others = [path for path in _known(run) if path != run.path.absolute()]
    if others:
        runs = "another run" if len(others) == 1 else f"{len(others)} other runs"
        yield Warned(
            message=f"The locked test pictures were scored with {runs} of this project before,"
            f" last with {others[-1].name}.",
            hint=_HINT,
        )


def record(run: RunFolder, result: EvaluationResult) -> None:
    """Keeps the figure in the run, and in its project that there is one. Raises `StorageError`."""
    run.save_locked_score(result)
    project = project_of(run.path)
    if project is not None and run.path.absolute() not in _known(run):
        before = project.texts(_SCORED)
        project.set_setting(_SCORED, [*before, project.place_of(run.path)])


def _known(run: RunFolder) -> list[Path]:
    """Nothing where the run belongs to no project that is still there."""
    project = project_of(run.path)
    if project is None:
        return []
    places = (project.path_of(place) for place in project.texts(_SCORED))
    return [path for path in places if path is not None]
