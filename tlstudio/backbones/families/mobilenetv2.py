"""Cuts MobileNetV2: the stem, one stage an inverted residual block, the last convolution."""

from torch import nn
from torchvision.models import MobileNetV2

from tlstudio.backbones.staged import Cut, HeadSite, stage


def cut(network: MobileNetV2) -> Cut:
    *blocks, last = network.features
    stages = [stage(f"features.{i}", block, group=_group(i)) for i, block in enumerate(blocks)]
    stages.append(
        stage(
            f"features.{len(blocks)}",
            last,
            nn.AdaptiveAvgPool2d((1, 1)),
            nn.Flatten(1),
            group="last convolution",
        )
    )
    return Cut(tuple(stages), HeadSite("classifier.1", "linear"))


def _group(index: int) -> str:
    return "stem" if index == 0 else "blocks"
