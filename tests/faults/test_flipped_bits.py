"""A single flipped bit in what a run keeps is noticed, and never gives silently wrong weights."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
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

from tlstudio.errors import RunError
from tlstudio.jobs import ResumeRun, TrainRun
from tlstudio.projects.checked import SUMS, beside, is_as_listed, is_whole
from tlstudio.projects.own_models import CARD, WEIGHTS, own_run
from tlstudio.projects.places import cache_folder
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Step, Warned, drive
from tlstudio.training import train
from tlstudio.training.activation_store import Shelf
from tlstudio.training.checkpoint import newest
from tlstudio.training.model_folder import LAST, load_model

FLIPS = [pytest.param(12, id="quick"), pytest.param(400, marks=pytest.mark.slow, id="slow")]
"""In each of the five proofs."""


@contextlib.contextmanager
def flipped(file: Path, random: Random) -> Iterator[None]:
    """One bit of the file is another one while the block runs."""
    before = file.read_bytes()
    flip(file, random)
    try:
        yield
    finally:
        file.write_bytes(before)


def flip(file: Path, random: Random) -> None:
    place, bit = random.randrange(file.stat().st_size), random.randrange(8)
    with file.open("r+b") as content:
        content.seek(place)
        value = content.read(1)[0]
        content.seek(place)
        content.write(bytes([value ^ (1 << bit)]))


@pytest.fixture
def random() -> Random:
    return Random(2000)  # noqa: S311


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("flips")
    weights = made_weights(folder, "squeezenet1_1")
    with one_core():
        return Trained(
            job_for(made_pictures(folder / "set"), weights, freeze=UNFROZEN), folder / "run"
        )


@pytest.fixture(scope="module")
def stopped(whole: Trained, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The same run, stopped at its fifth step."""
    path = tmp_path_factory.mktemp("flips") / "stopped"
    with one_core():
        task = train.train(TrainRun(job=whole.job, run=str(path)))
        assert stop_when(task, lambda event: isinstance(event, Step) and event.step == 5)
    return RunFolder(path)


@pytest.mark.parametrize("flips", FLIPS)
def test_the_checkpoint_before_a_damaged_one_is_taken(
    flips: int, stopped: RunFolder, random: Random
) -> None:
    last, before = RunFolder(stopped.path).checkpoints.newest_first()[:2]
    good = newest(RunFolder(stopped.path).checkpoints)[0]
    assert good is not None
    for number in range(flips):
        with flipped((last, beside(last))[number % 2], random):
            found, remark = newest(RunFolder(stopped.path).checkpoints)
            assert found is not None
            assert found.position.epoch * 3 + found.position.step == 3
            assert isinstance(remark, Warned)
            assert last.name in remark.message
    with contextlib.ExitStack() as all_damaged:
        for file in RunFolder(stopped.path).checkpoints.newest_first():
            all_damaged.enter_context(flipped(file, random))
        with pytest.raises(RunError, match="is damaged"):
            newest(RunFolder(stopped.path).checkpoints)
    assert is_whole(before)


@pytest.mark.parametrize("flips", FLIPS)
def test_a_damaged_start_is_not_carried_on_from(
    flips: int, stopped: RunFolder, random: Random
) -> None:
    for number in range(flips):
        with flipped((stopped.start_file, beside(stopped.start_file))[number % 2], random):
            if number % 50 == 0:
                with pytest.raises(RunError, match="missing or damaged"):
                    drive(train.resume(ResumeRun(run=str(stopped.path))), nothing)
            assert not is_whole(stopped.start_file)
    assert is_whole(stopped.start_file)


@pytest.mark.parametrize("flips", FLIPS)
def test_a_damaged_model_is_not_used(
    flips: int, whole: Trained, random: Random, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(whole.model, model)
    checks: dict[str, Callable[[], object]] = {
        WEIGHTS: lambda: load_model(model),
        CARD: lambda: (load_model(model), own_run(model)),
    }
    for number in range(flips):
        name = (WEIGHTS, CARD, LAST, SUMS)[number % 4]
        with flipped(model / name, random):
            assert not all(is_as_listed(model, each) for each in (WEIGHTS, CARD, LAST))
            if name in checks:
                with pytest.raises(RunError, match="is not as it was written"):
                    checks[name]()
    load_model(model)
    assert own_run(model).accuracy == whole.result.val_accuracy


@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize("kind", ["*.rows", "*.index"])
def test_a_damaged_row_of_the_cache_is_none_and_never_another(
    kind: str, flips: int, random: Random, tmp_path: Path
) -> None:
    rows = np.random.default_rng(1).normal(size=(40, 3, 5)).astype(np.float32)
    names = [bytes([number]) * 32 for number in range(len(rows))]
    shelf = Shelf(tmp_path / "kept", rows.shape[1:], half=True)
    for name, row in zip(names, rows, strict=True):
        shelf.add(name, row)
    shelf.close()
    for number in range(flips):
        folder = tmp_path / str(number)
        shutil.copytree(tmp_path / "kept", folder)
        with flipped(next(folder.glob(kind)), random):
            damaged = Shelf(folder, rows.shape[1:], half=True)
            found = [damaged.read(name) for name in names]
            assert damaged.damaged
            damaged.close()
        gone = [row for row in found if row is None]
        assert len(gone) == (1 if kind == "*.rows" else len(rows))
        for row, kept in zip(found, rows, strict=True):
            assert row is None or np.array_equal(row, kept.astype(np.float16))
        shutil.rmtree(folder)


@pytest.mark.parametrize("flips", [pytest.param(2), pytest.param(20, marks=pytest.mark.slow)])
def test_what_is_damaged_in_the_cache_is_computed_again_to_the_same_weights(
    flips: int, whole: Trained, random: Random, tmp_path: Path
) -> None:
    with one_core():
        Trained(whole.job, tmp_path / "first")  # fills the cache of this test
        for number in range(flips):
            files = sorted(
                (cache_folder() / "activations").rglob(("*.rows", "*.index")[number % 2])
            )
            flip(random.choice(files), random)
            drive(train.train(TrainRun(job=whole.job, run=str(tmp_path / str(number)))), nothing)
            for name in ("model.safetensors", "last.safetensors"):
                ours = (tmp_path / str(number) / "model" / name).read_bytes()
                assert ours == (whole.model / name).read_bytes()
