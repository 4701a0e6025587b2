"""Any network of timm is a backbone: cut exactly, given its own weights, never fetched by timm."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from backbones.test_composition import unit_scale_
from torch import Tensor, nn

from tlstudio.backbones.build import build_network, find_backbone, load_state
from tlstudio.backbones.loading import load_backbone
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.backbones.watching import watched
from tlstudio.backbones.weights import obtain_weights, own_file
from tlstudio.errors import MissingPackageError, UsageError, WeightsError
from tlstudio.jobs import BackboneSpec, HeadSpec, WeightsSpec
from tlstudio.tasks import drive

timm = pytest.importorskip("timm", reason="timm is not installed; `pip install timm` brings it")

DINO = "vit_small_patch14_dinov2.lvd142m"
IN_STAGES = {
    "test_resnet": 5,
    "test_vit": 7,
    "test_convnext": 10,
    "test_efficientnet": 6,
    "test_mambaout": 7,
}
LARGER = {
    "resnet18": 9,
    DINO: 13,
    "convnext_atto": 13,
    "efficientnet_b0": 17,
    "swin_tiny_patch4_window7_224": 13,
    "swinv2_tiny_window8_256": 13,
    "deit_tiny_patch16_224": 13,
    "beit_base_patch16_224": 13,
    "mobilenetv3_small_050": 13,
    "regnety_002": 14,
    "vit_tiny_r_s16_p8_224": 13,  # runs a part of itself while it is built
    "tiny_vit_5m_224": 6,  # keeps what it computed
}
NOT_IN_A_ROW = ("cait_xxs24_224", "coat_tiny")
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in (*LARGER, *NOT_IN_A_ROW)]


def network_of(name: str, classes: int = 3, size: int | None = None) -> StagedNetwork:
    torch.manual_seed(0)
    return build_network(find_backbone(f"timm:{name}"), classes, HeadSpec(), size)


def picture_for(network: nn.Module, count: int = 1) -> Tensor:
    side = network.pretrained_cfg["input_size"][-1]
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def spec(name: str, size: int | None = None) -> BackboneSpec:
    return BackboneSpec(id=f"timm:{name}", weights=WeightsSpec(source="scratch"), input_size=size)


# --- stages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*IN_STAGES, *SLOW])
def test_the_stages_are_the_network(name: str) -> None:
    staged = network_of(name)
    unit_scale_(staged.network)
    staged.eval()
    pictures = picture_for(staged.network)
    with torch.no_grad():
        assert torch.equal(staged(pictures), staged.network(pictures))
    assert staged(pictures).isfinite().all()


@pytest.mark.parametrize("name", [*IN_STAGES, *SLOW])
def test_every_parameter_but_the_heads_belongs_to_one_stage(name: str) -> None:
    staged = network_of(name)
    head = set(staged.head.parameters())
    of_stages = [set(stage.module.parameters()) for stage in staged.stages]
    assert set.union(*of_stages) == set(staged.network.parameters()) - head
    assert sum(map(len, of_stages)) == len(set.union(*of_stages))


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        *IN_STAGES.items(),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in LARGER.items()),
        *(pytest.param(name, 1, marks=pytest.mark.slow) for name in NOT_IN_A_ROW),
    ],
)
def test_blocks_are_stages_where_they_run_in_a_row(name: str, stages: int) -> None:
    entry = find_backbone(f"timm:{name}")
    assert len(entry.stages) == stages
    assert len({stage.name for stage in entry.stages}) == stages


@pytest.mark.parametrize("name", ["test_vit", "test_convnext"])
def test_freezing_some_stages_freezes_what_they_use_and_nothing_else(name: str) -> None:
    staged = network_of(name)
    staged.train()
    staged.freeze(2)
    staged(picture_for(staged.network)).sum().backward()
    frozen = {p for stage in staged.stages[:2] for p in stage.module.parameters()}
    assert all(p.grad is None for p in frozen)
    assert all(p.grad is not None for p in set(staged.network.parameters()) - frozen)


def test_a_shortcut_added_in_place_is_not_taken_for_a_row() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(2, 2), nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            y = self.first(x)
            y += x
            return self.second(y)

    picture = torch.ones(1, 2)
    assert not watched(Block(), picture).in_a_row
    assert watched(nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True)), picture).in_a_row


@pytest.mark.parametrize(
    "name",
    [
        "deit_tiny_distilled_patch16_224",  # two heads
        pytest.param("caformer_s18", marks=pytest.mark.slow),  # a head of two layers
        pytest.param("levit_128s", marks=pytest.mark.slow),  # a norm that belongs to the layer
    ],
)
def test_a_network_whose_head_can_not_be_replaced_is_refused_in_words(name: str) -> None:
    with pytest.raises(UsageError, match="does not end in one linear layer"):
        find_backbone(f"timm:{name}")


# --- facts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "resnet18"])
def test_pictures_are_prepared_as_timm_evaluates_them(name: str) -> None:
    entry = find_backbone(f"timm:{name}")
    theirs = timm.data.resolve_data_config(timm.get_pretrained_cfg(name).to_dict())
    resize, crop, *_, normalise = timm.data.create_transform(**theirs).transforms
    ours = entry.preprocessing(spec(name))
    assert (ours.resize, (ours.crop, ours.crop)) == (resize.size, crop.size)
    assert ours.mean == pytest.approx(normalise.mean.tolist())
    assert ours.std == pytest.approx(normalise.std.tolist())


def test_facts_agree_with_the_network() -> None:
    entry = find_backbone("timm:resnet18")
    network = timm.create_model("resnet18", num_classes=0)
    assert entry.parameters == sum(p.numel() for p in network.parameters())
    assert entry.feature_width == network.num_features
    # timm's own table of results says 1.82 for 224 px.
    assert entry.weights[0].gflops == pytest.approx(1.82, abs=0.01)


@pytest.mark.parametrize(
    ("name", "licence", "commercial"),
    [
        ("test_vit", "Apache-2.0", True),
        ("convnextv2_atto.fcmae", "CC-BY-NC-4.0", False),
    ],
)
def test_licences_are_marked(name: str, licence: str, commercial: bool) -> None:
    entry = find_backbone(f"timm:{name}")
    assert (entry.weights[0].licence, entry.weights[0].commercial) == (licence, commercial)
    if not commercial:
        with pytest.raises(UsageError, match="forbid commercial use"):
            entry.variant()


@pytest.mark.parametrize(
    "name", ["no_such_net", "resnet18.no_such_tag", "hf-hub:timm/resnet18", "../resnet18"]
)
def test_a_name_that_timm_does_not_know_is_refused_in_words(name: str) -> None:
    with pytest.raises(UsageError, match="has no network called"):
        find_backbone(f"timm:{name}")


def test_a_name_that_is_nearly_right_is_corrected() -> None:
    with pytest.raises(UsageError) as caught:
        find_backbone("timm:resnet_18")
    assert "timm:resnet18" in caught.value.hint


# --- weights -------------------------------------------------------------------------------------


def test_weights_are_timms_own(tmp_path: Path) -> None:
    theirs = timm.create_model("test_vit", num_classes=10).eval()
    unit_scale_(theirs)
    staged = network_of("test_vit")
    load_backbone(staged, find_backbone("timm:test_vit"), theirs.state_dict())
    picture = picture_for(theirs)
    with torch.no_grad():
        expected = theirs.forward_head(theirs.forward_features(picture), pre_logits=True)
        assert torch.equal(staged.eval().run(picture), expected)


def test_weights_without_a_classifier_get_a_head_of_ours() -> None:
    entry = find_backbone("timm:test_vit")
    state = timm.create_model("test_vit", num_classes=0).state_dict()
    staged = network_of("test_vit", classes=4)
    load_backbone(staged, entry, state)
    assert staged(picture_for(staged.network)).shape == (1, 4)


def test_positions_are_brought_to_another_input_size_as_timm_does_it() -> None:
    torch.manual_seed(2)
    theirs = timm.create_model("test_vit", num_classes=3)
    state = {name: value.clone() for name, value in theirs.state_dict().items()}
    theirs.set_input_size(192)
    staged = network_of("test_vit", size=192)
    load_backbone(staged, find_backbone("timm:test_vit"), state, 192)
    assert torch.equal(staged.network.pos_embed, theirs.pos_embed)
    assert staged(torch.zeros(1, 3, 192, 192)).shape == (1, 3)


def test_a_size_that_the_patches_do_not_fill_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="every 16 more"):
        find_backbone("timm:test_vit").preprocessing(spec("test_vit", size=170))


def test_weights_of_another_network_are_refused_in_words() -> None:
    state = timm.create_model("test_resnet").state_dict()
    with pytest.raises(WeightsError, match="not weights of test_vit") as caught:
        load_backbone(network_of("test_vit"), find_backbone("timm:test_vit"), state)
    assert "timm's test_vit" in caught.value.hint


def test_nothing_is_fetched_unasked_and_what_was_fetched_is_found(tmp_path: Path) -> None:
    entry = find_backbone("timm:test_vit")
    with pytest.raises(WeightsError, match="nothing is downloaded unless you ask"):
        drive(obtain_weights(entry, WeightsSpec(), download=False), lambda event: None)
    file = own_file(entry.weights[0])
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    found = drive(obtain_weights(entry, WeightsSpec(), download=False), lambda event: None)
    assert found == file
    assert file.suffix == ".safetensors"


def test_a_network_without_published_weights_says_so() -> None:
    entry = find_backbone("timm:seresnet18")
    start = WeightsSpec(variant=entry.weights[0].name)
    with pytest.raises(WeightsError, match="no published weights"):
        drive(obtain_weights(entry, start, download=False), lambda event: None)


def test_without_timm_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingPackageError, match="pip install"):
        find_backbone("timm:a_network_that_nobody_asked_for_before")


def test_a_model_is_rebuilt_with_the_same_weights() -> None:
    entry = find_backbone("timm:test_convnext")
    first = build_network(entry, 3, HeadSpec(hidden=4))
    second = build_network(entry, 3, HeadSpec(hidden=4))
    load_state(second.network, first.network.state_dict())
    picture = picture_for(first.network)
    with torch.no_grad():
        assert torch.equal(first.eval()(picture), second.eval()(picture))
