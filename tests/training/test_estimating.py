"""A training knows beforehand what it will take, and what an earlier one left in the cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from training.made_jobs import UNFROZEN, Trained, nothing

from tlstudio.engine.runner import task_for
from tlstudio.jobs import EstimateJob, EstimateResult, TrainingJob
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Logged, drive
from tlstudio.training import estimating

Job = Callable[..., TrainingJob]


def answer(job: TrainingJob) -> EstimateResult:
    result = drive(task_for(EstimateJob(job=job)), nothing)
    assert isinstance(result, EstimateResult)
    return result


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the trainings of the tests."""
    monkeypatch.setattr(estimating, "usable_cores", lambda: 1)


def test_the_result_says_what_was_expected(job: Job, tmp_path: Path) -> None:
    trained = Trained(job(freeze="all"), tmp_path / "run")
    assert trained.result.estimate_seconds is not None
    assert trained.result.estimate_seconds > 0
    said = [event.message for event in trained.of(Logged)]
    assert any(line.startswith("This will take under a minute, ") for line in said)
    environment = RunFolder(trained.path).state().environment
    assert environment["precision"] == environment["frozen_precision"] == "float32"


@pytest.mark.parametrize("freeze", ["all", UNFROZEN])
def test_what_an_earlier_run_left_in_the_cache_is_counted(
    job: Job, tmp_path: Path, freeze: str
) -> None:
    asked = job(freeze=freeze)
    before = answer(asked)
    assert before.features_there == 0
    assert not any(before.rows_there.values())
    Trained(asked, tmp_path / "run")
    after = answer(asked)
    assert after.features_there == 1
    stages = len(after.costs.parameters)
    frozen = stages if freeze == "all" else stages - 1
    assert after.of(asked.recipe, frozen).seconds_cache == 0
    assert before.of(asked.recipe, frozen).seconds_cache > 0
    assert after.rows_there == ({} if freeze == "all" else {frozen: 1})


@pytest.mark.parametrize(
    "other", [{"recipe": {"epochs": 7, "learning_rate": 0.01}}, {"seed": 0, "freeze": "all"}]
)
def test_other_epochs_and_rates_find_the_cache_too(
    job: Job, tmp_path: Path, other: dict[str, Any]
) -> None:
    Trained(job(freeze="all"), tmp_path / "run")
    assert answer(job(**{"freeze": "all", **other})).features_there == 1


def test_other_weights_do_not_find_it(job: Job, tmp_path: Path) -> None:
    Trained(job(freeze="all"), tmp_path / "run")
    other = job(freeze="all")
    scratch = other.backbone.weights.model_copy(update={"source": "scratch", "file": None})
    backbone = other.backbone.model_copy(update={"weights": scratch})
    assert answer(other.model_copy(update={"backbone": backbone})).features_there == 0


def test_weights_that_are_not_here_leave_an_estimate_all_the_same(job: Job, tmp_path: Path) -> None:
    Trained(job(freeze="all"), tmp_path / "run")
    gone = job(freeze="all")
    weights = gone.backbone.weights.model_copy(update={"file": str(tmp_path / "gone.pth")})
    backbone = gone.backbone.model_copy(update={"weights": weights})
    found = answer(gone.model_copy(update={"backbone": backbone}))
    assert found.features_there == 0
    assert found.of(gone.recipe, 1).seconds > 0
