"""Owns the memory of fitted probes: the same features, labels and weights are not solved twice."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Generator
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from tlstudio.bounded import content
from tlstudio.errors import StorageError
from tlstudio.projects.atomic import replacing
from tlstudio.tasks import Logged, Meter, Progress, Task
from tlstudio.training.probe import STEPS, Probe, fit_probe

_FOLDER = "probes"
_VERSION = 1
"""Grows with every change of the solver that changes what it finds."""

_MOST_FILES, _MOST_BYTES = 100, 200_000_000
_BLOCK_ROWS = 4096


def probe_of(
    features: Tensor,
    labels: Tensor,
    classes: int,
    class_weights: Tensor,
    seed: int,
    cache: Path,
) -> Task[Probe]:
    """What `fit_probe` finds for the same arguments, from a file below `cache` where it is there.

    A file that is missing, damaged or about something else is written anew; where that can't be
    done, the next time takes as long as this one.
    """
    key = yield from _key(features, labels, classes, class_weights, seed)
    file = cache / _FOLDER / f"{key}.safetensors"
    probe = _recall(file, key)
    if probe is not None:
        yield Logged(message="The linear probe was fitted to these features before.")
        return probe
    probe = yield from fit_probe(features, labels, classes, class_weights, seed)
    try:
        _remember(file, key, probe)
    except StorageError as error:
        yield Logged(message=f"The linear probe is not remembered: {error.message}")
    return probe


def _key(
    features: Tensor, labels: Tensor, classes: int, class_weights: Tensor, seed: int
) -> Generator[Progress, None, str]:
    """All that decides a probe. Another version of torch may round otherwise."""
    meter = Meter("probe", STEPS, "steps")
    digest = hashlib.sha256(f"{_VERSION} {torch.__version__} {classes} {seed}".encode())
    for tensor in (features, labels, class_weights):
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        for start in range(0, len(tensor), _BLOCK_ROWS):
            digest.update(_bytes(tensor[start : start + _BLOCK_ROWS]))
            yield from meter.at(0)
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.contiguous().numpy().data.cast("B")


def _recall(file: Path, key: str) -> Probe | None:
    """The probe in `file`; None where it is not there, or not as it was written."""
    try:
        # Read as a whole: a file that is cut short while it is mapped would end the process.
        tensors = load(content(file, _MOST_BYTES))
        if not torch.equal(tensors["sha256"], _digest(key, tensors)):
            return None
        probe = Probe(tensors["weight"], tensors["bias"], float(tensors["strength"]))
    except (OSError, SafetensorError, KeyError):
        return None
    with contextlib.suppress(OSError):  # a folder that may only be read
        os.utime(file)
    return probe


def _remember(file: Path, key: str, probe: Probe) -> None:
    """Writes the file and takes the oldest away. Raises `StorageError`."""
    tensors = {
        "weight": probe.weight,
        "bias": probe.bias,
        "strength": torch.tensor(probe.strength, dtype=torch.float64),
    }
    with replacing(file) as temporary:
        save_file({**tensors, "sha256": _digest(key, tensors)}, temporary)
    _make_room(file.parent)


def _digest(key: str, tensors: dict[str, Tensor]) -> Tensor:
    """A SHA-256 (32,) of what was found, and for what."""
    digest = hashlib.sha256(key.encode())
    for name in ("weight", "bias", "strength"):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return torch.frombuffer(bytearray(digest.digest()), dtype=torch.uint8)


def _make_room(folder: Path) -> None:
    """Keeps what was used last; also takes away what a crash left half written."""
    found: list[tuple[float, int, Path]] = []
    for file in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # another run was here first
            status = file.stat()
            found.append((status.st_mtime, status.st_size, file))
    total = 0
    for number, (_, size, file) in enumerate(sorted(found, reverse=True)):
        total += size
        if number >= _MOST_FILES or total > _MOST_BYTES:
            with contextlib.suppress(OSError):
                file.unlink()
