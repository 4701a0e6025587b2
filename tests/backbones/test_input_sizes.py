"""The catalogue's input sizes are those that the networks really take."""

from __future__ import annotations

import pytest
import torch
from backbones.networks import PUBLISHED, networks
from torchvision.models import get_model_weights
from torchvision.models.vision_transformer import interpolate_embeddings

from tlstudio.backbones.build import ShapesOnly, adapted_state, build_network
from tlstudio.backbones.catalogue import Backbone, backbone
from tlstudio.backbones.loading import load_backbone
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.jobs import HeadSpec

CLASSES = 3


@pytest.fixture(scope="module", params=networks())
def entry(request: pytest.FixtureRequest) -> Backbone:
    return backbone(request.param)


def shapes_of(entry: Backbone, size: int) -> StagedNetwork:
    """The network for pictures of this size, without memory for its weights."""
    with ShapesOnly():
        network = build_network(entry, CLASSES, HeadSpec(), size)
    return network.to("meta")


def pictures(size: int) -> torch.Tensor:
    return torch.empty(2, 3, size, size, device="meta")


def test_the_smallest_size_and_the_next_work_while_learning_and_after(entry: Backbone) -> None:
    assert entry.sizes is not None
    for size in (entry.sizes.smallest, entry.sizes.smallest + entry.sizes.step):
        network = shapes_of(entry, size)
        for training in (True, False):
            network.train(training)
            assert network(pictures(size)).shape == (2, CLASSES)


def test_sizes_between_two_steps_are_refused_by_the_network_itself(entry: Backbone) -> None:
    assert entry.sizes is not None
    if entry.sizes.step == 1:
        return
    size = entry.sizes.smallest + entry.sizes.step // 2
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        shapes_of(entry, size)(pictures(size))


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.id)
def test_torchvisions_own_sizes_are_allowed_and_its_minimum_is_kept(entry: Backbone) -> None:
    assert entry.sizes is not None
    for weights in entry.weights:
        assert entry.sizes.allows(weights.preprocessing.crop)
        # torchvision names the usual size of networks that it builds for one size; Swin fills a
        # window that is not full, so that it takes any.
        smallest = get_model_weights(entry.id)[weights.name].meta["min_size"]
        usual_only = entry.family in {"vit", "swin"}
        assert usual_only or entry.sizes.smallest >= max(smallest)


@pytest.mark.parametrize(("old", "new"), [(224, 96), (384, 224), (64, 128)])
def test_positions_are_interpolated_as_torchvision_does_it(old: int, new: int) -> None:
    generator = torch.Generator().manual_seed(1)
    state = {
        "conv_proj.weight": torch.zeros(8, 3, 16, 16),
        "encoder.pos_embedding": torch.randn(1, 1 + (old // 16) ** 2, 8, generator=generator),
    }
    wanted = interpolate_embeddings(new, 16, dict(state))["encoder.pos_embedding"]
    got = adapted_state("vit", state, new)["encoder.pos_embedding"]
    assert got.shape == (1, 1 + (new // 16) ** 2, 8)
    assert torch.equal(got, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("identifier", ["vit_b_32", "swin_t", "swin_v2_t", "maxvit_t"])
def test_weights_made_at_another_size_give_torchvisions_answers(identifier: str) -> None:
    """Loaded at a larger size than they were made for, against torchvision's own network."""
    entry, size = backbone(identifier), 448
    torch.manual_seed(1)
    usual = build_network(entry, CLASSES, HeadSpec())
    resized = build_network(entry, CLASSES, HeadSpec(), size)
    load_backbone(resized, entry, usual.network.state_dict(), size)
    reference = build_network(entry, CLASSES, HeadSpec(), size).network
    state = usual.network.state_dict()
    if identifier.startswith("vit"):
        state = interpolate_embeddings(size, 32, state)
    reference.load_state_dict(state, strict=True)
    resized.replace_head(reference.get_submodule(resized.head_site.path))
    inputs = torch.randn(1, 3, size, size)
    with torch.no_grad():
        assert torch.equal(resized.eval()(inputs), reference.eval()(inputs))
