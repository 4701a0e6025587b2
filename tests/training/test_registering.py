"""A project knows the runs that were made with it, and a run needs no project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from training.made_jobs import Trained, nothing

from tlstudio.datasets.scan import scan
from tlstudio.errors import StorageError
from tlstudio.jobs import ScanJob, TrainingJob
from tlstudio.projects.project import Project
from tlstudio.projects.runs import runs_of
from tlstudio.tasks import Logged, drive
from tlstudio.training import train


def test_a_run_of_the_command_line_is_known_to_its_project(
    job: Callable[..., TrainingJob], tmp_path: Path
) -> None:
    dataset = job().dataset.model_copy(update={"project": str(tmp_path / "project")})
    made = Trained(job().model_copy(update={"dataset": dataset}), tmp_path / "far" / "away")
    (found,) = runs_of(Project.open(tmp_path / "project"))
    assert (found.path, found.standing) == (str(made.path), "completed")
    assert found.result == made.result


def test_where_that_fails_the_run_goes_on(
    job: Callable[..., TrainingJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(project: Project, run: Path) -> None:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(train, "register", refuse)
    made = Trained(job(), tmp_path / "run")
    assert made.result.kept
    told = [event.message for event in made.of(Logged)]
    assert "The project does not know of this run: The disk is full." in told


def test_a_look_at_pictures_leaves_the_project_able_to_open_them(
    job: Callable[..., TrainingJob], tmp_path: Path
) -> None:
    dataset = job().dataset.model_copy(
        update={"project": str(tmp_path / "project"), "test_fraction": 0.2}
    )
    drive(scan(ScanJob(dataset=dataset)), nothing)
    assert Project.open(tmp_path / "project").dataset == dataset
