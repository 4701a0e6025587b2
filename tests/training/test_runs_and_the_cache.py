"""With the cache, without it, resumed and damaged: the same job gives the same weights."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from training.made_jobs import UNFROZEN, nothing, one_core, stop_when

from tlstudio.jobs import ResumeRun, TrainingJob, TrainRun
from tlstudio.tasks import Event, Logged, Progress, Step, Warned, drive
from tlstudio.training import caching, train
from tlstudio.training.activation_store import Shelf

Jobs = Callable[..., TrainingJob]
BOTH = ("model.safetensors", "last.safetensors")
MIDDLE = "features.7"


class Runs:
    """Runs of one job in folders of their own, all with one cache."""

    def __init__(self, job: TrainingJob, root: Path) -> None:
        self.job, self.root, self.cache = job, root, root / "cache"
        self.events: list[Event] = []

    def request(self, name: str) -> TrainRun:
        return TrainRun(job=self.job, run=str(self.root / name), cache=str(self.cache))

    def run(self, name: str) -> tuple[bytes, ...]:
        self.events.clear()
        drive(train.train(self.request(name)), self.events.append)
        return self.weights(name)

    def resume(self, name: str) -> tuple[bytes, ...]:
        request = ResumeRun(run=str(self.root / name), cache=str(self.cache))
        drive(train.resume(request), nothing)
        return self.weights(name)

    def weights(self, name: str) -> tuple[bytes, ...]:
        return tuple((self.root / name / "model" / file).read_bytes() for file in BOTH)

    def said(self, kind: type[Any] = Logged) -> str:
        return "\n".join(event.message for event in self.events if isinstance(event, kind))

    def empty_cache(self) -> None:
        """Takes away everything but what was measured: beside other programs the computer might now
        find another number format the fastest."""
        for folder in self.cache.iterdir():
            if folder.name != "measured":
                shutil.rmtree(folder) if folder.is_dir() else folder.unlink()

    def rows(self) -> list[Path]:
        return sorted((self.cache / "activations").rglob("*.rows"))


def cases() -> list[Any]:
    quick = {("all", 4, "same"), (UNFROZEN, 4, "fastest")}
    return [
        pytest.param(*case, marks=[] if case in quick else pytest.mark.slow)
        for freeze in ("all", MIDDLE, UNFROZEN)
        for views in (1, 2, 4)
        for precision in ("same", "fastest")
        if (case := (freeze, views, precision))
    ]


@pytest.fixture
def runs(job: Jobs, tmp_path: Path) -> Callable[..., Runs]:
    def make(freeze: str = UNFROZEN, views: int = 4, **recipe: Any) -> Runs:
        return Runs(job(freeze=freeze, recipe={"views": views, **recipe}), tmp_path)

    return make


@pytest.mark.parametrize(("freeze", "views", "precision"), cases())
def test_the_weights_are_the_same_bits_with_and_without_the_cache(
    freeze: str,
    views: int,
    precision: str,
    runs: Callable[..., Runs],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    formats = {} if precision == "same" else {"precision": "fastest"}
    chosen = runs(freeze, views, epochs=views, **formats)
    first = chosen.run("first")
    assert chosen.rows()
    assert chosen.run("from the cache") == first
    with monkeypatch.context() as patch:
        patch.setattr(caching, "make_room", lambda *_: False)
        chosen.empty_cache()
        assert chosen.run("without") == first
        assert not chosen.rows()
        assert "more than the cache may" in chosen.said()
    task = train.train(chosen.request("stopped"))
    assert stop_when(task, lambda event: isinstance(event, Step) and event.step == 2)
    chosen.empty_cache()
    assert chosen.resume("stopped") == first
    assert load_file(chosen.root / "first" / "model" / BOTH[0])


def test_a_cache_deleted_in_the_middle_of_an_epoch_changes_nothing(
    runs: Callable[..., Runs],
) -> None:
    chosen = runs()
    first = chosen.run("first")
    told: list[Event] = []
    for event in train.train(chosen.request("second")):
        told.append(event)
        if isinstance(event, Step) and event.step == 1:
            shutil.rmtree(chosen.cache)
    assert chosen.weights("second") == first
    assert [e for e in told if isinstance(e, Logged) and "taken away" in e.message]


def test_a_cache_with_flipped_bits_is_told_and_changes_nothing(runs: Callable[..., Runs]) -> None:
    chosen = runs()
    first = chosen.run("first")
    random = np.random.default_rng(2)
    for file in (*chosen.rows(), *(chosen.cache / "activations").rglob("*.index")):
        content = bytearray(file.read_bytes())
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        file.write_bytes(content)
    assert chosen.run("second") == first
    assert "damaged" in chosen.said(Warned)
    assert chosen.run("third") == first
    assert not chosen.said(Warned)


def test_a_cache_that_can_not_be_made_is_told_and_changes_nothing(
    runs: Callable[..., Runs],
) -> None:
    chosen = runs()
    first = chosen.run("first")
    shutil.rmtree(chosen.cache / "activations")
    (chosen.cache / "activations").write_text("in the way")
    assert chosen.run("second") == first
    assert "The cache can't be used" in chosen.said()


def test_a_run_stopped_while_the_cache_is_filled_leaves_what_it_had(
    runs: Callable[..., Runs],
) -> None:
    chosen = runs("all")
    task = train.train(chosen.request("stopped"))
    assert stop_when(
        task, lambda e: isinstance(e, Progress) and e.phase == "features" and e.done > 0
    )
    kept = chosen.rows()
    assert all(file.with_suffix(".index").exists() for file in kept)
    resumed = chosen.resume("stopped")
    shutil.rmtree(chosen.cache)
    assert resumed == chosen.run("first")


def _killed(request: TrainRun) -> None:
    """Publishes every row at once, and dies at the seventh."""
    add, added = Shelf.add, list[bytes]()

    def published(shelf: Shelf, name: bytes, row: Any) -> None:
        add(shelf, name, row)
        added.append(name)
        if len(added) == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        shelf.publish()

    Shelf.add = published  # type: ignore[method-assign]
    with one_core():
        drive(train.train(request), nothing)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_run_killed_while_the_cache_is_filled_leaves_what_was_published(
    runs: Callable[..., Runs],
) -> None:
    chosen = runs("all")
    process = multiprocessing.get_context("spawn").Process(
        target=_killed, args=(chosen.request("killed"),)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    resumed = chosen.run("second")
    found = [int(count) for count in re.findall(r"(\d+) of \d+ views", chosen.said())]
    assert sum(found) == 6
    shutil.rmtree(chosen.cache)
    assert chosen.run("third") == resumed
