"""Owns small training jobs for tests: made pictures and weights, and ways to run and stop them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.models import get_model

from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    Recipe,
    TrainingJob,
    TrainResult,
    TrainRun,
    WeightsSpec,
)
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Event, Task, drive
from tlstudio.training import train
from tlstudio.training.checkpoint import Checkpoint

CLASSES = ("blue", "green", "red")
UNFROZEN = "features.11"
"""Leaves the last of squeezenet1_1's stages to learn."""


def made_pictures(folder: Path, per_class: int = 5) -> Path:
    """Three classes of 64 x 48 pictures that colour tells apart."""
    random = np.random.default_rng(0)
    for channel, name in ((2, "blue"), (1, "green"), (0, "red")):
        (folder / name).mkdir(parents=True)
        for index in range(per_class):
            pixels = random.integers(0, 140, (48, 64, 3))
            pixels[..., channel] += random.integers(40, 110)
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(
                folder / name / f"{index}.png"
            )
    return folder


def made_weights(folder: Path, identifier: str) -> Path:
    """A weights file of this backbone: torchvision's own start, drawn from a fixed seed."""
    torch.manual_seed(11)
    file = folder / f"{identifier}.safetensors"
    save_file(get_model(identifier, weights=None).state_dict(), file)
    return file


def job_for(
    pictures: Path, weights: Path | None, backbone: str = "squeezenet1_1", **choices: Any
) -> TrainingJob:
    """A job of two epochs in batches of five, in the number format that needs no measuring;
    `recipe` adds to that."""
    start = WeightsSpec(source="scratch")
    if weights is not None:
        start = WeightsSpec(source="file", file=str(weights))
    recipe = {"epochs": 2, "batch_size": 5, "precision": "float32", **choices.pop("recipe", {})}
    return TrainingJob(
        dataset=DatasetSpec(folder=str(pictures)),
        backbone=BackboneSpec(id=backbone, weights=start),
        recipe=Recipe.model_validate(recipe),
        device="cpu",
        **choices,
    )


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Tiny pictures on one thread: threads that wait for each other on a busy computer take many
    times as long. What the program really does is for the end-to-end tests."""
    before = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "usable_cores", lambda: 1)
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(before)


class Trained:
    """A finished run with everything that it told."""

    def __init__(self, job: TrainingJob, path: Path) -> None:
        self.job, self.path, self.model = job, path, path / "model"
        self.events: list[Event] = []
        self.result: TrainResult = drive(
            train.train(TrainRun(job=job, run=str(path))), self.events.append
        )

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def tensors(self, name: str = "model.safetensors") -> dict[str, Tensor]:
        return load_file(self.model / name)


def checkpoint_of(run: Path) -> Checkpoint:
    """The newest one of a run."""
    return Checkpoint.load(RunFolder(run).checkpoints.newest_first()[0])


def nothing(_event: Event) -> None:
    pass


def stop_when(task: Task[TrainResult], wanted: Callable[[Event], bool]) -> bool:
    """Closes the job right after the first event that is `wanted`; False where it ended before."""
    try:
        for event in task:
            if wanted(event):
                return True
    finally:
        task.close()
    return False
