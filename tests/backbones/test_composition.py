"""Every catalogue network is the plain composition of its stages, and each stage counts.

The smallest network of each family is in the suite; all the others take the marker `slow`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from backbones.networks import SMALLEST, networks, size_for
from torch import Tensor, nn

from tlstudio.backbones.build import ShapesOnly, build_network
from tlstudio.backbones.catalogue import Backbone, backbone
from tlstudio.backbones.staged import Stage, StagedNetwork
from tlstudio.jobs import HeadSpec
from tlstudio.training.model_folder import constructor_of

CLASSES = 5
COMPUTING = ("densenet", "googlenet", "inception", "mnasnet", "shufflenetv2", "vit")
"""Families whose stages compute something themselves that torchvision's networks do elsewhere."""


def unit_scale_(network: nn.Module) -> None:
    """Random values of order 1 in every parameter and every statistic: fresh networks have zero
    biases, tiny layer scales, means of 0 and variances of 1, which hide a missing layer. Weights
    are divided by the root of their fan-in, so that activations stay of order 1 too."""
    for name, parameter in network.named_parameters():
        if not name.endswith("weight"):
            nn.init.normal_(parameter)
        elif parameter.ndim > 1:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
        else:
            nn.init.uniform_(parameter, 0.5, 1.5)
    for name, buffer in network.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            buffer.normal_()


def random_network(entry: Backbone) -> StagedNetwork:
    torch.manual_seed(7)
    with ShapesOnly():
        staged = build_network(entry, CLASSES, HeadSpec(dropout=0.5), size_for(entry))
    buffers = {name: buffer.clone() for name, buffer in staged.network.named_buffers()}
    staged.to_empty(device="cpu")
    for name, buffer in staged.network.named_buffers():
        buffer.copy_(buffers[name])  # tables of positions are no statistics
    unit_scale_(staged.network)
    return staged.eval()


def pictures_for(entry: Backbone) -> Tensor:
    size = size_for(entry)
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module", params=networks())
def entry(request: pytest.FixtureRequest) -> Backbone:
    return backbone(request.param)


@pytest.fixture(scope="module")
def staged(entry: Backbone) -> StagedNetwork:
    return random_network(entry)


@pytest.fixture(scope="module")
def pictures(entry: Backbone) -> Tensor:
    return pictures_for(entry)


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


def owned(module: nn.Module) -> list[int]:
    return [id(tensor) for tensor in (*module.parameters(), *module.buffers())]


def test_all_that_a_network_holds_belongs_to_exactly_one_stage_or_to_the_head(
    staged: StagedNetwork,
) -> None:
    parts = [part.module for part in staged.stages]
    held = [identity for part in (*parts, staged.head) for identity in owned(part)]
    assert len(held) == len(set(held))
    assert set(held) == set(owned(staged.network))


def test_stages_have_the_parameters_that_the_catalogue_says(entry: Backbone) -> None:
    with ShapesOnly():
        staged = build_network(entry, CLASSES, HeadSpec())
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


@torch.no_grad()
def test_a_frozen_network_answers_in_training_mode_as_ever_and_learns_nothing(
    staged: StagedNetwork, pictures: Tensor
) -> None:
    expected = staged.run(pictures)
    staged.freeze(len(staged.stages))
    staged.train()
    learning = {id(p) for p in staged.network.parameters() if p.requires_grad}
    answers = [staged.run(pictures) for _ in range(2)]
    staged.eval()
    staged.freeze(0)
    assert learning == {id(p) for p in staged.head.parameters()}
    assert all(torch.equal(answer, expected) for answer in answers), "dropout or moved statistics"


@torch.no_grad()
def test_the_call_in_the_model_card_builds_the_network_that_the_state_fits(
    entry: Backbone, staged: StagedNetwork, pictures: Tensor
) -> None:
    call = constructor_of(entry, staged, CLASSES, HeadSpec(), size_for(entry))
    with ShapesOnly():
        plain = call.run()
        if call.head is not None:
            plain.set_submodule(call.head_path, eval(call.head, {"torch": torch}))  # noqa: S307
    # assign: the numbers need not be copied.
    plain.load_state_dict(staged.network.state_dict(), strict=True, assign=True)
    assert torch.equal(plain.eval()(pictures), staged(pictures))


OUT_OF_ORDER = (RuntimeError, ValueError, AssertionError, IndexError)
"""What torchvision's modules raise when they are given what is meant for others."""


@torch.no_grad()
def test_a_missing_or_swapped_stage_shows(staged: StagedNetwork, pictures: Tensor) -> None:
    expected, stages = staged.network(pictures), staged.stages
    x = pictures
    for index, part in enumerate(stages):
        rest = stages[index + 1 :]
        wrong = {f"without {part.name}": rest}
        if rest:
            wrong[f"{part.name} after {rest[0].name}"] = (rest[0], part, *rest[1:])
        for what, order in wrong.items():
            try:
                logits = compose(staged, order, x)
            except OUT_OF_ORDER:
                continue
            assert logits.shape != expected.shape or not torch.equal(logits, expected), what
        x = part.module(x)


@pytest.mark.parametrize("identifier", [i for i in SMALLEST if backbone(i).family in COMPUTING])
def test_learning_through_the_stages_is_learning_through_torchvisions_forward_pass(
    identifier: str,
) -> None:
    entry = backbone(identifier)
    staged = random_network(entry)
    gradients = []
    for forward in (staged, staged.network):
        staged.zero_grad()
        forward(pictures_for(entry)).square().sum().backward()
        gradients.append({name: p.grad for name, p in staged.network.named_parameters()})
    found, expected = gradients
    for name, gradient in expected.items():
        # DenseNet's stages add up the same terms in another order.
        scale = float(gradient.abs().max())
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-4 * scale)
