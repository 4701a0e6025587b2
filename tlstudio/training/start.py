"""Owns how a run starts from the model of an earlier one."""

from __future__ import annotations

from pathlib import Path

from tlstudio.backbones.catalogue import Backbone
from tlstudio.backbones.loading import load_backbone
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.backbones.weights import sha256_of
from tlstudio.backbones.weights_file import read_state_dict
from tlstudio.errors import RunError, UsageError, WeightsError
from tlstudio.jobs import TrainingJob
from tlstudio.projects.own_models import Origin, OwnRun, own_run
from tlstudio.tasks import Task


def settled(job: TrainingJob) -> tuple[TrainingJob, OwnRun | None]:
    """The job with what it leaves to the model that it starts from, and that model if there is one.

    Left to it are the input size and whose preprocessing is meant: the new run keeps both, so that
    it can be carried on when the model is gone. Raises `RunError` for what is no model, and
    `UsageError` where it is one of another network.
    """
    spec = job.backbone
    if spec.weights.run is None:
        return job, None
    model = own_run(Path(spec.weights.run))
    if model.backbone != spec.id:
        raise UsageError(
            f"The model in {spec.weights.run} is made from {model.backbone}, but the job asks for "
            f"{spec.id}.",
            f"Choose {model.backbone}, or another model.",
        )
    own = model.as_backbone()
    weights = spec.weights.model_copy(
        update={"variant": spec.weights.variant or own.weights.variant}
    )
    changes = {"weights": weights, "input_size": spec.input_size or own.input_size}
    return job.model_copy(update={"backbone": spec.model_copy(update=changes)}), model


def load_start(
    network: StagedNetwork, entry: Backbone, weights: Path, input_size: int, model: OwnRun | None
) -> None:
    """Puts the weights file into all of `network` but its head. Raises `WeightsError`, or
    `RunError` where the file belongs to `model`."""
    try:
        load_backbone(network, entry, read_state_dict(weights), input_size)
    except WeightsError as error:
        if model is None:
            raise
        raise RunError(
            f"The model in {model.run} can't be a backbone: {error.message}",
            "Copy it again, or train it anew.",
        ) from error


def origin_of(model: OwnRun | None) -> Task[Origin | None]:
    """What the new run keeps of the model that it started from."""
    if model is None:
        return None
    digest = yield from sha256_of(model.weights_file)
    if digest is None:
        raise RunError(f"The model in {model.run} can't be read any more.", "Check its disk.")
    return model.origin(digest)
