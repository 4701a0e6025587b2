"""Fault: somebody cleans everything under `cache/` while a training runs. It may take longer, and
that is all: the weights are the same, bit for bit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from training.made_jobs import job_for, made_pictures, made_weights, nothing, one_core

from tlstudio.datasets.scan import scan
from tlstudio.jobs import ScanJob, TrainingJob, TrainRun
from tlstudio.projects.disk_use import clean
from tlstudio.projects.places import cache_folder
from tlstudio.tasks import Event, drive
from tlstudio.training import train

ACTIVATIONS, PICTURES, FEATURES = "features.7", "none", "all"
"""Which stages are frozen decides what a training keeps in the cache."""


@pytest.fixture(autouse=True)
def _one_core() -> Iterator[None]:
    with one_core():
        yield


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_pictures(tmp_path_factory.mktemp("pictures") / "set")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_weights(tmp_path_factory.mktemp("weights"), "squeezenet1_1")


def trained(run: Path) -> tuple[bytes, bytes]:
    model = run / "model"
    return (model / "model.safetensors").read_bytes(), (model / "last.safetensors").read_bytes()


def cleaned() -> int:
    return drive(clean("cache"), nothing)


@pytest.mark.parametrize(
    "freeze",
    [
        ACTIVATIONS,
        pytest.param(PICTURES, marks=pytest.mark.slow),
        pytest.param(FEATURES, marks=pytest.mark.slow),
    ],
)
def test_a_cache_that_is_cleaned_again_and_again_changes_no_bit(
    pictures: Path, weights: Path, tmp_path: Path, freeze: str
) -> None:
    job: TrainingJob = job_for(pictures, weights, freeze=freeze)
    drive(train.train(TrainRun(job=job, run=str(tmp_path / "left alone"))), nothing)
    freed, count = [cleaned()], 0

    def clean_at_times(_event: Event) -> None:
        nonlocal count
        count += 1
        if count % 3 == 0:
            freed.append(cleaned())

    drive(train.train(TrainRun(job=job, run=str(tmp_path / "cleaned"))), clean_at_times)
    assert sum(size > 0 for size in freed) > 1, "there was something to take away meanwhile"
    assert trained(tmp_path / "cleaned") == trained(tmp_path / "left alone")


@pytest.mark.slow
@pytest.mark.parametrize("freeze", [ACTIVATIONS, PICTURES, FEATURES])
def test_a_cache_that_is_cleaned_at_every_moment_changes_no_bit(
    pictures: Path, weights: Path, tmp_path: Path, freeze: str
) -> None:
    """From a thread that does nothing else, so that it hits every step of writing a file."""
    job: TrainingJob = job_for(pictures, weights, freeze=freeze)
    drive(train.train(TrainRun(job=job, run=str(tmp_path / "left alone"))), nothing)
    done, rounds = threading.Event(), [0]

    def clean_without_end() -> None:
        while not done.is_set():
            cleaned()
            rounds[0] += 1

    thread = threading.Thread(target=clean_without_end)
    thread.start()
    try:
        for name in ("cleaned", "cleaned again"):
            drive(train.train(TrainRun(job=job, run=str(tmp_path / name))), nothing)
            assert trained(tmp_path / name) == trained(tmp_path / "left alone")
    finally:
        done.set()
        thread.join()
    assert rounds[0] > 10
    assert not any(each.is_file() for each in cache_folder().rglob("activations/*"))


def test_a_look_at_pictures_needs_no_cache(pictures: Path) -> None:
    job = ScanJob(dataset=job_for(pictures, None).dataset)
    first = drive(scan(job), nothing)
    done = threading.Event()

    def clean_without_end() -> None:
        while not done.is_set():
            cleaned()

    thread = threading.Thread(target=clean_without_end)
    thread.start()
    try:
        for seed in range(3):
            again = drive(scan(job.model_copy(update={"seed": seed})), nothing)
            assert again.fingerprint == first.fingerprint or seed
            assert again.classes == first.classes
    finally:
        done.set()
        thread.join()
