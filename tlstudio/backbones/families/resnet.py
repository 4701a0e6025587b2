"""Cuts ResNet, ResNeXt and Wide ResNet: the stem, then one stage a residual block."""

from torch import nn
from torchvision.models import ResNet

from tlstudio.backbones.staged import Cut, HeadSite, Stage, stage


def cut(network: ResNet) -> Cut:
    stem = (network.conv1, network.bn1, network.relu, network.maxpool)
    blocks = [
        (f"layer{number}.{index}", f"blocks {number}", block)
        for number in range(1, 5)
        for index, block in enumerate(network.get_submodule(f"layer{number}").children())
    ]
    stages: list[Stage] = [stage("conv1", *stem, group="stem")]
    stages += [stage(name, block, group=group) for name, group, block in blocks[:-1]]
    name, group, last = blocks[-1]
    stages.append(stage(name, last, network.avgpool, nn.Flatten(1), group=group))
    return Cut(tuple(stages), HeadSite("fc", "linear"))
