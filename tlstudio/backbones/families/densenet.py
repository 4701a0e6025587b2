"""Cuts DenseNet: the stem, one stage a dense layer, one a transition.

A dense block is up to 48 layers and as much as half of the network: as one stage it would leave
nothing between "the head" and "nearly everything". A layer is what a residual block is elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torchvision.models import DenseNet

from tlstudio.backbones.staged import Cut, HeadSite, Stage, stage

# The published files are older than a change of names: torchvision renames when it loads them.
_OLDER_NAME = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")


class _Growing(nn.Module):
    """A dense layer that hands on what it was given with what it adds: (N, D, H, W) to
    (N, D + growth, H, W), which is all that the layers after it look at."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.layer(x)), 1)


def cut(network: DenseNet) -> Cut:
    *stages, last = _stages(dict(network.features.named_children()))
    norm = network.features.get_submodule("norm5")
    end = (norm, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(1))
    stages.append(stage(last.name, last.module, *end, group=last.group))
    return Cut(tuple(stages), HeadSite("classifier", "linear"))


def _stages(parts: dict[str, nn.Module]) -> Iterator[Stage]:
    stem = [parts[name] for name in ("conv0", "norm0", "relu0", "pool0")]
    yield stage("features.conv0", *stem, group="stem")
    number = 1
    for name, part in parts.items():
        if name.startswith("transition"):
            number += 1  # it halves the map, which opens the next group
            yield stage(f"features.{name}", part, group=f"blocks {number}")
        elif name.startswith("denseblock"):
            for layer_name, layer in part.named_children():
                full_name = f"features.{name}.{layer_name}"
                yield stage(full_name, _Growing(layer), group=f"blocks {number}")


def adapted(state: Mapping[str, Tensor], _size: int | None) -> dict[str, Tensor]:
    return {_OLDER_NAME.sub(r"\1\2", name): value for name, value in state.items()}
