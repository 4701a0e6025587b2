"""A score from the cache is the score of the pictures as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from training.made_jobs import UNFROZEN, job_for, made_pictures, made_weights, nothing

from tlstudio.errors import PictureError
from tlstudio.evaluation.evaluate import evaluate
from tlstudio.jobs import EvaluateJob, EvaluationResult, TrainRun
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import drive
from tlstudio.training import inference
from tlstudio.training.train import train


@pytest.fixture(params=["all", UNFROZEN, pytest.param("none", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    pictures = made_pictures(tmp_path / "pictures")
    # Learning much, so that the model differs from the one that the cache was made with.
    recipe = {"learning_rate": 1e-2}
    weights = made_weights(tmp_path, "squeezenet1_1")
    job = job_for(pictures, weights, freeze=request.param, recipe=recipe)
    training = TrainRun(job=job, run=str(tmp_path / "run"), cache=str(tmp_path / "cache"))
    drive(train(training), nothing)
    return tmp_path / "run"


def scored(run: Path, cache: str) -> EvaluationResult:
    job = EvaluateJob(run=str(run), cache=str(run.parent / cache), device="cpu")
    return drive(evaluate(job), nothing)


def by_file(result: EvaluationResult) -> dict[str, tuple[float, ...]]:
    return {each.file: each.probabilities for each in result.predictions}


def test_the_cache_gives_the_answers_of_the_pictures(run: Path) -> None:
    cached, computed = by_file(scored(run, "cache")), by_file(scored(run, "none"))
    assert cached.keys() == computed.keys()
    for file, probabilities in computed.items():
        np.testing.assert_allclose(cached[file], probabilities, atol=1e-5)


def test_no_picture_is_read_where_the_cache_has_them_all(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = RunFolder(run).model / "model.json"
    unreadable = []

    def refused(path: Path, reading: object) -> None:
        unreadable.append(path)
        raise PictureError("It must not be read.")

    monkeypatch.setattr(inference, "read_rgb", refused)
    if '"stages": 0' in stages.read_text():
        pytest.skip("nothing is frozen: there is nothing in the cache")
    assert scored(run, "cache").n == 3
    assert unreadable == []


def test_a_picture_that_was_changed_is_looked_at_again(run: Path) -> None:
    before = by_file(scored(run, "cache"))
    files = sorted(before)
    folder = run.parent / "pictures"
    (folder / files[0]).write_bytes((folder / files[1]).read_bytes())
    after = by_file(scored(run, "cache"))
    assert after[files[0]] == pytest.approx(before[files[1]], abs=1e-5)
    assert after[files[0]] != pytest.approx(before[files[0]], abs=1e-5)


def test_a_picture_that_is_gone_is_left_out_and_named(run: Path) -> None:
    file = sorted(by_file(scored(run, "cache")))[0]
    (run.parent / "pictures" / file).unlink()
    result = scored(run, "cache")
    assert [left.file for left in result.left_out] == [file]
    assert result.n == 2
