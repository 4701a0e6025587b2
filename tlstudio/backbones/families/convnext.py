"""Cuts ConvNeXt: the stem, one stage a block, one a downsampling layer between them."""

from torchvision.models import ConvNeXt

from tlstudio.backbones.families.grouping import alternating
from tlstudio.backbones.staged import Cut, HeadSite, stage


def cut(network: ConvNeXt) -> Cut:
    norm, flatten, _head = network.classifier
    stem, *parts = network.features
    *before, last = alternating(parts)
    # The norm of torchvision's classifier is no part of the layer that is replaced.
    end = stage(last.name, last.module, network.avgpool, norm, flatten, group=last.group)
    return Cut(
        (stage("features.0", stem, group="stem"), *before, end),
        HeadSite("classifier.2", "linear"),
    )
