"""What published files name otherwise, or hold too much of, is read as torchvision reads it."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import DenseNet, VisionTransformer, densenet, googlenet, inception_v3

from tlstudio.backbones.build import adapted_state, load_state
from tlstudio.backbones.families.googlenet import ARGUMENTS

COUNTER = "num_batches_tracked"


def small_vit(image_size: int = 32) -> VisionTransformer:
    return VisionTransformer(
        image_size=image_size,
        patch_size=8,
        num_layers=2,
        num_heads=2,
        hidden_dim=8,
        mlp_dim=16,
        num_classes=3,
    )


def small_densenet() -> DenseNet:
    return DenseNet(growth_rate=4, block_config=(2, 2, 2, 2), num_init_features=8, num_classes=3)


def assert_same(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_vision_transformers_older_names_are_those_that_torchvision_renames() -> None:
    state = small_vit().state_dict()
    older = {re.sub(r"mlp\.(0|3)\.", _linear, name): value for name, value in state.items()}
    assert older.keys() != state.keys()
    reference = small_vit()
    reference.load_state_dict(OrderedDict(older))
    assert_same(adapted_state("vit", older, 32), reference.state_dict())


def _linear(found: re.Match[str]) -> str:
    return f"mlp.linear_{1 if found[1] == '0' else 2}."


def test_densenets_older_names_are_those_that_torchvision_renames() -> None:
    state = small_densenet().state_dict()
    older = OrderedDict(
        (re.sub(r"(denselayer\d+\.(?:norm|relu|conv))(\d)", r"\1.\2", name), value)
        for name, value in state.items()
        if not name.endswith(COUNTER)  # the files are older than those, too
    )

    class Published:
        def get_state_dict(self, **_: Any) -> OrderedDict[str, Tensor]:
            return OrderedDict(older)

    reference = small_densenet()
    densenet._load_state_dict(reference, Published(), progress=False)  # type: ignore[arg-type]
    found = {n: value for n, value in reference.state_dict().items() if not n.endswith(COUNTER)}
    assert_same(adapted_state("densenet", older), found)


@pytest.mark.parametrize(
    ("family", "network"), [("googlenet", googlenet), ("inception", inception_v3)]
)
def test_auxiliary_heads_are_left_out_and_all_else_is_loaded(family: str, network: Any) -> None:
    published = network(**{**ARGUMENTS, "aux_logits": True, "init_weights": False}).state_dict()
    without: nn.Module = network(**{**ARGUMENTS, "init_weights": False})
    state = adapted_state(family, published)
    load_state(without, state)
    assert_same(without.state_dict(), state)
    assert {name.split(".")[0] for name in published.keys() - state.keys()} in (
        {"aux1", "aux2"},
        {"AuxLogits"},
    )


def test_names_of_today_stay_as_they_are() -> None:
    for family, network, size in (("vit", small_vit(), 32), ("densenet", small_densenet(), None)):
        assert_same(adapted_state(family, network.state_dict(), size), network.state_dict())


def test_positions_of_another_size_or_of_another_network_are_no_obstacle() -> None:
    larger = small_vit(64)
    larger.load_state_dict(adapted_state("vit", small_vit(32).state_dict(), 64))
    usual = (8, 3, 8, 8)
    strange = (((1, 6, 8), usual), ((5,), usual), ((1, 5, 8), ()), ((1, 5, 8), (8, 3, 0, 0)))
    for positions, patches in strange:
        state = {
            "encoder.pos_embedding": torch.zeros(positions),
            "conv_proj.weight": torch.zeros(patches),
        }
        assert_same(adapted_state("vit", state, 64), state)
    del state["conv_proj.weight"]
    assert_same(adapted_state("vit", state, 64), state)


def test_half_precision_positions_can_be_interpolated() -> None:
    state = {name: value.half() for name, value in small_vit(32).state_dict().items()}
    assert adapted_state("vit", state, 64)["encoder.pos_embedding"].shape == (1, 65, 8)
