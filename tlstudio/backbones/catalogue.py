"""Owns the catalogue of backbones: facts that the window can show without importing torch."""

from __future__ import annotations

import difflib
import json
from functools import cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import Field

from tlstudio.errors import UsageError
from tlstudio.jobs import BackboneSpec, Spec

_Level = Annotated[float, Field(allow_inf_nan=False)]
_Spread = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class PreprocessingSpec(Spec):
    """What every validation picture goes through: shorter side to `resize` px, centre crop of
    `crop` px, then (pixel / 255 - mean) / std for each of the three channels."""

    resize: int = Field(ge=1, le=16_384)
    crop: int = Field(ge=1, le=4096)
    interpolation: Literal["bilinear", "bicubic"]
    mean: tuple[_Level, _Level, _Level]
    std: tuple[_Spread, _Spread, _Spread]


class Weights(Spec):
    """One set of pretrained weights of a network.

    `name` is torchvision's. Without a `url` the `file` comes with the program. `sha256` has all 64
    digits where they are known, else those it begins with, which torchvision gives. Accuracies are
    published percentages on ImageNet-1K, None where there are none. `licence` is an SPDX
    identifier; weights that are not `commercial` forbid commercial use and are never taken unless
    asked for by name. `gflops` is for one picture of `preprocessing.crop` px.
    """

    name: str
    url: str | None
    file: str
    sha256: str
    bytes: int
    data: str
    top1: float | None
    top5: float | None
    licence: str
    commercial: bool
    gflops: float
    preprocessing: PreprocessingSpec


class InputSizes(Spec):
    """Which square pictures a network takes, in px: `smallest`, and every `step` above it."""

    smallest: int
    step: int

    def allows(self, size: int) -> bool:
        return size >= self.smallest and (size - self.smallest) % self.step == 0

    def near(self, size: int) -> tuple[int, ...]:
        """The allowed sizes next to one that is not: below and above it, or the smallest."""
        if size < self.smallest:
            return (self.smallest,)
        below = size - (size - self.smallest) % self.step
        return (below, below + self.step)


class StageFacts(Spec):
    name: str
    group: str
    parameters: int


class Backbone(Spec):
    """One network. `parameters` leaves the head out; the first of the `weights` is the default.

    `family` names the module under `families/` that cuts it into stages. Without `sizes` the
    network only takes pictures of the size that its weights were made for. A `year` of 0 and an
    empty `paper` are not known.
    """

    id: str
    name: str
    family: str
    year: int
    paper: str
    sentence: str
    parameters: int
    feature_width: int
    sizes: InputSizes | None
    weights: tuple[Weights, ...]
    stages: tuple[StageFacts, ...]

    @property
    def bundled(self) -> bool:
        """Whether its weights come with the program."""
        return self.weights[0].url is None

    def variant(self, name: str | None = None) -> Weights:
        """The set of weights called `name`, or the default.

        Raises `UsageError` with the names there are, and where the network has no default because
        all its weights forbid commercial use.
        """
        if name is None:
            if self.weights[0].commercial:
                return self.weights[0]
            raise UsageError(
                f"All published weights of {self.name} forbid commercial use, so none of them is "
                "taken unless you ask for it.",
                f"If yours is not commercial, name one of them: {self._variant_names()}.",
            )
        for weights in self.weights:
            if weights.name == name:
                return weights
        raise UsageError(
            f"{self.name} has no published weights called {name!r}.",
            f"There {'is' if len(self.weights) == 1 else 'are'} {self._variant_names()}.",
        )

    def preprocessing(self, spec: BackboneSpec) -> PreprocessingSpec:
        """What pictures go through for the weights and the input size that `spec` asks for.

        At another size than the weights were made for, the share of the picture that the crop
        keeps stays the same. Raises `UsageError` where the network does not take that size.
        """
        own = self._meant(spec).preprocessing
        size = spec.input_size
        if size is None or size == own.crop:
            return own
        if self.sizes is None:
            raise UsageError(
                f"{self.name} only looks at pictures of {own.crop} × {own.crop} pixels.",
                "Leave the input size as it is, or choose another backbone.",
            )
        if not self.sizes.allows(size):
            near = " or ".join(map(str, self.sizes.near(size)))
            every = "more" if self.sizes.step == 1 else f"every {self.sizes.step} more"
            raise UsageError(
                f"{self.name} can't look at pictures of {size} × {size} pixels: it takes "
                f"{self.sizes.smallest} and {every}.",
                f"Give an input size of {near}.",
            )
        resize = round(size * own.resize / own.crop)
        return own.model_copy(update={"crop": size, "resize": resize})

    def _meant(self, spec: BackboneSpec) -> Weights:
        """Random numbers and a file of unknown origin are read like the default weights."""
        if spec.weights.variant is None and spec.weights.source != "published":
            return self.weights[0]
        return self.variant(spec.weights.variant)

    def _variant_names(self) -> str:
        return ", ".join(weights.name for weights in self.weights)


RECOMMENDED = "mobilenet_v2"

_SELECTION = (
    "compact_resnet",
    RECOMMENDED,
    "efficientnet_b0",
    "resnet50",
    "convnext_tiny",
    "vit_b_16",
)


@cache
def catalogue() -> tuple[Backbone, ...]:
    """All backbones, in the order in which they are shown."""
    text = resources.files("tlstudio.backbones").joinpath("catalogue.json").read_text("utf-8")
    return tuple(Backbone.model_validate(values) for values in json.loads(text)["backbones"])


def selection() -> tuple[Backbone, ...]:
    """The few networks that are shown to somebody who knows none: what comes with the program, then
    from quick to thorough."""
    entries = {entry.id: entry for entry in catalogue()}
    return tuple(entries[identifier] for identifier in _SELECTION if identifier in entries)


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
