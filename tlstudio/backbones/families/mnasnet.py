"""Cuts MNASNet: the stem, one stage an inverted residual block, the last convolution."""

from torch import nn
from torchvision.models import MNASNet

from tlstudio.backbones.families.grouping import groups_by_resolution
from tlstudio.backbones.families.parts import GlobalMean
from tlstudio.backbones.staged import Cut, HeadSite, stage


def cut(network: MNASNet) -> Cut:
    layers = list(network.layers)
    stacks = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Sequential)]
    first, end = stacks[0], stacks[-1] + 1
    named = [
        (f"layers.{number}.{index}", block)
        for number in stacks
        for index, block in enumerate(layers[number].children())
    ]
    groups = groups_by_resolution(block for _, block in named)
    return Cut(
        (
            # A convolution, and a separable one: the first block in all but name.
            stage("layers.0", *layers[:3], group="stem"),
            stage("layers.3", *layers[3:first], group="stem"),
            *(
                stage(name, block, group=group)
                for (name, block), group in zip(named, groups, strict=True)
            ),
            stage(f"layers.{end}", *layers[end:], GlobalMean(), group="last convolution"),
        ),
        HeadSite("classifier.1", "linear"),
    )
