"""Cuts MaxViT: the stem, one stage a layer (convolutions, attention in windows, attention over a
grid), then its hidden dense layer."""

from __future__ import annotations

from typing import Any

from torchvision.models import MaxVit

from tlstudio.backbones.staged import Cut, HeadSite, Stage, stage


def cut(network: MaxVit) -> Cut:
    pool, flatten, norm, hidden, activation, _head = network.classifier
    layers = [
        (f"blocks.{number}.layers.{index}", f"blocks {number + 1}", layer)
        for number, block in enumerate(network.blocks)
        for index, layer in enumerate(block.get_submodule("layers").children())
    ]
    *before, (last_name, last_group, last) = layers
    stages: list[Stage] = [stage("stem", network.stem)]
    stages += [stage(name, layer, group=group) for name, group, layer in before]
    stages.append(stage(last_name, last, pool, flatten, group=last_group))
    stages.append(stage("classifier.2", norm, hidden, activation, group="dense layers"))
    # The classifier has no bias, and gets one: without it a probe would have to give up the part
    # of its answer that says how frequent each class is.
    return Cut(tuple(stages), HeadSite("classifier.5", "linear", bias=False))


def sized(size: int) -> dict[str, Any]:
    return {"input_size": [size, size]}  # a list, because it is written as JSON
