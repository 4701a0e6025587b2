"""Owns how a catalogue entry becomes a network: constructor, cut, new head."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Literal

from torch import Tensor, nn
from torchvision.models import get_model

from tlstudio.backbones.catalogue import Backbone, backbone
from tlstudio.backbones.staged import Cut, StagedNetwork
from tlstudio.jobs import HeadSpec


def find_backbone(identifier: str) -> Backbone:
    """The network with this id, for the engine. Raises `UsageError` with the nearest names."""
    return backbone(identifier)


def build_network(
    entry: Backbone, num_classes: int, head: HeadSpec, input_size: int | None = None
) -> StagedNetwork:
    """A network with random weights and the head that `head` asks for.

    `input_size` is the side of the pictures that it will look at, in px; None for the size that
    torchvision builds it for. The random weights come from torch's global generator: seed it first.
    Under `torch.device("meta")` the network costs no memory and shows only its shapes.
    """
    staged = cut_network(entry.id, entry.family, num_classes, head.dropout, input_size)
    if head.hidden is not None:
        give_hidden_head(staged, num_classes, head)
    return staged


def give_hidden_head(staged: StagedNetwork, num_classes: int, head: HeadSpec) -> None:
    """Puts the classic head, with random weights, in the place of the network's last layer."""
    assert head.hidden is not None
    staged.replace_head(_hidden_head(staged, num_classes, head.hidden, head.dropout))
    staged.dropout.p = 0.0  # the hidden layer is followed by the dropout


def cut_network(
    identifier: str, family: str, num_classes: int, dropout: float, input_size: int | None = None
) -> StagedNetwork:
    """torchvision's network called `identifier`, cut by the module of its family, with its own
    one-layer head for `num_classes` classes. The catalogue is written from this."""
    arguments = constructor_arguments(family, num_classes, input_size)
    network: nn.Module = get_model(identifier, weights=None, **arguments)
    cut: Callable[[nn.Module], Cut] = _module(family).cut
    return StagedNetwork(network, cut(network), dropout=dropout)


def constructor_arguments(family: str, num_classes: int, input_size: int | None) -> dict[str, Any]:
    """What torchvision's constructor is called with, here and by whoever uses the model later.

    A family names what all its networks need in `ARGUMENTS`, and in `sized(size)` what depends on
    the size of the pictures.
    """
    module = _module(family)
    sized: Callable[[int], dict[str, Any]] | None = getattr(module, "sized", None)
    return {
        "num_classes": num_classes,
        **getattr(module, "ARGUMENTS", {}),
        **(sized(input_size) if sized and input_size else {}),
    }


def resized_state(
    family: str, state: Mapping[str, Tensor], input_size: int
) -> Mapping[str, Tensor]:
    """`state` for a network that looks at `input_size` px: position embeddings are interpolated in
    families that have them, by their `resized(state, size)`. All else stays as it is."""
    resized: Callable[[Mapping[str, Tensor], int], Mapping[str, Tensor]] | None
    resized = getattr(_module(family), "resized", None)
    return resized(state, input_size) if resized else state


def _module(family: str) -> ModuleType:
    return importlib.import_module(f"tlstudio.backbones.families.{family}")


def _hidden_head(
    staged: StagedNetwork, num_classes: int, hidden: int, dropout: float
) -> nn.Sequential:
    """The classic head: a hidden layer with ReLU and dropout before the classifier.

    Where the head reads a map, the map is averaged first: the hidden layer reads the same pooled
    features in every family.
    """
    kind, width = staged.head_site.kind, staged.feature_width
    return nn.Sequential(
        *([nn.AdaptiveAvgPool2d((1, 1))] if kind == "conv" else []),
        _layer(kind, width, hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        _layer(kind, hidden, num_classes),
    )


def _layer(kind: Literal["linear", "conv"], inputs: int, outputs: int) -> nn.Module:
    if kind == "conv":
        return nn.Conv2d(inputs, outputs, kernel_size=1)
    return nn.Linear(inputs, outputs)
