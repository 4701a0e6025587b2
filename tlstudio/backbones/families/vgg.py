"""Cuts VGG: one stage a convolution with all that follows it up to the next, then fc6 and fc7."""

from torch import nn
from torchvision.models import VGG

from tlstudio.backbones.staged import Cut, HeadSite, Stage, stage


def cut(network: VGG) -> Cut:
    children = list(network.features)
    starts = [i for i, child in enumerate(children) if isinstance(child, nn.Conv2d)]
    ends = [*starts[1:], len(children)]
    stages: list[Stage] = []
    block = 1
    for start, end in zip(starts, ends, strict=True):
        parts = children[start:end]
        group = f"blocks {block}"
        block += isinstance(parts[-1], nn.MaxPool2d)
        if end == len(children):
            parts += [network.avgpool, nn.Flatten(1)]
        stages.append(stage(f"features.{start}", *parts, group=group))
    fc6, relu6, dropout6, fc7, relu7, _dropout7, _head = network.classifier
    stages.append(stage("classifier.0", fc6, relu6, dropout6, group="dense layers"))
    stages.append(stage("classifier.3", fc7, relu7, group="dense layers"))
    return Cut(tuple(stages), HeadSite("classifier.6", "linear"))
