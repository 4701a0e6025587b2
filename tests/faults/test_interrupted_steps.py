"""A training that was interrupted at any of its 40 steps ends with the bits of one that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from training.made_jobs import (
    UNFROZEN,
    Trained,
    job_for,
    made_pictures,
    made_weights,
    nothing,
    one_core,
    stop_when,
)

from tlstudio.jobs import ResumeRun, TrainingJob, TrainRun
from tlstudio.tasks import Step, drive
from tlstudio.training import train

STEPS = 40
KINDS: dict[str, dict[str, Any]] = {
    "head": {"recipe": {"head": {"dropout": 0.4}, "class_weights": "balanced"}},
    "cached": {"freeze": UNFROZEN, "recipe": {"head": {"dropout": 0.4}, "averaging": 0.9}},
    "pictures": {
        "freeze": UNFROZEN,
        "recipe": {"views": 0, "head": {"hidden": 6, "dropout": 0.3}, "optimizer": "sgd"},
    },
    "scratch": {"freeze": "none", "recipe": {"warmup": 0.2, "batchnorm_statistics": "update"}},
}
QUICK = {("head", 5), ("cached", 18), ("pictures", 27), ("scratch", 40)}
CASES = [
    pytest.param(kind, step, marks=() if (kind, step) in QUICK else pytest.mark.slow)
    for kind in KINDS
    for step in range(1, STEPS + 1)
]


class Wholes:
    """The undisturbed run of each kind, made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pictures = made_pictures(folder / "set")
        self._weights = made_weights(folder, "squeezenet1_1")
        self._made: dict[str, Trained] = {}

    def of(self, kind: str) -> Trained:
        if kind not in self._made:
            with one_core():
                self._made[kind] = Trained(self.job(kind), self._folder / kind)
        return self._made[kind]

    def job(self, kind: str) -> TrainingJob:
        choices = KINDS[kind]
        fixed = {"epochs": 10, "batch_size": 3, "patience": None}
        return job_for(
            self._pictures,
            None if kind == "scratch" else self._weights,
            "mobilenet_v3_small" if kind == "scratch" else "squeezenet1_1",
            **{**choices, "recipe": {**choices["recipe"], **fixed}},
        )


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> Wholes:
    return Wholes(tmp_path_factory.mktemp("steps"))


@pytest.mark.parametrize(("kind", "step"), CASES)
def test_a_run_interrupted_at_this_step_ends_with_the_same_bits(
    kind: str, step: int, wholes: Wholes, tmp_path: Path
) -> None:
    whole, path = wholes.of(kind), tmp_path / "run"
    assert len(whole.of(Step)) == STEPS
    with one_core():
        task = train.train(TrainRun(job=whole.job, run=str(path)))
        assert stop_when(task, lambda event: isinstance(event, Step) and event.step == step)
        drive(train.resume(ResumeRun(run=str(path))), nothing)
    for name in ("model.safetensors", "last.safetensors"):
        assert (path / "model" / name).read_bytes() == (whole.model / name).read_bytes(), name
