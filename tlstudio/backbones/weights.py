"""Owns where weights are and how they get onto this computer; nothing here needs torch."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from tlstudio.backbones.catalogue import (
    RECOMMENDED,
    Backbone,
    Weights,
    backbone,
    catalogue,
    selection,
)
from tlstudio.backbones.download import download as download_file
from tlstudio.backbones.foreign_files import check_file
from tlstudio.errors import WeightsError
from tlstudio.jobs import (
    DownloadWeights,
    KeptWeights,
    WeightsName,
    WeightsResult,
    WeightsSpec,
)
from tlstudio.projects.checked import listed
from tlstudio.projects.own_models import damaged_model, own_run
from tlstudio.projects.places import resources_folder, weights_folder
from tlstudio.tasks import Logged, Meter, Progress, Task

WeightsState = Literal["present", "download"]

_CHUNK = 1024 * 1024

SIZE_TOLERANCE = 1024
"""torchvision gives file sizes to about 500 bytes."""


def weights_state(weights: Weights) -> WeightsState:
    """Whether these weights seem to be on this computer; looks at names and sizes only."""
    return "download" if present_at(weights) is None else "present"


def present_at(weights: Weights) -> Path | None:
    """The file that seems to hold these weights; looks at names and sizes only."""
    for path in _paths(weights):
        size = _size(path)
        if size is not None and abs(size - weights.bytes) <= SIZE_TOLERANCE:
            return path
    return None


def weights_here() -> frozenset[tuple[str, str]]:
    """(backbone, variant) of all weights that seem to be on this computer, by names and sizes; a
    folder is read once, so that this is quick enough for the window."""
    sizes_in = cache(_sizes)
    return frozenset(
        (entry.id, weights.name)
        for entry in catalogue()
        for weights in entry.weights
        for folder in _folders(weights)
        if abs(sizes_in(folder).get(weights.file, -math.inf) - weights.bytes) <= SIZE_TOLERANCE
    )


def default_backbone() -> Backbone:
    """The network that is taken where nobody names one; looks at names and sizes only.

    Weights that learnt from ImageNet are better than those that come with the program: where some
    are on this computer, it is the first such network of the selection, then of the catalogue.
    """
    here = weights_here()
    for entry in (*selection(), *catalogue()):
        weights = entry.weights[0]
        if weights.url is not None and weights.commercial and (entry.id, weights.name) in here:
            return entry
    return next((entry for entry in catalogue() if entry.bundled), backbone(RECOMMENDED))


def own_file(weights: Weights) -> Path:
    """Where the program puts these weights when it downloads or unpacks them."""
    return weights_folder() / weights.file


def obtain_weights(entry: Backbone, spec: WeightsSpec, *, download: bool) -> Task[Path | None]:
    """The weights file that `spec` asks for; None for random weights.

    Published weights that are not on this computer are fetched if `download` allows it. Raises
    `WeightsError` when there are none to be had and `StorageError` when they can't be kept.
    """
    if spec.source == "scratch":
        yield Logged(message=f"{entry.name} starts from random weights, as asked.")
        return None
    if spec.file is not None:
        path = Path(spec.file).expanduser()
        check_file(path)
        yield Logged(message=f"{entry.name} starts from the weights file {path}.")
        return path
    if spec.run is not None:
        path = own_run(Path(spec.run)).weights_file
        yield from _check_own(path)
        yield Logged(message=f"{entry.name} starts from the model in {spec.run}.")
        return path
    weights = entry.variant(spec.variant)
    _refuse_unpublished(entry, weights)
    found = yield from find_weights(weights)
    if found is None:
        if not download:
            raise _not_here(entry, weights)
        found = yield from _fetch(entry, weights)
    yield Logged(message=f"{entry.name} starts from {weights.name}, at {found}.")
    return found


def _check_own(file: Path) -> Task[None]:
    """Raises `RunError` where the weights of an own model are not as they were written."""
    digest = yield from sha256_of(file)
    # A file that can't be read is for who reads it to tell of.
    if digest is not None and listed(file.parent, file.name) not in (None, digest):
        raise damaged_model(file.parent)


def download_weights(job: DownloadWeights) -> Task[WeightsResult]:
    """Has all of these weights on this computer afterwards, or raises `WeightsError` for the first
    that can't be had; those before it are kept."""
    obtained = yield from obtain_named(job.weights)
    return WeightsResult(weights=tuple(each.kept() for each in obtained))


@dataclass(frozen=True)
class Obtained:
    """A set of weights whose file lies at `path`, checked; `new` where it had to be fetched."""

    entry: Backbone
    weights: Weights
    path: Path
    new: bool

    def kept(self) -> KeptWeights:
        return KeptWeights(
            backbone=self.entry.id,
            variant=self.weights.name,
            file=str(self.path),
            bytes=self.path.stat().st_size,
            licence=self.weights.licence,
            commercial=self.weights.commercial,
            new=self.new,
        )


def obtain_named(names: Sequence[WeightsName]) -> Task[list[Obtained]]:
    """The files of these weights, fetched where they are missing. Raises as `obtain_weights`."""
    obtained = []
    for entry, weights in named(names):
        found = yield from find_weights(weights)
        path = found or (yield from _fetch(entry, weights))
        obtained.append(Obtained(entry, weights, path, new=found is None))
    return obtained


def named(names: Sequence[WeightsName]) -> list[tuple[Backbone, Weights]]:
    """The catalogue's entries for these names, each once. Raises `UsageError` for unknown ones."""
    chosen = {}
    for name in names:
        entry = _entry(name.backbone)
        weights = entry.variant(name.variant)
        _refuse_unpublished(entry, weights)
        chosen[entry.id, weights.name] = entry, weights
    return list(chosen.values())


def _entry(identifier: str) -> Backbone:
    if not identifier.startswith("timm:"):
        return backbone(identifier)
    # What timm has can only be said with torch, for which nobody else needs to wait.
    from tlstudio.backbones.timm_networks import timm_backbone

    return timm_backbone(identifier)


def _refuse_unpublished(entry: Backbone, weights: Weights) -> None:
    if not weights.file:
        raise WeightsError(
            f"There are no published weights of {entry.name} that can be fetched.",
            "Give a file that you have with --weights, or start with --from-scratch.",
        )


def find_weights(weights: Weights) -> Task[Path | None]:
    """The file on this computer that holds these weights, checked by its SHA-256."""
    for path in _paths(weights):
        if _size(path) is None:
            continue
        digest = yield from sha256_of(path)
        if digest is not None and digest.startswith(weights.sha256):
            return path
        yield Logged(message=f"{path} is not used: its SHA-256 is wrong.")
    return None


def sha256_of(path: Path) -> Generator[Progress, None, str | None]:
    """The file's SHA-256 in hexadecimal; None where it can't be read."""
    digest = hashlib.sha256()
    try:
        meter = Meter("weights", path.stat().st_size, "bytes")
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                yield from meter.at(file.tell())
    except OSError:
        return None
    return digest.hexdigest()


def _fetch(entry: Backbone, weights: Weights) -> Task[Path]:
    if weights.url is None:
        raise WeightsError(
            f"The weights of {entry.name} come with the program, and the file is missing or "
            "damaged.",
            "Install TL Studio again.",
        )
    yield Logged(message=f"{weights.name} of {entry.name} is downloaded from {weights.url}.")
    target = own_file(weights)
    yield from download_file(weights.url, target, weights.bytes, weights.sha256)
    return target


def _not_here(entry: Backbone, weights: Weights) -> WeightsError:
    name = f"{entry.id}@{weights.name}"
    bundled = [each.id for each in catalogue() if each.bundled]
    last = f", or choose the backbone that comes with the program ({bundled[0]})" if bundled else ""
    size = f" ({weights.bytes / 1e6:.0f} MB)" if weights.bytes else ""
    return WeightsError(
        f"The weights {weights.name} of {entry.name} are not on this computer, and nothing is "
        "downloaded unless you ask for it.",
        f"Ask for it with --download or `tlstudio weights download {name}`"
        f"{size}, give a file that you have with --weights{last}.",
    )


def _paths(weights: Weights) -> tuple[Path, ...]:
    return tuple(folder / weights.file for folder in _folders(weights))


def _folders(weights: Weights) -> tuple[Path, ...]:
    """Where the file may lie: beside the program where it comes with it, else in our own folder or
    in torch hub's cache."""
    if weights.url is None:
        return (resources_folder() / "weights",)
    return weights_folder(), _hub_folder()


def _hub_folder() -> Path:
    """What `torch.hub.get_dir()` says, without torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", str(Path(cache) / "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def _size(path: Path) -> int | None:
    """The size of a file in bytes; None where there is none, or none that may be looked at."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _sizes(folder: Path) -> dict[str, int]:
    """The sizes of the files in a folder, in bytes, by name; nothing where it can't be read."""
    try:
        with os.scandir(folder) as files:
            return {file.name: file.stat().st_size for file in files if file.is_file()}
    except OSError:
        return {}
