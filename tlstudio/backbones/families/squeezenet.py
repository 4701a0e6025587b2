"""Cuts SqueezeNet: the stem and one stage a fire module; pooling goes with what precedes it."""

from torchvision.models import SqueezeNet

from tlstudio.backbones.staged import Cut, HeadSite, Stage, stage


def cut(network: SqueezeNet) -> Cut:
    children = list(network.features)
    starts = [0, *(i for i, m in enumerate(children) if type(m).__name__ == "Fire")]
    ends = [*starts[1:], len(children)]
    stages: list[Stage] = []
    for start, end in zip(starts, ends, strict=True):
        group = "stem" if start == 0 else "fire modules"
        stages.append(stage(f"features.{start}", *children[start:end], group=group))
    return Cut(tuple(stages), HeadSite("classifier.1", "conv"))


