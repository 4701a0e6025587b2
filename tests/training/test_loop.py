"""What is shown and kept does not depend on when numbers are fetched, or on the number format."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from training.made_jobs import UNFROZEN, Trained, checkpoint_of, nothing, stop_when

from tlstudio.jobs import ResumeRun, TrainingJob, TrainRun
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Epoch, Step, drive
from tlstudio.training import estimating, loop, train
from tlstudio.training.loop import Loop

Jobs = Callable[..., TrainingJob]


@pytest.fixture
def computes_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor is treated as a device whose numbers are fetched once an epoch."""
    prepare = Loop.__post_init__

    def prepared(self: Loop) -> None:
        prepare(self)
        self.beside = True

    monkeypatch.setattr(Loop, "__post_init__", prepared)
    monkeypatch.setattr(loop, "READ_EVERY", 1e9)


@pytest.mark.usefixtures("computes_beside")
def test_numbers_that_are_fetched_late_are_the_same(unfrozen_run: Trained, tmp_path: Path) -> None:
    run = Trained(unfrozen_run.job, tmp_path / "run")
    assert run.tensors("last.safetensors").keys() == unfrozen_run.tensors("last.safetensors").keys()
    for name, tensor in run.tensors("last.safetensors").items():
        assert torch.equal(tensor, unfrozen_run.tensors("last.safetensors")[name])
    for ours, theirs in zip(run.of(Epoch), unfrozen_run.of(Epoch), strict=True):
        assert ours.train_loss == theirs.train_loss
        assert ours.train_accuracy == theirs.train_accuracy
    assert [step.step for step in run.of(Step)] == [step.step for step in unfrozen_run.of(Step)]
    assert all(math.isfinite(step.train_loss) for step in run.of(Step))


@pytest.mark.usefixtures("computes_beside")
def test_a_loss_that_is_no_number_is_noticed_before_its_weights_are_kept(
    job: Jobs, tmp_path: Path
) -> None:
    chosen = job(freeze=UNFROZEN, recipe={"epochs": 1})
    path = tmp_path / "run"
    task = train.train(TrainRun(job=chosen, run=str(path)))
    original = Loop._step

    def broken(self: Loop, *given: Any) -> Step:
        event = original(self, *given)
        if event.step == 2:
            with torch.no_grad():
                for parameter in self.network.head.parameters():
                    parameter.fill_(math.nan)
        return event

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "_step", broken)
        assert stop_when(task, lambda event: isinstance(event, Step) and event.step == 3)
    assert RunFolder(path).state().state == "interrupted"
    kept = checkpoint_of(path)
    assert all(bool(tensor.isfinite().all()) for tensor in kept.now.values())
    assert drive(train.resume(ResumeRun(run=str(path))), nothing).epochs == 1


def test_training_in_float16_scales_its_loss_and_carries_on_with_that_scale(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimating, "precisions", lambda *_: ("float32", "float16"))
    chosen = job(freeze=UNFROZEN, recipe={"precision": "fastest"})
    whole = Trained(chosen, tmp_path / "whole")
    path = tmp_path / "run"
    task = train.train(TrainRun(job=chosen, run=str(path)))
    assert stop_when(task, lambda event: isinstance(event, Step) and event.step == 4)
    position = checkpoint_of(path).position
    assert position.loss_scale >= 1
    assert position.unscathed_steps > 0
    drive(train.resume(ResumeRun(run=str(path))), nothing)
    name = "model/last.safetensors"
    assert (path / name).read_bytes() == (whole.path / name).read_bytes()
