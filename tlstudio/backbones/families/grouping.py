"""Owns how blocks without names of their own are gathered for display: by map size."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from tlstudio.backbones.staged import Stage, stage


def groups_by_resolution(blocks: Iterable[nn.Module]) -> list[str]:
    """A group for each block: "blocks 1", and the next number from each block that halves the map.

    Blocks that work at the same resolution are what people mean by "the last blocks".
    """
    groups: list[str] = []
    number = 1
    for index, block in enumerate(blocks):
        if index > 0 and _halves(block):
            number += 1
        groups.append(f"blocks {number}")
    return groups


def _halves(block: nn.Module) -> bool:
    return any(isinstance(part, nn.Conv2d) and part.stride[0] > 1 for part in block.modules())


def alternating(parts: Iterable[nn.Module]) -> list[Stage]:
    """A stage a block and a halving layer, of `features.1` and what follows: a sequence of blocks,
    a layer that halves the map, the next sequence, and so on. The halving layer opens a group."""
    stages: list[Stage] = []
    for number, part in enumerate(parts, start=1):
        group, name = f"blocks {number // 2 + 1}", f"features.{number}"
        if number % 2 == 0:
            stages.append(stage(name, part, group=group))
            continue
        for index, block in enumerate(part.children()):
            stages.append(stage(f"{name}.{index}", block, group=group))
    return stages
