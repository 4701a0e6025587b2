"""Cuts ShuffleNetV2: the stem, one stage a block, the last convolution."""

from torch import nn
from torchvision.models import ShuffleNetV2

from tlstudio.backbones.families.parts import GlobalMean
from tlstudio.backbones.staged import Cut, HeadSite, stage


def cut(network: ShuffleNetV2) -> Cut:
    parts: list[nn.Module] = [network.stage2, network.stage3, network.stage4]
    return Cut(
        (
            stage("conv1", network.conv1, network.maxpool, group="stem"),
            *(
                stage(f"stage{number + 1}.{index}", block, group=f"blocks {number}")
                for number, blocks in enumerate(parts, start=1)
                for index, block in enumerate(blocks.children())
            ),
            stage("conv5", network.conv5, GlobalMean(), group="last convolution"),
        ),
        HeadSite("fc", "linear"),
    )
