"""Owns the measurements that an estimate rests on: the pictures' and the network's costs."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from tlstudio.backbones.build import build_network, find_backbone
from tlstudio.backbones.catalogue import Backbone, PreprocessingSpec
from tlstudio.backbones.freezing import frozen_count
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.backbones.weights import obtain_weights
from tlstudio.datasets.scan import scan
from tlstudio.errors import DatasetError, RunError, StorageError, WeightsError
from tlstudio.jobs import (
    Augmentation,
    DecodingCosts,
    Estimate,
    EstimateJob,
    EstimateResult,
    HeadSpec,
    NetworkCosts,
    Precision,
    Reading,
    ScanJob,
    ScanResult,
    TrainingJob,
    precisions,
)
from tlstudio.projects.atomic import storage_errors
from tlstudio.projects.own_models import OwnRun
from tlstudio.projects.places import cache_folder
from tlstudio.projects.run_folder import Environment
from tlstudio.tasks import Logged, Progress, Task, Warned
from tlstudio.training.augment import vary
from tlstudio.training.caching import ACTIVATIONS, Caching
from tlstudio.training.decoded import automatic_side, training_pixels
from tlstudio.training.devices import available_memory, resolve_device, usable_cores
from tlstudio.training.features import pictures_of
from tlstudio.training.inference import Pixels, check_pictures, in_order, read_picture
from tlstudio.training.measuring import measure
from tlstudio.training.phases import Phases
from tlstudio.training.start import load_start, settled
from tlstudio.training.views import PLAIN, views_of

BUDGET = 0.1
"""Seconds after which no further pictures are decoded."""
ROUNDS = 4
"""How many groups of pictures are decoded at most; the first is only a warm-up."""
PER_CORE = 4
"""Pictures a core in a group."""

DRAWING = 1e-8
"""Seconds for which a number of a network's random start is drawn, before weights replace it."""

A = TypeVar("A")


@dataclass(frozen=True)
class Outlook:
    """What is known before a training begins: the estimate, the number formats in which its frozen
    part and the stages that learn are computed, and how many pictures of a batch the memory that is
    free is expected to hold (0: all)."""

    estimate: Estimate
    frozen_precision: Precision
    precision: Precision
    at_once: int = 0

    @property
    def environment(self) -> Environment:
        """What the run keeps of it."""
        return {
            "frozen_precision": self.frozen_precision,
            "precision": self.precision,
            "estimate_seconds": round(self.estimate.seconds, 1),
            "at_once": self.at_once,
        }

    @property
    def sentence(self) -> str:
        amounts = f"{size(self.estimate.memory_bytes)} of memory"
        amounts += f" and {size(self.estimate.disk_bytes)} on the disk"
        return f"This will take {duration(self.estimate.seconds)}, {amounts}."

    def remarks(self) -> Task[None]:
        """What the user should know of it."""
        yield Logged(message=self.sentence)
        if self.at_once:
            yield Warned(
                message=f"{size(self.estimate.memory_bytes)} of memory are more than are free: "
                f"{'one picture' if self.at_once == 1 else f'{self.at_once} pictures'} of a batch "
                "will be taken at a time. That is slower; the model learns from the same batches.",
                hint="Close other programs, freeze more blocks, or choose smaller pictures or a "
                "smaller network.",
            )

    def check_room(self, run: Path) -> None:
        """Raises `StorageError` where the disk of `run`, which need not be there yet, has not the
        room that the run needs; the caches look after themselves."""
        there = next(each for each in (run, *run.absolute().parents) if each.is_dir())
        with storage_errors(run):
            free = shutil.disk_usage(there).free
        if free < self.estimate.run_bytes:
            raise StorageError(
                f"This training needs {size(self.estimate.run_bytes)} in {run}, but only "
                f"{size(free)} are free there.",
                "Free some space, or choose a folder on another disk. With more frozen blocks or a "
                "smaller network it takes less.",
            )


def look_ahead(
    job: TrainingJob,
    split: ScanResult,
    network: StagedNetwork,
    environment: Environment,
    cache: Path,
    started: float,
) -> Task[Outlook]:
    """What the settled `job` will take and in which precision it is computed.

    `network` is as it is before the first step, and is left so. `environment` names device and
    threads, `started` is the monotonic time of the run's start.
    """
    entry = find_backbone(job.backbone.id)
    frozen = frozen_count(job.freeze, [stage.name for stage in entry.stages])
    look = _Look(job, entry, split, environment, cache)
    learning = frozen < len(entry.stages)
    result = yield from look.measured(network, learning=learning)
    result = yield from look.with_cache(result, network, frozen)
    if learning or result.features_there < 1:  # else no picture is decoded
        result = yield from look.with_decoding(result, views=learning)
    result = result.model_copy(update={"start": time.monotonic() - started})
    scratch = job.backbone.weights.source == "scratch"
    expected = result.of(job.recipe, frozen, scratch=scratch)
    formats = precisions(result.costs, job.recipe, frozen)
    pieces = 0
    if look.device.type == "cpu":  # a graphics card says by itself when it is full
        pieces = result.at_once(job.recipe, frozen, available_memory())
    return Outlook(expected, *formats, pieces)


def measure_for(request: EstimateJob) -> Task[EstimateResult]:
    """Measures what the job's pictures and network cost, for every freeze plan."""
    began = time.monotonic()
    job, model = settled(request.job)
    entry = find_backbone(job.backbone.id)
    cache = Path(request.cache) if request.cache else cache_folder()
    split = yield from scan(ScanJob(dataset=job.dataset, seed=job.seed), cache)
    looking = time.monotonic() - began
    environment: Environment = {
        "device": resolve_device(job.device).type,
        "threads": usable_cores(),
    }
    look = _Look(job, entry, split, environment, cache)
    network = None
    if (cache / ACTIVATIONS).is_dir():
        network = yield from _loaded(job, entry, split, model)
    result = yield from look.measured(network, learning=True)
    result = yield from look.with_decoding(result, views=True)
    if network is not None:
        frozen = frozen_count(job.freeze, [stage.name for stage in entry.stages])
        result = yield from look.with_cache(result, network, frozen)
    return result.model_copy(update={"start": looking + _building(result.costs)})


def _building(costs: NetworkCosts) -> float:
    """Seconds until the network is built, its weights are read and written into the run."""
    weights = sum(costs.parameters)
    return 0.2 + weights * (DRAWING + 8 * costs.writing)


def _loaded(
    job: TrainingJob, entry: Backbone, split: ScanResult, model: OwnRun | None
) -> Task[StagedNetwork | None]:
    """The network with its weights, by which the cache is searched; None where it has none here."""
    size = entry.preprocessing(job.backbone).crop
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(job.seed)
        network = build_network(entry, len(split.classes), HeadSpec(), size)
    try:
        weights = yield from obtain_weights(entry, job.backbone.weights, download=False)
        if weights is not None:
            load_start(network, entry, weights, size, model)
    except (WeightsError, RunError):  # training will say so, or fetch them
        return None
    return network


@dataclass
class _Look:
    """One look at what a job needs."""

    job: TrainingJob
    entry: Backbone
    split: ScanResult
    environment: Environment
    cache: Path

    def __post_init__(self) -> None:
        self.spec = self.entry.preprocessing(self.job.backbone)
        self.device = torch.device(str(self.environment["device"]))

    def measured(self, network: StagedNetwork | None, *, learning: bool) -> Task[EstimateResult]:
        """What the network costs, with learning where any stage may learn."""
        split = self.split
        costs = yield from measure(
            self.entry,
            self.spec.crop,
            self.device,
            int(self.environment["threads"]),
            self.cache,
            learning=learning,
            fast=self.job.recipe.precision == "fastest",
            network=network,
        )
        return EstimateResult(
            costs=costs,
            decoding=DecodingCosts(plain=0),
            train=split.split.train,
            val=split.split.val,
            classes=len(split.classes),
            start=0.0,
        )

    def with_decoding(self, result: EstimateResult, *, views: bool) -> Task[EstimateResult]:
        """And with what pictures cost; varied views only with `views`."""
        files = [Path(self.split.folder) / each.file for each in self.split.files]
        augmentation = self.job.recipe.augmentation
        reading = self.job.dataset.reading
        decoding = yield from measure_decoding(
            files, self.spec, augmentation, views=views, reading=reading
        )
        return result.model_copy(update={"decoding": decoding})

    def with_cache(
        self, result: EstimateResult, network: StagedNetwork, frozen: int
    ) -> Task[EstimateResult]:
        """And with what an earlier run left in the cache, for this number of frozen stages."""
        recipe, full = self.job.recipe, len(self.entry.stages)
        torch.set_num_threads(int(self.environment["threads"]))
        caching = Caching(
            network=network.to(self.device),
            preprocessing=Preprocessing(self.spec),
            augmentation=recipe.augmentation,
            precision=precisions(result.costs, recipe, frozen)[0],
            device=self.device,
            cache=self.cache,
            phases=Phases(),
        )
        train = pictures_of(self.split, "train", self.job.dataset.reading)
        found = yield from caching.share(train, full, [PLAIN], exact=False)
        changes: dict[str, object] = {"features_there": found}
        if 0 < frozen < full:
            views = views_of(recipe.augmentation, min(recipe.views, recipe.epochs))
            rows = yield from caching.share(train, frozen, views, exact=False)
            changes["rows_there"] = {frozen: rows}
        return result.model_copy(update=changes)


def measure_decoding(
    files: Sequence[Path],
    spec: PreprocessingSpec,
    augmentation: Augmentation,
    *,
    views: bool,
    reading: Reading | None = None,
) -> Task[DecodingCosts]:
    """What some of the `files`, spread evenly, cost to decode; varied views only with `views`."""
    plain = yield from _per_picture(files, _Plain(spec, reading))
    if not views:
        return DecodingCosts(plain=plain)
    kept: list[Pixels] = []
    side = automatic_side(spec.crop, augmentation)

    def first(file: Path) -> None:
        with contextlib.suppress(DatasetError):  # said when the picture is needed
            kept.append(training_pixels(file, side, partial(read_picture, reading=reading)))

    def view(pixels: Pixels) -> None:
        vary(pixels, augmentation, spec, np.random.default_rng(len(kept)))

    decoded = yield from _per_picture(files, lambda group: list(in_order(first, group)))
    varied = yield from _per_picture(kept, lambda group: list(in_order(view, group)))
    mean = sum(each.nbytes for each in kept) / max(1, len(kept))
    return DecodingCosts(plain=plain, first=decoded, varied=varied, kept=mean)


class _Plain:
    """Files through the exported preprocessing, as for features and figures."""

    def __init__(self, spec: PreprocessingSpec, reading: Reading | None) -> None:
        self._preprocessing = Preprocessing(spec)
        self._read = partial(read_picture, reading=reading)

    def __call__(self, files: Sequence[Path]) -> None:
        cpu = torch.device("cpu")
        task = check_pictures(
            files, self._preprocessing, lambda x: x[:, :, 0, 0], cpu, read=self._read
        )
        for _ in task:
            continue


def _per_picture(items: Sequence[A], work: Callable[[Sequence[A]], object]) -> Task[float]:
    """Seconds an item when groups of `items`, spread evenly, are worked on by all cores."""
    size = min(len(items), PER_CORE * usable_cores())
    if not size:
        return 0.0
    groups = min(ROUNDS, max(1, len(items) // size))
    step = len(items) / (groups * size)
    chosen = [items[int(i * step)] for i in range(groups * size)]
    seconds, began = [], time.perf_counter()
    for number in range(groups):
        # Every group from everywhere: folders may hold pictures of very different sizes.
        group = chosen[number::groups]
        start = time.perf_counter()
        work(group)
        seconds.append((time.perf_counter() - start) / size)
        yield Progress(phase="measure", done=number, total=groups, unit="steps")
        if time.perf_counter() - began > BUDGET:
            break
    yield Progress(phase="measure", done=groups, total=groups, unit="steps")
    return sum(seconds[1:]) / len(seconds[1:]) if len(seconds) > 1 else seconds[0]


def duration(seconds: float) -> str:
    """ "under a minute", "about 3 minutes": as exact as it is meant."""
    if seconds < 50:
        return "under a minute"
    if seconds < 90 * 60:
        minutes = max(1, round(seconds / 60))
        return "about a minute" if minutes == 1 else f"about {minutes} minutes"
    return f"about {round(seconds / 3600)} hours"


def size(number: int) -> str:
    """ "1.2 GB"."""
    return f"{number / 1e9:.1f} GB" if number >= 95_000_000 else f"{max(1, number // 10**6)} MB"
