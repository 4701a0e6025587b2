"""Cuts Swin Transformer (1 and 2): the patches, one stage a transformer block, one a merging.

Between stages the channels come last, (N, H, W, D), as torchvision has it.
"""

from torchvision.models import SwinTransformer

from tlstudio.backbones.families.grouping import alternating
from tlstudio.backbones.staged import Cut, HeadSite, stage


def cut(network: SwinTransformer) -> Cut:
    patches, *parts = network.features
    *before, last = alternating(parts)
    pooled = (network.norm, network.permute, network.avgpool, network.flatten)
    return Cut(
        (
            stage("features.0", patches, group="patches"),
            *before,
            stage(last.name, last.module, *pooled, group=last.group),
        ),
        HeadSite("head", "linear"),
    )
