"""Whether the time that is shown before Start is right: estimated and measured, side by side.

    python benchmarks/estimate.py --data /path/to/images --weights mobilenet_v2.pth \
        squeezenet1_1.pth --out estimate.json

The folder of pictures holds `ants-bees` and `flowers`. Every setting gets a new cache, in one
engine that is up, as in the window: the estimate of the settings page, then the training itself.
Run it while the computer has nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tlstudio.backbones.catalogue import backbone
from tlstudio.engine.client import EngineClient
from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    EstimateJob,
    EstimateResult,
    Recipe,
    ScanJob,
    TrainingJob,
    TrainResult,
    TrainRun,
    WeightsSpec,
)
from tlstudio.tasks import drive

WITHIN = 0.3
FLOWERS_A_CLASS = 120


@dataclass(frozen=True)
class Setting:
    """`learning` is the share of the stages, counted from the answer, that learns."""

    network: int
    pictures: str
    learning: float
    epochs: int


SETTINGS = (
    Setting(0, "ants-bees", 0, 10),
    Setting(0, "ants-bees", 0.5, 6),
    Setting(0, "ants-bees", 0.05, 10),
    Setting(0, "ants-bees", 1, 2),
    Setting(0, "flowers", 0, 20),
    Setting(0, "flowers", 0.05, 5),
    Setting(1, "ants-bees", 0, 10),
    Setting(1, "ants-bees", 0.5, 5),
    Setting(1, "flowers", 0.05, 10),
    Setting(1, "ants-bees", 1, 2),
)


def main() -> None:
    """Runs the settings, prints the table and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, nargs=2, required=True, help="ID.pth, twice")
    parser.add_argument("--out", type=Path, default=Path("estimate.json"))
    parser.add_argument("--only", type=int, nargs="*", help="numbers of settings, from 0")
    arguments = parser.parse_args()
    chosen = arguments.only if arguments.only else range(len(SETTINGS))
    with tempfile.TemporaryDirectory(prefix="tlstudio-estimate-") as name:
        folder = Path(name)
        os.environ["TLSTUDIO_HOME"] = str(folder / "home")
        some_flowers(arguments.data / "flowers", folder / "flowers")
        pictures = {"ants-bees": arguments.data / "ants-bees", "flowers": folder / "flowers"}
        engine = EngineClient(folder / "engine.log")
        rows = []
        try:
            for number in chosen:
                setting = SETTINGS[number]
                weights = arguments.weights[setting.network]
                job = job_of(setting, weights, pictures[setting.pictures])
                rows.append(measure(engine, setting, job, folder / str(number)))
                print(line(rows[-1]), flush=True)
        finally:
            engine.close()
    right = sum(bool(row["right"]) for row in rows)
    print(f"{right} of {len(rows)} within {WITHIN:.0%}; load {os.getloadavg()[0]:.1f}")
    arguments.out.write_text(json.dumps({"settings": rows, "load": os.getloadavg()}, indent=1))


def some_flowers(source: Path, target: Path) -> None:
    """A part of the set, evenly spread, copied: the folders of the benchmark are never written."""
    for each in sorted(path for path in source.iterdir() if path.is_dir()):
        files = sorted(each.iterdir())
        (target / each.name).mkdir(parents=True)
        for file in files[:: max(1, len(files) // FLOWERS_A_CLASS)]:
            shutil.copyfile(file, target / each.name / file.name)


def job_of(setting: Setting, weights: Path, pictures: Path) -> TrainingJob:
    """Never stops early: the estimate says what all epochs take."""
    stages = len(backbone(weights.stem).stages)
    learning = max(1, round(stages * setting.learning)) if setting.learning else 0
    return TrainingJob(
        dataset=DatasetSpec(folder=str(pictures)),
        backbone=BackboneSpec(
            id=weights.stem, weights=WeightsSpec(source="file", file=str(weights.absolute()))
        ),
        freeze=stages - learning,
        recipe=Recipe(epochs=setting.epochs, patience=None),
    )


def measure(
    engine: EngineClient, setting: Setting, job: TrainingJob, folder: Path
) -> dict[str, object]:
    """What was said before, and what it took."""
    cache = str(folder / "cache")
    drive(engine.run(ScanJob(dataset=job.dataset)), lambda _: None)
    before = time.perf_counter()
    costs = drive(engine.run(EstimateJob(job=job, cache=cache)), lambda _: None)
    asked = time.perf_counter() - before
    assert isinstance(costs, EstimateResult)
    assert isinstance(job.freeze, int)
    expected = costs.of(job.recipe, job.freeze)
    before = time.perf_counter()
    request = TrainRun(job=job, run=str(folder / "run"), cache=cache)
    result = drive(engine.run(request), lambda _: None)
    took = time.perf_counter() - before
    assert isinstance(result, TrainResult)
    return {
        "network": job.backbone.id,
        "pictures": setting.pictures,
        "frozen": job.freeze,
        "epochs": setting.epochs,
        "estimated": expected.seconds,
        "measured": took,
        "ratio": expected.seconds / took,
        "right": abs(expected.seconds / took - 1) <= WITHIN,
        "said_by_training": result.estimate_seconds,
        "seconds_of_training": result.seconds,
        "estimating_took": asked,
        "estimated_phases": expected.phases,
        "measured_phases": result.phase_seconds,
        "steady": costs.costs.steady,
    }


def line(row: dict[str, object]) -> str:
    """A row of the table."""
    return (
        f"{row['network']:<15} {row['pictures']:<10} {row['frozen']:>3} frozen {row['epochs']:>3} "
        f"epochs  estimated {row['estimated']:7.1f} s  measured {row['measured']:7.1f} s  "
        f"ratio {row['ratio']:.2f}{'' if row['right'] else '  <--'}"
    )


if __name__ == "__main__":
    main()
