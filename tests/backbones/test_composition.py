"""Every catalogue network is the plain composition of its stages, and each stage counts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import get_model

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import Backbone, backbone, catalogue
from tlstudio.backbones.staged import Stage, StagedNetwork
from tlstudio.jobs import HeadSpec

CLASSES = 5
SMALLEST = {
    min(members, key=lambda entry: entry.parameters).id
    for family in {entry.family for entry in catalogue()}
    if (members := [entry for entry in catalogue() if entry.family == family])
}


def unit_scale_(network: nn.Module) -> None:
    """Random values of order 1 in every parameter and buffer: fresh networks have zero biases,
    means of 0 and variances of 1, which hide a missing layer. Weights are divided by the root of
    their fan-in, so that activations stay of order 1 too."""
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
        elif name.endswith("weight"):
            nn.init.uniform_(parameter, 0.5, 1.5)
        else:
            nn.init.normal_(parameter)
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            buffer.normal_()
        else:
            assert name.endswith("num_batches_tracked")
            buffer.zero_()


def random_network(entry: Backbone) -> StagedNetwork:
    torch.manual_seed(7)
    with torch.device("meta"):
        staged = build_network(entry, CLASSES, HeadSpec(dropout=0.5))
    staged.to_empty(device="cpu")
    unit_scale_(staged.network)
    return staged.eval()


@pytest.fixture(scope="module", params=[entry.id for entry in catalogue()])
def entry(request: pytest.FixtureRequest) -> Backbone:
    return backbone(request.param)


@pytest.fixture(scope="module")
def staged(entry: Backbone) -> StagedNetwork:
    return random_network(entry)


@pytest.fixture
def pictures() -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def compose(staged: StagedNetwork, stages: Sequence[Stage], x: Tensor) -> Tensor:
    for part in stages:
        x = part.module(x)
    return staged.classify(x)


@torch.no_grad()
def test_the_stages_composed_are_torchvisions_forward_pass(
    staged: StagedNetwork, pictures: Tensor
) -> None:
    logits = staged(pictures)
    assert torch.equal(staged.network(pictures), logits)
    assert torch.isfinite(logits).all()
    assert not torch.equal(logits[0], logits[1]), "two different pictures give the same answer"
    assert logits.std(dim=1).min() > 0


@torch.no_grad()
def test_no_stage_changes_its_input_so_that_activations_can_be_kept(
    staged: StagedNetwork, pictures: Tensor
) -> None:
    x = pictures
    for part in staged.stages:
        before = x.clone()
        output = part.module(x)
        assert torch.equal(x, before), part.name
        x = output


def test_each_parameter_belongs_to_exactly_one_stage_or_to_the_head(
    entry: Backbone, staged: StagedNetwork
) -> None:
    owned = [id(p) for part in staged.stages for p in part.module.parameters()]
    owned += [id(p) for p in staged.head.parameters()]
    assert len(owned) == len(set(owned))
    assert set(owned) == {id(p) for p in staged.network.parameters()}
    counts = [sum(p.numel() for p in part.module.parameters()) for part in staged.stages]
    assert counts == [facts.parameters for facts in entry.stages]
    assert min(counts) > 0


def test_stages_are_named_by_the_networks_own_modules_in_order(
    entry: Backbone, staged: StagedNetwork
) -> None:
    names = [part.name for part in staged.stages]
    assert names == [facts.name for facts in entry.stages]
    order = [name for name, _ in staged.network.named_modules()]
    positions = [order.index(name) for name in names]
    assert positions == sorted(set(positions))
    for part in staged.stages:
        first = next(part.module.parameters())
        own = staged.network.get_submodule(part.name).parameters()
        assert any(parameter is first for parameter in own), part.name


def test_groups_are_few_and_hold_neighbours(entry: Backbone) -> None:
    groups = [facts.group for facts in entry.stages]
    starts = [group for i, group in enumerate(groups) if i == 0 or groups[i - 1] != group]
    assert len(starts) == len(set(starts)), "a group is torn apart"
    assert 4 <= len(starts) <= 9


def test_torchvisions_constructor_loads_the_state_strictly(
    entry: Backbone, staged: StagedNetwork
) -> None:
    with torch.device("meta"):
        plain = get_model(entry.id, weights=None, num_classes=CLASSES)
    # assign: shapes and names are what is tested, and nothing need be copied.
    plain.load_state_dict(staged.network.state_dict(), strict=True, assign=True)


def check_that_each_stage_counts(staged: StagedNetwork, pictures: Tensor) -> None:
    """Leaving a stage out, or swapping two neighbours, changes the logits or fails."""
    expected = staged.network(pictures)
    stages = list(staged.stages)
    wrong = {f"without {part.name}": stages[:i] + stages[i + 1 :] for i, part in enumerate(stages)}
    for i in range(len(stages) - 1):
        swapped = [*stages[:i], stages[i + 1], stages[i], *stages[i + 2 :]]
        wrong[f"{stages[i].name} after {stages[i + 1].name}"] = swapped
    for what, order in wrong.items():
        try:
            logits = compose(staged, order, pictures)
        except RuntimeError:
            continue
        assert logits.shape != expected.shape or not torch.equal(logits, expected), what


@torch.no_grad()
@pytest.mark.parametrize("identifier", sorted(SMALLEST))
def test_a_missing_or_swapped_stage_shows_in_the_smallest_of_each_family(
    identifier: str, pictures: Tensor
) -> None:
    check_that_each_stage_counts(random_network(backbone(identifier)), pictures)


@pytest.mark.slow
@torch.no_grad()
def test_a_missing_or_swapped_stage_shows(staged: StagedNetwork, pictures: Tensor) -> None:
    check_that_each_stage_counts(staged, pictures)
