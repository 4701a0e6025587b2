"""This program as the window uses it: one engine that stays up, asked for one run after the other.

The first run starts from an empty cache in an engine that has so far looked through the pictures
once and no more; then `--then learning-rate` runs the same job at half the learning rate, and
`--then add` puts the pictures of the folder `--more` into the data set and runs the job again.
`seconds.first`, `seconds.learning-rate` and `seconds.add` are the times from asking for the run to
its answer; `seconds.scan` is the scan before the run with more pictures, as the window makes it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

from tlstudio.engine.client import EngineClient
from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    Recipe,
    ScanJob,
    TrainingJob,
    TrainResult,
    TrainRun,
    WeightsSpec,
)
from tlstudio.tasks import drive


class Session:
    """One engine, one cache, and what each run came to."""

    def __init__(self, engine: EngineClient, out: Path) -> None:
        self.engine, self.out = engine, out
        self.figures: dict[str, float] = {}

    def scan(self, job: TrainingJob) -> float:
        start = time.perf_counter()
        drive(self.engine.run(ScanJob(dataset=job.dataset, seed=job.seed)), lambda _: None)
        return time.perf_counter() - start

    def run(self, name: str, job: TrainingJob) -> None:
        request = TrainRun(job=job, run=str(self.out / name), cache=str(self.out / "cache"))
        start = time.perf_counter()
        result = drive(self.engine.run(request), lambda _: None)
        self.figures[f"seconds.{name}"] = time.perf_counter() - start
        assert isinstance(result, TrainResult)
        self.figures[f"accuracy.{name}"] = result.val_accuracy
        for phase, seconds in result.phase_seconds.items():
            self.figures[f"phase.{phase}.{name}"] = seconds
        if result.estimate_seconds is not None:
            self.figures[f"estimate.{name}"] = result.estimate_seconds


def add(more: Path, folder: Path) -> None:
    for file in more.rglob("*"):
        if file.is_file():
            shutil.copyfile(file, folder / file.relative_to(more))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="pictures; `add` writes here")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="an empty folder")
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--freeze", default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--more", type=Path, help="pictures to add, laid out as in the folder")
    parser.add_argument(
        "--then", action="append", default=[], choices=("learning-rate", "add"), dest="steps"
    )
    given = parser.parse_args()
    recipe = Recipe.model_validate_json(given.recipe.read_bytes())
    job = TrainingJob(
        dataset=DatasetSpec(folder=str(given.folder)),
        backbone=BackboneSpec(
            id="mobilenet_v2", weights=WeightsSpec(source="file", file=str(given.weights))
        ),
        freeze=given.freeze,
        recipe=recipe,
        seed=given.seed,
    )
    engine = EngineClient(given.out / "engine.log")
    try:
        session = Session(engine, given.out)
        session.scan(job)
        session.run("first", job)
        for step in given.steps:
            if step == "learning-rate":
                slower = recipe.model_copy(update={"learning_rate": recipe.learning_rate / 2})
                session.run(step, job.model_copy(update={"recipe": slower}))
            else:
                add(given.more, given.folder)
                session.figures["seconds.scan"] = session.scan(job)
                session.run(step, job)
    finally:
        engine.close()
    print(json.dumps({"figures": session.figures}), flush=True)


if __name__ == "__main__":
    main()
