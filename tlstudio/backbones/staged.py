"""Owns a network seen as an ordered list of named stages and a head, whatever its family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from tlstudio.backbones.catalogue import StageFacts


@dataclass(frozen=True)
class Stage:
    """One step of a network: `module` runs it and shares its parameters with the network.

    `name` is the network's own module name (`layer3.1`); `group` gathers stages for display.
    """

    name: str
    group: str
    module: nn.Module


@dataclass(frozen=True)
class HeadSite:
    """Where a network's last layer sits and how it reads its input.

    `path` is the layer's module path. A "linear" head reads a vector (N, D). A "conv" head is a
    1x1 convolution over a map (N, D, H, W), followed by ReLU and global average pooling
    (SqueezeNet's). `bias` is False where torchvision's layer has none: ours has one all the same.
    """

    path: str
    kind: Literal["linear", "conv"]
    bias: bool = True


@dataclass(frozen=True)
class Cut:
    """What a family's `cut(network)` returns: the stages in order, without the head, and its place.

    Pooling and flattening in front of the head belong to the last stage; dropout in front of the
    last layer belongs to nobody, because the recipe brings its own.
    """

    stages: tuple[Stage, ...]
    head: HeadSite


def stage(name: str, *modules: nn.Module, group: str | None = None) -> Stage:
    """A stage that runs `modules` in order; its group is the first part of its name."""
    module = modules[0] if len(modules) == 1 else nn.Sequential(*modules)
    return Stage(name, group or name.split(".", maxsplit=1)[0], module)


class StagedNetwork(nn.Module):
    """A torchvision network that runs stage by stage, with its first `frozen` stages frozen.

    `network` stays a plain torchvision module: its `state_dict()` is what is saved. Frozen stages
    stay in evaluation mode through every `train()` call and their parameters need no gradient.
    """

    def __init__(self, network: nn.Module, cut: Cut, dropout: float = 0.0) -> None:
        super().__init__()
        self.network = network
        # A tuple and not a ModuleList: the modules are the network's own and registered there.
        self.stages = cut.stages
        self.head_site = cut.head
        self.dropout = nn.Dropout(dropout)
        self.frozen = 0
        self.fixed_batchnorm = True
        self.freeze(0)

    # --- running --------------------------------------------------------------------------------

    def run(self, x: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Runs stages start..stop-1 (all of them when None): pictures or activations in and out."""
        for part in self.stages[start:stop]:
            x = part.module(x)
        return x

    def classify(self, features: Tensor) -> Tensor:
        """The head: features of the last stage, (N, D) or (N, D, H, W), to logits (N, C)."""
        scores: Tensor = self.head(self.dropout(features))
        if self.head_site.kind == "conv":
            scores = torch.flatten(
                nn.functional.adaptive_avg_pool2d(nn.functional.relu(scores), (1, 1)), 1
            )
        return scores

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised pictures (N, 3, H, W) to logits (N, C)."""
        with torch.no_grad():
            x = self.run(pictures, 0, self.frozen)
        return self.classify(self.run(x, self.frozen))

    # --- freezing -------------------------------------------------------------------------------

    def freeze(self, count: int, *, fixed_batchnorm: bool = True) -> None:
        """Freezes the first `count` stages and thaws the others.

        With `fixed_batchnorm` the BatchNorm layers of thawed stages keep their running statistics.
        """
        self.frozen, self.fixed_batchnorm = count, fixed_batchnorm
        self.requires_grad_(True)
        for part in self.stages[:count]:
            part.module.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> StagedNetwork:
        super().train(mode)
        for part in self.stages[: self.frozen]:
            part.module.eval()
        if self.fixed_batchnorm:
            for part in self.stages[self.frozen :]:
                for module in part.module.modules():
                    if isinstance(module, nn.modules.batchnorm._BatchNorm):
                        module.eval()
        return self

    # --- the head -------------------------------------------------------------------------------

    @property
    def head(self) -> nn.Module:
        return self.network.get_submodule(self.head_site.path)

    def replace_head(self, head: nn.Module) -> None:
        self.network.set_submodule(self.head_site.path, head)

    @property
    def feature_width(self) -> int:
        """D, the number of features that the head reads."""
        for parameter in self.head.parameters():
            return int(parameter.shape[1])
        raise AssertionError("a head has parameters")

    def pool(self, features: Tensor) -> Tensor:
        """What a linear probe reads: features averaged over positions, (N, D)."""
        return features if features.ndim == 2 else features.mean(dim=(2, 3))

    def classify_pooled(self, pooled: Tensor) -> Tensor:
        """The head on pooled features (N, D), to logits (N, C).

        A convolutional head gives `classify`'s logits as long as its ReLU lets everything pass,
        which `lift` sees to: averaging and a 1x1 convolution may be exchanged.
        """
        x = self.dropout(pooled)
        if self.head_site.kind == "conv":
            return torch.flatten(self.head(x[:, :, None, None]), 1)
        logits: Tensor = self.head(x)
        return logits

    @torch.no_grad()
    def lift(self, positions: Tensor) -> None:
        """Raises a convolutional head's biases together until its ReLU lets everything pass.

        `positions` (P, D) are features at single positions of many pictures; half the range of
        their scores is kept as a margin for new ones. One number added to every logit changes no
        probability, and a small one costs no digits. Linear heads stay as they are.
        """
        if self.head_site.kind == "linear":
            return
        last = [module for module in self.head.modules() if isinstance(module, nn.Conv2d)][-1]
        assert last.bias is not None
        training = self.training
        scores = self.eval().head(positions.to(last.weight.device)[:, :, None, None])
        self.train(training)
        lowest, highest = scores.min(), scores.max()
        last.bias += ((highest - lowest) / 2 - lowest).clamp_min(0)


def stage_facts(network: StagedNetwork) -> tuple[StageFacts, ...]:
    """What a catalogue entry says of the stages."""
    return tuple(
        StageFacts(
            name=part.name,
            group=part.group,
            parameters=sum(each.numel() for each in part.module.parameters()),
        )
        for part in network.stages
    )
