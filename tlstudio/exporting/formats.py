"""Owns what every export format has to offer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tlstudio.evaluation.predictors import Predictor
from tlstudio.tasks import Task
from tlstudio.training.model_folder import TrainedModel


@dataclass(frozen=True)
class Format:
    """One format. `files` are the names that `write` leaves in a folder, the last one the sign that
    the export is whole. `open` runs them by `runtime` alone: of the model it may take what the code
    that comes with the export says, never the weights. `code` is how others use the files."""

    files: tuple[str, ...]
    write: Callable[[TrainedModel, Path], Task[None]]
    open: Callable[[Path, TrainedModel], Predictor]
    runtime: Callable[[TrainedModel], str]
    code: Callable[[TrainedModel], str]
