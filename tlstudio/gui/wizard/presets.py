"""Owns the three ways to train that the settings page offers, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tlstudio.jobs import AUGMENTATIONS, Recipe

Preset = Literal["fast", "balanced", "thorough"]


@dataclass(frozen=True)
class PresetFacts:
    """`learning` is the share of the blocks, counted from the answer, that learns anew."""

    name: str
    sentence: str
    learning: float
    recipe: Recipe


PRESETS: dict[Preset, PresetFacts] = {
    "fast": PresetFacts(
        "Fast",
        "Every block stays as it is; only the answer is learned. Enough for most first tries.",
        0.0,
        Recipe(epochs=10),
    ),
    "balanced": PresetFacts(
        "Balanced",
        "The last quarter learns too, so that it can see what is special about your pictures.",
        0.25,
        Recipe(epochs=10),
    ),
    "thorough": PresetFacts(
        "Thorough",
        "More than half learns, from strongly varied pictures, for longer.",
        0.6,
        Recipe(epochs=30, augmentation=AUGMENTATIONS["strong"], patience=8),
    ),
}


def frozen_stages(preset: Preset, stages: int) -> int:
    """How many of a network's stages the preset freezes; it always moves at least one, if any."""
    share = PRESETS[preset].learning
    learning = max(1, round(stages * share)) if share else 0
    return stages - learning
