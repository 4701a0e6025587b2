"""Owns how the catalogue is written: `python -m tlstudio.backbones.build_catalogue`.

Sizes, accuracies, addresses and preprocessing are read from torchvision, stages from the cut
networks; only what torchvision does not know stands in the table below.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torchvision.models import get_model_weights
from torchvision.transforms import InterpolationMode

from tlstudio.backbones.build import cut_network
from tlstudio.backbones.catalogue import (
    Backbone,
    PreprocessingSpec,
    PublishedWeights,
    StageFacts,
)
from tlstudio.projects.atomic import write_text

CATALOGUE = Path(__file__).with_name("catalogue.json")

# torchvision publishes its code and these weights under one licence; the weights of its `SWAG`
# variants, which forbid commercial use, are not in the catalogue.
LICENCE = "BSD-3-Clause"

# torchvision's default is the newest set of weights, which is also the most accurate one on
# ImageNet. MobileNetV2 takes the first set: the second gains 0.3 points there with label smoothing,
# mixup and cutmix, which are known to make frozen features worse (https://arxiv.org/abs/1805.08974,
# https://arxiv.org/abs/2010.16402), and this is the backbone that people start frozen.
WEIGHTS = {"mobilenet_v2": "IMAGENET1K_V1"}


@dataclass(frozen=True)
class Family:
    """A module under `families/` and what all its networks have in common."""

    module: str
    year: int
    paper: str


MOBILENETV2 = Family("mobilenetv2", 2018, "https://arxiv.org/abs/1801.04381")
MOBILENETV3 = Family("mobilenetv3", 2019, "https://arxiv.org/abs/1905.02244")
SQUEEZENET = Family("squeezenet", 2016, "https://arxiv.org/abs/1602.07360")
RESNET = Family("resnet", 2015, "https://arxiv.org/abs/1512.03385")
RESNEXT = Family("resnet", 2016, "https://arxiv.org/abs/1611.05431")
WIDE_RESNET = Family("resnet", 2016, "https://arxiv.org/abs/1605.07146")
EFFICIENTNET = Family("efficientnet", 2019, "https://arxiv.org/abs/1905.11946")
EFFICIENTNETV2 = Family("efficientnet", 2021, "https://arxiv.org/abs/2104.00298")
VGG = Family("vgg", 2014, "https://arxiv.org/abs/1409.1556")

# In the order in which they are shown: families from light to heavy, small to large within each.
TABLE: tuple[tuple[str, str, Family, str], ...] = (
    (
        "mobilenet_v2",
        "MobileNetV2",
        MOBILENETV2,
        "Good for a first model and for computers without a graphics card: small and quick, "
        "and its features carry over well to new kinds of pictures.",
    ),
    (
        "mobilenet_v3_small",
        "MobileNetV3 Small",
        MOBILENETV3,
        "Good for weak computers and very many pictures: the least work for each picture of all "
        "networks here; fine differences can be lost.",
    ),
    (
        "mobilenet_v3_large",
        "MobileNetV3 Large",
        MOBILENETV3,
        "Good for computers without a graphics card when you want a little more accuracy than "
        "MobileNetV2 gives.",
    ),
    (
        "squeezenet1_1",
        "SqueezeNet 1.1",
        SQUEEZENET,
        "Good for a quick try and for a model file that must be tiny: the smallest download "
        "here, and clearly less accurate than the others.",
    ),
    (
        "squeezenet1_0",
        "SqueezeNet 1.0",
        SQUEEZENET,
        "Good for repeating published work that used it; otherwise SqueezeNet 1.1 does the same "
        "with less than half the work.",
    ),
    (
        "resnet18",
        "ResNet-18",
        RESNET,
        "Good for a small, well-understood model: the lightest ResNet, and a common starting "
        "point in published comparisons.",
    ),
    (
        "resnet34",
        "ResNet-34",
        RESNET,
        "Good for a little more accuracy than ResNet-18 on a computer that can take twice "
        "the work.",
    ),
    (
        "resnet50",
        "ResNet-50",
        RESNET,
        "Good for results that others can compare with theirs: the network most often used in "
        "studies of medical and natural pictures; best with a graphics card.",
    ),
    (
        "resnet101",
        "ResNet-101",
        RESNET,
        "Good for a larger set of pictures and a graphics card, when ResNet-50 is not quite "
        "enough; twice the work for about one point more on everyday photographs.",
    ),
    (
        "resnet152",
        "ResNet-152",
        RESNET,
        "Good for the last bit of accuracy that a ResNet can give, with a graphics card and "
        "patience; seldom worth it for small sets.",
    ),
    (
        "efficientnet_b0",
        "EfficientNet-B0",
        EFFICIENTNET,
        "Good for high accuracy from a small file; slower on a processor than its size suggests.",
    ),
    (
        "efficientnet_b1",
        "EfficientNet-B1",
        EFFICIENTNET,
        "Good for a step more accuracy than B0 at about twice the work; looks at slightly "
        "larger pictures (240 pixels).",
    ),
    (
        "efficientnet_b2",
        "EfficientNet-B2",
        EFFICIENTNET,
        "Good for details that are lost at 224 pixels: looks at pictures of 288 pixels and "
        "keeps their whole shorter side.",
    ),
    (
        "efficientnet_b3",
        "EfficientNet-B3",
        EFFICIENTNET,
        "Good for fine details (300 pixels) with a file that is still small; a graphics card "
        "helps.",
    ),
    (
        "efficientnet_b4",
        "EfficientNet-B4",
        EFFICIENTNET,
        "Good for fine details such as cell borders or thin cracks (380 pixels), with a "
        "graphics card.",
    ),
    (
        "efficientnet_b5",
        "EfficientNet-B5",
        EFFICIENTNET,
        "Good for very fine details (456 pixels) and a graphics card with plenty of memory; "
        "hardly more accurate than B4 on everyday photographs.",
    ),
    (
        "efficientnet_b6",
        "EfficientNet-B6",
        EFFICIENTNET,
        "Good for large, detailed pictures (528 pixels) and a strong graphics card; training "
        "takes long.",
    ),
    (
        "efficientnet_b7",
        "EfficientNet-B7",
        EFFICIENTNET,
        "Good for the largest pictures here (600 pixels) when time and graphics memory do not "
        "matter.",
    ),
    (
        "efficientnet_v2_s",
        "EfficientNetV2-S",
        EFFICIENTNETV2,
        "Good for high accuracy and fine details (384 pixels) on an ordinary graphics card: as "
        "accurate as B7 on everyday photographs with less than a quarter of the work.",
    ),
    (
        "efficientnet_v2_m",
        "EfficientNetV2-M",
        EFFICIENTNETV2,
        "Good for a little more accuracy than EfficientNetV2-S on detailed pictures "
        "(480 pixels), with a strong graphics card.",
    ),
    (
        "efficientnet_v2_l",
        "EfficientNetV2-L",
        EFFICIENTNETV2,
        "Good for the best accuracy in this list, with a strong graphics card and a large set "
        "of pictures; the most work for each picture.",
    ),
    (
        "resnext50_32x4d",
        "ResNeXt-50",
        RESNEXT,
        "Good for slightly more accuracy than ResNet-50 at about the same size; slower on a "
        "processor.",
    ),
    (
        "resnext101_32x8d",
        "ResNeXt-101 32x8d",
        RESNEXT,
        "Good for large sets of pictures with a strong graphics card; a big file for a modest "
        "gain over ResNet-101.",
    ),
    (
        "resnext101_64x4d",
        "ResNeXt-101 64x4d",
        RESNEXT,
        "Good for the same uses as ResNeXt-101 32x8d, a little smaller and a little more accurate.",
    ),
    (
        "wide_resnet50_2",
        "Wide ResNet-50-2",
        WIDE_RESNET,
        "Good for a graphics card that is idle otherwise: wider layers than ResNet-50, often "
        "used to find defects in industrial pictures.",
    ),
    (
        "wide_resnet101_2",
        "Wide ResNet-101-2",
        WIDE_RESNET,
        "Good for large sets of pictures where file size does not matter; twice the work of "
        "Wide ResNet-50-2 for about one point on everyday photographs.",
    ),
    (
        "vgg11",
        "VGG-11",
        VGG,
        "Good for repeating older studies: a plain stack of layers that is easy to explain; "
        "a very big file, and less accurate than MobileNetV2.",
    ),
    (
        "vgg11_bn",
        "VGG-11 with BatchNorm",
        VGG,
        "Good for repeating older studies; easier to fine-tune than plain VGG-11, and as big.",
    ),
    (
        "vgg13",
        "VGG-13",
        VGG,
        "Good for repeating older studies that used it; otherwise ResNet-18 is as accurate with "
        "less than a tenth of the file.",
    ),
    (
        "vgg13_bn",
        "VGG-13 with BatchNorm",
        VGG,
        "Good for repeating older studies that used it; easier to fine-tune than plain VGG-13.",
    ),
    (
        "vgg16",
        "VGG-16",
        VGG,
        "Good for comparing with the many medical studies that used it; a very big file and "
        "slow without a graphics card.",
    ),
    (
        "vgg16_bn",
        "VGG-16 with BatchNorm",
        VGG,
        "Good for comparing with studies that used VGG-16, with steadier training.",
    ),
    (
        "vgg19",
        "VGG-19",
        VGG,
        "Good for comparing with studies that used it, mostly on textures and style; among the "
        "biggest files here.",
    ),
    (
        "vgg19_bn",
        "VGG-19 with BatchNorm",
        VGG,
        "Good for comparing with studies that used VGG-19, with steadier training; the most "
        "accurate VGG.",
    ),
)


def build_entry(identifier: str, name: str, family: Family, sentence: str) -> Backbone:
    """One catalogue entry, from the installed torchvision and the facts of the table."""
    variants = get_model_weights(identifier)
    weights = variants[WEIGHTS[identifier]] if identifier in WEIGHTS else variants.DEFAULT
    with torch.device("meta"):
        staged = cut_network(identifier, family.module, num_classes=1000, dropout=0.0)
    stages = tuple(
        StageFacts(
            name=part.name,
            group=part.group,
            parameters=sum(p.numel() for p in part.module.parameters()),
        )
        for part in staged.stages
    )
    return Backbone(
        id=identifier,
        name=name,
        family=family.module,
        year=family.year,
        paper=family.paper,
        licence=LICENCE,
        sentence=sentence,
        parameters=sum(part.parameters for part in stages),
        feature_width=staged.feature_width,
        gflops=weights.meta["_ops"],
        preprocessing=_preprocessing(weights),
        weights=_published(weights),
        stages=stages,
    )


def _preprocessing(weights: Any) -> PreprocessingSpec:
    preset = weights.transforms()
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


def _published(weights: Any) -> PublishedWeights:
    accuracy = weights.meta["_metrics"]["ImageNet-1K"]
    return PublishedWeights(
        name=weights.name,
        url=weights.url,
        sha256_prefix=Path(weights.url).stem.rsplit("-", 1)[1],
        # torchvision gives mebibytes with three decimals: right to about 500 bytes.
        bytes=round(weights.meta["_file_size"] * 1024 * 1024),
        top1=accuracy["acc@1"],
        top5=accuracy["acc@5"],
    )


def catalogue_text() -> str:
    """The catalogue file as it should be for the installed torchvision: one entry a line."""
    lines = [build_entry(*row).model_dump_json() for row in TABLE]
    return '{"version": 1, "backbones": [\n' + ",\n".join(lines) + "\n]}\n"


if __name__ == "__main__":
    write_text(CATALOGUE, catalogue_text())
