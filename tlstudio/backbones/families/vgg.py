"""Cuts VGG: one stage a convolution with all that follows it up to the next, then fc6 and fc7."""

from torch import nn
from torchvision.models import VGG

from tlstudio.backbones.staged import Cut, HeadSite, Stage, stage


def cut(network: VGG) -> Cut:
    fc6, relu6, dropout6, fc7, relu7, _dropout7, _head = network.classifier
    return Cut(
        (
            *convolutions(network.features, network.avgpool, nn.Flatten(1)),
            stage("classifier.0", fc6, relu6, dropout6, group="dense layers"),
            stage("classifier.3", fc7, relu7, group="dense layers"),
        ),
        HeadSite("classifier.6", "linear"),
    )


def convolutions(features: nn.Sequential, *pooling: nn.Module) -> list[Stage]:
    """One stage a convolution of `features`; `pooling` goes with the last. A new group begins where
    the map is halved."""
    children = list(features)
    starts = [i for i, child in enumerate(children) if isinstance(child, nn.Conv2d)]
    ends = [*starts[1:], len(children)]
    stages: list[Stage] = []
    block = 1
    for start, end in zip(starts, ends, strict=True):
        parts = children[start:end]
        group = f"blocks {block}"
        block += isinstance(parts[-1], nn.MaxPool2d)
        if end == len(children):
            parts += pooling
        stages.append(stage(f"features.{start}", *parts, group=group))
    return stages
