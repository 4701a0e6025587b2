"""Owns the look at this installation: versions, devices, folders, and what is wrong with them."""

from __future__ import annotations

import platform
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

import tlstudio
from tlstudio.jobs import DoctorResult
from tlstudio.projects import places
from tlstudio.tasks import Logged, Task

_PACKAGES = (
    "torch",
    "torchvision",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pillow",
    "numpy",
    "safetensors",
    "pydantic",
    "PySide6-Essentials",
    "pyqtgraph",
)
_ENOUGH_SPACE = 2 * 10**9


def examine() -> Task[DoctorResult]:
    """Looks and measures; changes nothing but a file that it writes and removes in each folder."""
    yield Logged(message="Looking at the versions, the devices and the folders.")
    from tlstudio.training.devices import available_devices

    folders = {
        "runs": places.runs_folder(),
        "samples": places.samples_folder(),
        "weights": places.weights_folder(),
        "cache": places.cache_folder(),
        "logs": places.logs_folder(),
    }
    versions, missing = _versions()
    return DoctorResult(
        versions=versions,
        platform=f"{platform.platform()}, Python {platform.python_version()}",
        devices=available_devices(),
        folders={name: str(folder) for name, folder in folders.items()},
        problems=(*missing, *(p for f in folders.values() for p in _folder_problems(f))),
    )


def _versions() -> tuple[dict[str, str], list[str]]:
    versions, problems = {"tlstudio": tlstudio.__version__}, []
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            problems.append(f"The package {name} is missing: install the program anew.")
    return versions, problems


def _folder_problems(folder: Path) -> list[str]:
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as error:
        return [f"{folder} can't be written to ({error.strerror}): correct its rights."]
    if free < _ENOUGH_SPACE:
        return [f"Only {free / 1e9:.1f} GB are free for {folder}: make some room."]
    return []
