"""A training that is killed again and again ends with the weights of one that was not, and repeats
no epoch that it had told of."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from random import Random

import pytest
from faults.killed import Forked, Victim
from training.made_jobs import UNFROZEN, job_for, made_pictures

from tlstudio.jobs import BackboneSpec, TrainingJob, WeightsSpec
from tlstudio.tasks import Answers, Epoch, ProbeFitted, Step

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nothing is killed this way there")

KILLS = 200
KINDS = {
    "head": {"freeze": "all", "recipe": {"epochs": 30, "batch_size": 8}},
    "cached": {"freeze": UNFROZEN, "recipe": {"epochs": 8, "batch_size": 8}},
    "pictures": {"freeze": UNFROZEN, "recipe": {"epochs": 6, "batch_size": 8, "views": 0}},
}
BOTH = ("model.safetensors", "last.safetensors")


def weights_of(victim: Victim) -> list[bytes]:
    return [(victim.run.model / name).read_bytes() for name in BOTH]


def assert_nothing_was_lost(victim: Victim, whole: Victim) -> None:
    epochs = [event.epoch for event in whole.run.events() if isinstance(event, Epoch)]
    assert weights_of(victim) == weights_of(whole)
    told = [event["epoch"] for event in victim.told if event["type"] == "epoch"]
    assert told == sorted(set(told)), "an epoch that had been told of was repeated"
    kept = victim.run.events()
    steps = [event.step for event in kept if isinstance(event, Step)]
    assert steps == list(range(1, len(steps) + 1))
    assert [e.epoch for e in kept if isinstance(e, Epoch)] == epochs
    assert [e.epoch for e in kept if isinstance(e, Answers)] == epochs
    assert len([e for e in kept if isinstance(e, ProbeFitted)]) == 1
    left = {each.name for each in victim.run.path.iterdir()}
    assert left == {"job.json", "split.json", "run.json", "events.jsonl", "model", "lock"}
    assert {each.name for each in victim.run.path.parent.iterdir()} == {
        "run",
        "job.json",
        "errors.txt",
    }


def test_a_small_training_survives_three_kills(tmp_path: Path) -> None:
    job = job_for(made_pictures(tmp_path / "set"), None, "compact_resnet", recipe={"epochs": 30})
    spec = BackboneSpec(id="compact_resnet", weights=WeightsSpec(source="published"))
    job = job.model_copy(update={"backbone": spec})
    home = tmp_path / "home"
    whole = Victim(job, tmp_path / "whole", home)
    began = time.monotonic()
    whole.end()
    victim = Victim(job, tmp_path / "killed", home, Forked)
    victim.suffer(Random(1), 3, time.monotonic() - began)  # noqa: S311
    assert victim.kills
    assert_nothing_was_lost(victim, whole)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_two_hundred_kills_of_real_trainings_lose_nothing(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for name in ("ants", "bees"):
        (folder / name).mkdir(parents=True)
        for file in sorted((data / "images" / "ants-bees" / "train" / name).glob("*.jpg"))[:20]:
            shutil.copy(file, folder / name)
    home, random, kills, runs = tmp_path / "home", Random(6), 0, 0  # noqa: S311
    missed = 0
    wholes: dict[str, tuple[Victim, float]] = {}
    for kind, choices in KINDS.items():
        weights = data / "weights" / "squeezenet1_1.pth"
        job = job_for(folder, weights, **{**choices, "recipe": dict(choices["recipe"])})
        whole = Victim(job, tmp_path / "whole" / kind, home)
        whole.end()
        began = time.monotonic()
        again = Victim(job, tmp_path / "again" / kind, home, Forked)
        again.end()
        seconds = time.monotonic() - began
        assert weights_of(again) == weights_of(whole)
        wholes[kind] = whole, seconds
    while kills < KILLS:
        for kind, (whole, seconds) in wholes.items():
            job = TrainingJob.model_validate_json((whole.run.path / "job.json").read_bytes())
            victim = Victim(job, tmp_path / f"run {runs}", home, Forked)
            victim.suffer(random, KILLS - kills, seconds * 0.8)
            assert_nothing_was_lost(victim, whole)
            kills, runs, missed = kills + victim.kills, runs + 1, missed + victim.missed
            print(f"{kind}: {victim.kills} kills, {kills} in {runs} runs, {missed} missed")  # noqa: T201
            shutil.rmtree(victim.run.path.parent)
