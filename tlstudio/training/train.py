"""Owns how a training job begins: its folder of pictures and its weights are looked at before
anything is written."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from tlstudio.backbones.build import (
    build_network,
    find_backbone,
    takes_sizes_in_turn,
)
from tlstudio.backbones.catalogue import Backbone
from tlstudio.backbones.freezing import frozen_count
from tlstudio.backbones.weights import obtain_weights
from tlstudio.datasets.patience import Patience, places_of
from tlstudio.datasets.refusals import check_learnable
from tlstudio.datasets.scan import scan
from tlstudio.errors import RunError, StorageError, UsageError
from tlstudio.jobs import (
    FinishRun,
    HeadSpec,
    ResumeRun,
    ScanJob,
    ScanResult,
    TrainingJob,
    TrainResult,
    TrainRun,
)
from tlstudio.projects.checked import adding
from tlstudio.projects.event_log import EventLog
from tlstudio.projects.own_models import Licence, OwnRun
from tlstudio.projects.places import cache_folder
from tlstudio.projects.project import FILE as PROJECT_FILE
from tlstudio.projects.project import Project
from tlstudio.projects.run_folder import Environment, RunFolder, RunState
from tlstudio.projects.runs import register
from tlstudio.tasks import Logged, Task, Warned
from tlstudio.training.checkpoint import Checkpoint, newest
from tlstudio.training.devices import resolve_device, usable_cores
from tlstudio.training.estimating import look_ahead
from tlstudio.training.model_folder import versions, write_tensors
from tlstudio.training.outcome import assembled, write_outcome
from tlstudio.training.phases import Phases
from tlstudio.training.recording import recorded
from tlstudio.training.running import Training
from tlstudio.training.start import load_start, origin_of, settled

_MOST_THREADS = 1024
"""More than any computer that this program runs on has cores."""


def train(request: TrainRun) -> Task[TrainResult]:
    """Trains a job into a new run folder.

    Until the pictures and the weights have been found good nothing is written, so that a mistake
    leaves no trace. From then on whatever ends the run leaves what `resume` carries on from.
    """
    started, phases = time.monotonic(), Phases()
    path = Path(request.run)
    RunFolder.refuse_used(path)
    job, model = settled(request.job)
    entry = find_backbone(job.backbone.id)
    input_size = entry.preprocessing(job.backbone).crop
    yield from _check_sizes(entry, job)
    frozen = frozen_count(job.freeze, [stage.name for stage in entry.stages])
    environment = _environment(job)
    cache = Path(request.cache) if request.cache else None
    yield from _missing_project(job)
    with phases.during("decode"):
        split = yield from scan(ScanJob(dataset=job.dataset, seed=job.seed), cache)
    check_learnable(split)
    yield from _remarks(job, split, frozen, model)
    weights = yield from obtain_weights(entry, job.backbone.weights, download=request.download)
    torch.manual_seed(job.seed)
    network = build_network(entry, len(split.classes), _linear_head(job), input_size)
    if weights is not None:
        load_start(network, entry, weights, input_size, model)
    cache = cache or cache_folder()
    patience = Patience(_places(job, split), "Training")
    outlook = yield from patience.through(
        lambda: look_ahead(job, split, network, environment, cache, started)
    )
    environment |= outlook.environment
    yield from outlook.remarks()
    outlook.check_room(path)
    origin = yield from origin_of(model)
    with RunFolder.begun(path, job, environment) as begun:
        begun.save_split(split)
        if origin is not None:
            begun.save_origin(origin)
        with adding(begun.start_file) as temporary:
            write_tensors(temporary, network.network.state_dict())
    run = RunFolder(path)
    with run.locked(), run.recording() as log:
        yield from _registered(path, split)
        training = Training(
            run, job, split, environment, started, cache, phases, log, patience=patience
        )
        return (yield from recorded(run, environment, log, training.run(network)))


def _registered(run: Path, split: ScanResult) -> Task[None]:
    """Lets the project know of its run; the run is none the worse where that fails."""
    try:
        register(Project.open(Path(split.project)), run)
    except StorageError as error:
        yield Logged(message=f"The project does not know of this run: {error.message}")


def resume(request: ResumeRun) -> Task[TrainResult]:
    """Carries on an interrupted run: from its checkpoint, or from the start where there is none."""
    run = RunFolder.open(Path(request.run))
    with run.locked():
        state = run.state()
        if state.state == "completed":
            raise RunError(f"The run in {run.path} is complete.", "There is nothing to carry on.")
        run.tidy()
        job, split, env = run.job(), run.split(), _as_begun(run, state)
        checkpoint, remark = newest(run.checkpoints)
        network = assembled(run, job, split, _linear_head(job), {})
        cache = Path(request.cache) if request.cache else cache_folder()
        started, phases, log = _taken_up(run, checkpoint)
        with log:
            patience = Patience(_places(job, split), "Training")
            training = Training(
                run, job, split, env, started, cache, phases, log, checkpoint, patience
            )
            return (yield from recorded(run, env, log, training.carry_on(network, remark)))


def _as_begun(run: RunFolder, state: RunState) -> Environment:
    """What was settled when the run began. Raises `RunError` where that can't be."""
    env = state.environment
    threads = env.get("threads")
    if "device" not in env or not isinstance(threads, int) or not 0 < threads <= _MOST_THREADS:
        raise RunError(
            f"{run.state_file} does not say how this run was begun: it is damaged.",
            "Train it anew.",
        )
    return env


def _taken_up(run: RunFolder, checkpoint: Checkpoint | None) -> tuple[float, Phases, EventLog]:
    """When the run would have started for the clock if it had never stopped, its phases, and its
    events: all as they were at the checkpoint."""
    if checkpoint is None:
        return time.monotonic(), Phases(), run.recording(0)
    position = checkpoint.position
    started = time.monotonic() - position.seconds
    return started, Phases(position.phase_seconds), run.recording(position.events)


def finish(request: FinishRun) -> Task[TrainResult]:
    """Makes the model of an interrupted run from the best that it had reached."""
    run = RunFolder.open(Path(request.run))
    with run.locked():
        state = run.state()
        if state.result is not None:
            raise RunError(f"The run in {run.path} has its model already.", "Use it as it is.")
        run.tidy()
        checkpoint, remark = newest(run.checkpoints)
        if checkpoint is None:
            raise RunError(
                f"The run in {run.path} was stopped before there was anything to keep.",
                "Carry on with it instead.",
            )
        started, phases, log = _taken_up(run, checkpoint)
        outcome = write_outcome(run, run.job(), run.split(), checkpoint, started, phases)
        with log:
            task = _with(remark, outcome)
            return (yield from recorded(run, state.environment, log, task))


def _with(remark: Warned | None, task: Task[TrainResult]) -> Task[TrainResult]:
    if remark is not None:
        yield remark
    return (yield from task)


def _places(job: TrainingJob, split: ScanResult) -> tuple[str, ...]:
    return places_of(job.dataset, (picture.file for picture in split.files))


def _environment(job: TrainingJob) -> dict[str, str | int | float | bool]:
    """What is settled once and used again when the run is carried on."""
    return {
        **versions(find_backbone(job.backbone.id)),
        "device": resolve_device(job.device).type,
        "threads": usable_cores(),
    }


def _missing_project(job: TrainingJob) -> Task[None]:
    project = job.dataset.project
    if project is not None and not (Path(project) / PROJECT_FILE).is_file():
        yield Warned(
            message=f"The project {project} is not on this computer: labels and the split start as "
            "they are found, without any corrections.",
            hint="If there were some, copy the project's folder here and train again.",
        )


def _check_sizes(entry: Backbone, job: TrainingJob) -> Task[None]:
    """Raises `UsageError` where the network can't learn from pictures of the recipe's sizes."""
    sizes = job.recipe.sizes
    if sizes and not takes_sizes_in_turn(entry.family):
        raise UsageError(
            f"{entry.name} is built for pictures of one size, and the recipe names several.",
            "Leave `sizes` out of the recipe, or choose another backbone.",
        )
    for size in sizes:
        entry.preprocessing(job.backbone.model_copy(update={"input_size": size}))
    checked = entry.preprocessing(job.backbone).crop
    if sizes and sizes[-1] != checked:
        # Touvron et al., "Fixing the train-test resolution discrepancy", 2019.
        yield Warned(
            message=f"The last epochs learn from pictures of {sizes[-1]} pixels, and every epoch "
            f"is checked at {checked}: figures come out too low, and the best epoch a wrong one.",
            hint=f"Give the input size {sizes[-1]}.",
        )


def _linear_head(job: TrainingJob) -> HeadSpec:
    """The probe's head, whatever head is trained after it."""
    return HeadSpec(dropout=job.recipe.head.dropout)


def _remarks(job: TrainingJob, split: ScanResult, frozen: int, model: OwnRun | None) -> Task[None]:
    """What the user should know before training begins."""
    if split.left_out:
        count, first = len(split.left_out), split.left_out[0]
        are = "One file is left out" if count == 1 else f"{count} files are left out"
        yield Warned(
            message=f"{are}, {'' if count == 1 else 'the first of them '}{first.file}: "
            f"{first.reason}",
            hint="Looking through the folder lists every file with its reason.",
        )
    if job.backbone.weights.source == "scratch" and frozen:
        yield Warned(
            message="The backbone starts from random numbers and a part of it stays frozen: that "
            "part will never have learnt anything.",
            hint="Freeze nothing, or start from pretrained weights.",
        )
    licence = _licence(job, model)
    if licence.commercial is False:
        yield Warned(
            message=f"The licence of these weights, {licence.licence}, forbids commercial use: "
            "that holds for the model that is made from them, too.",
            hint="For commercial use choose other weights or another backbone.",
        )


def _licence(job: TrainingJob, model: OwnRun | None) -> Licence:
    if model is not None:
        return model.licence
    if job.backbone.weights.source != "published":
        return Licence()
    weights = find_backbone(job.backbone.id).variant(job.backbone.weights.variant)
    return Licence(licence=weights.licence, commercial=weights.commercial)
