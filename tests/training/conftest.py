"""Owns the pictures, weights and finished runs that the tests of training share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from training.made_jobs import UNFROZEN, Trained, job_for, made_pictures, made_weights, one_core

from tlstudio.jobs import TrainingJob


@pytest.fixture(scope="session")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The runs that tests share are made before a test has a home of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLSTUDIO_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="module", autouse=True)
def _one_core() -> Iterator[None]:
    with one_core():
        yield


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """15 pictures in three classes. No test changes them."""
    return made_pictures(tmp_path_factory.mktemp("pictures") / "set")


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_weights(tmp_path_factory.mktemp("weights"), "squeezenet1_1")


@pytest.fixture
def job(pictures: Path, weights: Path) -> Callable[..., TrainingJob]:
    """`job(freeze="none", recipe={...})` for squeezenet1_1 on the pictures."""

    def make(**choices: Any) -> TrainingJob:
        return job_for(pictures, weights, **choices)

    return make


@pytest.fixture(scope="session")
def frozen_run(
    pictures: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory, _home: None
) -> Trained:
    """A finished run with everything frozen. No test changes it."""
    with one_core():
        return Trained(job_for(pictures, weights), tmp_path_factory.mktemp("frozen") / "run")


@pytest.fixture(scope="session")
def unfrozen_run(
    pictures: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory, _home: None
) -> Trained:
    """A finished run with the last stage unfrozen. No test changes it."""
    job = job_for(pictures, weights, freeze=UNFROZEN)
    with one_core():
        return Trained(job, tmp_path_factory.mktemp("unfrozen") / "run")
