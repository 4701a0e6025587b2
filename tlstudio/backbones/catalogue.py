"""Owns the catalogue of backbones: facts that the window can show without importing torch."""

from __future__ import annotations

import difflib
import json
from functools import cache
from importlib import resources
from typing import Literal

from tlstudio.errors import UsageError
from tlstudio.jobs import Spec


class PreprocessingSpec(Spec):
    """What every validation picture goes through: shorter side to `resize` px, centre crop of
    `crop` px, then (pixel / 255 - mean) / std for each of the three channels."""

    resize: int
    crop: int
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class PublishedWeights(Spec):
    """Weights that torchvision publishes. Accuracies are ImageNet percentages; `bytes` the file."""

    name: str
    url: str
    sha256_prefix: str
    bytes: int
    top1: float
    top5: float


class StageFacts(Spec):
    name: str
    group: str
    parameters: int


class Backbone(Spec):
    """One network. `parameters` leaves the head out; `gflops` is for one picture of `crop` px.

    `family` names the module under `families/` that cuts it into stages.
    """

    id: str
    name: str
    family: str
    year: int
    paper: str
    licence: str
    sentence: str
    parameters: int
    feature_width: int
    gflops: float
    preprocessing: PreprocessingSpec
    weights: PublishedWeights
    stages: tuple[StageFacts, ...]


RECOMMENDED = "mobilenet_v2"


@cache
def catalogue() -> tuple[Backbone, ...]:
    """All backbones, in the order in which they are shown."""
    text = resources.files("tlstudio.backbones").joinpath("catalogue.json").read_text("utf-8")
    return tuple(Backbone.model_validate(values) for values in json.loads(text)["backbones"])


def backbone(identifier: str) -> Backbone:
    """The entry with this id. Raises `UsageError` with the nearest names."""
    entries = {entry.id: entry for entry in catalogue()}
    if identifier in entries:
        return entries[identifier]
    near = difflib.get_close_matches(identifier, entries, n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else ""
    raise UsageError(
        f"There is no backbone called {identifier!r}.",
        f"{hint} `tlstudio backbones` lists them all.".strip(),
    )
