"""Cuts Vision Transformer: the patches with their positions, then one stage a transformer layer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import VisionTransformer
from torchvision.models.vision_transformer import interpolate_embeddings

from tlstudio.backbones.families.parts import OwnParameters
from tlstudio.backbones.staged import Cut, HeadSite, Stage, stage

_USUAL_SIZE = 224  # torchvision's, where nothing is said
_GROUPS = 4

# The published files are older than a change of names: torchvision renames when it loads them.
_OLDER_NAME = re.compile(r"\.mlp\.linear_([12])\.")


class _Tokens(nn.Module):
    """Pictures (N, 3, S, S) to tokens (N, 1 + patches, D): the class token, then the patches, each
    with its position added."""

    def __init__(self, network: VisionTransformer) -> None:
        super().__init__()
        self.patches = network.conv_proj
        self.first = OwnParameters(network)
        self.positions = OwnParameters(network.encoder)
        self.dropout = network.encoder.dropout

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patches(x).flatten(2).transpose(1, 2)
        # Not len(x), a number: an export would be for batches of that size only.
        first = self.first.get_parameter("class_token").expand(x.shape[0], -1, -1)
        tokens = torch.cat([first, patches], dim=1)
        dropped: Tensor = self.dropout(tokens + self.positions.get_parameter("pos_embedding"))
        return dropped


class _ClassToken(nn.Module):
    """The first token, (N, L, D) to (N, D)."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0]


def cut(network: VisionTransformer) -> Cut:
    layers = list(network.encoder.layers.named_children())
    stages: list[Stage] = [stage("conv_proj", _Tokens(network), group="patches")]
    for index, (name, layer) in enumerate(layers):
        last = index == len(layers) - 1
        end = (network.encoder.ln, _ClassToken()) if last else ()
        # All layers work at one resolution: the groups are quarters, as the literature speaks of
        # them (Li et al., "Exploring plain vision transformer backbones for object detection").
        group = f"blocks {index * _GROUPS // len(layers) + 1}"
        stages.append(stage(f"encoder.layers.{name}", layer, *end, group=group))
    return Cut(tuple(stages), HeadSite("heads.head", "linear"))


def sized(size: int) -> dict[str, Any]:
    return {"image_size": size}


def adapted(state: Mapping[str, Tensor], size: int | None) -> dict[str, Tensor]:
    named = {_OLDER_NAME.sub(_newer_name, name): value for name, value in state.items()}
    patches, positions = named.get("conv_proj.weight"), named.get("encoder.pos_embedding")
    if patches is None or positions is None:
        return named
    if patches.ndim != 4 or not patches.numel() or not positions.is_floating_point():
        return named
    try:
        return dict(interpolate_embeddings(size or _USUAL_SIZE, patches.shape[-1], named))
    except ValueError:  # these are no positions of a square: the comparison that follows says so
        return named


def _newer_name(found: re.Match[str]) -> str:
    return f".mlp.{0 if found[1] == '1' else 3}."
