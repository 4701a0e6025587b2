"""Owns the training job: pictures, backbone, recipe. One file, whoever runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from tlstudio.bounded import record
from tlstudio.errors import UsageError
from tlstudio.jobs.base import Device, Spec
from tlstudio.jobs.dataset import DatasetSpec

# --- what to start from -------------------------------------------------------------------------


class WeightsSpec(Spec):
    """Where a backbone starts: weights of the catalogue, a local file, the model of an earlier
    run, or random numbers by request.

    `variant` names a set of the catalogue's weights, None the default. With a file, a run or random
    numbers it only says whose preprocessing is meant.
    """

    source: Literal["published", "file", "scratch", "run"] = "published"
    file: str | None = None
    run: str | None = None
    variant: str | None = None

    @model_validator(mode="after")
    def _path_belongs_to_source(self) -> Self:
        if (self.source == "file") != (self.file is not None):
            raise ValueError("a weights file is given exactly when the source is 'file'")
        if (self.source == "run") != (self.run is not None):
            raise ValueError("a run is given exactly when the source is 'run'")
        return self


class BackboneSpec(Spec):
    """A network of the catalogue, and how it starts.

    `input_size` is the side of the square pictures it looks at, in px; None for the size that its
    weights were made for.
    """

    id: str
    weights: WeightsSpec = WeightsSpec()
    input_size: int | None = Field(default=None, ge=1, le=4096)


# --- how to learn -------------------------------------------------------------------------------


class Augmentation(Spec):
    """How training pictures are varied. Fractions are of the picture or of the pixel range.

    `crop_scale` is the smallest share of the picture's area that a random crop keeps (1 keeps the
    whole picture); `rotation` is in degrees to either side; `hue` in turns of the colour circle.
    """

    crop_scale: float = Field(default=0.6, gt=0, le=1)
    flip_horizontal: bool = True
    flip_vertical: bool = False
    rotation: float = Field(default=0, ge=0, le=180)
    brightness: float = Field(default=0.1, ge=0, lt=1)
    contrast: float = Field(default=0.1, ge=0, lt=1)
    saturation: float = Field(default=0.1, ge=0, lt=1)
    hue: float = Field(default=0, ge=0, le=0.5)

    @property
    def varies(self) -> bool:
        """Whether two views of a picture can differ at all."""
        return self != AUGMENTATIONS["none"]


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(
        crop_scale=1, flip_horizontal=False, brightness=0, contrast=0, saturation=0
    ),
    "light": Augmentation(),
    "strong": Augmentation(
        crop_scale=0.35, rotation=15, brightness=0.25, contrast=0.25, saturation=0.25, hue=0.02
    ),
    "any-orientation": Augmentation(crop_scale=0.6, flip_vertical=True, rotation=180),
}
"""Presets by name. `any-orientation` is for pictures without an up: microscopy, fabric, aerial."""


class HeadSpec(Spec):
    """The classifier: one linear layer, or a hidden layer of `hidden` units with ReLU before it."""

    hidden: int | None = Field(default=None, ge=2, le=8192)
    dropout: float = Field(default=0.2, ge=0, lt=1)


class Recipe(Spec):
    """How the head and the unfrozen stages are trained, starting from the linear probe.

    `learning_rate` is the head's peak rate. The last stage learns at `stage_rate` times that, each
    earlier one at `stage_decay` times its successor. Rates warm up over `warmup` of all steps and
    decay as a cosine. `batchnorm_statistics` says whether unfrozen BatchNorm layers keep their
    running statistics ("fixed") or follow the new pictures ("update"). `patience` is the number of
    epochs without improvement after which training stops by itself; None never stops early.

    For long trainings: `averaging` is the decay a step of a running average of the weights, which
    is what is then checked and kept (0: the weights themselves). `sizes` are sides in pixels of
    the training pictures, each for an equal share of the epochs (empty: the backbone's input
    size).

    `precision` "fastest" computes in half precision what is measured to be clearly faster in it,
    the frozen part and the steps each by itself; figures always come from 32 bits.

    Training pictures that are varied anew in every epoch are decoded once, shrunk until the shorter
    side has `decoded_side` pixels (None: as many as the crops need), and kept in the cache.

    `views` is the number of views that a training picture has where a part of the network is
    frozen: each is run through that part once. 0 draws new views in every epoch.
    """

    epochs: int = Field(default=10, ge=1, le=10_000)
    batch_size: int = Field(default=32, ge=1, le=4096)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(default=3e-4, gt=0, le=10)
    stage_rate: float = Field(default=0.1, gt=0, le=1)
    stage_decay: float = Field(default=0.85, gt=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    warmup: float = Field(default=0.1, ge=0, le=0.5)
    label_smoothing: float = Field(default=0, ge=0, lt=1)
    class_weights: Literal["none", "balanced"] = "none"
    augmentation: Augmentation = Augmentation()
    patience: int | None = Field(default=5, ge=1)
    batchnorm_statistics: Literal["fixed", "update"] = "fixed"
    averaging: float = Field(default=0, ge=0, lt=1)
    sizes: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(default=(), max_length=1000)
    decoded_side: int | None = Field(default=None, ge=16, le=4096)
    views: int = Field(default=4, ge=0, le=64)
    precision: Literal["float32", "fastest"] = "fastest"
    head: HeadSpec = HeadSpec()

    def from_scratch(self) -> Recipe:
        """The same for a backbone of random numbers: it learns everywhere at one rate, from the
        statistics of its own pictures, and its first epochs may well bring nothing."""
        changes = {"learning_rate": 1e-3, "stage_rate": 1.0, "stage_decay": 1.0, "patience": None}
        return self.model_copy(update={**changes, "batchnorm_statistics": "update"})


Freeze = int | str
"""The first k stages (a number), all up to and including a stage (its name), "all" or "none"."""


class TrainingJob(Spec):
    """Everything that decides a model. The same job gives the same weights, whoever runs it."""

    version: Literal[1] = 1
    dataset: DatasetSpec
    backbone: BackboneSpec
    freeze: Freeze = "all"
    recipe: Recipe = Recipe()
    seed: int = Field(default=0, ge=0, lt=2**31)
    device: Device = "auto"

    @field_validator("freeze")
    @classmethod
    def _number_as_number(cls, freeze: Freeze) -> Freeze:
        """The command line says "14" and the window 14: one plan, one job file."""
        return int(freeze) if isinstance(freeze, str) and freeze.isdecimal() else freeze


S = TypeVar("S", bound=Spec)


def load_training_job(file: Path, *, follow: bool = True) -> TrainingJob:
    """Reads a `job.json`, without `follow` none that is a link. Raises `UsageError` with the first
    thing that is wrong with it."""
    hint = "Correct it, or let `tlstudio train` write a new one."
    return _load(TrainingJob, file, "job", hint, follow=follow)


def load_recipe(file: Path) -> Recipe:
    """Reads a recipe as JSON; what it leaves out is as usual. Raises `UsageError` likewise."""
    return _load(Recipe, file, "recipe", "Correct it; a run's job.json shows how one is written.")


def _load(kind: type[S], file: Path, what: str, hint: str, *, follow: bool = True) -> S:
    try:
        return record(kind, file, follow=follow)
    except OSError as error:
        raise UsageError(
            f"The {what} file {file} can't be read ({error.strerror}).", "Check the path."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(
            f"The {what} file {file} is not valid: {where}: {first['msg']}.", hint
        ) from error
