"""Nothing that is learned, chosen or told rests on the locked test pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from training.made_jobs import UNFROZEN, Trained, job_for, made_pictures, made_weights

from tlstudio.jobs import TrainRun
from tlstudio.tasks import Epoch, Event, ProbeFitted, Progress, Step, drive
from tlstudio.training import train


def with_test_pictures(folder: Path, seed: int) -> Path:
    """A data set with a test folder of noise, another one for each seed."""
    made_pictures(folder / "train")
    random = np.random.default_rng(seed)
    for name in ("blue", "green", "red"):
        (folder / "test" / name).mkdir(parents=True)
        for number in range(3):
            noise = random.integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(noise).save(folder / "test" / name / f"{number}.png")
    return folder


@pytest.mark.parametrize("freeze", ["all", pytest.param("none", marks=pytest.mark.slow)])
def test_other_test_pictures_give_the_same_model_and_the_same_figures(
    tmp_path: Path, freeze: str
) -> None:
    weights = made_weights(tmp_path, "squeezenet1_1")
    told, models = [], []
    for seed in (1, 2):
        pictures = with_test_pictures(tmp_path / f"set{seed}", seed)
        run = Trained(job_for(pictures, weights, freeze=freeze), tmp_path / f"run{seed}")
        told.append(
            [
                (type(event), event.train_loss, getattr(event, "val_loss", None))
                for event in run.events
                if isinstance(event, ProbeFitted | Step | Epoch)
            ]
        )
        models.append(run.tensors())
    assert told[0] == told[1]
    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_a_run_does_not_miss_test_pictures_that_are_gone_after_the_look_at_all(
    tmp_path: Path,
) -> None:
    pictures = with_test_pictures(tmp_path / "set", 1)
    weights = made_weights(tmp_path, "squeezenet1_1")

    def look(event: Event) -> None:
        if isinstance(event, Progress) and event.phase != "scan":
            shutil.rmtree(pictures / "test", ignore_errors=True)

    job = TrainRun(job=job_for(pictures, weights, freeze=UNFROZEN), run=str(tmp_path / "run"))
    result = drive(train.train(job), look)
    assert not (pictures / "test").exists()
    assert result.epochs == 2
