"""Cuts MobileNetV3: the stem, one stage a block, the last convolution, the hidden dense layer."""

from torch import nn
from torchvision.models import MobileNetV3

from tlstudio.backbones.families.grouping import groups_by_resolution
from tlstudio.backbones.staged import Cut, HeadSite, stage


def cut(network: MobileNetV3) -> Cut:
    stem, *blocks, last = network.features
    hidden, activation, _dropout, _head = network.classifier
    return Cut(
        (
            stage("features.0", stem, group="stem"),
            *(
                stage(f"features.{number}", block, group=group)
                for number, (block, group) in enumerate(
                    zip(blocks, groups_by_resolution(blocks), strict=True), start=1
                )
            ),
            stage(
                f"features.{len(blocks) + 1}",
                last,
                network.avgpool,
                nn.Flatten(1),
                group="last convolution",
            ),
            stage("classifier.0", hidden, activation, group="dense layers"),
        ),
        HeadSite("classifier.3", "linear"),
    )
