"""Two-step transfer on real pictures: from ImageNet to one set, from its model to another, back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from training.made_jobs import Trained, one_core

from tlstudio.jobs import BackboneSpec, DatasetSpec, Recipe, TrainingJob, WeightsSpec
from tlstudio.projects.own_models import own_run

pytestmark = pytest.mark.slow

NETWORK = "mobilenet_v2"


@pytest.fixture(scope="module", autouse=True)
def _one_core() -> Iterator[None]:
    with one_core():
        yield


def subset(source: Path, folder: Path, per_class: int) -> Path:
    """The first pictures of each class, by name."""
    for name in sorted(path.name for path in source.iterdir() if path.is_dir()):
        (folder / name).mkdir(parents=True)
        for picture in sorted((source / name).iterdir())[:per_class]:
            shutil.copy(picture, folder / name / picture.name)
    return folder


def trained(pictures: Path, run: Path, start: BackboneSpec, freeze: str) -> Trained:
    return Trained(
        TrainingJob(
            dataset=DatasetSpec(folder=str(pictures)),
            backbone=start,
            freeze=freeze,
            recipe=Recipe(epochs=2),
            device="cpu",
        ),
        run,
    )


@pytest.mark.timeout(1800)
def test_what_was_learnt_is_carried_on_and_the_last_model_tells_it_all(
    data: Path, tmp_path: Path
) -> None:
    flowers = subset(data / "images" / "flowers", tmp_path / "flowers", 40)
    insects = subset(data / "images" / "ants-bees" / "train", tmp_path / "insects", 40)
    file = str(data / "weights" / f"{NETWORK}.pth")
    imagenet = BackboneSpec(id=NETWORK, weights=WeightsSpec(source="file", file=file))

    source = trained(flowers, tmp_path / "source", imagenet, "features.15")
    target = trained(insects, tmp_path / "target", own_run(source.path).as_backbone(), "all")
    back = trained(flowers, tmp_path / "back", own_run(target.path).as_backbone(), "all")

    # By guessing: a half and a fifth.
    assert target.result.val_accuracy > 0.8
    assert back.result.val_accuracy > 0.6
    # The backbone of the way back is the source's, and so is what the probe reads from it.
    last, first = back.tensors(), source.tensors()
    kept = [name for name in first if not name.startswith("classifier.")]
    assert all((last[name] == first[name]).all() for name in kept)
    card = json.loads((back.model / "model.json").read_text("utf-8"))
    chain = card["weights"]["model"]
    assert chain["classes"] == ["ants", "bees"]
    assert len(chain["weights"]["model"]["classes"]) == 5
