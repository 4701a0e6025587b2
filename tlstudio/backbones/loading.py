"""Owns how weights get into a network: all of them but the head's, or none and the reason."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tlstudio.backbones.build import adapted_state, load_state
from tlstudio.backbones.catalogue import Backbone
from tlstudio.backbones.recognition import Comparison, mismatch, spellings, without
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.errors import WeightsError


def load_backbone(
    network: StagedNetwork,
    entry: Backbone,
    state: Mapping[str, Tensor],
    input_size: int | None = None,
) -> None:
    """Copies `state` into all of `network` but its head, whose weights in `state` are ignored.

    `entry` is the network's catalogue entry. With the `input_size` that the network was built for,
    in px, weights that were made at another size are brought to it. What training programs put
    before the names is taken off; every other name and shape must fit. Raises `WeightsError`, which
    says what the weights are of if a catalogue network fits them.
    """
    given, comparison = closest(network, entry, state, input_size)
    if not comparison.fits:
        raise mismatch(entry, comparison, state)
    given = without(given, network.head_site.path)
    for name, value in given.items():
        if not bool(torch.isfinite(value).all()):
            raise WeightsError(
                f"These weights of {entry.name} are damaged: {name} holds values that are not "
                "numbers.",
                "Get the file again; the training that made it may have failed.",
            )
    tables = _tables(network)
    given = {name: value for name, value in given.items() if name not in tables}
    # Not strict, because the head keeps its own weights; the names were compared above.
    load_state(network.network, given, strict=False)


def _tables(network: StagedNetwork) -> set[str]:
    """The tensors of whole numbers, by which a network looks positions up. They follow from how it
    is built; in a file they can only be wrong, and an index out of range ends a graphics card's
    work for the whole process. (BatchNorm's counters are no tensors of several numbers.)"""
    own: Mapping[str, Tensor] = network.network.state_dict()
    return {name for name, value in own.items() if value.ndim and not value.is_floating_point()}


def closest(
    network: StagedNetwork,
    entry: Backbone,
    state: Mapping[str, Tensor],
    input_size: int | None = None,
) -> tuple[Mapping[str, Tensor], Comparison]:
    """The spelling of the weights that the network can take, or else comes closest to."""
    best: tuple[Mapping[str, Tensor], Comparison] | None = None
    for spelling in spellings(state):
        adapted = _adapted(network, entry, spelling, input_size)
        comparison = Comparison.of(network, adapted)
        if best is None or comparison.differences < best[1].differences:
            best = adapted, comparison
        if comparison.fits:
            break
    assert best is not None
    return best


def _adapted(
    network: StagedNetwork, entry: Backbone, state: Mapping[str, Tensor], input_size: int | None
) -> Mapping[str, Tensor]:
    if entry.family == "timm":
        from tlstudio.backbones.families import timm

        return timm.adapted(network.network, state)
    return adapted_state(entry.family, state, input_size)
