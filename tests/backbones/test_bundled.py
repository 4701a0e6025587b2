"""The backbone that comes with the program is whole, small, described, and knows something."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torchvision.models.resnet import BasicBlock, ResNet

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import Backbone, catalogue
from tlstudio.backbones.loading import load_backbone
from tlstudio.backbones.weights import default_backbone, obtain_weights
from tlstudio.backbones.weights_file import read_state_dict
from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    HeadSpec,
    Recipe,
    TrainingJob,
    TrainRun,
    WeightsSpec,
)
from tlstudio.projects.places import resources_folder
from tlstudio.tasks import drive
from tlstudio.training import train

WEIGHTS = resources_folder() / "weights"


@pytest.fixture
def entry() -> Backbone:
    (bundled,) = (each for each in catalogue() if each.bundled)
    return bundled


def test_its_file_is_the_one_that_the_catalogue_names(entry: Backbone) -> None:
    (weights,) = entry.weights
    content = (WEIGHTS / weights.file).read_bytes()
    assert hashlib.sha256(content).hexdigest() == weights.sha256
    assert len(content) == weights.bytes <= 12_000_000
    assert weights.commercial
    assert weights.top1 is None  # it was never measured on ImageNet


def test_it_has_a_card_beside_it(entry: Backbone) -> None:
    card = (WEIGHTS / entry.weights[0].file).with_suffix(".md").read_text(encoding="utf-8")
    for heading in ("Data", "Method", "Figures", "Limits", "Licence"):
        assert f"## {heading}" in card


def test_torchvisions_own_resnet_loads_it_and_agrees(entry: Backbone) -> None:
    file = WEIGHTS / entry.weights[0].file
    theirs = ResNet(BasicBlock, [2, 2, 1, 1], num_classes=3)
    missing, unexpected = theirs.load_state_dict(load_file(file), strict=False)
    assert {name for name in missing if "num_batches" not in name} == {"fc.weight", "fc.bias"}
    assert not unexpected
    ours = build_network(entry, 3, HeadSpec())
    load_backbone(ours, entry, read_state_dict(file))
    theirs.fc = torch.nn.Identity()
    pictures = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(ours.eval().run(pictures), theirs.eval()(pictures))


def test_it_is_the_default_and_needs_neither_a_network_nor_consent(
    entry: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("TLSTUDIO_HOME", str(tmp_path))
    assert default_backbone() == entry
    found = drive(obtain_weights(entry, WeightsSpec(), download=False), lambda _: None)
    assert found == WEIGHTS / entry.weights[0].file


@pytest.mark.slow
def test_its_features_tell_ants_from_bees_far_better_than_random_ones_do(
    entry: Backbone, data: Path, tmp_path: Path
) -> None:
    # At a small input size, to be quick; the card gives the figures of the usual one.
    accuracy = {}
    for source in ("published", "scratch"):
        start = BackboneSpec(
            id=entry.id, weights=WeightsSpec.model_validate({"source": source}), input_size=96
        )
        job = TrainingJob(
            dataset=DatasetSpec(folder=str(data / "images" / "ants-bees")),
            backbone=start,
            recipe=Recipe(epochs=1),
        )
        run = TrainRun(job=job, run=str(tmp_path / source))
        accuracy[source] = drive(train.train(run), lambda _: None).probe_accuracy
    assert accuracy["published"] > 0.75
    assert accuracy["published"] > accuracy["scratch"] + 0.08
