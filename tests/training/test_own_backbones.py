"""A run starts from an earlier run's model: with its weights, its input size, and its history."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from training.made_jobs import CLASSES, Trained, job_for, nothing, stop_when

from tlstudio.errors import RunError, UsageError
from tlstudio.jobs import (
    BackboneSpec,
    HeadSpec,
    Recipe,
    ResumeRun,
    TrainingJob,
    TrainRun,
    WeightsSpec,
)
from tlstudio.projects.own_models import own_run
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Progress, Warned, drive
from tlstudio.training import train
from tlstudio.training.model_folder import load_model

HEAD = "classifier.1."


def next_job(pictures: Path, source: Path, **spec: Any) -> TrainingJob:
    job = job_for(pictures, None, recipe={"epochs": 1})
    start = {"weights": WeightsSpec(source="run", run=str(source)), **spec}
    return job.model_copy(update={"backbone": job.backbone.model_copy(update=start)})


def failure(job: TrainingJob, run: Path) -> str:
    with pytest.raises((RunError, UsageError)) as caught:
        drive(train.train(TrainRun(job=job, run=str(run))), nothing)
    assert not run.exists()
    return str(caught.value)


@pytest.fixture(scope="module")
def two_classes(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("two") / "set"
    for name in CLASSES[:2]:
        shutil.copytree(pictures / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def chain(
    unfrozen_run: Trained,
    two_classes: Path,
    pictures: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Trained, Trained]:
    """Two runs: from `unfrozen_run`'s model, for two classes, at a size and with a head of its own;
    and from that one's model in turn, for three classes again."""
    folder = tmp_path_factory.mktemp("chain")
    second = next_job(two_classes, unfrozen_run.path, input_size=96)
    second = second.model_copy(update={"recipe": Recipe(epochs=3, head=HeadSpec(hidden=8))})
    first = Trained(second, folder / "second")
    return first, Trained(next_job(pictures, first.path), folder / "third")


def test_everything_but_the_head_is_taken_over(
    chain: tuple[Trained, Trained], unfrozen_run: Trained
) -> None:
    source = {n: v for n, v in unfrozen_run.tensors().items() if not n.startswith(HEAD)}
    for run in chain:
        taken = {n: v for n, v in run.tensors().items() if not n.startswith(HEAD)}
        assert taken.keys() == source.keys()
        assert all(torch.equal(taken[name], source[name]) for name in source)
    assert load_model(chain[1].path).card.classes == CLASSES


def test_the_input_size_of_the_model_is_kept(chain: tuple[Trained, Trained]) -> None:
    for run in chain:
        assert load_model(run.path).card.preprocessing.crop == 96
        assert RunFolder(run.path).job().backbone.input_size == 96


def test_the_chain_can_be_read_from_its_last_model(
    chain: tuple[Trained, Trained], unfrozen_run: Trained
) -> None:
    second, third = chain
    card = json.loads((third.model / "model.json").read_text("utf-8"))
    assert card["weights"]["source"] == "run"
    weights = (second.model / "model.safetensors").read_bytes()
    assert card["weights"]["sha256"] == hashlib.sha256(weights).hexdigest()
    parent = card["weights"]["model"]
    assert parent["backbone"] == "squeezenet1_1"
    assert parent["classes"] == list(CLASSES[:2])
    assert (parent["pictures"], parent["accuracy"]) == (8, second.result.val_accuracy)
    grandparent = parent["weights"]["model"]
    assert grandparent["classes"] == list(CLASSES)
    assert grandparent["accuracy"] == unfrozen_run.result.val_accuracy
    assert grandparent["weights"]["source"] == "file"
    assert str(second.path.parent) not in json.dumps(card)


def test_a_run_is_carried_on_without_the_model_it_started_from(
    unfrozen_run: Trained, pictures: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(unfrozen_run.path, source)
    whole = Trained(next_job(pictures, source), tmp_path / "whole")
    task = train.train(TrainRun(job=next_job(pictures, source), run=str(tmp_path / "run")))
    assert stop_when(task, lambda e: isinstance(e, Progress) and e.phase == "features")
    shutil.rmtree(source)
    drive(train.resume(ResumeRun(run=str(tmp_path / "run"))), nothing)
    resumed = tmp_path / "run" / "model"
    cards = [json.loads((m / "model.json").read_text("utf-8")) for m in (resumed, whole.model)]
    assert cards[0]["weights"] == cards[1]["weights"]
    files = [(m / "model.safetensors").read_bytes() for m in (resumed, whole.model)]
    assert files[0] == files[1]


def test_the_licence_of_the_first_weights_goes_along_the_chain(
    unfrozen_run: Trained, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(unfrozen_run.path, source)
    card = json.loads((source / "model" / "model.json").read_text())
    card["weights"] |= {"licence": "CC-BY-NC-4.0", "commercial": False}
    (source / "model" / "model.json").write_text(json.dumps(card))
    (source / "model" / "SHA256SUMS").unlink()
    origin = own_run(source).origin("0" * 64)
    assert (origin.licence, origin.commercial) == ("CC-BY-NC-4.0", False)
    assert "forbids commercial use" in "".join(
        event.message
        for event in train._remarks(
            next_job(tmp_path, source), RunFolder(unfrozen_run.path).split(), 0, own_run(source)
        )
        if isinstance(event, Warned)
    )


def test_a_damaged_model_is_refused_in_words(
    unfrozen_run: Trained, pictures: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(unfrozen_run.model, source)
    weights = (source / "model.safetensors").read_bytes()
    (source / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    words = failure(next_job(pictures, source), tmp_path / "run")
    assert f"The model in {source} is not as it was written" in words
    (source / "SHA256SUMS").unlink()
    words = failure(next_job(pictures, source), tmp_path / "run")
    assert f"The model in {source} can't be a backbone" in words
    assert "incomplete" in words
    (source / "model.safetensors").unlink()
    assert "no weights file" in failure(next_job(pictures, source), tmp_path / "run")


def test_a_model_of_another_network_is_refused_in_words(
    unfrozen_run: Trained, pictures: Path, tmp_path: Path
) -> None:
    words = failure(next_job(pictures, unfrozen_run.path, id="resnet18"), tmp_path / "run")
    assert "squeezenet1_1" in words
    assert "resnet18" in words


def test_a_run_that_did_not_end_is_refused_in_words(pictures: Path, tmp_path: Path) -> None:
    job = TrainingJob(dataset=job_for(pictures, None).dataset, backbone=BackboneSpec(id="resnet18"))
    RunFolder.create(tmp_path / "source", job)
    assert "did not end" in failure(next_job(pictures, tmp_path / "source"), tmp_path / "run")
