"""Owns the training job: pictures, weights, features, probe, epochs, and the model that is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from tlstudio.backbones.build import (
    build_network,
    find_backbone,
    give_hidden_head,
    takes_sizes_in_turn,
)
from tlstudio.backbones.catalogue import Backbone
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork, frozen_count
from tlstudio.backbones.weights import obtain_weights
from tlstudio.datasets.scan import scan
from tlstudio.errors import RunError, UsageError
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
from tlstudio.projects.own_models import Licence, OwnRun
from tlstudio.projects.places import cache_folder
from tlstudio.projects.run_folder import Environment, RunFolder
from tlstudio.tasks import Answer, Answers, Logged, Meter, ProbeFitted, Task, Warned
from tlstudio.training.checkpoint import (
    Checkpoint,
    Position,
    ProbeScore,
    Tensors,
    learning_state,
    load_learning_state,
)
from tlstudio.training.decoded import decode
from tlstudio.training.devices import fastest_precision, resolve_device, usable_cores
from tlstudio.training.features import Features, Pictures, compute_features
from tlstudio.training.loop import Loop
from tlstudio.training.model_folder import save_weights, versions
from tlstudio.training.outcome import POSITIONS, assembled, head_tensors, write_outcome
from tlstudio.training.probe import fit_probe
from tlstudio.training.recording import recorded
from tlstudio.training.sources import FeatureSource, PictureSource, Source
from tlstudio.training.start import load_start, origin_of, settled

SHOWN = 9
"""Validation pictures whose answers are shown while training runs."""
SAMPLED = 4000
"""Pictures that the probe of a random backbone learns from at most: what that backbone knows of
pictures will all be overwritten, and is a baseline only."""
HEAD_EPOCHS = 30
"""Epochs over the features in which a hidden head is fitted before the stages join in."""


def train(request: TrainRun) -> Task[TrainResult]:
    """Trains a job into a new run folder.

    Until the pictures and the weights have been found good nothing is written, so that a mistake
    leaves no trace. From then on whatever ends the run leaves what `resume` carries on from.
    """
    started = time.monotonic()
    path = Path(request.run)
    RunFolder.refuse_used(path)
    job, model = settled(request.job)
    entry = find_backbone(job.backbone.id)
    input_size = entry.preprocessing(job.backbone).crop
    yield from _check_sizes(entry, job)
    frozen = frozen_count(job.freeze, [stage.name for stage in entry.stages])
    environment = _environment(job)
    cache = Path(request.cache) if request.cache else None
    split = yield from scan(ScanJob(dataset=job.dataset, seed=job.seed), cache)
    yield from _remarks(job, split, frozen, model)
    weights = yield from obtain_weights(entry, job.backbone.weights, download=request.download)
    torch.manual_seed(job.seed)
    network = build_network(entry, len(split.classes), _linear_head(job), input_size)
    if weights is not None:
        load_start(network, entry, weights, input_size, model)
    origin = yield from origin_of(model)
    with RunFolder.begun(path, job) as run:
        run.save_split(split)
        if origin is not None:
            run.save_origin(origin)
        save_weights(run.start_file, network.network.state_dict())
    training = _Training(run, job, split, environment, started, cache or cache_folder())
    return (yield from recorded(run, environment, training.run(network)))


def resume(request: ResumeRun) -> Task[TrainResult]:
    """Carries on an interrupted run: from its checkpoint, or from the start where there is none."""
    run = RunFolder.open(Path(request.run))
    state = run.state()
    if state.state == "completed":
        raise RunError(f"The run in {run.path} is complete.", "There is nothing to carry on.")
    job, split = run.job(), run.split()
    checkpoint = Checkpoint.load(run.checkpoint_file) if run.checkpoint_file.exists() else None
    started = time.monotonic() - (checkpoint.position.seconds if checkpoint else 0)
    cache = Path(request.cache) if request.cache else cache_folder()
    training = _Training(run, job, split, state.environment, started, cache, checkpoint)
    network = assembled(run, job, split, _linear_head(job), {})
    return (yield from recorded(run, state.environment, training.run(network)))


def finish(request: FinishRun) -> Task[TrainResult]:
    """Makes the model of an interrupted run from the best that it had reached."""
    run = RunFolder.open(Path(request.run))
    state = run.state()
    if state.result is not None:
        raise RunError(f"The run in {run.path} has its model already.", "Use it as it is.")
    if not run.checkpoint_file.exists():
        raise RunError(
            f"The run in {run.path} was stopped before there was anything to keep.",
            "Carry on with it instead.",
        )
    checkpoint = Checkpoint.load(run.checkpoint_file)
    started = time.monotonic() - checkpoint.position.seconds
    outcome = write_outcome(run, run.job(), run.split(), checkpoint, started)
    return (yield from recorded(run, state.environment, outcome))


def _environment(job: TrainingJob) -> dict[str, str | int | float | bool]:
    """What is settled once and used again when the run is carried on."""
    device = resolve_device(job.device).type
    precision = "float32"
    if job.recipe.precision == "fastest":
        precision = fastest_precision(torch.device(device))
    return {
        **versions(find_backbone(job.backbone.id)),
        "device": device,
        "threads": usable_cores(),
        "precision": precision,
    }


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


@dataclass
class _Training:
    """A run under way, from its start or from a checkpoint."""

    run_folder: RunFolder
    job: TrainingJob
    split: ScanResult
    environment: Environment
    started: float
    cache: Path
    checkpoint: Checkpoint | None = None

    def __post_init__(self) -> None:
        entry = find_backbone(self.job.backbone.id)
        self.frozen = frozen_count(self.job.freeze, [stage.name for stage in entry.stages])
        self.all_frozen = self.frozen == len(entry.stages)
        self.device = resolve_device(str(self.environment["device"]))
        self.classes = tuple(self.split.classes)
        self.train = _pictures(self.split, "train")
        self.val = _pictures(self.split, "val")
        self.probed = self.train
        if self.job.backbone.weights.source == "scratch" and not self.all_frozen:
            self.probed = self.train.sample(SAMPLED)
        self.preprocessing = Preprocessing(entry.preprocessing(self.job.backbone))
        self.class_weights = _class_weights(self.job, self.train.labels, len(self.classes))

    def run(self, network: StagedNetwork) -> Task[TrainResult]:
        """`network` is as it was before the first step, with the probe's linear head."""
        torch.set_num_threads(int(self.environment["threads"]))
        self.network = network.to(self.device)
        features: tuple[Features, Features] | None = None
        if self._needs_features():
            features = yield from self._features()
        if self.checkpoint is None:
            assert features is not None
            self.checkpoint = yield from self._probe(*features)
            self.checkpoint.save(self.run_folder.checkpoint_file)
        yield ProbeFitted(**self.checkpoint.position.probe.model_dump(exclude={"strength"}))
        yield from self._epochs(self.checkpoint, features)
        return (
            yield from write_outcome(
                self.run_folder, self.job, self.split, self.checkpoint, self.started
            )
        )

    def _needs_features(self) -> bool:
        if self.checkpoint is None or self.all_frozen:
            return True
        return self.job.recipe.head.hidden is not None and not self.checkpoint.now

    # --- the frozen network and the probe -------------------------------------------------------

    def _features(self) -> Task[tuple[Features, Features]]:
        self.network.freeze(len(self.network.stages))
        train = yield from compute_features(
            self.network, self.preprocessing, self.probed, self.device
        )
        val = yield from compute_features(self.network, self.preprocessing, self.val, self.device)
        return train, val

    def _probe(self, train: Features, val: Features) -> Task[Checkpoint]:
        probe = yield from fit_probe(
            train.pooled,
            self.probed.labels,
            len(self.classes),
            self.class_weights,
            self.job.seed,
        )
        with torch.no_grad():
            head = dict(self.network.head.named_parameters())
            head["weight"].copy_(probe.weight.view_as(head["weight"]))
            head["bias"].copy_(probe.bias)
        self.network.lift(train.positions)
        self.network.eval()
        scores = [
            self._score(features.pooled, pictures.labels)
            for features, pictures in ((train, self.probed), (val, self.val))
        ]
        score = ProbeScore(
            strength=probe.strength,
            train_loss=scores[0][0],
            train_accuracy=scores[0][1],
            val_loss=scores[1][0],
            val_accuracy=scores[1][1],
        )
        self.network.freeze(len(self.network.stages))
        tensors = {**learning_state(self.network), POSITIONS: train.positions}
        return Checkpoint(Position(probe=score), tensors)

    @torch.no_grad()
    def _score(self, pooled: Tensor, labels: Tensor) -> tuple[float, float]:
        logits = self.network.classify_pooled(pooled.to(self.device)).cpu()
        accuracy = int((logits.argmax(1) == labels).sum()) / len(labels)
        return float(cross_entropy(logits, labels)), accuracy

    # --- the epochs -----------------------------------------------------------------------------

    def _epochs(
        self, checkpoint: Checkpoint, features: tuple[Features, Features] | None
    ) -> Task[Checkpoint]:
        recipe = self.job.recipe
        if recipe.head.hidden is None:
            load_learning_state(self.network, self._first_head(checkpoint.probe))
        else:
            torch.manual_seed(self.job.seed)
            give_hidden_head(self.network, len(self.classes), recipe.head)
            self.network.to(self.device)
        if recipe.head.hidden is not None and not checkpoint.now:
            assert features is not None
            yield from self._warm_head(features)
        fixed = recipe.batchnorm_statistics == "fixed"
        self.network.freeze(self.frozen, fixed_batchnorm=fixed)
        if self.all_frozen and recipe.augmentation.varies:
            yield Logged(
                message="Every block is frozen, so each picture is looked at once, as it is; "
                "variation is not used."
            )
        loop = Loop(
            network=self.network,
            source=(yield from self._source(features)),
            recipe=recipe,
            class_weights=self.class_weights.to(self.device),
            seed=self.job.seed,
            device=self.device,
            checkpoint=checkpoint,
            save=lambda state: state.save(self.run_folder.checkpoint_file),
            answers=self._answers,
            precision=str(self.environment["precision"]),
        )
        return (yield from loop.run())

    def _first_head(self, probe: Tensors) -> Tensors:
        """The head that the epochs start from: the probe's.

        A backbone of random numbers that is about to learn starts with the random head: the probe
        answers to features that are gone after a few steps, with weights of any size.
        """
        if self.job.backbone.weights.source == "scratch" and not self.all_frozen:
            start = load_file(self.run_folder.start_file)
            return {name: start[name] for name in head_tensors(probe)}
        return head_tensors(probe)

    def _warm_head(self, features: tuple[Features, Features]) -> Task[None]:
        """Fits a hidden head on the frozen features first, so that its random start does not
        disturb the unfrozen stages (Kumar et al., "Fine-tuning can distort pretrained features",
        2022)."""
        self.network.freeze(len(self.network.stages))
        source = self._feature_source(features)
        optimizer = torch.optim.AdamW(self.network.head.parameters(), lr=1e-3)
        meter = Meter("probe", HEAD_EPOCHS, "steps")
        for epoch in range(1, HEAD_EPOCHS + 1):
            self.network.train()
            for inputs, labels in source.batches(epoch, 0):
                loss = cross_entropy(
                    source.logits(inputs.to(self.device)),
                    labels.to(self.device),
                    weight=self.class_weights.to(self.device),
                )
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            yield from meter.at(epoch)
        self.network.lift(features[0].positions)

    def _feature_source(self, features: tuple[Features, Features]) -> FeatureSource:
        train, val = features
        return FeatureSource(
            self.network,
            train,
            self.probed.labels,
            val,
            self.val.labels,
            self.job.recipe,
            self.job.seed,
            self.device,
        )

    def _source(self, features: tuple[Features, Features] | None) -> Task[Source]:
        if self.all_frozen:
            assert features is not None
            return self._feature_source(features)
        decoded, side = None, self.job.recipe.decoded_side
        if side is not None:
            decoded = yield from decode(self.train, side, self.cache)
        return PictureSource(
            self.network,
            self.train,
            self.val,
            self.preprocessing,
            self.job.recipe,
            self.job.seed,
            self.device,
            decoded,
        )

    def _answers(self, epoch: int, probabilities: Tensor) -> Answers:
        """The same few pictures each time, spread evenly over the classes and the list."""
        count = len(self.val)
        shown = sorted({round(i * (count - 1) / max(1, SHOWN - 1)) for i in range(SHOWN)})
        confidence, answer = probabilities.max(1)
        return Answers(
            epoch=epoch,
            answers=tuple(
                Answer(
                    file=self.val.names[i],
                    label=self.classes[int(self.val.labels[i])],
                    answer=self.classes[int(answer[i])],
                    confidence=float(confidence[i]),
                )
                for i in shown
            ),
        )


def _pictures(split: ScanResult, part: str) -> Pictures:
    folder, order = Path(split.folder), {name: i for i, name in enumerate(split.classes)}
    chosen = [picture for picture in split.files if picture.part == part]
    return Pictures(
        tuple(folder / picture.file for picture in chosen),
        tuple(picture.file for picture in chosen),
        torch.tensor([order[picture.label] for picture in chosen], dtype=torch.long),
    )


def _class_weights(job: TrainingJob, labels: Tensor, classes: int) -> Tensor:
    """Ones, or what gives every class the same say: N / (classes * pictures of the class)."""
    if job.recipe.class_weights == "none":
        return torch.ones(classes)
    counts = torch.bincount(labels, minlength=classes).clamp_min(1)
    return len(labels) / (classes * counts.float())
