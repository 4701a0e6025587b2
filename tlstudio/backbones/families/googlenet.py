"""Cuts GoogLeNet: its convolutions, then one stage an inception module; no auxiliary heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torchvision.models import GoogLeNet

from tlstudio.backbones.families.parts import FromImageNetScale
from tlstudio.backbones.staged import Cut, HeadSite, stage

# Auxiliary heads helped the first layers to learn before there was batch normalisation; what they
# say is used by nobody. The input is transformed as the published weights need it. `init_weights`
# is what torchvision does anyhow, with a warning unless it is told to.
ARGUMENTS: dict[str, Any] = {"aux_logits": False, "transform_input": True, "init_weights": True}


def cut(network: GoogLeNet) -> Cut:
    pooled = (network.avgpool, nn.Flatten(1))
    return Cut(
        (
            stage("conv1", FromImageNetScale(), network.conv1, network.maxpool1, group="stem"),
            stage("conv2", network.conv2, group="stem"),
            stage("conv3", network.conv3, network.maxpool2, group="stem"),
            stage("inception3a", network.inception3a, group="blocks 1"),
            stage("inception3b", network.inception3b, network.maxpool3, group="blocks 1"),
            stage("inception4a", network.inception4a, group="blocks 2"),
            stage("inception4b", network.inception4b, group="blocks 2"),
            stage("inception4c", network.inception4c, group="blocks 2"),
            stage("inception4d", network.inception4d, group="blocks 2"),
            stage("inception4e", network.inception4e, network.maxpool4, group="blocks 2"),
            stage("inception5a", network.inception5a, group="blocks 3"),
            stage("inception5b", network.inception5b, *pooled, group="blocks 3"),
        ),
        HeadSite("fc", "linear"),
    )


def adapted(state: Mapping[str, Tensor], _size: int | None) -> dict[str, Tensor]:
    return {n: value for n, value in state.items() if not n.startswith(("aux1.", "aux2."))}
