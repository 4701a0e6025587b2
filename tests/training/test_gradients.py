"""A batch that is taken in pieces teaches the same as one that is taken whole."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tlstudio.backbones.build import build_network, find_backbone
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.jobs import HeadSpec, Recipe
from tlstudio.training.gradients import Gradients
from tlstudio.training.memory import halved, split_evenly

WEIGHTS = torch.tensor([0.5, 2.0, 1.25])
CPU = torch.device("cpu")


def network_of(backbone: str, *, fixed: bool = True) -> StagedNetwork:
    torch.manual_seed(3)
    network = build_network(find_backbone(backbone), 3, HeadSpec(dropout=0), 64)
    network.freeze(len(network.stages) // 2, fixed_batchnorm=fixed)
    return network.train()


def gradients_of(network: StagedNetwork, most: int, recipe: Recipe) -> tuple[list[Tensor], float]:
    network.zero_grad(set_to_none=True)
    adding = Gradients(network, network, lambda loss: loss, recipe, WEIGHTS, CPU, "float32")
    loss, right = adding.add(*batch(), most)
    assert 0 <= int(right) <= 7
    return [p.grad.clone() for p in network.parameters() if p.grad is not None], float(loss)


def batch() -> tuple[Tensor, Tensor]:
    pictures = torch.randn(7, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    return pictures, torch.tensor([0, 2, 1, 1, 0, 2, 2])


@pytest.mark.parametrize("most", [0, 4, 3, 2, 1])
def test_pieces_have_the_gradients_of_the_whole_batch_as_plain_torch_has_them(most: int) -> None:
    """With class weights and label smoothing, which the mean over a piece would get wrong."""
    network = network_of("squeezenet1_1")
    found, loss = gradients_of(network, most, Recipe(label_smoothing=0.1))
    network.zero_grad(set_to_none=True)
    pictures, labels = batch()
    wanted = cross_entropy(network(pictures), labels, weight=WEIGHTS, label_smoothing=0.1)
    wanted.backward()  # type: ignore[no-untyped-call]
    assert loss == pytest.approx(wanted.item(), rel=1e-6)
    plain = [p.grad for p in network.parameters() if p.grad is not None]
    assert len(plain) == len(found) > 4
    for ours, theirs in zip(found, plain, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-6 * float(theirs.abs().max()))


def test_batchnorm_that_learns_moves_in_pieces_as_far_as_in_one() -> None:
    """Pieces of the same pictures have the statistics of the whole: then nothing differs."""
    same = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(5)).repeat(4, 1, 1, 1)
    labels = torch.tensor([0, 1] * 4)
    statistics = []
    for most in (0, 2, 1):
        network = network_of("mobilenet_v3_small", fixed=False)
        adding = Gradients(network, network, lambda loss: loss, Recipe(), WEIGHTS, CPU, "float32")
        adding.add(same, labels, most)
        statistics.append(
            {name: value for name, value in network.state_dict().items() if "running_mean" in name}
        )
    for name, whole in statistics[0].items():
        for pieces in statistics[1:]:  # never a single picture: asked for 1, it takes 2
            assert torch.allclose(pieces[name], whole, rtol=1e-3, atol=1e-5), name


def test_where_memory_runs_out_batchnorm_forgets_the_pieces_it_saw() -> None:
    network = network_of("mobilenet_v3_small", fixed=False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    calls = []

    def scarce(pictures: Tensor) -> Tensor:
        calls.append(len(pictures))
        if len(calls) == 2:
            network(pictures)
            raise torch.OutOfMemoryError("made up")
        logits: Tensor = network(pictures)
        return logits

    adding = Gradients(network, scarce, lambda loss: loss, Recipe(), WEIGHTS, CPU, "float32")
    with pytest.raises(torch.OutOfMemoryError):
        adding.add(*batch(), 3)
    assert calls == [2, 2]
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("least", [1, 2])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 32, 33])
def test_halving_ends_and_never_makes_a_piece_too_small(count: int, least: int) -> None:
    most: int | None = 0
    largest = [count + 1]
    while most is not None:
        bounds = split_evenly(count, most, least)
        sizes = [end - start for start, end in bounds]
        assert sum(sizes) == count
        assert [start for start, _ in bounds[1:]] == [end for _, end in bounds[:-1]]
        assert min(sizes) >= min(least, count)
        assert max(sizes) < largest[-1]
        largest.append(max(sizes))
        most = halved(count, most, least)
    assert largest[-1] <= 2 * least - 1
