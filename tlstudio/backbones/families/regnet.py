"""Cuts RegNet (X and Y): the stem, then one stage a residual block."""

from torch import nn
from torchvision.models import RegNet

from tlstudio.backbones.staged import Cut, HeadSite, stage


def cut(network: RegNet) -> Cut:
    blocks = [
        (f"trunk_output.{name}.{block_name}", f"blocks {number}", block)
        for number, (name, part) in enumerate(network.trunk_output.named_children(), start=1)
        for block_name, block in part.named_children()
    ]
    *before, (last_name, last_group, last) = blocks
    return Cut(
        (
            stage("stem", network.stem),
            *(stage(name, block, group=group) for name, group, block in before),
            stage(last_name, last, network.avgpool, nn.Flatten(1), group=last_group),
        ),
        HeadSite("fc", "linear"),
    )
