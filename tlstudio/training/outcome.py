"""Owns the end of a run: which model is kept, and its model folder."""

from __future__ import annotations

import time
from typing import Any, Literal

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

import tlstudio
from tlstudio.backbones.build import build_network, find_backbone, load_state
from tlstudio.backbones.catalogue import Backbone
from tlstudio.backbones.freezing import frozen_count
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.errors import RunError
from tlstudio.jobs import HeadSpec, ScanResult, TrainingJob, TrainResult, WeightsSpec
from tlstudio.projects.checked import is_whole
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Logged, Task
from tlstudio.training.checkpoint import Checkpoint, Position, Tensors
from tlstudio.training.model_folder import (
    LAST,
    ModelCard,
    ReadingCard,
    constructor_of,
    loading_code,
    save_model,
    save_weights,
    versions,
)
from tlstudio.training.phases import Phases

POSITIONS = "positions"
"""Beside the probe's head in a checkpoint: features at single positions, see `lift`."""


def head_tensors(probe: Tensors) -> Tensors:
    return {name: tensor for name, tensor in probe.items() if name != POSITIONS}


def write_outcome(
    run: RunFolder,
    job: TrainingJob,
    split: ScanResult,
    checkpoint: Checkpoint,
    started: float,
    phases: Phases,
) -> Task[TrainResult]:
    """Keeps the trained weights if they beat the probe on the validation pictures, else the probe.

    The last trained weights lie beside them. `started` is the monotonic time of the run's start.
    """
    phases.enter("export")
    position = checkpoint.position
    stages = [stage.name for stage in find_backbone(job.backbone.id).stages]
    probe = position.probe.val_accuracy
    beaten = position.best_epoch > 0 and position.best_accuracy > probe
    kept: Literal["probe", "trained"] = "trained" if beaten else "probe"
    linear = HeadSpec(dropout=job.recipe.head.dropout)
    head, tensors = (
        (job.recipe.head, checkpoint.best) if beaten else (linear, head_tensors(checkpoint.probe))
    )
    # A head that learned from pooled features never met the ReLU behind a convolutional one. One
    # that was trained and validated behind it must keep its biases, or its answers change.
    lifted = frozen_count(job.freeze, stages) == len(stages)
    positions = checkpoint.probe[POSITIONS]
    network = assembled(run, job, split, head, tensors)
    if lifted or not beaten:
        network.lift(positions)
    expected = run.state().environment.get("estimate_seconds")
    result = TrainResult(
        run=str(run.path.resolve()),
        model=str(run.model.resolve()),
        kept=kept,
        val_accuracy=position.best_accuracy if beaten else probe,
        probe_accuracy=probe,
        trained_accuracy=position.best_accuracy if position.best_epoch else None,
        best_epoch=position.best_epoch,
        epochs=position.epoch,
        seconds=time.monotonic() - started,
        phase_seconds=phases.seconds(),
        estimate_seconds=None if expected is None else float(expected),
    )
    if checkpoint.now:
        last = assembled(run, job, split, job.recipe.head, checkpoint.now)
        if lifted:
            last.lift(positions)
        save_weights(run.model / LAST, last.network.state_dict())
    card = _card(run, job, split, network, head, result)
    save_model(run.model, network.network.state_dict(), card)
    yield Logged(message=_verdict(position, kept))
    return result


def assembled(
    run: RunFolder, job: TrainingJob, split: ScanResult, head: HeadSpec, tensors: Tensors
) -> StagedNetwork:
    """The network as it was before the first step, with `head` and with `tensors` put in place.
    Raises `RunError` where it is not what was written then."""
    entry = find_backbone(job.backbone.id)
    input_size = entry.preprocessing(job.backbone).crop
    network = build_network(entry, len(split.classes), head, input_size)
    try:
        start = start_of(run)
        wanted = network.network.state_dict()
        state: dict[str, Tensor] = {name: start.get(name, old) for name, old in wanted.items()}
        load_state(network.network, {**state, **tensors})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise _lost_start(run) from error
    return network.eval()


def start_of(run: RunFolder) -> Tensors:
    """The network before the first step, checked. Raises `RunError`, `OSError` and safetensors'
    own."""
    if not is_whole(run.start_file):
        raise _lost_start(run)
    return load_file(run.start_file)


def _lost_start(run: RunFolder) -> RunError:
    return RunError(
        f"The weights of the run in {run.path} are missing or damaged.", "Train it anew."
    )


def _card(
    run: RunFolder,
    job: TrainingJob,
    split: ScanResult,
    network: StagedNetwork,
    head: HeadSpec,
    result: TrainResult,
) -> ModelCard:
    entry = find_backbone(job.backbone.id)
    preprocessing = entry.preprocessing(job.backbone)
    classes = tuple(split.classes)
    names = [stage.name for stage in entry.stages]
    frozen = len(names) if result.kept == "probe" else frozen_count(job.freeze, names)
    constructor = constructor_of(entry, network, len(classes), head, preprocessing.crop)
    return ModelCard(
        program=f"TL Studio {tlstudio.__version__}",
        backbone=entry.id,
        classes=classes,
        constructor=constructor,
        head=head,
        preprocessing=preprocessing,
        reading=ReadingCard(channels=job.dataset.reading.channels),
        freeze={"stages": frozen, "names": names[:frozen]},
        weights=_origin(run, entry, job.backbone.weights),
        metrics={
            **result.model_dump(include=_METRICS),
            "pictures": split.split.model_dump(),
        },
        training={"seed": job.seed, "recipe": job.recipe.model_dump(mode="json")},
        versions=versions(entry),
        code=loading_code(constructor),
    )


def _origin(run: RunFolder, entry: Backbone, spec: WeightsSpec) -> dict[str, Any]:
    """Where the weights came from; paths of this computer are nobody else's business."""
    model = run.origin()
    if model is not None:
        return model.model_dump(mode="json")
    if spec.source != "published":
        return {"source": spec.source, "variant": spec.variant}
    weights = entry.variant(spec.variant)
    facts = weights.model_dump(include={"url", "sha256", "data", "licence", "commercial"})
    return {"source": spec.source, "variant": weights.name, **facts}


_METRICS = {
    "kept",
    "val_accuracy",
    "probe_accuracy",
    "trained_accuracy",
    "best_epoch",
    "epochs",
    "seconds",
}


def _verdict(position: Position, kept: str) -> str:
    probe = f"{position.probe.val_accuracy:.1%}"
    if position.best_epoch == 0:
        return f"No epoch was finished: the probe ({probe} on the validation pictures) is kept."
    best = f"{position.best_accuracy:.1%} in epoch {position.best_epoch}"
    if kept == "trained":
        return f"Training ({best}) beat the probe ({probe}): the trained model is kept."
    return f"Training ({best}) did not beat the probe ({probe}): the probe is kept."
