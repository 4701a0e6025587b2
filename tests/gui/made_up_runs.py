"""Owns made-up runs on disk, as trainings leave them in a project."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from made_up import made_up_run, made_up_train_result

from tlstudio.jobs import BackboneSpec, DatasetSpec, Recipe, ScanResult, TrainingJob
from tlstudio.projects.run_folder import RunFolder, State
from tlstudio.tasks import Event

BEGUN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def made_up_job(scan: ScanResult | None = None, **values: Any) -> TrainingJob:
    """By the usual recipe, with what is named otherwise; `recipe` as a dict of changes."""
    recipe = Recipe.model_validate(values.pop("recipe", {}))
    dataset = DatasetSpec(folder=scan.folder if scan else "/pictures")
    chosen = {"dataset": dataset, "backbone": BackboneSpec(id="squeezenet1_1"), "freeze": 8}
    return TrainingJob.model_validate({**chosen, "recipe": recipe, **values})


def made_up_run_folder(
    path: Path,
    state: State = "completed",
    job: TrainingJob | None = None,
    events: Iterable[Event] | None = None,
    hours: int = 0,
    message: str = "",
    **result: Any,
) -> Path:
    """A run that was begun `hours` after `BEGUN`. Finished, its accuracy rests on 49 pictures;
    interrupted, it is in epoch 3 of 10 and can be carried on."""
    run = RunFolder.create(path, job or made_up_job())
    upto = None if state == "completed" else 3
    with run.recording() as log:
        for event in (
            made_up_run(4 if upto is None else 10, upto=upto) if events is None else events
        ):
            log.append(event)
    if state == "completed":
        run.save_state(state, result=made_up_train_result(str(path), **result))
        run.model.mkdir()
        (run.model / "model.json").write_text(json.dumps(_CARD))
    else:
        run.save_state(state, message)
        run.start_file.touch()
    begun = (BEGUN + timedelta(hours=hours)).timestamp()
    os.utime(run.job_file, (begun, begun))
    return path


_CARD = {
    "version": 1,
    "backbone": "squeezenet1_1",
    "classes": ["hole", "stain"],
    "preprocessing": {"crop": 224},
    "weights": {"source": "published", "variant": None},
    "metrics": {"val_accuracy": 0.945, "pictures": {"train": 195, "val": 49}},
}
