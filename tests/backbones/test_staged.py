"""Frozen means frozen, heads are the ones asked for, and freeze plans are read as written."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model

from tlstudio.backbones.build import ShapesOnly, build_network
from tlstudio.backbones.catalogue import backbone, catalogue
from tlstudio.backbones.freezing import frozen_count
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.errors import UsageError
from tlstudio.jobs import HeadSpec

NAMES = [facts.name for facts in backbone("resnet18").stages]


@pytest.fixture
def network() -> StagedNetwork:
    torch.manual_seed(0)
    return build_network(backbone("resnet18"), 3, HeadSpec(dropout=0.3))


@pytest.fixture
def pictures() -> Tensor:
    return torch.randn(4, 3, 48, 48, generator=torch.Generator().manual_seed(1))


def statistics(module: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in module.named_buffers()}


def moved(module: nn.Module, before: dict[str, Tensor]) -> list[str]:
    after = dict(module.named_buffers())
    return [name for name, value in before.items() if not torch.equal(after[name], value)]


def learn(network: StagedNetwork, pictures: Tensor) -> None:
    network.train()
    network(pictures).logsumexp(dim=1).sum().backward()


def test_frozen_stages_stay_in_evaluation_mode_through_every_train_call(
    network: StagedNetwork,
) -> None:
    network.freeze(5)
    for mode in (True, False, True):
        network.train(mode)
        for index, part in enumerate(network.stages):
            layers = [m for m in part.module.modules() if isinstance(m, nn.Conv2d | nn.ReLU)]
            norms = [m for m in part.module.modules() if isinstance(m, nn.BatchNorm2d)]
            assert {layer.training for layer in layers} == {mode and index >= 5}
            assert not any(norm.training for norm in norms), "statistics are fixed by default"
    assert network.dropout.training


def test_only_the_thawed_stages_and_the_head_get_gradients(
    network: StagedNetwork, pictures: Tensor
) -> None:
    network.freeze(5)
    learn(network, pictures)
    for index, part in enumerate(network.stages):
        for parameter in part.module.parameters():
            assert parameter.requires_grad == (index >= 5)
            assert (parameter.grad is not None) == (index >= 5)
    assert all(parameter.grad is not None for parameter in network.head.parameters())


def test_thawing_again_gives_every_parameter_its_gradient_back(network: StagedNetwork) -> None:
    network.freeze(9)
    network.freeze(0)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_fixed_batchnorm_learns_scale_and_shift_and_keeps_its_statistics(
    network: StagedNetwork, pictures: Tensor
) -> None:
    network.freeze(5, fixed_batchnorm=True)
    before = statistics(network)
    learn(network, pictures)
    assert moved(network, before) == []
    norm = network.network.get_submodule("layer4.1.bn2")
    assert all(parameter.grad is not None for parameter in norm.parameters())


def test_updating_batchnorm_moves_the_statistics_of_thawed_stages_only(
    network: StagedNetwork, pictures: Tensor
) -> None:
    network.freeze(5, fixed_batchnorm=False)
    before = [statistics(part.module) for part in network.stages]
    learn(network, pictures)
    for index, part in enumerate(network.stages):
        changed = moved(part.module, before[index])
        assert len(changed) == (0 if index < 5 else len(before[index])), part.name


def test_running_in_two_parts_is_running_at_once(network: StagedNetwork, pictures: Tensor) -> None:
    network.eval()
    for count in range(len(network.stages) + 1):
        network.freeze(count)
        kept = network.run(pictures, 0, count)
        assert torch.equal(network.classify(network.run(kept, count)), network(pictures))


@pytest.mark.parametrize("identifier", ["resnet18", "squeezenet1_1", "vgg11", "mobilenet_v3_small"])
def test_the_plain_head_is_torchvisions_own(identifier: str) -> None:
    staged = build_network(backbone(identifier), 7, HeadSpec())
    plain = get_model(identifier, weights=None, num_classes=7)
    plain.load_state_dict(staged.network.state_dict(), strict=True)
    picture = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(plain.eval()(picture), staged.eval()(picture))
    assert staged.feature_width == backbone(identifier).feature_width


@pytest.mark.parametrize(
    ("identifier", "kind"), [("resnet18", nn.Linear), ("squeezenet1_1", nn.Conv2d)]
)
def test_a_hidden_head_is_two_layers_with_relu_and_dropout_between(
    identifier: str, kind: type[nn.Linear | nn.Conv2d]
) -> None:
    staged = build_network(backbone(identifier), 3, HeadSpec(hidden=16, dropout=0.4))
    assert isinstance(staged.head, nn.Sequential)
    first, relu, dropout, last = [
        layer for layer in staged.head if not isinstance(layer, nn.AdaptiveAvgPool2d)
    ]
    assert isinstance(first, kind)
    assert isinstance(relu, nn.ReLU)
    assert isinstance(dropout, nn.Dropout)
    assert isinstance(last, kind)
    assert first.weight.shape[:2] == (16, backbone(identifier).feature_width)
    assert last.weight.shape[:2] == (3, 16)
    assert (dropout.p, staged.dropout.p) == (0.4, 0), "dropout acts once"
    assert staged.feature_width == backbone(identifier).feature_width
    picture = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        logits = staged.eval()(picture)
        assert logits.shape == (2, 3)
        # torchvision's own forward pass runs the same head in the same place.
        assert torch.equal(staged.network(picture), logits)


def test_dropout_in_front_of_the_head_is_the_recipes_and_acts_once() -> None:
    for entry in (backbone("mobilenet_v3_small"), backbone("vgg11"), backbone("efficientnet_b0")):
        with ShapesOnly():
            staged = build_network(entry, 2, HeadSpec(dropout=0.9))
        last = list(staged.stages[-1].module.modules())
        assert not any(isinstance(module, nn.Dropout) for module in last)
        assert staged.dropout.p == 0.9


def test_a_head_without_a_bias_is_given_one_and_keeps_torchvisions_random_weights() -> None:
    torch.manual_seed(4)
    staged = build_network(backbone("maxvit_t"), 3, HeadSpec())
    assert isinstance(staged.head, nn.Linear)
    assert torch.equal(staged.head.bias, torch.zeros(3))
    torch.manual_seed(4)
    plain = get_model("maxvit_t", weights=None, num_classes=3)
    own = {name: value for name, value in staged.network.state_dict().items() if "5.b" not in name}
    assert own.keys() == plain.state_dict().keys()
    assert torch.equal(staged.head.weight, plain.classifier[-1].weight)


def test_the_same_seed_builds_the_same_network() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(build_network(backbone("squeezenet1_1"), 3, HeadSpec(hidden=8)).state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize(
    ("plan", "count"),
    [("all", 9), ("none", 0), (0, 0), (4, 4), ("4", 4), (9, 9), ("conv1", 1), ("layer3.0", 6)],
)
def test_a_freeze_plan_is_a_number_or_a_stage_name(plan: int | str, count: int) -> None:
    assert frozen_count(plan, NAMES) == count


@pytest.mark.parametrize(
    "plan", [10, "10", -1, "-1", "layer9", "layer3", "", "ALL", "1.5", "fc", "²"]
)
def test_a_wrong_freeze_plan_is_answered_with_what_there_is(plan: int | str) -> None:
    with pytest.raises(UsageError) as caught:
        frozen_count(plan, NAMES)
    assert "layer4.1" in caught.value.hint or "from 0 to 9" in caught.value.hint


def test_every_entry_can_be_frozen_by_each_of_its_stage_names() -> None:
    for entry in catalogue():
        names = [facts.name for facts in entry.stages]
        assert [frozen_count(name, names) for name in names] == list(range(1, len(names) + 1))
