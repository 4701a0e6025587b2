"""Cuts Inception v3: its convolutions, then one stage an inception module; no auxiliary head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torchvision.models import Inception3

from tlstudio.backbones.families.parts import FromImageNetScale
from tlstudio.backbones.staged import Cut, HeadSite, Stage, stage

# As for GoogLeNet, whose module gives the reasons.
ARGUMENTS: dict[str, Any] = {"aux_logits": False, "transform_input": True, "init_weights": True}

_MODULES = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")


def cut(network: Inception3) -> Cut:
    modules = {f"Mixed_{name}": network.get_submodule(f"Mixed_{name}") for name in _MODULES}
    behind = {"Mixed_7c": (network.avgpool, nn.Flatten(1))}
    stages: list[Stage] = [
        stage("Conv2d_1a_3x3", FromImageNetScale(), network.Conv2d_1a_3x3, group="stem"),
        stage("Conv2d_2a_3x3", network.Conv2d_2a_3x3, group="stem"),
        stage("Conv2d_2b_3x3", network.Conv2d_2b_3x3, network.maxpool1, group="stem"),
        stage("Conv2d_3b_1x1", network.Conv2d_3b_1x1, group="stem"),
        stage("Conv2d_4a_3x3", network.Conv2d_4a_3x3, network.maxpool2, group="stem"),
    ]
    for name, module in modules.items():
        # Modules 5, 6 and 7 work on maps of 35, 17 and 8 positions a side.
        group = f"blocks {int(name[-2]) - 4}"
        stages.append(stage(name, module, *behind.get(name, ()), group=group))
    return Cut(tuple(stages), HeadSite("fc", "linear"))


def adapted(state: Mapping[str, Tensor], _size: int | None) -> dict[str, Tensor]:
    return {n: value for n, value in state.items() if not n.startswith("AuxLogits.")}
