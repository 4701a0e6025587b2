"""Owns the comparison of weights with networks: do they fit, and if not, whose are they?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tlstudio.backbones.build import ShapesOnly, adapted_state, cut_network
from tlstudio.backbones.catalogue import Backbone, catalogue
from tlstudio.backbones.staged import HeadSite, StagedNetwork
from tlstudio.errors import WeightsError

_COUNTER = "num_batches_tracked"
_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_STATISTICS = ("running_mean", "running_var", _COUNTER)


def body(state: Mapping[str, Tensor], head: HeadSite) -> dict[str, Tensor]:
    """The tensors of `state` that do not belong to the head."""
    return {name: value for name, value in state.items() if not name.startswith(f"{head.path}.")}


@dataclass(frozen=True)
class Comparison:
    """How weights differ from what a network needs, its head left out; names in network order.

    `expected` counts the tensors that must be there. `shapes` maps a name to the shape there is
    and the shape that is needed; `formats` names tensors that are not floating-point numbers.
    """

    expected: int
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    formats: tuple[str, ...]

    @classmethod
    def of(cls, network: StagedNetwork, state: Mapping[str, Tensor]) -> Comparison:
        needed = body(network.network.state_dict(), network.head_site)
        given = body(state, network.head_site)
        both = {name: value for name, value in needed.items() if name in given}
        # BatchNorm's counters came with torch 0.4.1 and change nothing: older files do without.
        required = [name for name in needed if not name.endswith(_COUNTER)]
        return cls(
            expected=len(required),
            missing=tuple(name for name in required if name not in given),
            unknown=tuple(name for name in given if name not in needed),
            shapes={
                name: (tuple(given[name].shape), tuple(value.shape))
                for name, value in both.items()
                if given[name].shape != value.shape
            },
            formats=tuple(
                name
                for name, value in both.items()
                if value.is_floating_point() and given[name].dtype not in _FLOATS
            ),
        )

    @property
    def fits(self) -> bool:
        return not (self.missing or self.unknown or self.shapes or self.formats)


def recognise(state: Mapping[str, Tensor]) -> Backbone | None:
    """The catalogue entry whose names and shapes the weights have, if there is one."""
    parameters = sum(v.numel() for name, v in state.items() if not name.endswith(_STATISTICS))
    # Most probable first. What is larger than the weights can't be theirs; the head is the rest.
    near = sorted(
        (entry for entry in catalogue() if entry.parameters <= parameters),
        key=lambda entry: parameters - entry.parameters,
    )
    for entry in near:
        with ShapesOnly():
            network = cut_network(entry.id, entry.family, num_classes=2, dropout=0.0)
        if Comparison.of(network, adapted_state(entry.family, state)).fits:
            return entry
    return None


def mismatch(entry: Backbone, comparison: Comparison, state: Mapping[str, Tensor]) -> WeightsError:
    """The sentence for weights that do not fit `entry`."""
    owner = recognise(state)
    if owner is not None:
        return WeightsError(
            f"These are weights of {owner.name}, not of {entry.name}.",
            f"Choose {owner.name} as the backbone, or another weights file.",
        )
    return WeightsError(
        f"These are not weights of {entry.name}: {_difference(comparison)}.",
        f"Choose a file that was saved from torchvision's {entry.id}.",
    )


def _difference(comparison: Comparison) -> str:
    if comparison.missing:
        count, first = len(comparison.missing), comparison.missing[0]
        if count == comparison.expected:
            return f"none of its {count} tensors is in the file"
        return f"{count} of its {comparison.expected} tensors are missing, the first is {first}"
    if comparison.shapes:
        name, (given, needed) = next(iter(comparison.shapes.items()))
        return f"{name} has the shape {list(given)} and not {list(needed)}"
    if comparison.unknown:
        count, first = len(comparison.unknown), comparison.unknown[0]
        return f"it has no place for {first} ({count} such tensors in all)"
    return f"{comparison.formats[0]} is not stored as floating-point numbers"
