"""Owns where weights are and how they get onto this computer; nothing here needs torch."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator
from pathlib import Path
from typing import Literal

from tlstudio.backbones.catalogue import Backbone, Weights
from tlstudio.backbones.download import download
from tlstudio.backbones.foreign_files import check_file
from tlstudio.errors import WeightsError
from tlstudio.jobs import WeightsSpec
from tlstudio.projects.places import weights_folder
from tlstudio.tasks import Logged, Meter, Progress, Task

WeightsState = Literal["present", "download"]

_BUNDLED = Path(__file__).parents[1] / "resources" / "weights"
_CHUNK = 1024 * 1024
# torchvision gives file sizes to about 500 bytes.
_SIZE_TOLERANCE = 1024


def weights_state(weights: Weights) -> WeightsState:
    """Whether these weights seem to be on this computer; looks at names and sizes only."""
    for path in _published_paths(weights):
        size = _size(path)
        if size is not None and abs(size - weights.bytes) <= _SIZE_TOLERANCE:
            return "present"
    return "download"


def obtain_weights(entry: Backbone, spec: WeightsSpec) -> Task[Path | None]:
    """The weights file that `spec` asks for, downloaded if need be; None for random weights.

    Raises `WeightsError` when there is none to be had and `StorageError` when it can't be kept.
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
        path = Path(spec.run).expanduser() / "model" / "model.safetensors"
        check_file(path)
        yield Logged(message=f"{entry.name} starts from the model of the run {spec.run}.")
        return path
    return (yield from _published(entry, entry.variant(spec.variant)))


def _published(entry: Backbone, weights: Weights) -> Task[Path]:
    paths = _published_paths(weights)
    for path in paths:
        if _size(path) is None:
            continue
        if (yield from _has_hash(path, weights.sha256)):
            yield Logged(message=f"{entry.name} starts from {weights.name}, found at {path}.")
            return path
        yield Logged(message=f"{path} is not used: its SHA-256 is wrong.")
    if weights.url is None:
        raise WeightsError(
            f"The weights of {entry.name} come with the program, and the file is missing or "
            "damaged.",
            "Install TL Studio again.",
        )
    yield Logged(message=f"{weights.name} of {entry.name} is downloaded from {weights.url}.")
    yield from download(weights.url, paths[0], weights.bytes, weights.sha256)
    return paths[0]


def _published_paths(weights: Weights) -> tuple[Path, ...]:
    """Where the file may lie: beside the program where it comes with it, else in our own folder or
    in torch hub's cache."""
    if weights.url is None:
        return (_BUNDLED / weights.file,)
    return weights_folder() / weights.file, _hub_folder() / weights.file


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


def _has_hash(path: Path, sha256_prefix: str) -> Generator[Progress, None, bool]:
    digest = hashlib.sha256()
    try:
        meter = Meter("weights", path.stat().st_size, "bytes")
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                yield from meter.at(file.tell())
    except OSError:
        return False
    return digest.hexdigest().startswith(sha256_prefix)
