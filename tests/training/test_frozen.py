"""Frozen stages run fast give what the network gives, and the same bits for a picture always."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from backbones.networks import SMALLEST, size_for
from torch import Tensor, nn

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.staged import Cut, HeadSite, StagedNetwork, stage
from tlstudio.jobs import HeadSpec
from tlstudio.training import frozen
from tlstudio.training.frozen import POSITIONS, FrozenPart, batch_size, weights_digest

CPU = torch.device("cpu")
QUICK = {"mobilenet_v3_small", "shufflenet_v2_x0_5", "squeezenet1_1", "efficientnet_b0"}
FAMILIES = [
    pytest.param(each, marks=[] if each in QUICK else pytest.mark.slow)
    for each in sorted({*SMALLEST, *QUICK})
]
PRECISIONS = ("float32", "bfloat16")


@pytest.fixture(params=FAMILIES)
def network(request: pytest.FixtureRequest) -> StagedNetwork:
    return made(request.param)


def made(identifier: str) -> StagedNetwork:
    """With BatchNorms that do something, each in its own way."""
    entry = backbone(identifier)
    torch.manual_seed(5)
    return stirred(build_network(entry, 3, HeadSpec(), size_for(entry))).eval()


def stirred(network: StagedNetwork) -> StagedNetwork:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return network


def normalised(count: int, crop: int) -> Tensor:
    return torch.randn(count, 3, crop, crop, generator=torch.Generator().manual_seed(6))


@pytest.fixture
def crop(request: pytest.FixtureRequest) -> int:
    return size_for(backbone(request.node.callspec.params["network"]))


def boundaries(network: StagedNetwork) -> list[int]:
    """A few depths, the first and the last among them."""
    count = len(network.stages)
    return sorted({1, count // 3, 2 * count // 3, count - 1, count} - {0})


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


# --- the same bits --------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_row_is_the_same_bits_in_any_place_beside_any_neighbours_and_whatever_else_is_asked(
    network: StagedNetwork, crop: int, precision: str
) -> None:
    part = FrozenPart(network, precision, CPU, crop)
    part.batch = 8
    depths, pictures = boundaries(network), normalised(11, crop)
    together = part(pictures, depths)
    order = torch.tensor([10, 3, 7, 0, 5, 1, 9])
    shuffled, alone = part(pictures[order], depths), part(pictures[4:5], depths)
    for depth in depths:
        assert torch.equal(shuffled[depth], together[depth][order]), depth
        assert torch.equal(alone[depth][0], together[depth][4]), depth
        assert torch.equal(part(pictures[8:], [depth])[depth], together[depth][8:]), depth
        assert together[depth].dtype == torch.float32
        assert tuple(together[depth].shape[1:]) == part.shape(depth), depth


@pytest.mark.slow
@pytest.mark.parametrize("precision", PRECISIONS)
def test_two_threads_give_the_same_bits_in_any_place_of_a_batch_of_the_real_size(
    network: StagedNetwork, crop: int, precision: str
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        part = FrozenPart(network, precision, CPU, crop)
        pictures = normalised(part.batch, crop)
        full = [part.full // 2, part.full]
        once, turned = part(pictures, full), part(pictures.roll(3, 0), full)
        for depth in full:
            assert torch.equal(turned[depth], once[depth].roll(3, 0)), depth
    finally:
        torch.set_num_threads(threads)


# --- what the network gives -----------------------------------------------------------------------


def test_rows_are_what_the_networks_own_stages_give(network: StagedNetwork, crop: int) -> None:
    part = FrozenPart(network, "float32", CPU, crop)
    part.batch = 2
    pictures = normalised(2, crop)
    depths = list(range(1, part.full + 1))
    rows = part(pictures, depths)
    x = pictures
    for depth in depths:
        with torch.no_grad():
            x = network.run(x, depth - 1, depth)
            expected = x if depth < part.full else network.pool(x)
        found = rows[depth]
        if depth == part.full and network.head_site.kind == "conv":
            every = x.flatten(2).transpose(1, 2)
            assert found.shape[1] == 1 + POSITIONS
            chosen = torch.linspace(0, every.shape[1] - 1, POSITIONS).round().long()
            torch.testing.assert_close(found[:, 1:], every[:, chosen], rtol=1e-5, atol=1e-5)
            found = found[:, 0]
        off = (found - expected).abs().max()
        assert off <= 1e-5 * expected.abs().max(), part.full - depth


@pytest.mark.parametrize(
    ("identifier", "unfolded"),
    [
        ("mobilenet_v2", 0),
        ("resnet18", 0),
        ("googlenet", 0),
        # Those in front of a block read what other layers read as well.
        ("densenet121", 62),
        pytest.param("maxvit_t", 11, marks=pytest.mark.slow),
    ],
)
def test_batchnorms_are_folded_wherever_they_can_be(identifier: str, unfolded: int) -> None:
    network = made(identifier)
    assert norms(network) > unfolded
    part = FrozenPart(network, "float32", CPU, size_for(backbone(identifier)))
    assert norms(part.ready) == unfolded


def test_the_network_that_learns_is_left_as_it_is() -> None:
    network = made("resnet18")
    network.freeze(3)
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    count, gradients = norms(network), [each.requires_grad for each in network.parameters()]
    modes = [module.training for module in network.modules()]
    part = FrozenPart(network, "bfloat16", CPU, 64)
    part.shape(2)
    part(normalised(1, 64), [2, part.full])
    assert norms(network) == count
    assert [module.training for module in network.modules()] == modes
    assert [each.requires_grad for each in network.parameters()] == gradients
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


# --- networks that would be folded wrongly --------------------------------------------------------


class _Both(nn.Module):
    """`how` reads what lies between a convolution and its BatchNorm."""

    def __init__(self, how: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.how, self.conv, self.norm = how, nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)

    def forward(self, x: Tensor) -> Tensor:
        raw = self.conv(x)
        return self.how(raw, self.norm(raw))


class _Twice(nn.Module):
    """One convolution, run twice, whose BatchNorm reads it once."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.conv(self.conv(x)))
        return normed


class _Changed(_Both):
    """What the BatchNorm reads was changed in its place."""

    def forward(self, x: Tensor) -> Tensor:
        raw = self.conv(x).relu_()
        normed: Tensor = self.norm(raw)
        return normed


def cut(*parts: nn.Module, width: int) -> StagedNetwork:
    """Each of `parts` a stage of its own, with a linear head."""
    torch.manual_seed(7)
    whole = nn.Module()
    for number, part in enumerate(parts):
        whole.add_module(f"part{number}", part)
    whole.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    whole.add_module("head", nn.Linear(width, 2))
    stages = [stage(f"part{number}", part) for number, part in enumerate(parts)]
    stages.append(stage("pool", whole.get_submodule("pool")))
    return stirred(StagedNetwork(whole, Cut(tuple(stages), HeadSite("head", "linear")))).eval()


@pytest.mark.parametrize(
    "network",
    [
        # So little of it that a look at what comes out would not show it.
        cut(_Both(lambda raw, normed: normed + 1e-5 * raw), width=6),
        cut(_Both(lambda raw, normed: torch.cat([normed, 1e-5 * raw], 1)), width=12),
        cut(_Both(lambda raw, normed: torch.cat([raw, normed], 1)), width=12),
        cut(_Both(lambda raw, normed: normed * raw.mean((2, 3), keepdim=True)), width=6),
        cut(_Changed(lambda _, normed: normed), width=6),
        cut(_Twice(), width=3),
        cut(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), width=6),
    ],
    ids=["sum", "a little", "both", "gate", "in place", "twice", "between stages"],
)
def test_a_convolution_that_something_else_reads_as_well_is_not_folded(
    network: StagedNetwork,
) -> None:
    part = FrozenPart(network, "float32", CPU, 16)
    assert norms(part.ready) == 1
    pictures = normalised(2, 16)
    rows = part(pictures, range(1, part.full + 1))
    for depth in range(1, part.full):
        with torch.no_grad():
            expected = network.run(pictures, 0, depth)
        torch.testing.assert_close(rows[depth], expected, rtol=1e-6, atol=1e-6)


def test_a_row_is_not_changed_by_the_stage_behind_it() -> None:
    """That stage begins by writing into its input, which is one position large."""
    first = nn.Sequential(nn.Conv2d(3, 6, 3), nn.AdaptiveAvgPool2d(1))
    network = cut(first, nn.ReLU(inplace=True), width=6)
    pictures = normalised(8, 16)
    part = FrozenPart(network, "float32", CPU, 16)
    part.batch = 8
    row = part(pictures, [1, 2])[1]
    assert (row < 0).any()
    assert torch.equal(row, part(pictures, [1])[1])


# --- what tells rows apart ------------------------------------------------------------------------


def facts(network: StagedNetwork, depth: int = 2, precision: str = "float32") -> list[str]:
    return FrozenPart(network, precision, CPU, 16).facts(depth)


def small(*, stride: int = 1, eps: float = 1e-5) -> StagedNetwork:
    torch.manual_seed(8)
    first, second = nn.Conv2d(3, 6, 3, stride=stride), nn.Conv2d(6, 6, 3)
    return cut(first, nn.BatchNorm2d(6, eps=eps), second, width=6)


def test_the_same_network_has_the_same_facts_and_every_number_and_setting_counts() -> None:
    usual = facts(small())
    assert usual == facts(small())
    others = [
        facts(small(), depth=1),
        facts(small(), precision="bfloat16"),
        facts(small(eps=1e-3)),
        facts(small(stride=2)),
        FrozenPart(small(), "float32", CPU, 32).facts(2),
    ]
    for path in ("network.part0.bias", "network.part1.running_var", "network.part1.weight"):
        network = small()
        dict(network.state_dict(keep_vars=True))[path].data[-1] += 1e-6
        others.append(facts(network))
    assert len({str(each) for each in (usual, *others)}) == 1 + len(others)


def test_what_lies_behind_a_depth_does_not_count_at_it() -> None:
    network = small()
    usual, full = facts(network), facts(network, depth=4)
    with torch.no_grad():
        network.head.weight += 1
        assert facts(network, depth=4) == full
        network.get_parameter("network.part2.weight").add_(1)
    assert facts(network) == usual
    assert facts(network, depth=4) != full


def test_numbers_that_early_and_late_stages_share_count_at_every_depth() -> None:
    shared = nn.Conv2d(3, 3, 3)
    network = cut(shared, nn.ReLU(), shared, width=3)
    before = weights_digest(network, 1)
    with torch.no_grad():
        shared.weight += 1
    assert weights_digest(network, 1) != before


def test_batches_grow_as_pictures_shrink_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [batch_size(CPU, crop) for crop in (32, 64, 224, 448, 2000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] == 8
    assert min(sizes) == 1
    assert max(sizes) == 64
    for memory, smallest in ((80e9, 64), (4e9, 16)):
        monkeypatch.setattr(frozen, "_card_memory", lambda _, memory=memory: memory)
        assert smallest < batch_size(torch.device("cuda"), 224) <= 2 * smallest
