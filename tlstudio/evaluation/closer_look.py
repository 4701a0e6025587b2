"""Owns a closer look at a data set: findings by what a network sees in the pictures."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from tlstudio.backbones.build import build_network, find_backbone
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.backbones.weights import default_backbone, obtain_weights
from tlstudio.datasets.patience import Patience, places_of
from tlstudio.datasets.scan import scan
from tlstudio.datasets.wording import quoted
from tlstudio.evaluation.standing_out import odd_ones, twins
from tlstudio.jobs import (
    Augmentation,
    BackboneSpec,
    CloserLook,
    CloserLookResult,
    Finding,
    HeadSpec,
    Picture,
    ScanJob,
    ScanResult,
)
from tlstudio.projects.own_models import own_run
from tlstudio.projects.places import cache_folder
from tlstudio.tasks import Meter, Task
from tlstudio.training.caching import Caching
from tlstudio.training.devices import resolve_device, usable_cores
from tlstudio.training.features import Features, Pictures
from tlstudio.training.phases import Phases
from tlstudio.training.start import load_start
from tlstudio.training.views import PLAIN

T = TypeVar("T")


def closer_look(job: CloserLook) -> Task[CloserLookResult]:
    """Looks at the data set as a scan does, then at its pictures through a network.

    Features come from the activation cache where they are there, and are kept in it: a training
    with the same backbone finds them. Nothing is downloaded. Raises what `scan` raises, and
    `WeightsError` where the weights are not on this computer.
    """
    cache = Path(job.cache) if job.cache else cache_folder()
    found = yield from scan(ScanJob(dataset=job.dataset, seed=job.seed), cache)
    spec = job.backbone or BackboneSpec(id=default_backbone().id)
    features, digests = yield from _features(found, spec, job, cache)
    # The same bytes twice are told by the scan.
    first = {digest: row for row, digest in reversed(list(enumerate(digests)))}
    rows = sorted(first.values())
    told = [set(each.files) for each in found.findings if each.kind == "near_duplicate"]
    findings = yield from _findings([found.files[row] for row in rows], features[rows], told)
    return CloserLookResult(
        folder=found.folder, backbone=spec.id, pictures=len(found.files), findings=tuple(findings)
    )


def _features(
    found: ScanResult, spec: BackboneSpec, job: CloserLook, cache: Path
) -> Task[tuple[Tensor, list[bytes]]]:
    """Pooled features (N, D) of the pictures, and the digests of their files."""
    names = tuple(picture.file for picture in found.files)
    nothing = torch.zeros(len(names), dtype=torch.long)
    pictures = Pictures(Path(found.folder), names, nothing, job.dataset.reading)
    network, preprocessing = yield from _network(spec)
    chosen = resolve_device(job.device)
    torch.set_num_threads(usable_cores())
    caching = Caching(
        network=network.to(chosen),
        preprocessing=preprocessing,
        augmentation=Augmentation(),
        precision="float32",
        device=chosen,
        cache=cache,
        phases=Phases(),
    )
    patience = Patience(places_of(job.dataset), "The closer look")
    activations = yield from patience.through(lambda: caching.activations(pictures, exact=False))
    with contextlib.closing(activations):
        wanted = [(number, PLAIN) for number in range(len(pictures))]
        yield from caching.open(activations, activations.part.full, wanted)
        rows = yield from patience.through(activations.features)
    return Features.of(rows).pooled, [content.digest for content in activations.contents]


def _network(spec: BackboneSpec) -> Task[tuple[StagedNetwork, Preprocessing]]:
    entry = find_backbone(spec.id)
    model = own_run(Path(spec.weights.run)) if spec.weights.run else None
    preprocessing = entry.preprocessing(spec)
    weights = yield from obtain_weights(entry, spec.weights, download=False)
    network = build_network(entry, 2, HeadSpec(), preprocessing.crop)
    if weights is not None:
        load_start(network, entry, weights, preprocessing.crop, model)
    return network.eval(), Preprocessing(preprocessing)


# --- findings ------------------------------------------------------------------------------------


def _findings(
    pictures: Sequence[Picture], features: Tensor, told: Sequence[set[str]]
) -> Task[list[Finding]]:
    """`told` are the groups of near copies that need not be told again."""
    names = sorted({picture.label for picture in pictures})
    labels = [names.index(picture.label) for picture in pictures]
    odd = yield from _metered(odd_ones(features, labels), len(pictures))
    pairs = yield from _metered(twins(features), len(pictures))
    by_class: dict[str, list[str]] = {}
    for row, _ in odd:
        by_class.setdefault(pictures[row].label, []).append(pictures[row].file)
    counts = Counter(picture.label for picture in pictures)
    found = [_odd(name, files, counts[name], len(pictures)) for name, files in by_class.items()]
    known = {file: number for number, files in enumerate(told) for file in files}
    for one, other in ((pictures[a], pictures[b]) for a, b in pairs):
        if known.get(one.file, -1) != known.get(other.file, -2):
            found.append(_alike([one, other], len(pictures)))
    return sorted(found, key=lambda finding: -finding.weight)


def _metered(work: Generator[int, None, T], total: int) -> Task[T]:
    meter = Meter("features", total)
    while True:
        try:
            done = next(work)
        except StopIteration as stop:
            result: T = stop.value
            return result
        yield from meter.at(done)


def _odd(name: str, files: Sequence[str], count: int, everyone: int) -> Finding:
    what = "1 picture looks" if len(files) == 1 else f"{len(files):,} pictures look"
    return Finding(
        kind="odd_one_out",
        severity="warn",
        sentence=f"{what} unlike the {count - len(files):,} other pictures of “{name}”:"
        f" {quoted(files)}.",
        hint="They may be strays, or rare cases that matter. Leave out or relabel what does not"
        " belong; add more pictures like those that do.",
        files=tuple(files),
        classes=(name,),
        weight=0.4 * len(files) / everyone,
    )


def _alike(pictures: Sequence[Picture], everyone: int) -> Finding:
    labels = tuple(sorted({picture.label for picture in pictures}))
    parts = {picture.part for picture in pictures}
    hint = "Put them into one group, so that they stay in one part of the split."
    if len(parts) == 1:
        hint = "They are in one part of the split, by chance or by a group. Leave out what adds"
        hint += " nothing."
    if len(labels) > 1:
        hint = "They have different labels: one of them may be wrong."
    return Finding(
        kind="near_duplicate",
        severity="warn" if len(labels) > 1 else "info",
        sentence=f"{quoted([picture.file for picture in pictures])} show nearly the same to the"
        " network.",
        hint=hint,
        files=tuple(picture.file for picture in pictures),
        classes=labels,
        weight=(0.5 if len(labels) > 1 or len(parts) > 1 else 0.1) / everyone,
    )
