"""Owns how the catalogue is written: `python -m tlstudio.backbones.build_catalogue`.

Sizes, accuracies, addresses and preprocessing are read from torchvision, stages from the cut
networks; only what torchvision does not know stands in `catalogue_facts.toml`.
"""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model_weights
from torchvision.transforms import InterpolationMode

from tlstudio.backbones.build import ShapesOnly, cut_network
from tlstudio.backbones.catalogue import (
    RECOMMENDED,
    Backbone,
    InputSizes,
    PreprocessingSpec,
    Weights,
)
from tlstudio.backbones.recognition import FINGERPRINTS, Fingerprint, network_fingerprint
from tlstudio.backbones.staged import StagedNetwork, stage_facts
from tlstudio.jobs import Spec
from tlstudio.projects.atomic import write_text
from tlstudio.projects.places import resources_folder

CATALOGUE = Path(__file__).with_name("catalogue.json")
FACTS = Path(__file__).with_name("catalogue_facts.toml")

DEFAULT = "IMAGENET1K_V1"
"""The default weights, wherever there are any of this name and the facts name no others.

Training starts from frozen features here. torchvision's second sets, which it prefers, gain their
points on ImageNet with label smoothing, mixup and cutmix, which make frozen features worse for
other pictures (https://arxiv.org/abs/1805.08974, https://arxiv.org/abs/2010.16402). EfficientNet-B1
takes the second: label smoothing is in its first set already.
"""

SWAG = "https://github.com/facebookresearch/SWAG/blob/main/LICENSE"


class Terms(NamedTuple):
    """A licence by its SPDX identifier, whether it allows commercial use, and the training data."""

    licence: str
    commercial: bool
    data: str


TERMS = {
    # torchvision publishes its code and its weights under one licence.
    None: Terms("BSD-3-Clause", True, "ImageNet-1K"),
    SWAG: Terms("CC-BY-NC-4.0", False, "3.6 billion Instagram pictures, ImageNet-1K"),
}
"""By what torchvision says of a licence."""

UNUSABLE = {"vgg16": {"IMAGENET1K_FEATURES"}}
"""Weights in which two of the stages hold no numbers."""


class OwnWeights(Spec):
    """Weights that come with the program; their file lies under `resources/weights/`."""

    name: str
    file: str
    data: str
    licence: str
    preprocessing: PreprocessingSpec


class NetworkFacts(Spec):
    """What torchvision does not know of a network. `default` names its default weights, `sizes`
    stands where its sizes are not those of its family, and `own` are weights of our own."""

    id: str
    name: str
    sentence: str
    default: str | None = None
    sizes: InputSizes | None = None
    own: OwnWeights | None = None


class FamilyFacts(Spec):
    """A module under `families/` and what some of its networks have in common."""

    module: str
    year: int
    paper: str
    sizes: InputSizes | None = None
    network: tuple[NetworkFacts, ...]


class Facts(Spec):
    """`sha256` gives a weights file's whole hash where torchvision only gives its beginning."""

    family: tuple[FamilyFacts, ...]
    sha256: dict[str, str]


def facts() -> Facts:
    return Facts.model_validate(tomllib.loads(FACTS.read_text(encoding="utf-8")))


def build_entry(network: NetworkFacts, family: FamilyFacts, sha256: dict[str, str]) -> Backbone:
    """One catalogue entry, from the installed torchvision and the facts of the table."""
    with ShapesOnly():
        staged = cut_network(network.id, family.module, num_classes=1000, dropout=0.0)
    stages = stage_facts(staged)
    return Backbone(
        id=network.id,
        name=network.name,
        family=family.module,
        year=family.year,
        paper=family.paper,
        sentence=network.sentence,
        parameters=sum(part.parameters for part in stages),
        feature_width=staged.feature_width,
        sizes=network.sizes or family.sizes,
        weights=(
            (_own_weights(network.own, staged),) if network.own else _all_weights(network, sha256)
        ),
        stages=stages,
    )


def _own_weights(own: OwnWeights, staged: StagedNetwork) -> Weights:
    file = resources_folder() / "weights" / own.file
    content = file.read_bytes()
    return Weights(
        **dict(own),
        url=None,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        top1=None,
        top5=None,
        commercial=True,
        gflops=_gflops(staged, own.preprocessing.crop),
    )


def _gflops(staged: StagedNetwork, size: int) -> float:
    """As torchvision counts them: a multiplication with its addition is one operation."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        staged.to("meta").eval()(torch.empty(1, 3, size, size))
    return round(float(counter.get_total_flops()) / 2e9, 3)


def _all_weights(network: NetworkFacts, sha256: dict[str, str]) -> tuple[Weights, ...]:
    """All usable sets of weights, the default first, then those that may be used commercially."""
    published = get_model_weights(network.id)
    default = network.default or DEFAULT
    usable = [each for each in published if each.name not in UNUSABLE.get(network.id, ())]
    every = [_weights(each, sha256) for each in usable]
    return tuple(sorted(every, key=lambda each: (not each.commercial, each.name != default)))


def _weights(published: Any, sha256: dict[str, str]) -> Weights:
    file = published.url.rsplit("/", 1)[1]
    accuracy = published.meta["_metrics"]["ImageNet-1K"]
    terms = TERMS[published.meta.get("license")]
    return Weights(
        name=published.name,
        url=published.url,
        file=file,
        sha256=sha256.get(file, Path(file).stem.rsplit("-", 1)[1]),
        # torchvision gives mebibytes with three decimals: right to about 500 bytes.
        bytes=round(published.meta["_file_size"] * 1024 * 1024),
        data=terms.data,
        top1=accuracy["acc@1"],
        top5=accuracy["acc@5"],
        licence=terms.licence,
        commercial=terms.commercial,
        gflops=published.meta["_ops"],
        preprocessing=_preprocessing(published),
    )


def _preprocessing(published: Any) -> PreprocessingSpec:
    preset = published.transforms()
    names = {InterpolationMode.BILINEAR: "bilinear", InterpolationMode.BICUBIC: "bicubic"}
    return PreprocessingSpec.model_validate(
        {
            "resize": preset.resize_size[0],
            "crop": preset.crop_size[0],
            "interpolation": names[preset.interpolation],
            "mean": preset.mean,
            "std": preset.std,
        }
    )


@cache
def entries() -> tuple[Backbone, ...]:
    """All entries as they should be for the installed torchvision, in order.

    The recommended family comes first, then the others by the work of their lightest network, and
    the networks of each family by their own.
    """
    table = facts()
    families = [
        sorted((build_entry(each, family, table.sha256) for each in family.network), key=_work)
        for family in table.family
    ]
    families.sort(key=lambda members: (members[0].id != RECOMMENDED, _work(members[0])))
    return tuple(entry for members in families for entry in members)


def _work(entry: Backbone) -> tuple[float, int]:
    return entry.weights[0].gflops, entry.parameters


def catalogue_text() -> str:
    """The catalogue file as it should be: one entry a line."""
    lines = [entry.model_dump_json() for entry in entries()]
    return '{"version": 2, "backbones": [\n' + ",\n".join(lines) + "\n]}\n"


def fingerprints_text() -> str:
    """The file by which weights are recognised as it should be: one entry a line."""
    lines = []
    for entry in entries():
        with ShapesOnly():
            staged = cut_network(entry.id, entry.family, num_classes=2, dropout=0.0)
        head, body = staged.head_site.path, network_fingerprint(staged)
        lines.append(Fingerprint(id=entry.id, head=head, body=body).model_dump_json())
    return '{"version": 1, "networks": [\n' + ",\n".join(lines) + "\n]}\n"


if __name__ == "__main__":
    write_text(CATALOGUE, catalogue_text())
    write_text(FINGERPRINTS, fingerprints_text())
