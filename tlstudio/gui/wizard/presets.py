"""Owns the three ways to train that the settings page offers, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tlstudio.jobs import AUGMENTATIONS, Recipe

Preset = Literal["fast", "balanced", "thorough"]


@dataclass(frozen=True)
class PresetFacts:
    """`learning` is the share of the blocks, counted from the answer, that learns anew."""

    learning: float
    recipe: Recipe


PRESETS: dict[Preset, PresetFacts] = {
    "fast": PresetFacts(0.0, Recipe(epochs=10)),
    "balanced": PresetFacts(0.25, Recipe(epochs=10)),
    "thorough": PresetFacts(
        0.6, Recipe(epochs=30, augmentation=AUGMENTATIONS["strong"], patience=8)
    ),
}


def frozen_stages(preset: Preset, stages: int) -> int:
    """How many of a network's stages the preset freezes; it always moves at least one, if any."""
    share = PRESETS[preset].learning
    learning = max(1, round(stages * share)) if share else 0
    return stages - learning
