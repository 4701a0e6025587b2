"""Cuts MobileNetV2: the stem, one stage an inverted residual block, the last convolution."""

from torch import nn
from torchvision.models import MobileNetV2

from tlstudio.backbones.families.grouping import groups_by_resolution
from tlstudio.backbones.staged import Cut, HeadSite, stage


def cut(network: MobileNetV2) -> Cut:
    stem, *blocks, last = network.features
    # torchvision pools with functions here, so the last stage brings modules that do the same.
    pooled = (last, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(1))
    return Cut(
        (
            stage("features.0", stem, group="stem"),
            *(
                stage(f"features.{number}", block, group=group)
                for number, (block, group) in enumerate(
                    zip(blocks, groups_by_resolution(blocks), strict=True), start=1
                )
            ),
            stage(f"features.{len(blocks) + 1}", *pooled, group="last convolution"),
        ),
        HeadSite("classifier.1", "linear"),
    )
