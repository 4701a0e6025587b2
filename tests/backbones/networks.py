"""Owns which networks tests look at: the smallest of each family, and all the others if slow."""

from __future__ import annotations

from typing import Any

import pytest

from tlstudio.backbones.catalogue import Backbone, catalogue

PICTURE = 64
"""The side of a test's pictures, in px, or the next one that the network takes."""
PUBLISHED = tuple(entry for entry in catalogue() if not entry.bundled)
"""Without what comes with the program, of which torchvision knows nothing."""
SMALLEST = sorted(
    min(members, key=lambda entry: entry.parameters).id
    for family in {entry.family for entry in catalogue()}
    if (members := [entry for entry in catalogue() if entry.family == family])
)


def networks() -> list[Any]:
    """All ids; those that are not the smallest of their family take the marker `slow`."""
    return [
        pytest.param(entry.id, marks=[] if entry.id in SMALLEST else pytest.mark.slow)
        for entry in catalogue()
    ]


def size_for(entry: Backbone) -> int:
    """A small input size, in px."""
    if entry.sizes is None:
        return entry.weights[0].preprocessing.crop
    return next(size for size in range(PICTURE, 1000) if entry.sizes.allows(size))
