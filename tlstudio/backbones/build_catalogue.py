"""Owns how the catalogue is written: `python -m tlstudio.backbones.build_catalogue`.

Sizes, accuracies, addresses and preprocessing are read from torchvision, stages from the cut
networks; only what torchvision does not know stands in `catalogue_facts.toml`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from torchvision.models import get_model_weights
from torchvision.transforms import InterpolationMode

from tlstudio.backbones.build import ShapesOnly, cut_network
from tlstudio.backbones.catalogue import (
    Backbone,
    InputSizes,
    PreprocessingSpec,
    StageFacts,
    Weights,
)
from tlstudio.backbones.recognition import FINGERPRINTS, Fingerprint, network_fingerprint
from tlstudio.jobs import Spec
from tlstudio.projects.atomic import write_text

CATALOGUE = Path(__file__).with_name("catalogue.json")
FACTS = Path(__file__).with_name("catalogue_facts.toml")

LICENCES = {
    # torchvision publishes its code and its weights under one licence.
    None: ("BSD-3-Clause", True),
    "https://github.com/facebookresearch/SWAG/blob/main/LICENSE": ("CC-BY-NC-4.0", False),
}
"""What torchvision says of a licence: its SPDX identifier, and whether commercial use is free."""

UNUSABLE = {"vgg16": {"IMAGENET1K_FEATURES"}}
"""Weights in which two of the stages hold no numbers."""


class NetworkFacts(Spec):
    """What torchvision does not know of a network. `default` names its default weights."""

    id: str
    name: str
    sentence: str
    default: str | None = None


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
    stages = tuple(
        StageFacts(
            name=part.name,
            group=part.group,
            parameters=sum(p.numel() for p in part.module.parameters()),
        )
        for part in staged.stages
    )
    return Backbone(
        id=network.id,
        name=network.name,
        family=family.module,
        year=family.year,
        paper=family.paper,
        sentence=network.sentence,
        parameters=sum(part.parameters for part in stages),
        feature_width=staged.feature_width,
        sizes=family.sizes,
        weights=_all_weights(network, sha256),
        stages=stages,
    )


def _all_weights(network: NetworkFacts, sha256: dict[str, str]) -> tuple[Weights, ...]:
    """All usable sets of weights, the default first, then those that may be used commercially."""
    published = get_model_weights(network.id)
    default = network.default or published.DEFAULT.name
    usable = [each for each in published if each.name not in UNUSABLE.get(network.id, ())]
    every = [_weights(each, sha256) for each in usable]
    return tuple(sorted(every, key=lambda each: (not each.commercial, each.name != default)))


def _weights(published: Any, sha256: dict[str, str]) -> Weights:
    file = published.url.rsplit("/", 1)[1]
    accuracy = published.meta["_metrics"]["ImageNet-1K"]
    licence, commercial = LICENCES[published.meta.get("license")]
    return Weights(
        name=published.name,
        url=published.url,
        file=file,
        sha256=sha256.get(file, Path(file).stem.rsplit("-", 1)[1]),
        # torchvision gives mebibytes with three decimals: right to about 500 bytes.
        bytes=round(published.meta["_file_size"] * 1024 * 1024),
        data="ImageNet-1K",
        top1=accuracy["acc@1"],
        top5=accuracy["acc@5"],
        licence=licence,
        commercial=commercial,
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


def catalogue_text() -> str:
    """The catalogue file as it should be for the installed torchvision: one entry a line."""
    table = facts()
    lines = [
        build_entry(network, family, table.sha256).model_dump_json()
        for family in table.family
        for network in family.network
    ]
    return '{"version": 2, "backbones": [\n' + ",\n".join(lines) + "\n]}\n"


def fingerprints_text() -> str:
    """The file by which weights are recognised, for the installed torchvision: one entry a line."""
    lines = []
    for family in facts().family:
        for network in family.network:
            with ShapesOnly():
                staged = cut_network(network.id, family.module, num_classes=2, dropout=0.0)
            entry = Fingerprint(
                id=network.id, head=staged.head_site.path, body=network_fingerprint(staged)
            )
            lines.append(entry.model_dump_json())
    return '{"version": 1, "networks": [\n' + ",\n".join(lines) + "\n]}\n"


if __name__ == "__main__":
    write_text(CATALOGUE, catalogue_text())
    write_text(FINGERPRINTS, fingerprints_text())
