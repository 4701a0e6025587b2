"""Memory that runs out costs time: the batch is taken in pieces, down to single pictures, and the
model learns the same."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
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

from tlstudio.backbones.staged import StagedNetwork
from tlstudio.errors import TLStudioError
from tlstudio.jobs import Augmentation, ResumeRun, TrainRun
from tlstudio.projects.places import cache_folder
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Epoch, Event, Step, Warned, drive
from tlstudio.training import train
from tlstudio.training.frozen import FrozenPart

PLACES = ("frozen", "forward", "backward", "update", "validation")
LIMITS = (0, 1, 2, 3, 5, 7)
"""Pictures that memory holds at once; 0: not even one. A batch has eight, a validation nine."""
CASES = [
    pytest.param(place, limit, marks=() if limit == 3 else pytest.mark.slow)
    for place in PLACES
    for limit in LIMITS
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("memory")
    job = job_for(
        made_pictures(folder / "set", per_class=15),
        made_weights(folder, "squeezenet1_1"),
        freeze=UNFROZEN,
        recipe={
            "batch_size": 8,
            "head": {"dropout": 0},
            "augmentation": Augmentation(),
            "views": 1,
        },
    )
    with pytest.MonkeyPatch.context() as patch, one_core():
        patch.setenv("TLSTUDIO_HOME", str(folder / "home"))
        return Trained(job, folder / "run")


@pytest.fixture(autouse=True)
def _as_measured_before(whole: Trained) -> Iterator[None]:
    """Nothing is measured anew, and nothing else is in the cache."""
    measured = whole.path.parent / "home" / "cache" / "measured"
    shutil.copytree(measured, cache_folder() / "measured")
    with one_core():
        yield


class Scarce:
    """A memory that holds `limit` pictures in one `place`."""

    def __init__(self, patch: pytest.MonkeyPatch, place: str, limit: int) -> None:
        self.place, self.limit = place, limit
        self.sizes: list[int] = []
        self.last = 0
        self.held: list[weakref.ref[Tensor]] = []
        self.left: list[int] = []
        patch.setattr(FrozenPart, "_run", self.frozen(FrozenPart._run))
        patch.setattr(StagedNetwork, "classify", self.classify(StagedNetwork.classify))
        patch.setattr(torch.optim.AdamW, "step", self.update(torch.optim.AdamW.step))

    def take(self, place: str, size: int) -> None:
        if place != self.place:
            return
        self.left.append(sum(each() is not None for each in self.held))
        self.sizes.append(size)
        if size > self.limit:
            scratch = torch.zeros(1000)
            self.held.append(weakref.ref(scratch))
            raise torch.OutOfMemoryError("CUDA out of memory. (made up)")

    def frozen(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def run(part: FrozenPart, *given: Any) -> Any:
            self.take("frozen", part.batch)
            yield from original(part, *given)

        return run

    def classify(self, original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def classified(network: StagedNetwork, x: Tensor) -> Tensor:
            learns = torch.is_grad_enabled()
            self.take("forward" if learns else "validation", len(x))
            logits = original(network, x)
            if learns:
                self.last = len(x)
                logits.register_hook(lambda _: self.take("backward", len(x)))
            return logits

        return classified

    def update(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def updated(optimizer: torch.optim.Optimizer) -> Any:
            with torch.no_grad():
                spoilt = optimizer.param_groups[0]["params"][0]
                before = spoilt.clone()
                spoilt.fill_(1e6)  # half of an update
                self.take("update", self.last)
                spoilt.copy_(before)
            return original(optimizer)

        return updated


def warnings(events: list[Event]) -> list[str]:
    return [
        each.message for each in events if isinstance(each, Warned) and "memory" in each.message
    ]


@pytest.mark.parametrize(("place", "limit"), CASES)
def test_memory_that_runs_out_is_told_and_the_model_learns_the_same(
    place: str, limit: int, whole: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce = Scarce(monkeypatch, place, limit)
    if limit == 0:
        with pytest.raises(TLStudioError, match="not enough memory"):
            Trained(whole.job, tmp_path / "run")
        assert scarce.sizes[-1] == 1
        state = RunFolder(tmp_path / "run").state()
        assert state.state == "failed"
        assert "not enough memory" in state.message
        return
    run = Trained(whole.job, tmp_path / "run")
    assert scarce.sizes[-1] <= limit
    assert max(scarce.left) == 0, "what a failed attempt made was still there in the next one"
    assert warnings(run.events)
    assert [step.step for step in run.of(Step)] == [step.step for step in whole.of(Step)]
    if place == "frozen":
        # Features of smaller batches differ in their last digits, and the probe's fit stops at
        # other weights that say the same.
        losses = [[each.val_loss for each in one.of(Epoch)] for one in (run, whole)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-2)
    else:
        last, wanted = run.tensors("last.safetensors"), whole.tensors("last.safetensors")
        for name, tensor in wanted.items():
            assert torch.allclose(last[name], tensor, rtol=1e-3, atol=1e-4), name
    assert run.result.trained_accuracy == pytest.approx(whole.result.trained_accuracy, abs=0.12)


def test_a_run_that_is_carried_on_takes_the_pieces_that_memory_held(
    whole: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    scarce = Scarce(monkeypatch, "forward", 3)
    task = train.train(TrainRun(job=whole.job, run=str(path)))
    assert stop_when(task, lambda event: isinstance(event, Step) and event.step == 3)
    assert checkpoint_of(path).position.at_once == 2
    scarce.sizes.clear()
    drive(train.resume(ResumeRun(run=str(path))), nothing)
    assert max(scarce.sizes) <= 2


def test_an_update_that_fails_late_goes_back_to_the_last_checkpoint(
    whole: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the second epoch, after the checkpoint at the end of the first."""
    scarce = Scarce(monkeypatch, "update", 8)
    events: list[Event] = []

    def tell(event: Event) -> None:
        events.append(event)
        if isinstance(event, Step) and event.step == 7:
            scarce.limit = 4

    drive(train.train(TrainRun(job=whole.job, run=str(tmp_path / "run"))), tell)
    steps = [event.step for event in events if isinstance(event, Step)]
    assert steps == [*range(1, 8), *range(6, 11)]
    last = load_file(tmp_path / "run" / "model" / "last.safetensors")
    for name, tensor in whole.tensors("last.safetensors").items():
        assert torch.allclose(last[name], tensor, rtol=1e-3, atol=1e-4), name


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    whole: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Tensor:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(StagedNetwork, "classify", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        Trained(whole.job, tmp_path / "run")
