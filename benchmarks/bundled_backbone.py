"""How good the bundled backbone is: `python benchmarks/bundled_backbone.py NAME=FOLDER…`.

A linear probe on the frozen network, for every folder of pictures that is named and for the sample:
with the bundled weights, with random numbers in the same network, and with every weights file that
`--beside BACKBONE=FILE` names. A folder without validation pictures is split with seed 0. `--sizes`
tries other input sizes. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tlstudio.backbones.catalogue import catalogue
from tlstudio.engine.runner import task_for
from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    Recipe,
    SampleJob,
    TrainingJob,
    TrainRun,
    WeightsSpec,
)
from tlstudio.tasks import drive


def probed(folder: Path, start: BackboneSpec) -> float:
    """The share of validation pictures that the probe gets right."""
    job = TrainingJob(
        dataset=DatasetSpec(folder=str(folder)), backbone=start, recipe=Recipe(epochs=1)
    )
    with tempfile.TemporaryDirectory() as run:
        task = task_for(TrainRun(job=job, run=f"{run}/run"))
        accuracy: float = drive(task, lambda _: None).probe_accuracy
        return accuracy


def starts(beside: list[str], sizes: list[int | None]) -> dict[str, BackboneSpec]:
    """What is compared, by the words of its row."""
    bundled = next(entry.id for entry in catalogue() if entry.bundled)
    rows: dict[str, BackboneSpec] = {}
    for size in sizes:
        words = f", {size} px" if size else ""
        rows[f"{bundled}{words}"] = BackboneSpec(id=bundled, input_size=size)
        scratch = WeightsSpec(source="scratch")
        rows[f"{bundled}, random{words}"] = BackboneSpec(
            id=bundled, weights=scratch, input_size=size
        )
    for each in beside:
        identifier, file = each.split("=", 1)
        weights = WeightsSpec(source="file", file=file)
        rows[f"{identifier}, {Path(file).name}"] = BackboneSpec(id=identifier, weights=weights)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", metavar="NAME=FOLDER")
    parser.add_argument("--beside", action="append", default=[], metavar="BACKBONE=FILE")
    parser.add_argument("--sizes", type=int, nargs="+", default=[None])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        sample = Path(home) / "sample"
        drive(task_for(SampleJob(folder=str(sample))), lambda _: None)
        folders = {name: Path(path) for name, path in (f.split("=", 1) for f in given.folders)}
        folders["sample"] = sample
        print("| all frozen, linear probe | " + " | ".join(folders) + " |")
        print("|---|" + "---|" * len(folders))
        for words, start in starts(given.beside, given.sizes).items():
            figures = [f"{probed(folder, start):.1%}" for folder in folders.values()]
            print(f"| {words} | " + " | ".join(figures) + " |", flush=True)


if __name__ == "__main__":
    main()
