"""Owns the measurements that an estimate rests on: the pictures' and the network's costs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from tlstudio.backbones.build import find_backbone
from tlstudio.backbones.catalogue import Backbone, PreprocessingSpec
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork, frozen_count
from tlstudio.datasets.scan import scan
from tlstudio.errors import DatasetError
from tlstudio.jobs import (
    Augmentation,
    DecodingCosts,
    Estimate,
    EstimateJob,
    EstimateResult,
    ScanJob,
    ScanResult,
    TrainingJob,
    precisions,
)
from tlstudio.projects.places import cache_folder
from tlstudio.tasks import Progress, Task
from tlstudio.training.augment import vary
from tlstudio.training.decoded import automatic_side, training_pixels
from tlstudio.training.devices import resolve_device, usable_cores
from tlstudio.training.inference import Pixels, check_pictures, in_order
from tlstudio.training.measuring import measure
from tlstudio.training.start import settled

BUDGET = 0.15
"""Seconds after which no further pictures are decoded."""
ROUNDS = 4
"""How many groups of pictures are decoded at most; the first is only a warm-up."""
PER_CORE = 4
"""Pictures a core in a group."""

A = TypeVar("A")


@dataclass(frozen=True)
class Outlook:
    """What is known before a training begins. `environment` is what is settled for all of it."""

    estimate: Estimate
    environment: dict[str, str | int | float | bool]

    @property
    def sentence(self) -> str:
        amounts = f"{size(self.estimate.memory_bytes)} of memory"
        amounts += f" and {size(self.estimate.disk_bytes)} on the disk"
        return f"This will take {duration(self.estimate.seconds)}, {amounts}."


def look_ahead(
    job: TrainingJob,
    split: ScanResult,
    device: torch.device,
    cache: Path,
    *,
    network: StagedNetwork | None = None,
    elapsed: float = 0.0,
) -> Task[Outlook]:
    """What the settled `job` will take and in which precision it is computed.

    `elapsed` are the seconds that it took up to here. `network` is left as it is.
    """
    entry = find_backbone(job.backbone.id)
    frozen = frozen_count(job.freeze, [stage.name for stage in entry.stages])
    learning = frozen < len(entry.stages)
    result = yield from _measured(job, entry, split, device, cache, network, learning=learning)
    scratch = job.backbone.weights.source == "scratch"
    expected = result.model_copy(update={"start": elapsed}).of(job.recipe, frozen, scratch=scratch)
    first, then = precisions(result.costs, job.recipe, frozen)
    return Outlook(expected, {"frozen_precision": first, "precision": then})


def measure_for(request: EstimateJob) -> Task[EstimateResult]:
    """Measures what the job's pictures and network cost, for every freeze plan."""
    began = time.monotonic()
    job, _ = settled(request.job)
    entry = find_backbone(job.backbone.id)
    cache = Path(request.cache) if request.cache else cache_folder()
    split = yield from scan(ScanJob(dataset=job.dataset, seed=job.seed), cache)
    start = time.monotonic() - began
    device = resolve_device(job.device)
    result = yield from _measured(job, entry, split, device, cache, None, learning=True)
    weights = 4 * sum(result.costs.parameters)
    return result.model_copy(update={"start": start + weights * result.costs.writing})


def _measured(
    job: TrainingJob,
    entry: Backbone,
    split: ScanResult,
    device: torch.device,
    cache: Path,
    network: StagedNetwork | None,
    *,
    learning: bool,
) -> Task[EstimateResult]:
    spec = entry.preprocessing(job.backbone)
    costs = yield from measure(
        entry,
        spec.crop,
        device,
        cache,
        learning=learning,
        fast=job.recipe.precision == "fastest",
        network=network,
    )
    files = [Path(split.folder) / each.file for each in split.files]
    decoding = yield from measure_decoding(files, spec, job.recipe.augmentation, views=learning)
    return EstimateResult(
        costs=costs,
        decoding=decoding,
        train=split.split.train,
        val=split.split.val,
        classes=len(split.classes),
        start=0.0,
    )


def measure_decoding(
    files: Sequence[Path], spec: PreprocessingSpec, augmentation: Augmentation, *, views: bool
) -> Task[DecodingCosts]:
    """What some of the `files`, spread evenly, cost to decode; varied views only with `views`."""
    plain = yield from _per_picture(files, _Plain(spec))
    if not views:
        return DecodingCosts(plain=plain)
    kept: list[Pixels] = []
    side = automatic_side(spec.crop, augmentation)

    def first(file: Path) -> None:
        with contextlib.suppress(DatasetError):  # said when the picture is needed
            kept.append(training_pixels(file, side))

    def view(pixels: Pixels) -> None:
        vary(pixels, augmentation, spec, np.random.default_rng(len(kept)))

    decoded = yield from _per_picture(files, lambda group: list(in_order(first, group)))
    varied = yield from _per_picture(kept, lambda group: list(in_order(view, group)))
    mean = sum(each.nbytes for each in kept) / max(1, len(kept))
    return DecodingCosts(plain=plain, first=decoded, varied=varied, kept=mean)


class _Plain:
    """Files through the exported preprocessing, as for features and figures."""

    def __init__(self, spec: PreprocessingSpec) -> None:
        self._preprocessing = Preprocessing(spec)

    def __call__(self, files: Sequence[Path]) -> None:
        cpu = torch.device("cpu")
        task = check_pictures(files, self._preprocessing, lambda x: x[:, :, 0, 0], cpu)
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
        yield Progress(phase="measure", done=number + 1, total=groups, unit="steps")
        if time.perf_counter() - began > BUDGET:
            break
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
