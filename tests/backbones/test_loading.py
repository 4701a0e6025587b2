"""Weights get into the network they belong to, and others are called by their name."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from backbones.networks import PUBLISHED
from backbones.states import State, same, state_of
from torchvision.models import get_model

from tlstudio.backbones.build import ShapesOnly, build_network
from tlstudio.backbones.catalogue import backbone, catalogue
from tlstudio.backbones.loading import load_backbone
from tlstudio.backbones.recognition import (
    FINGERPRINTS,
    Owner,
    recognise,
)
from tlstudio.backbones.weights_file import read_state_dict
from tlstudio.errors import WeightsError
from tlstudio.jobs import HeadSpec


@pytest.fixture(scope="module")
def squeezenet() -> State:
    return state_of("squeezenet1_1")


# --- whose they are -------------------------------------------------------------------------------


def test_every_network_has_a_fingerprint_of_its_own() -> None:
    networks = json.loads(FINGERPRINTS.read_text())["networks"]
    assert [each["id"] for each in networks] == [entry.id for entry in catalogue()]
    assert len({each["body"] for each in networks}) == len(networks)


@pytest.mark.parametrize("identifier", [entry.id for entry in PUBLISHED])
def test_a_network_is_recognised_by_torchvisions_own_state(identifier: str) -> None:
    """Auxiliary heads, other numbers of classes and all."""
    with warnings.catch_warnings(), ShapesOnly():
        warnings.simplefilter("ignore")
        state = get_model(identifier, weights=None, num_classes=7).state_dict()
    found = recognise(state)
    assert found == Owner(backbone(identifier), 7)


def test_a_model_with_a_hidden_head_is_recognised() -> None:
    network = build_network(backbone("resnet18"), 3, HeadSpec(hidden=8))
    found = recognise(network.network.state_dict())
    assert found == Owner(backbone("resnet18"), None)


def test_weights_of_no_network_and_halves_of_one_are_nobodys(squeezenet: State) -> None:
    assert recognise(half(squeezenet)) is None
    assert recognise({"weight": torch.zeros(3)}) is None


# --- into the network -----------------------------------------------------------------------------


def load(identifier: str, state: State, head: HeadSpec | None = None) -> State:
    """The state of a new network with 3 classes after `state` was loaded into it."""
    torch.manual_seed(9)
    network = build_network(backbone(identifier), 3, head or HeadSpec())
    load_backbone(network, backbone(identifier), state)
    result: State = network.network.state_dict()
    return result


@pytest.mark.parametrize("identifier", ["squeezenet1_1", "mobilenet_v2"])
@pytest.mark.parametrize("hidden", [None, 8])
def test_everything_but_the_head_is_loaded(identifier: str, hidden: int | None) -> None:
    state = state_of(identifier)
    head = HeadSpec(hidden=hidden)
    torch.manual_seed(9)
    fresh = build_network(backbone(identifier), 3, head).network.state_dict()
    for name, value in load(identifier, state, head).items():
        source = fresh if name.startswith("classifier.1.") else state
        assert torch.equal(value, source[name]), name


def test_the_heads_own_weights_do_not_matter_whatever_they_are(squeezenet: State) -> None:
    without = {k: v for k, v in squeezenet.items() if not k.startswith("classifier")}
    odd = without | {"classifier.1.weight": torch.full((2, 2), torch.nan)}
    assert same(load("squeezenet1_1", without), load("squeezenet1_1", odd))


def test_half_precision_and_files_without_counters_are_loaded() -> None:
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in state_of("mobilenet_v2").items()
        if not name.endswith("num_batches_tracked")
    }
    loaded = load("mobilenet_v2", state)
    assert loaded["features.0.0.weight"].dtype == torch.float32
    assert torch.equal(loaded["features.0.0.weight"], state["features.0.0.weight"].float())


@pytest.mark.parametrize(
    ("given", "asked", "name"),
    [
        ("resnet34", "mobilenet_v2", "ResNet-34"),
        ("resnet18", "resnet34", "ResNet-18"),
        ("resnet34", "resnet18", "ResNet-34"),
        ("resnet50", "wide_resnet50_2", "ResNet-50"),
        ("squeezenet1_0", "squeezenet1_1", "SqueezeNet 1.0"),
        ("mobilenet_v3_small", "mobilenet_v3_large", "MobileNetV3 Small"),
        ("efficientnet_b1", "efficientnet_b0", "EfficientNet-B1"),
    ],
)
def test_weights_of_another_network_are_called_by_their_name(
    given: str, asked: str, name: str
) -> None:
    with ShapesOnly():
        state = get_model(given, weights=None, num_classes=4).state_dict()
    with pytest.raises(WeightsError) as caught:
        load(asked, state)
    assert caught.value.message == f"These are weights of {name}, not of {backbone(asked).name}."
    assert name in caught.value.hint


def half(state: State) -> State:
    return dict(list(state.items())[::2])


def wrong_shape(state: State) -> State:
    return state | {"features.3.squeeze.weight": torch.zeros(1, 2)}


def with_more(state: State) -> State:
    return state | {"features.99.weight": torch.zeros(1)}


def whole_numbers(state: State) -> State:
    return state | {"features.0.weight": state["features.0.weight"].to(torch.int8)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (half, "of its 50 tensors are missing, the first is features."),
        (wrong_shape, r"features.3.squeeze.weight has the shape \[1, 2\] and not"),
        (with_more, r"it has no place for features.99.weight \(1 such"),
        (whole_numbers, "features.0.weight is not stored as floating-point numbers"),
        (lambda state: {"x": torch.zeros(3)}, "none of its 50 tensors is in the file"),
    ],
)
def test_weights_of_no_known_network_are_told_what_does_not_fit(
    squeezenet: State, change: Callable[[State], State], words: str
) -> None:
    with pytest.raises(WeightsError, match=words):
        load("squeezenet1_1", change(squeezenet))


def test_weights_of_the_right_network_that_hold_whole_numbers_are_not_called_anothers() -> None:
    state = {name: value.to(torch.int8) for name, value in state_of("squeezenet1_1").items()}
    with pytest.raises(WeightsError, match="not stored as floating-point numbers"):
        load("squeezenet1_1", state)


@pytest.mark.parametrize(
    "prefixes",
    [("module.",), ("model.", "backbone."), ("_orig_mod.", "module."), ("module.encoder_q.",)],
    ids="".join,
)
def test_what_training_programs_put_before_the_names_is_taken_off(
    squeezenet: State, prefixes: tuple[str, ...]
) -> None:
    prefix = "".join(prefixes)
    given = {f"{prefix}{name}": value for name, value in squeezenet.items()}
    around = {"n_averaged": torch.tensor(3), "head.mlp.0.weight": torch.zeros(4)}
    assert same(load("squeezenet1_1", given | around), load("squeezenet1_1", squeezenet))
    found = recognise(given | around)
    assert found is not None
    assert found.entry.id == "squeezenet1_1"


def test_names_without_end_end() -> None:
    state = {"module." * 10_000 + "weight": torch.zeros(1)}
    assert recognise(state) is None


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_not_numbers_are_refused_and_change_nothing(
    squeezenet: State, value: float
) -> None:
    broken = dict(squeezenet)
    name = list(broken)[-3]
    broken[name] = broken[name].clone()
    broken[name].view(-1)[-1] = value
    network = build_network(backbone("squeezenet1_1"), 3, HeadSpec())
    before = {key: tensor.clone() for key, tensor in network.network.state_dict().items()}
    with pytest.raises(WeightsError, match=f"{name} holds values that are not numbers"):
        load_backbone(network, backbone("squeezenet1_1"), broken)
    assert same(before, network.network.state_dict())


@pytest.mark.parametrize("identifier", ["mobilenet_v2", "squeezenet1_1"])
def test_real_weights_load_and_give_torchvisions_features(data: Path, identifier: str) -> None:
    file = data / "weights" / f"{identifier}.pth"
    staged = build_network(backbone(identifier), 2, HeadSpec())
    load_backbone(staged, backbone(identifier), read_state_dict(file))
    reference = get_model(identifier, weights=None)
    reference.load_state_dict(torch.load(file, weights_only=True), strict=True)
    pictures = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    staged.replace_head(reference.get_submodule(staged.head_site.path))
    with torch.no_grad():
        assert torch.equal(staged.eval()(pictures), reference.eval()(pictures))


def test_tables_that_a_network_is_built_with_are_not_taken_from_a_file() -> None:
    network = build_network(backbone("swin_t"), 3, HeadSpec())
    before = {n: b.clone() for n, b in network.network.named_buffers() if n.endswith("_index")}
    wrong = {n: torch.full_like(v, 9**6) for n, v in before.items()}
    load_backbone(network, backbone("swin_t"), {**network.network.state_dict(), **wrong})
    assert before
    assert all(torch.equal(network.network.get_buffer(n), v) for n, v in before.items())
