"""Owns the comparison of weights with networks: do they fit, and if not, whose are they?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from tlstudio.backbones.build import adapted_state
from tlstudio.backbones.catalogue import Backbone, backbone
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.errors import WeightsError
from tlstudio.jobs import Spec

_COUNTER = "num_batches_tracked"
_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_DEPTH = 4  # prefixes before prefixes

_PREFIXES = (
    "module.",
    "_orig_mod.",
    "model.",
    "net.",
    "network.",
    "backbone.",
    "encoder.",
    "base_encoder.",
    "encoder_q.",
    "online_encoder.",
    "feature_extractor.",
    "trunk.",
    "teacher.",
    "student.",
    "body.",
)
"""What parallel, compiled and self-supervised training put before a network's names."""

FINGERPRINTS = Path(__file__).with_name("fingerprints.json")
"""Written with the catalogue: to build all its networks for a comparison would take seconds."""


def without(state: Mapping[str, Tensor], head: str) -> dict[str, Tensor]:
    """The tensors of `state` that do not belong to the head at this path."""
    return {name: value for name, value in state.items() if not name.startswith(f"{head}.")}


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
        needed = without(network.network.state_dict(), network.head_site.path)
        given = without(state, network.head_site.path)
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
    def differences(self) -> int:
        return sum(map(len, (self.missing, self.unknown, self.shapes, self.formats)))

    @property
    def fits(self) -> bool:
        return self.differences == 0


def fingerprint(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """16 hexadecimal digits for these names and shapes, in whatever order they are given."""
    lines = sorted(f"{name} {list(shape)}" for name, shape in shapes.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def network_fingerprint(network: StagedNetwork) -> str:
    """The fingerprint of all that a network must be given, its head left out."""
    return _fingerprint(network.network.state_dict(), network.head_site.path)


def _fingerprint(state: Mapping[str, Tensor], head: str) -> str:
    required = {name: v for name, v in state.items() if not name.endswith(_COUNTER)}
    return fingerprint({name: tuple(v.shape) for name, v in without(required, head).items()})


class Fingerprint(Spec):
    """What a catalogue network is recognised by; `head` is the path of its head."""

    id: str
    head: str
    body: str


@cache
def _fingerprints() -> Mapping[tuple[str, str], Mapping[str, Backbone]]:
    """The entries by fingerprint, for each family and place of the head."""
    text = FINGERPRINTS.read_text(encoding="utf-8")
    found: dict[tuple[str, str], dict[str, Backbone]] = {}
    for values in json.loads(text)["networks"]:
        each = Fingerprint.model_validate(values)
        entry = backbone(each.id)
        found.setdefault((entry.family, each.head), {})[each.body] = entry
    return found


@dataclass(frozen=True)
class Owner:
    """The network whose weights these are; `classes` is None where the head is no single layer."""

    entry: Backbone
    classes: int | None


def recognise(state: Mapping[str, Tensor]) -> Owner | None:
    """The catalogue network whose names and shapes the weights have, if there is one."""
    for spelling in spellings(state):
        for (family, head), entries in _fingerprints().items():
            entry = entries.get(_fingerprint(adapted_state(family, spelling), head))
            if entry is not None:
                layer = spelling.get(f"{head}.weight")
                return Owner(entry, None if layer is None or layer.ndim < 2 else len(layer))
    return None


def spellings(state: Mapping[str, Tensor]) -> Iterator[Mapping[str, Tensor]]:
    """The state as it is, then what is left of it when what training programs put before the names
    is taken off, again and again. What does not have the prefix belongs to something around it."""
    waiting = [(state, 0)]
    for inner, depth in waiting:
        yield inner
        for prefix in _PREFIXES if depth < _DEPTH else ():
            parts = {n.removeprefix(prefix): v for n, v in inner.items() if n.startswith(prefix)}
            if parts:
                waiting.append((parts, depth + 1))


def mismatch(entry: Backbone, comparison: Comparison, state: Mapping[str, Tensor]) -> WeightsError:
    """The sentence for weights that do not fit `entry`."""
    owner = recognise(state)
    if owner is not None and owner.entry.id != entry.id:
        name = owner.entry.name
        return WeightsError(
            f"These are weights of {name}, not of {entry.name}.",
            f"Choose {name} as the backbone, or another weights file.",
        )
    return WeightsError(
        f"These are not weights of {entry.name}: {_difference(comparison)}.",
        f"Choose a file that was saved from {_library_name(entry)}.",
    )


def _library_name(entry: Backbone) -> str:
    library, _, name = entry.id.rpartition(":")
    return f"{library or 'torchvision'}'s {name}"


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
