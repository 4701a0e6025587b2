"""A job file means the same whoever reads it, and says in a sentence what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tlstudio.errors import UsageError
from tlstudio.jobs import (
    AUGMENTATIONS,
    JOBS,
    Augmentation,
    BackboneSpec,
    DatasetSpec,
    DownloadWeights,
    FinishRun,
    HeadSpec,
    IdentifyWeights,
    PackWeights,
    Recipe,
    ResumeRun,
    ScanJob,
    TrainingJob,
    TrainRun,
    UnpackWeights,
    WeightsName,
    WeightsSpec,
    load_training_job,
    result_from_dict,
)

JOB = TrainingJob(
    dataset=DatasetSpec(folder="pictures/ä “b”", class_names={"a": "A"}, validation_fraction=0.3),
    backbone=BackboneSpec(id="mobilenet_v2", weights=WeightsSpec(source="file", file="w.pth")),
    freeze="features.14",
    recipe=Recipe(
        epochs=3,
        optimizer="sgd",
        learning_rate=0.1 + 0.2,
        augmentation=AUGMENTATIONS["strong"],
        patience=None,
        head=HeadSpec(hidden=64, dropout=0.5),
    ),
    seed=2**31 - 1,
    device="cpu",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "job.json"


def values(**changes: Any) -> dict[str, Any]:
    return {**json.loads(JOB.model_dump_json()), **changes}


def test_a_job_comes_out_of_its_file_as_it_went_in(file: Path) -> None:
    file.write_text(JOB.model_dump_json(indent=2), encoding="utf-8")
    assert load_training_job(file) == JOB


def test_a_job_file_may_leave_out_what_has_a_default(file: Path) -> None:
    file.write_text('{"dataset": {"folder": "x"}, "backbone": {"id": "vgg16"}}')
    job = load_training_job(file)
    assert (job.version, job.freeze, job.seed, job.device) == (1, "all", 0, "auto")
    assert job.recipe == Recipe()
    assert job.backbone.weights.source == "published"


@pytest.mark.parametrize("freeze", ["all", "none", 0, 7, "layer3.1"])
def test_every_way_to_say_what_is_frozen_survives_the_file(freeze: int | str, file: Path) -> None:
    file.write_text(json.dumps(values(freeze=freeze)))
    assert load_training_job(file).freeze == freeze


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"epoch": 3}, "epoch"),
        ({"dataset": {"folder": "x", "fodler": "y"}}, "dataset.fodler"),
        ({"recipe": {"learnig_rate": 1}}, "recipe.learnig_rate"),
        ({"recipe": {"head": {"width": 3}}}, "recipe.head.width"),
        ({"recipe": {"augmentation": {"crop_scale": 0}}}, "recipe.augmentation.crop_scale"),
        ({"recipe": {"epochs": 0}}, "recipe.epochs"),
        ({"recipe": {"learning_rate": float("nan")}}, "recipe.learning_rate"),
        ({"version": 2}, "version"),
        ({"seed": -1}, "seed"),
        ({"device": "tpu"}, "device"),
        ({"backbone": {"id": "x", "weights": {"source": "file"}}}, "backbone.weights"),
        ({"backbone": {"id": "x", "weights": {"file": "w.pth"}}}, "backbone.weights"),
        ({"backbone": {"id": "x", "weights": {"source": "run"}}}, "backbone.weights"),
        ({"backbone": {"id": "x", "weights": {"run": "r"}}}, "backbone.weights"),
        ({"backbone": {"id": "x", "input_size": 0}}, "backbone.input_size"),
    ],
)
def test_what_is_wrong_with_a_job_file_is_named(
    changes: dict[str, Any], where: str, file: Path
) -> None:
    file.write_text(json.dumps(values(**changes)))
    with pytest.raises(UsageError) as caught:
        load_training_job(file)
    assert f"{file} is not valid: {where}:" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]", b"null", b'{"a": 1}'])
def test_a_file_that_is_no_job_gives_a_sentence(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(UsageError, match="is not valid"):
        load_training_job(file)


def test_a_missing_file_and_a_folder_give_a_sentence(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.json", "No such file"), (tmp_path, "directory")):
        with pytest.raises(UsageError, match=f"can't be read.*{reason}"):
            load_training_job(path)


def test_a_job_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        JOB.seed = 3  # type: ignore[misc]


def test_an_engine_job_is_known_by_its_kind() -> None:
    for job in (
        ScanJob(dataset=JOB.dataset),
        TrainRun(job=JOB, run="r"),
        ResumeRun(run="r"),
        FinishRun(run="r"),
        IdentifyWeights(file="f"),
        DownloadWeights(weights=(WeightsName(backbone="b", variant="v"),)),
        PackWeights(weights=(WeightsName(backbone="b"),), file="f"),
        UnpackWeights(file="f"),
    ):
        assert JOBS.validate_python(json.loads(job.model_dump_json())) == job


def test_a_result_of_a_newer_program_is_read_without_what_is_new() -> None:
    result = result_from_dict(
        {
            "kind": "sample",
            "folder": "f",
            "pictures": 2,
            "classes": {"a": 1, "b": 1},
            "news": [1, 2],
        }
    )
    assert not hasattr(result, "news")


def test_only_a_preset_that_changes_nothing_counts_as_no_variation() -> None:
    assert not AUGMENTATIONS["none"].varies
    assert all(preset.varies for name, preset in AUGMENTATIONS.items() if name != "none")
    assert Augmentation(**{**AUGMENTATIONS["none"].model_dump(), "rotation": 1}).varies
