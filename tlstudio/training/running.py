"""Owns a run under way: features, probe, epochs, and the model that is kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tlstudio.backbones.build import find_backbone, give_hidden_head
from tlstudio.backbones.freezing import frozen_count
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.datasets.patience import Patience
from tlstudio.jobs import ScanResult, TrainingJob, TrainResult
from tlstudio.jobs.estimate import SAMPLED
from tlstudio.projects.event_log import EventLog
from tlstudio.projects.run_folder import Environment, RunFolder
from tlstudio.tasks import Answer, Answers, Event, Logged, ProbeFitted, Resumed, Task, Warned
from tlstudio.training.activations import Activations, Wanted
from tlstudio.training.caching import Caching
from tlstudio.training.checkpoint import (
    Checkpoint,
    Position,
    ProbeScore,
    Tensors,
    learning_state,
    load_learning_state,
)
from tlstudio.training.decoded import training_pictures
from tlstudio.training.devices import one_thread, resolve_device
from tlstudio.training.features import Features, Pictures, contents_of, pictures_of
from tlstudio.training.loop import Loop
from tlstudio.training.memory import Pieces
from tlstudio.training.outcome import POSITIONS, head_tensors, start_of, write_outcome
from tlstudio.training.phases import Phases
from tlstudio.training.remembered_probe import probe_of
from tlstudio.training.sources import (
    ActivationSource,
    FeatureSource,
    PictureSource,
    Source,
    batch_bounds,
)
from tlstudio.training.views import PLAIN, View, views_of
from tlstudio.training.warming import warm_head

SHOWN = 9
"""Validation pictures whose answers are shown while training runs."""


@dataclass
class Training:
    """A run under way, from its start or from a checkpoint."""

    run_folder: RunFolder
    job: TrainingJob
    split: ScanResult
    environment: Environment
    started: float
    cache: Path
    phases: Phases
    log: EventLog
    checkpoint: Checkpoint | None = None
    patience: Patience = field(default_factory=Patience)

    def __post_init__(self) -> None:
        entry = find_backbone(self.job.backbone.id)
        self.frozen = frozen_count(self.job.freeze, [stage.name for stage in entry.stages])
        self.all_frozen = self.frozen == len(entry.stages)
        self.device = resolve_device(str(self.environment["device"]))
        self.classes = tuple(self.split.classes)
        reading = self.job.dataset.reading
        self.train = pictures_of(self.split, "train", reading)
        self.val = pictures_of(self.split, "val", reading)
        self.probed = self.train
        if self.job.backbone.weights.source == "scratch" and self.frozen == 0:
            self.probed = self.train.sample(SAMPLED)
        self.preprocessing = Preprocessing(entry.preprocessing(self.job.backbone))
        self.class_weights = _class_weights(self.job, self.train.labels, len(self.classes))
        self.views = self._cached_views()

    def _cached_views(self) -> tuple[View, ...]:
        """The views of a training picture that the frozen stages are run over once; none where
        nothing is frozen, where all is and the features are enough, or where the recipe wants new
        ones in every epoch."""
        recipe = self.job.recipe
        if self.frozen == 0 or self.all_frozen or recipe.sizes:
            return ()
        return views_of(recipe.augmentation, min(recipe.views, recipe.epochs))

    def carry_on(self, network: StagedNetwork, remark: Warned | None) -> Task[TrainResult]:
        """As `run`, from the checkpoint if there is one, once it is known which of the folders can
        be reached."""
        done = self.checkpoint.position if self.checkpoint else None
        steps = len(batch_bounds(len(self.train), self.job.recipe.batch_size))
        yield Resumed(
            resumed_at_step=done.epoch * steps + done.step if done else 0,
            epoch=done.epoch if done else 0,
        )
        if remark is not None:
            yield remark
        self.patience = yield from Patience.of(self.patience.folders, self.patience.job)
        return (yield from self.run(network))

    def run(self, network: StagedNetwork) -> Task[TrainResult]:
        """`network` is as it was before the first step, with the probe's linear head."""
        torch.set_num_threads(int(self.environment["threads"]))
        self.network = network.to(self.device)
        self.caching = Caching(
            network=self.network,
            preprocessing=self.preprocessing,
            augmentation=self.job.recipe.augmentation,
            precision=str(self.environment.get("frozen_precision", "float32")),
            device=self.device,
            cache=self.cache,
            phases=self.phases,
        )
        self.opened: list[Activations] = []
        try:
            return (yield from self._run())
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Closes the cache, and gives back the memory of the copies that the frozen part makes."""
        for activations in self.opened:
            activations.close()
        self.opened.clear()
        self.caching.forget()

    def _run(self) -> Task[TrainResult]:
        features: tuple[Features, Features] | None = None
        boundary = (yield from self._boundary()) if self.views else None
        if self._needs_features():
            features = yield from self._features(boundary)
        if boundary is None:
            self._let_go()
        if self.checkpoint is None:
            assert features is not None
            with self.phases.during("probe"):
                self.checkpoint = yield from self._probe(*features)
            score = self.checkpoint.position.probe.model_dump(exclude={"strength"})
            told = ProbeFitted(**score)
            self._save(self.checkpoint, [told])
            yield told
        source = yield from self._source(features, boundary)
        with self.phases.during("fine_tune"):
            yield from self._epochs(self.checkpoint, features, source)
        return (
            yield from write_outcome(
                self.run_folder, self.job, self.split, self.checkpoint, self.started, self.phases
            )
        )

    def _needs_features(self) -> bool:
        if self.checkpoint is None or self.all_frozen:
            return True
        return self.job.recipe.head.hidden is not None and not self.checkpoint.now

    # --- what the frozen stages give ------------------------------------------------------------

    def _activations(self, pictures: Pictures, *, exact: bool) -> Task[Activations]:
        activations = yield from self.patience.through(
            lambda: self.caching.activations(pictures, exact=exact)
        )
        self.opened.append(activations)
        return activations

    def _boundary(self) -> Task[tuple[Activations, Activations]]:
        """Training and validation pictures, with a place for what the frozen stages give."""
        train = yield from self._activations(self.train, exact=False)
        yield from self.caching.open(train, self.frozen, self._wanted(self.train, self.views))
        val = yield from self._activations(self.val, exact=True)
        yield from self.caching.open(val, self.frozen, self._wanted(self.val))
        return train, val

    def _features(
        self, boundary: tuple[Activations, Activations] | None
    ) -> Task[tuple[Features, Features]]:
        self.network.freeze(len(self.network.stages))
        self.network.eval()
        parts = boundary or (
            (yield from self._activations(self.probed, exact=False)),
            (yield from self._activations(self.val, exact=True)),
        )
        found = []
        for activations in parts:
            depth = len(self.network.stages)
            yield from self.caching.open(activations, depth, self._wanted(activations.pictures))
            rows = yield from self.patience.through(activations.features)
            found.append(Features.of(rows))
        return found[0], found[1]

    @staticmethod
    def _wanted(pictures: Pictures, views: tuple[View, ...] = (PLAIN,)) -> list[Wanted]:
        return [(number, view) for number in range(len(pictures)) for view in views]

    # --- the probe ------------------------------------------------------------------------------

    def _probe(self, train: Features, val: Features) -> Task[Checkpoint]:
        probe = yield from probe_of(
            train.pooled,
            self.probed.labels,
            len(self.classes),
            self.class_weights,
            self.job.seed,
            self.cache,
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
        at_once = int(self.environment.get("at_once", 0))
        return Checkpoint(Position(probe=score, at_once=at_once), tensors)

    @torch.no_grad()
    def _score(self, pooled: Tensor, labels: Tensor) -> tuple[float, float]:
        logits = Pieces()(self.network.classify_pooled, pooled, self.device)
        accuracy = int((logits.argmax(1) == labels).sum()) / len(labels)
        return float(cross_entropy(logits, labels)), accuracy

    # --- the epochs -----------------------------------------------------------------------------

    def _epochs(
        self, checkpoint: Checkpoint, features: tuple[Features, Features] | None, source: Source
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
            self.network.freeze(len(self.network.stages))
            rows = self._feature_source(features)
            yield from warm_head(
                self.network, rows, self.class_weights.to(self.device), self.device
            )
            self.network.lift(features[0].positions)
        fixed = recipe.batchnorm_statistics == "fixed"
        self.network.freeze(self.frozen, fixed_batchnorm=fixed)
        if self.all_frozen and recipe.augmentation.varies:
            yield Logged(
                message="Every block is frozen, so each picture is looked at once, as it is; "
                "variation is not used."
            )
        loop = Loop(
            network=self.network,
            source=source,
            recipe=recipe,
            class_weights=self.class_weights.to(self.device),
            seed=self.job.seed,
            device=self.device,
            checkpoint=checkpoint,
            save=self._save,
            answers=self._answers,
            precision=str(self.environment["precision"]),
            patience=self.patience,
        )
        with one_thread() if self.all_frozen else contextlib.nullcontext():
            return (yield from loop.run())

    def _save(self, checkpoint: Checkpoint, told: Sequence[Event]) -> None:
        """Keeps the checkpoint, with the events that are told next as told already."""
        files = self.run_folder.checkpoints
        known = {
            "events": self.log.expect(told, lasting=files.flush_is_due),
            "seconds": time.monotonic() - self.started,
            "phase_seconds": self.phases.seconds(),
        }
        checkpoint.position = checkpoint.position.model_copy(update=known)
        checkpoint.save(files)

    def _first_head(self, probe: Tensors) -> Tensors:
        """The head that the epochs start from: the probe's.

        A backbone of random numbers that is about to learn starts with the random head: the probe
        answers to features that are gone after a few steps, with weights of any size.
        """
        if self.job.backbone.weights.source == "scratch" and not self.all_frozen:
            start = start_of(self.run_folder)
            return {name: start[name] for name in head_tensors(probe)}
        return head_tensors(probe)

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

    def _source(
        self,
        features: tuple[Features, Features] | None,
        boundary: tuple[Activations, Activations] | None,
    ) -> Task[Source]:
        if self.all_frozen:
            assert features is not None
            return self._feature_source(features)
        if boundary is not None:
            train, val = boundary
            yield from self._prepare(train, self.views)
            yield from self._prepare(val)
            return ActivationSource(
                self.network, train, val, self.views, self.frozen, self.job.recipe, self.job.seed
            )
        if self.frozen == 0:
            yield Logged(
                message="Nothing is frozen, so nothing can be kept in the cache: every epoch runs "
                "the whole network."
            )
        crop = self.preprocessing.spec.crop
        with self.phases.during("decode"):
            self.train = yield from self._held(self.train)
            self.val = yield from self._held(self.val)
            decoded = yield from self.patience.through(
                lambda: training_pictures(self.train, self.job.recipe, crop, self.cache)
            )
        return PictureSource(
            self.network,
            decoded,
            self.val,
            self.preprocessing,
            self.job.recipe,
            self.job.seed,
            self.device,
        )

    def _prepare(self, activations: Activations, views: tuple[View, ...] = (PLAIN,)) -> Task[None]:
        wanted = self._wanted(activations.pictures, views)
        yield from self.patience.through(lambda: activations.prepare(wanted, [self.frozen]))

    def _held(self, pictures: Pictures) -> Task[Pictures]:
        """Knows what the files hold, so that no epoch reads one that is changed meanwhile."""
        held = yield from self.patience.through(lambda: contents_of(pictures, self.cache))
        return replace(pictures, held=dict(zip(pictures.files, held, strict=True)))

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


def _class_weights(job: TrainingJob, labels: Tensor, classes: int) -> Tensor:
    """Ones, or what gives every class the same say: N / (classes * pictures of the class)."""
    if job.recipe.class_weights == "none":
        return torch.ones(classes)
    counts = torch.bincount(labels, minlength=classes).clamp_min(1)
    return len(labels) / (classes * counts.float())
