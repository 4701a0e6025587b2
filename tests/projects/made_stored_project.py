"""Owns how `stored/vN` is made: run by hand, once, with the program whose schema is N.

    PYTHONPATH=tests python tests/projects/made_stored_project.py

What was stored is never made again by a newer program: it would prove nothing.
"""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

from tlstudio.datasets.scan import scan
from tlstudio.engine.runner import task_for
from tlstudio.gui.wizard.picture_choice import looked_at
from tlstudio.gui.wizard.run_names import new_run_folder
from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    Grouping,
    Recipe,
    SampleJob,
    ScanJob,
    TrainingJob,
    TrainRun,
)
from tlstudio.projects.corrections import ClassName, Corrections
from tlstudio.projects.migrations import SCHEMA
from tlstudio.projects.project import Project
from tlstudio.projects.runs import rename
from tlstudio.tasks import Event, drive

WORKPLACE = Path("/tmp/tlstudio")  # noqa: S108  (the same for everybody who makes one)
STORED = Path(__file__).parent / "stored" / f"v{SCHEMA}"


def make() -> None:
    """Uses a project as its user would, and keeps its small files."""
    shutil.rmtree(WORKPLACE, ignore_errors=True)
    os.environ["TLSTUDIO_HOME"] = str(WORKPLACE / "home")
    pictures, home = WORKPLACE / "fabric", WORKPLACE / "project"
    drive(task_for(SampleJob(folder=str(pictures), pictures_per_class=4)), _nothing)
    dataset = DatasetSpec(folder=str(pictures), project=str(home), test_fraction=0.1)
    drive(scan(ScanJob(dataset=dataset)), _nothing)
    project = Project.open(home)
    corrections = Corrections(project)
    corrections.relabel([1], "good")
    corrections.exclude([6], excluded=True)
    corrections.set_classes({"hole": ClassName("Streaks")})
    project.set_setting("dismissed", ["small_class:"])
    project.rename("Cloth")
    dataset = dataset.model_copy(update={"grouping": Grouping(pattern="{group}_*")})
    result = drive(scan(ScanJob(dataset=dataset)), _nothing)
    job = TrainingJob(
        dataset=looked_at(result, dataset),
        backbone=BackboneSpec(id="compact_resnet"),
        recipe=Recipe(epochs=3),
        device="cpu",
    )
    run = new_run_folder("fabric", datetime(2026, 11, 20, 9, 30), str(home))
    drive(task_for(TrainRun(job=job, run=str(run))), _nothing)
    rename(project, run, "First try")
    left_out = shutil.ignore_patterns("cache", "*.safetensors*", "*lock")
    shutil.copytree(home, STORED / "project", ignore=left_out)


def _nothing(_event: Event) -> None:
    pass


if __name__ == "__main__":
    make()
