"""A rate that is too high costs no run: training goes back and lowers it once, or says that it was
too high; nothing that is no number is ever kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from training.made_jobs import (
    UNFROZEN,
    Trained,
    checkpoint_of,
    job_for,
    made_pictures,
    made_weights,
    nothing,
    one_core,
    stop_when,
)

from tlstudio.errors import TLStudioError
from tlstudio.gui.widgets.series import CurveData
from tlstudio.jobs import FinishRun, ResumeRun, TrainingJob, TrainRun
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Event, Resumed, Step, Warned, drive
from tlstudio.training import train

RECOVERS = {"learning_rate": 1.0}
TOO_HIGH: dict[str, Any] = {"learning_rate": 10.0, "optimizer": "sgd"}


class Bench:
    def __init__(self, folder: Path) -> None:
        self.pictures = made_pictures(folder / "set", 20)
        self.weights = made_weights(folder, "squeezenet1_1")

    def job(self, freeze: str, **recipe: Any) -> TrainingJob:
        recipe = {"epochs": 4, "batch_size": 8, "views": 1, "patience": None, **recipe}
        return job_for(self.pictures, self.weights, freeze=freeze, recipe=recipe)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("astray"))


@pytest.fixture(autouse=True)
def _one_core() -> Iterator[None]:
    with one_core():
        yield


def is_warning(event: Event) -> bool:
    return isinstance(event, Warned) and "went astray" in event.message


def rates_around_the_setback(events: list[Event]) -> tuple[float, float]:
    """The rates of the first step that was taken twice, before and after."""
    setback = next(number for number, event in enumerate(events) if is_warning(event))
    after = next(event for event in events[setback:] if isinstance(event, Step))
    before = next(each for each in events if isinstance(each, Step) and each.step == after.step)
    return before.learning_rate, after.learning_rate


def test_a_rate_that_is_too_high_is_lowered_once_and_the_model_learns(
    bench: Bench, tmp_path: Path
) -> None:
    run = Trained(bench.job("all", **RECOVERS), tmp_path / "run")
    assert sum(map(is_warning, run.events)) == 1
    before, after = rates_around_the_setback(run.events)
    assert after == pytest.approx(before / 10)
    curves = CurveData()
    for event in run.events:
        curves.add(event)
    steps = list(curves.loss.running.x)
    assert steps == sorted(set(steps)), "what is learnt again is not drawn twice"
    assert run.result.epochs == 4
    assert run.result.trained_accuracy is not None
    assert run.result.trained_accuracy > 0.9
    for tensor in run.tensors("last.safetensors").values():
        assert bool(tensor.isfinite().all())


def test_a_run_that_is_carried_on_keeps_the_lowered_rate_and_ends_with_the_same_weights(
    bench: Bench, tmp_path: Path
) -> None:
    job = bench.job("all", **RECOVERS)
    whole, path = Trained(job, tmp_path / "whole"), tmp_path / "run"
    assert stop_when(train.train(TrainRun(job=job, run=str(path))), is_warning)
    assert checkpoint_of(path).position.rate_scale == pytest.approx(0.1)
    told = RunFolder(path).events()
    assert is_warning(told[-2])
    assert isinstance(told[-1], Resumed), "or its curves would run on from where it went astray"
    again: list[Event] = []
    drive(train.resume(ResumeRun(run=str(path))), again.append)
    assert not any(map(is_warning, again))
    for name in ("model.safetensors", "last.safetensors"):
        assert (path / "model" / name).read_bytes() == (whole.model / name).read_bytes()


@pytest.mark.parametrize("freeze", ["all", pytest.param(UNFROZEN, marks=pytest.mark.slow)])
def test_where_lowering_does_not_help_it_is_said_and_the_best_so_far_can_be_had(
    freeze: str, bench: Bench, tmp_path: Path
) -> None:
    path, events = tmp_path / "run", list[Event]()
    with pytest.raises(TLStudioError, match="lower learning rate as well") as caught:
        drive(
            train.train(TrainRun(job=bench.job(freeze, **TOO_HIGH), run=str(path))), events.append
        )
    assert caught.value.hint
    assert sum(map(is_warning, events)) == 1
    assert RunFolder(path).state().state == "failed"
    kept = checkpoint_of(path)
    assert all(bool(tensor.isfinite().all()) for tensor in kept.now.values())
    assert drive(train.finish(FinishRun(run=str(path))), nothing).val_accuracy > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("rate", [1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("freeze", ["all", UNFROZEN])
def test_whatever_the_rate_a_run_ends_well_or_with_a_sentence(
    freeze: str, rate: float, optimizer: str, bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    job = bench.job(freeze, learning_rate=rate, optimizer=optimizer)
    try:
        drive(train.train(TrainRun(job=job, run=str(path))), nothing)
    except TLStudioError as error:
        assert "went astray" in error.message  # noqa: PT017
        assert rate >= 0.1
        drive(train.finish(FinishRun(run=str(path))), nothing)
    for file in ("model.safetensors", "last.safetensors"):
        tensors = load_file(path / "model" / file).values()
        assert all(bool(tensor.isfinite().all()) for tensor in tensors)
