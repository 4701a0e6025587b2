"""The network of a weights file is found without being named, or it is said why not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from backbones.states import state_of
from safetensors.torch import save_file

from tlstudio.backbones import recognition
from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.identify import identify
from tlstudio.backbones.weights import sha256_of
from tlstudio.errors import WeightsError
from tlstudio.jobs import IdentifiedWeights, IdentifyWeights
from tlstudio.tasks import Event, drive


def identified(file: Path) -> IdentifiedWeights:
    return drive(identify(IdentifyWeights(file=str(file))), nothing)


def nothing(_event: Event) -> None:
    pass


def test_a_file_tells_its_network_and_classes(tmp_path: Path) -> None:
    state = {f"module.{k}": v.half() for k, v in state_of("resnet18", 7).items()}
    torch.save({"model": state, "epoch": 3}, tmp_path / "checkpoint.pth")
    save_file(state_of("squeezenet1_1", 5), tmp_path / "model.safetensors")
    for name, network, classes in (
        ("checkpoint.pth", "resnet18", 7),
        ("model.safetensors", "squeezenet1_1", 5),
    ):
        found = identified(tmp_path / name)
        assert (found.backbone, found.classes, found.variant) == (network, classes, None)
        assert found.name == backbone(network).name


def test_a_published_file_tells_its_variant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "renamed.pth"
    torch.save(state_of("squeezenet1_1", 1000), file)
    digest = drive(sha256_of(file), nothing)
    assert digest is not None
    entry = backbone("squeezenet1_1")
    published = entry.weights[0].model_copy(update={"sha256": digest[:8]})
    entry = entry.model_copy(update={"weights": (published,)})
    monkeypatch.setattr(
        "tlstudio.backbones.identify.recognise", lambda _state: recognition.Owner(entry, 1000)
    )
    assert identified(file).variant == published.name


def test_a_part_of_a_network_is_nobodys_and_says_what_to_do(tmp_path: Path) -> None:
    state = dict(list(state_of("squeezenet1_1").items())[::2])
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match="of no network that TL Studio knows") as caught:
        identified(tmp_path / "net.pth")
    assert "26 tensors" in caught.value.message
    assert "Name the backbone" in caught.value.hint


def test_a_part_of_the_expected_network_is_told_what_it_lacks(tmp_path: Path) -> None:
    state = dict(list(state_of("squeezenet1_1").items())[::2])
    torch.save(state, tmp_path / "net.pth")
    job = IdentifyWeights(file=str(tmp_path / "net.pth"), backbone="squeezenet1_1")
    with pytest.raises(WeightsError, match="of its 50 tensors are missing") as caught:
        drive(identify(job), nothing)
    assert "of no network that TL Studio knows" in caught.value.message
    assert "SqueezeNet 1.1" in caught.value.message
