"""Owns how a catalogue entry becomes a network: constructor, cut, new head."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Literal

from torch import nn
from torchvision.models import get_model

from tlstudio.backbones.catalogue import Backbone
from tlstudio.backbones.staged import Cut, StagedNetwork
from tlstudio.jobs import HeadSpec


def build_network(entry: Backbone, num_classes: int, head: HeadSpec) -> StagedNetwork:
    """A network with random weights and the head that `head` asks for.

    The random weights come from torch's global generator: seed it first. Under
    `torch.device("meta")` the network costs no memory and shows only its shapes.
    """
    staged = cut_network(entry.id, entry.family, num_classes, dropout=head.dropout)
    if head.hidden is not None:
        give_hidden_head(staged, num_classes, head)
    return staged


def give_hidden_head(staged: StagedNetwork, num_classes: int, head: HeadSpec) -> None:
    """Puts the classic head, with random weights, in the place of the network's last layer."""
    assert head.hidden is not None
    staged.replace_head(_hidden_head(staged, num_classes, head.hidden, head.dropout))
    staged.dropout.p = 0.0  # the hidden layer is followed by the dropout


def cut_network(identifier: str, family: str, num_classes: int, dropout: float) -> StagedNetwork:
    """torchvision's network called `identifier`, cut by the module of its family, with its own
    one-layer head for `num_classes` classes. The catalogue is written from this."""
    network: nn.Module = get_model(identifier, weights=None, num_classes=num_classes)
    module = importlib.import_module(f"tlstudio.backbones.families.{family}")
    cut: Callable[[nn.Module], Cut] = module.cut
    return StagedNetwork(network, cut(network), dropout=dropout)


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
