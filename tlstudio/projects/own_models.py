"""Owns what a finished model says of itself: enough to choose it as the next run's backbone.

The window lists models by it, so only `model.json` is read, and nothing here needs torch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from tlstudio.bounded import record
from tlstudio.errors import RunError
from tlstudio.jobs import BackboneSpec, Record, WeightsSpec
from tlstudio.projects.belonging import refuse_foreign
from tlstudio.projects.checked import is_as_listed

WEIGHTS = "model.safetensors"
CARD = "model.json"


class OwnRun(Record):
    """A model that an earlier run made. `run` is the folder it was found by, a run or a model
    folder, and `name` that folder's name; `classes` are in the order of the logits, `pictures`
    counts those it learnt from, `accuracy` is the fraction of the `checked` validation pictures
    that are right; 0 of these means that nobody knows how many there were. `backbone`, `variant`
    and `input_size` (px) are as in a `BackboneSpec`; `weights` says where the model itself started.
    """

    run: str
    name: str
    backbone: str
    variant: str | None
    input_size: int
    classes: tuple[str, ...]
    pictures: int
    accuracy: float
    checked: int = 0
    made: datetime
    weights: dict[str, Any]

    def as_backbone(self) -> BackboneSpec:
        """What a job says to start from this model, with the preprocessing that it learnt with."""
        return BackboneSpec(
            id=self.backbone,
            weights=WeightsSpec(source="run", run=self.run, variant=self.variant),
            input_size=self.input_size,
        )

    @property
    def weights_file(self) -> Path:
        return model_folder_of(Path(self.run)) / WEIGHTS

    @property
    def licence(self) -> Licence:
        """The licence of the published weights at the beginning of the chain, as far as known."""
        return Licence.model_validate(self.weights)

    def origin(self, sha256: str) -> Origin:
        """What the next model's card says of this one; `sha256` is that of its weights."""
        return Origin(
            variant=self.variant,
            sha256=sha256,
            **self.licence.model_dump(),
            model=Parent.model_validate(self.model_dump(include=set(Parent.model_fields))),
        )


class Licence(Record):
    """SPDX identifier, and whether commercial use is free; None where nobody said so."""

    licence: str | None = None
    commercial: bool | None = None


class Parent(Record):
    """A model that another one started from, as in `OwnRun`; `weights` holds its own beginning, so
    that a chain of any length can be read from its last model."""

    backbone: str
    input_size: int
    classes: tuple[str, ...]
    pictures: int
    accuracy: float
    weights: dict[str, Any]


class Origin(Record):
    """Where a run's weights came from if that was an own model. It names no place on this computer,
    and the run needs nothing else of that model once it has begun."""

    source: Literal["run"] = "run"
    variant: str | None
    sha256: str
    licence: str | None
    commercial: bool | None
    model: Parent


def own_runs(runs: Iterable[Path]) -> tuple[OwnRun, ...]:
    """The models of these runs, the newest first; without one, or with one that can't be read, a
    run is left out."""
    found = list[OwnRun]()
    for run in runs:
        with contextlib.suppress(RunError):
            found.append(own_run(run))
    return tuple(sorted(found, key=lambda each: (each.made, each.name), reverse=True))


def own_run(path: Path) -> OwnRun:
    """The model in a run or a model folder. Raises `RunError` with what is wrong."""
    path = path.expanduser().absolute()
    card_file = model_folder_of(path) / CARD
    try:
        if not is_as_listed(card_file.parent, CARD):
            raise damaged_model(card_file.parent)
        card = record(_Card, card_file, follow=False)
        Licence.model_validate(card.weights)
        return OwnRun(
            run=str(path),
            name=path.name,
            backbone=card.backbone,
            variant=card.weights.get("variant"),
            input_size=card.preprocessing.crop,
            classes=card.classes,
            pictures=card.metrics.pictures.train,
            accuracy=card.metrics.val_accuracy,
            checked=card.metrics.pictures.val,
            made=datetime.fromtimestamp(card_file.stat().st_mtime, UTC),
            weights=card.weights,
        )
    except (OSError, ValueError, OverflowError) as error:  # a time that no calendar has, too
        raise RunError(
            f"{card_file} can't be read: it is damaged or was made by a newer version.",
            "Train or copy the model again.",
        ) from error


def damaged_model(folder: Path) -> RunError:
    return RunError(
        f"The model in {folder} is not as it was written: it is damaged, or was changed.",
        "Copy it again, or train it anew.",
    )


def holds_run(path: Path) -> bool:
    """Whether this is the folder of a run, finished or not, or of a model."""
    return any((path / name).is_file() for name in (CARD, f"model/{CARD}", "job.json"))


def model_folder_of(path: Path) -> Path:
    """The model folder for `path`, a model folder itself or a run. Raises `RunError`."""
    for folder in (path, path / "model"):
        if (folder / CARD).is_file():
            refuse_foreign(path)
            return folder
    if (path / "job.json").is_file():
        raise RunError(
            f"The run in {path} has no model yet: it did not end.",
            "Carry on with `tlstudio train --resume`.",
        )
    raise RunError(f"{path} holds no model.", "Choose the folder of a run or of a model.")


class _Crop(Record):
    crop: int


class _Pictures(Record):
    train: int
    val: int = 0


class _Metrics(Record):
    val_accuracy: float
    pictures: _Pictures


class _Card(Record):
    """The part of `model.json` that is read here; `training.model_folder` writes all of it."""

    backbone: str
    classes: tuple[str, ...] = Field(min_length=2)
    preprocessing: _Crop
    weights: dict[str, Any]
    metrics: _Metrics
