"""Cuts EfficientNet and EfficientNetV2: the stem, one stage a block, the last convolution."""

from torch import nn
from torchvision.models import EfficientNet

from tlstudio.backbones.staged import Cut, HeadSite, stage


def cut(network: EfficientNet) -> Cut:
    stem, *sequences, last = network.features
    return Cut(
        (
            stage("features.0", stem, group="stem"),
            *(
                stage(f"features.{number}.{index}", block, group=f"blocks {number}")
                for number, blocks in enumerate(sequences, start=1)
                for index, block in enumerate(blocks.children())
            ),
            stage(
                f"features.{len(sequences) + 1}",
                last,
                network.avgpool,
                nn.Flatten(1),
                group="last convolution",
            ),
        ),
        HeadSite("classifier.1", "linear"),
    )
