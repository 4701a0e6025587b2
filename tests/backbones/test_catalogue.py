"""The catalogue says what the installed torchvision says, and imports without torch."""

from __future__ import annotations

import subprocess
import sys
from itertools import groupby

import pytest
import torchvision
from backbones.networks import PUBLISHED
from torchvision.models import get_model_weights, list_models

from tlstudio.backbones.build_catalogue import CATALOGUE, UNUSABLE, catalogue_text
from tlstudio.backbones.catalogue import (
    RECOMMENDED,
    Backbone,
    InputSizes,
    Weights,
    backbone,
    catalogue,
)
from tlstudio.errors import UsageError
from tlstudio.jobs import BackboneSpec, WeightsSpec


def test_the_file_is_what_the_command_writes_for_this_torchvision() -> None:
    assert CATALOGUE.read_text(encoding="utf-8") == catalogue_text()


def test_every_classification_network_of_this_torchvision_is_in_it() -> None:
    assert {entry.id for entry in PUBLISHED} == set(list_models(module=torchvision.models))


def parameters_elsewhere(entry: Backbone, weights: Weights) -> int:
    """What torchvision counts and the catalogue does not: the head, which reads the features
    through a weight each and has a bias; and what only some networks have."""
    head = 1000 * (entry.feature_width + 1)
    if entry.id == "maxvit_t":
        return head - 1000  # torchvision's has no bias
    if entry.id == "inception_v3":
        return head + 3_326_696  # the auxiliary head
    if entry.family == "vit":
        assert entry.sizes is not None
        patches = (weights.preprocessing.crop // entry.sizes.step) ** 2
        return head + (patches - (224 // entry.sizes.step) ** 2) * entry.feature_width
    return head


@pytest.mark.parametrize("entry", PUBLISHED, ids=lambda entry: entry.id)
def test_an_entrys_figures_agree_with_torchvisions_own(entry: Backbone) -> None:
    assert entry.parameters == sum(facts.parameters for facts in entry.stages)
    assert entry.sentence.startswith("Good for ")
    assert entry.sentence.endswith(".")
    published = get_model_weights(entry.id)
    assert {each.name for each in entry.weights} == {
        each.name for each in published
    } - UNUSABLE.get(entry.id, set())
    for ours in entry.weights:
        theirs = published[ours.name]
        assert entry.parameters + parameters_elsewhere(entry, ours) == theirs.meta["num_params"]
        assert ours.url == theirs.url
        beginning = theirs.url.removesuffix(".pth").rsplit("-", 1)[1]
        assert ours.sha256.startswith(beginning)
        assert len(ours.sha256) in {len(beginning), 64}
        assert set(ours.sha256) <= set("0123456789abcdef")
        assert ours.bytes / 2**20 == pytest.approx(theirs.meta["_file_size"], abs=1e-3)
        # Four bytes a parameter (a few old files have two), and little else.
        width = 2 if ours.bytes < 3 * theirs.meta["num_params"] else 4
        if entry.id != "googlenet":  # whose file holds auxiliary heads that are not counted
            assert ours.bytes == pytest.approx(width * theirs.meta["num_params"], rel=0.06)
        assert ours.commercial == ("license" not in theirs.meta)
        assert ours.commercial == (ours.licence == "BSD-3-Clause")
        assert ours.gflops == theirs.meta["_ops"]
        top1 = theirs.meta["_metrics"]["ImageNet-1K"]["acc@1"]
        assert ours.top1 == pytest.approx(top1)


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
def test_the_default_weights_may_be_used_by_everyone_wherever_there_are_such(
    entry: Backbone,
) -> None:
    open_to_all = [each.name for each in entry.weights if each.commercial]
    if open_to_all:
        assert entry.variant().name == open_to_all[0]
    else:
        assert entry.id in {"vit_h_14", "regnet_y_128gf"}
        with pytest.raises(UsageError, match="forbid commercial use"):
            entry.variant()


def test_families_come_from_light_to_heavy_and_so_do_their_networks() -> None:
    families = [list(group) for _, group in groupby(catalogue(), key=_shelf)]
    assert len(families) == len({_shelf(entry) for entry in catalogue()})
    lightest = [entries[0].weights[0].gflops for entries in families[1:]]
    assert lightest == sorted(lightest)
    for entries in families:
        work = [entry.weights[0].gflops for entry in entries]
        assert work == sorted(work)


def _shelf(entry: Backbone) -> tuple[str, str, str]:
    kind = entry.id[:8] if entry.family == "regnet" else ""
    return entry.family, entry.paper, kind


def test_the_recommended_backbone_comes_first_and_nothing_comes_twice() -> None:
    identifiers = [entry.id for entry in catalogue()]
    assert identifiers[0] == RECOMMENDED
    assert len(identifiers) == len(set(identifiers))
    assert len({entry.name for entry in catalogue()}) == len(identifiers)


def test_weights_that_forbid_commercial_use_are_only_taken_by_name() -> None:
    entry = backbone("resnet50")
    bound = entry.weights[0].model_copy(update={"name": "BOUND", "commercial": False})
    mixed = entry.model_copy(update={"weights": (*entry.weights, bound)})
    assert mixed.variant().name == entry.weights[0].name
    assert mixed.variant("BOUND") == bound
    only = entry.model_copy(update={"weights": (bound,)})
    assert only.variant("BOUND") == bound
    with pytest.raises(UsageError, match=r"forbid commercial use.*BOUND"):
        only.variant()
    with pytest.raises(UsageError, match="forbid commercial use"):
        only.preprocessing(BackboneSpec(id="resnet50"))
    scratch = BackboneSpec(id="resnet50", weights=WeightsSpec(source="scratch"))
    assert only.preprocessing(scratch) == bound.preprocessing


def test_unknown_weights_are_answered_with_the_names_there_are() -> None:
    with pytest.raises(UsageError, match="IMAGENET1K_V1, IMAGENET1K_V2"):
        backbone("resnet50").variant("IMAGENET1K_V3")


def test_each_variant_brings_its_own_preprocessing_and_an_input_size_changes_it() -> None:
    entry = backbone("resnet50")
    first, second = (WeightsSpec(variant=f"IMAGENET1K_V{number}") for number in (1, 2))
    for weights, size, crop, resize in (
        (WeightsSpec(), None, 224, 256),
        (second, None, 224, 232),
        (first, None, 224, 256),
        (first, 224, 224, 256),
        (first, 448, 448, 512),
        (first, 65, 65, 74),
        (WeightsSpec(source="file", file="f", variant="IMAGENET1K_V1"), 112, 112, 128),
    ):
        spec = entry.preprocessing(BackboneSpec(id=entry.id, weights=weights, input_size=size))
        assert (spec.crop, spec.resize) == (crop, resize)
        assert spec.mean == entry.variant().preprocessing.mean


def test_an_input_size_that_the_network_does_not_take_is_answered_with_the_next_ones() -> None:
    entry = backbone("resnet50").model_copy(
        update={"sizes": InputSizes(smallest=32, step=16), "name": "Net"}
    )
    for size, words in ((40, "32 or 48"), (16, "of 32."), (225, "224 or 240")):
        with pytest.raises(UsageError, match=rf"takes 32 and every 16 more.*{words}"):
            entry.preprocessing(BackboneSpec(id=entry.id, input_size=size))
    any_size = entry.model_copy(update={"sizes": InputSizes(smallest=32, step=1)})
    with pytest.raises(UsageError, match=r"takes 32 and more\."):
        any_size.preprocessing(BackboneSpec(id=entry.id, input_size=1))
    fixed = entry.model_copy(update={"sizes": None})
    with pytest.raises(UsageError, match="only looks at pictures of 224 × 224"):
        fixed.preprocessing(BackboneSpec(id=entry.id, input_size=256))
    assert fixed.preprocessing(BackboneSpec(id=entry.id, input_size=224)).crop == 224


def test_an_unknown_backbone_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UsageError, match="resnet50"):
        backbone("resnet5O")


def test_the_window_can_read_catalogue_and_weights_state_without_torch() -> None:
    program = (
        "import sys\n"
        "from tlstudio.backbones.catalogue import catalogue\n"
        "from tlstudio.backbones.weights import weights_state\n"
        "states = [weights_state(each) for entry in catalogue() for each in entry.weights]\n"
        "assert len(states) > 100\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
