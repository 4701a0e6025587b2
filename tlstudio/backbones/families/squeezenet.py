"""Cuts SqueezeNet: the stem and one stage a fire module; pooling goes with what precedes it."""

from torch import nn
from torchvision.models import SqueezeNet
from torchvision.models.squeezenet import Fire

from tlstudio.backbones.staged import Cut, HeadSite, Stage, stage


def cut(network: SqueezeNet) -> Cut:
    children = list(network.features)
    starts = [0, *(i for i, child in enumerate(children) if isinstance(child, Fire))]
    ends = [*starts[1:], len(children)]
    stages: list[Stage] = []
    pools = 0
    for start, end in zip(starts, ends, strict=True):
        # The pool behind the stem opens group 1, each later one the next.
        group = f"blocks {pools}" if pools else "stem"
        stages.append(stage(f"features.{start}", *children[start:end], group=group))
        pools += sum(isinstance(child, nn.MaxPool2d) for child in children[start:end])
    return Cut(tuple(stages), HeadSite("classifier.1", "conv"))
