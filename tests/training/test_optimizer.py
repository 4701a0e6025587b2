"""Only what is unfrozen learns, earlier stages learn less, and rates rise and fall as a cosine."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.staged import Cut, HeadSite, StagedNetwork, stage
from tlstudio.jobs import HeadSpec, Recipe
from tlstudio.training.checkpoint import load_optimizer_state, optimizer_state
from tlstudio.training.optimizer import build_optimizer, rate_factor, set_rates

RECIPE = Recipe(learning_rate=0.5, stage_rate=0.2, stage_decay=0.5, weight_decay=0.03)


@pytest.fixture(scope="module")
def network() -> StagedNetwork:
    return build_network(backbone("mobilenet_v3_small"), 3, HeadSpec(dropout=0))


def peaks(network: StagedNetwork, recipe: Recipe = RECIPE) -> dict[int, tuple[float, float]]:
    """Peak rate and decay of every parameter that some group holds; each may be in one only."""
    found: dict[int, tuple[float, float]] = {}
    for group in build_optimizer(network, recipe).param_groups:
        for parameter in group["params"]:
            assert id(parameter) not in found
            found[id(parameter)] = group["peak"], group["weight_decay"]
    return found


@pytest.mark.parametrize("frozen", [0, 5, 13])
def test_exactly_the_head_and_the_unfrozen_stages_learn(
    network: StagedNetwork, frozen: int
) -> None:
    network.freeze(frozen)
    expected = {id(p) for part in network.stages[frozen:] for p in part.module.parameters()}
    expected |= {id(p) for p in network.head.parameters()}
    assert peaks(network).keys() == expected
    for part in network.stages[:frozen]:
        assert not {id(p) for p in part.module.parameters()} & expected


def test_every_earlier_stage_learns_at_a_lower_rate(network: StagedNetwork) -> None:
    network.freeze(4)
    rates = peaks(network)
    for parameter in network.head.parameters():
        assert rates[id(parameter)][0] == 0.5
    for distance, part in enumerate(reversed(network.stages[4:])):
        for parameter in part.module.parameters():
            assert rates[id(parameter)][0] == pytest.approx(0.5 * 0.2 * 0.5**distance)


def test_biases_and_normalisation_are_not_decayed(network: StagedNetwork) -> None:
    network.freeze(0)
    decays = {identity: decay for identity, (_, decay) in peaks(network).items()}
    for module in network.network.modules():
        decayed = isinstance(module, nn.Conv2d | nn.Linear)
        for parameter in module.parameters(recurse=False):
            is_bias = parameter is getattr(module, "bias", None)
            assert decays[id(parameter)] == (0.03 if decayed and not is_bias else 0)


def test_sgd_can_be_chosen_with_its_momentum(network: StagedNetwork) -> None:
    network.freeze(13)
    chosen = build_optimizer(network, Recipe(optimizer="sgd", momentum=0.8))
    assert isinstance(chosen, torch.optim.SGD)
    assert {group["momentum"] for group in chosen.param_groups} == {0.8}
    assert isinstance(build_optimizer(network, Recipe()), torch.optim.AdamW)


def test_one_factor_moves_every_group_from_its_own_peak(network: StagedNetwork) -> None:
    network.freeze(10)
    optimizer = build_optimizer(network, RECIPE)
    for factor in (0.25, 1.0, 0.0):
        set_rates(optimizer, factor)
        for group in optimizer.param_groups:
            assert group["lr"] == group["peak"] * factor


def test_rates_rise_in_a_line_and_fall_as_half_a_cosine() -> None:
    factors = [rate_factor(step, 100, 0.1) for step in range(100)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[10:] == pytest.approx(
        [(1 + math.cos(math.pi * step / 90)) / 2 for step in range(90)]
    )


def test_the_fall_is_that_of_torchs_own_cosine() -> None:
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
    for step in range(30):
        assert rate_factor(step, 30, 0) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("warmup", [0, 0.01, 0.1, 0.5])
def test_the_shortest_runs_still_learn(steps: int, warmup: float) -> None:
    factors = [rate_factor(step, steps, warmup) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)
    assert factors[0] == 1 or warmup == 0.5


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_fused_steps_on_any_layout_and_from_a_checkpoint_are_torchs_plain_ones(
    optimizer: str,
) -> None:
    torch.manual_seed(0)
    recipe = RECIPE.model_copy(update={"optimizer": optimizer, "learning_rate": 0.01})
    ours, theirs = (StagedNetwork(module, _cut(module)) for module in (_small(), _small()))
    theirs.load_state_dict(ours.state_dict())
    ours.to(memory_format=torch.channels_last)
    fused, plain = build_optimizer(ours, recipe), build_optimizer(theirs, recipe)
    for group in plain.param_groups:
        group["fused"] = False
    for _ in range(4):
        pictures = torch.randn(3, 3, 9, 9)
        for network, steps in ((ours, fused), (theirs, plain)):
            steps.zero_grad()
            network(pictures).square().sum().backward()
            steps.step()
        moments = {name: value.contiguous() for name, value in optimizer_state(fused).items()}
        fused = build_optimizer(ours, recipe)
        load_optimizer_state(fused, moments)
    for ours_now, theirs_now in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(ours_now, theirs_now)


def _small() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)
    )


def _cut(module: nn.Sequential) -> Cut:
    return Cut((stage("features", *module[:4]),), HeadSite("4", "linear"))
