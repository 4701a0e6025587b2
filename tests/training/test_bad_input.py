"""A mistake gives a sentence before anything is written: no run folder, no trace."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from training.made_jobs import UNFROZEN, job_for, made_pictures, made_weights, nothing, stop_when

from tlstudio.errors import (
    DatasetError,
    RunError,
    StorageError,
    TLStudioError,
    UsageError,
    WeightsError,
)
from tlstudio.jobs import TrainingJob, TrainRun
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Logged, Warned, drive
from tlstudio.training import train
from tlstudio.training.loop import Loop

Jobs = Callable[..., TrainingJob]


def refused(job: TrainingJob, path: Path, kind: type[TLStudioError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        drive(train.train(TrainRun(job=job, run=str(path))), nothing)
    assert caught.value.hint
    assert not path.exists()


def test_weights_of_another_network_are_named(pictures: Path, tmp_path: Path) -> None:
    other = made_weights(tmp_path, "shufflenet_v2_x0_5")
    refused(job_for(pictures, other), tmp_path / "run", WeightsError, "weights")
    other = made_weights(tmp_path, "squeezenet1_0")
    refused(job_for(pictures, other), tmp_path / "run", WeightsError, "SqueezeNet 1.0")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_truncated_weights_are_refused(
    suffix: str, pictures: Path, weights: Path, tmp_path: Path
) -> None:
    cut = tmp_path / f"cut{suffix}"
    if suffix == ".pth":
        torch.save({"a": torch.zeros(1000)}, cut)
        cut.write_bytes(cut.read_bytes()[:1500])
    else:
        cut.write_bytes(weights.read_bytes()[:100_000])
    refused(job_for(pictures, cut), tmp_path / "run", WeightsError, "is incomplete")


class Hostile:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_a_hostile_pickle_is_refused_and_nothing_in_it_runs(pictures: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"a": Hostile(mark)}))
    torch.save({"a": Hostile(mark)}, tmp_path / "zip.pth")
    for name in ("evil.pth", "zip.pth"):
        refused(job_for(pictures, tmp_path / name), tmp_path / "run", WeightsError, "more than|dam")
    assert not mark.exists()


def test_a_missing_folder_is_told(weights: Path, tmp_path: Path) -> None:
    refused(job_for(tmp_path / "none", weights), tmp_path / "run", DatasetError, "none")


def test_one_class_is_nothing_to_tell_apart(pictures: Path, weights: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures / "red", tmp_path / "set" / "red")
    chosen = job_for(tmp_path / "set", weights)
    refused(chosen, tmp_path / "run", DatasetError, "only one class")


def test_one_picture_in_a_class_is_too_few(pictures: Path, weights: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "set")
    for file in sorted((tmp_path / "set" / "red").iterdir())[1:]:
        file.unlink()
    chosen = job_for(tmp_path / "set", weights)
    refused(chosen, tmp_path / "run", DatasetError, "only one usable picture")


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"freeze": "layer9"}, "no stage called 'layer9'"),
        ({"freeze": 10}, "has 9"),
        ({"backbone": "squeezenet1_2"}, "no backbone called"),
    ],
)
def test_a_wrong_request_is_refused_before_the_pictures_are_looked_at(
    choices: dict[str, Any], words: str, tmp_path: Path
) -> None:
    chosen = job_for(tmp_path / "none", None, **choices)
    refused(chosen, tmp_path / "run", UsageError, words)


def test_a_device_that_is_not_there_is_refused(job: Jobs, tmp_path: Path) -> None:
    if torch.backends.mps.is_available():
        pytest.skip("this computer has one")
    chosen = job().model_copy(update={"device": "mps"})
    refused(chosen, tmp_path / "run", UsageError, "no mps device")


def test_a_used_folder_is_refused_at_once_and_left_alone(job: Jobs, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="is not an empty folder"):
        next(train.train(TrainRun(job=job(), run=str(tmp_path))))
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_a_full_disk_at_the_start_leaves_no_half_run(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full.", "Free some space.")

    monkeypatch.setattr(train, "write_tensors", full)
    refused(job(), tmp_path / "run", StorageError, "full")


def test_stopping_before_the_run_begins_leaves_nothing(job: Jobs, tmp_path: Path) -> None:
    task = train.train(TrainRun(job=job(), run=str(tmp_path / "run")))
    assert stop_when(task, lambda event: isinstance(event, Logged))  # the weights were found
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_left_out_are_told_and_the_rest_trains(
    weights: Path, tmp_path: Path
) -> None:
    folder = made_pictures(tmp_path / "set ’ [b] 🙂 'x'")
    (folder / "red" / "broken [i].png").write_bytes(b"no picture")
    Image.new("RGB", (40, 40)).save(folder / "red" / f"{'n' * 200}.png")
    task = train.train(TrainRun(job=job_for(folder, weights), run=str(tmp_path / "run")))
    warned: list[Warned] = []
    stop_when(task, lambda e: isinstance(e, Warned) and not warned.append(e))
    assert "broken [i].png" in warned[0].message


@pytest.mark.slow
def test_three_hundred_classes_train(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for number in range(300):
        (folder / f"{number:03}").mkdir(parents=True)
        for index in range(2):
            picture = Image.new("RGB", (8, 8), (number % 256, number // 2, index * 9))
            picture.save(folder / f"{number:03}" / f"{index}.png")
    small = job_for(folder, weights, recipe={"epochs": 1, "batch_size": 64})
    result = drive(train.train(TrainRun(job=small, run=str(tmp_path / "run"))), nothing)
    assert result.epochs == 1


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
    ids=["gpu", "cpu"],
)
def test_a_lack_of_memory_is_a_sentence_and_keeps_what_was_reached(
    error: Exception, job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(Loop, "_step", fails)
    request = TrainRun(job=job(freeze=UNFROZEN), run=str(tmp_path / "run"))
    with pytest.raises(TLStudioError, match="not enough memory") as caught:
        drive(train.train(request), nothing)
    assert "smaller batches" in caught.value.hint
    run = RunFolder(tmp_path / "run")
    assert run.state().state == "failed"
    assert "not enough memory" in run.state().message
    assert run.checkpoints.newest_first()


def test_a_project_that_is_not_here_is_told_because_its_corrections_are_missing(
    job: Jobs, tmp_path: Path
) -> None:
    plain = job()
    dataset = plain.dataset.model_copy(update={"project": str(tmp_path / "carried here")})
    elsewhere = plain.model_copy(update={"dataset": dataset})
    warned: list[Warned] = []
    task = train.train(TrainRun(job=elsewhere, run=str(tmp_path / "run")))
    stop_when(task, lambda e: isinstance(e, Warned) and not warned.append(e))
    assert "without any corrections" in warned[0].message
