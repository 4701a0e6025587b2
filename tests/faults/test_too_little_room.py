"""What will not fit is said before the start: nothing is written where the disk lacks room,
and batches begin in pieces where the memory has."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest
import torch
from training.made_jobs import (
    UNFROZEN,
    Trained,
    job_for,
    made_pictures,
    made_weights,
    nothing,
    one_core,
)

from tlstudio.errors import StorageError
from tlstudio.jobs import TrainingJob, TrainRun
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Warned, drive
from tlstudio.training import estimating, train

Usage = namedtuple("Usage", ["total", "used", "free"])


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    folder = tmp_path_factory.mktemp("room")
    return job_for(
        made_pictures(folder / "set"),
        made_weights(folder, "squeezenet1_1"),
        freeze=UNFROZEN,
        recipe={"head": {"dropout": 0}},
    )


def test_a_disk_with_too_little_room_is_told_with_both_figures_before_anything_is_written(
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimating.shutil, "disk_usage", lambda _: Usage(10**9, 0, 12_000_000))
    path = tmp_path / "new" / "run"
    with one_core(), pytest.raises(StorageError, match=r"needs \d+ MB in .*run, but only 12 MB"):
        drive(train.train(TrainRun(job=job, run=str(path))), nothing)
    assert not path.parent.exists()


def test_what_a_run_takes_on_the_disk_is_no_more_than_was_asked_for(
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most that lies in the run's folder at any event of the training."""
    path, most = tmp_path / "run", 0
    wanted: list[int] = []
    check = estimating.Outlook.check_room

    def noted(outlook: estimating.Outlook, run: Path) -> None:
        wanted.append(outlook.estimate.run_bytes)
        check(outlook, run)

    monkeypatch.setattr(estimating.Outlook, "check_room", noted)

    def weigh(_event: object) -> None:
        nonlocal most
        most = max(most, sum(each.stat().st_size for each in path.rglob("*") if each.is_file()))

    with one_core():
        drive(train.train(TrainRun(job=job, run=str(path))), weigh)
    weigh(None)
    assert most <= wanted[0] <= 4 * most


def test_a_batch_that_memory_will_not_hold_begins_in_pieces_and_teaches_the_same(
    job: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with one_core():
        whole = Trained(job, tmp_path / "whole")
        monkeypatch.setattr(estimating, "available_memory", lambda: 1)
        run = Trained(job, tmp_path / "run")
    said = [each.message for each in run.of(Warned)]
    assert [each for each in said if "one picture of a batch" in each]
    assert RunFolder(run.path).state().environment["at_once"] == 1
    assert not [each for each in whole.of(Warned) if "of a batch" in each.message]
    last = run.tensors("last.safetensors")
    for name, tensor in whole.tensors("last.safetensors").items():
        assert torch.allclose(last[name], tensor, rtol=1e-3, atol=1e-4), name
