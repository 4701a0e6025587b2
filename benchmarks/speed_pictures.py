"""Owns the sets of pictures that are made for the measurements; what is given is only read."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

_CAMERA = (4000, 3000)
_GRAIN = 6
"""Standard deviation of the noise that is laid over enlarged pictures, in grey levels: without it
they would be as smooth as no photograph is, and decoded faster."""


def write_split(scan: dict[str, Any], file: Path) -> None:
    """The list of pictures that every script is given: those that the program can use."""
    classes = list(scan["classes"])
    parts: dict[str, list[tuple[str, int]]] = {"train": [], "val": []}
    for picture in scan["files"]:
        if picture["part"] in parts:
            path = str(Path(scan["folder"]) / picture["file"])
            parts[picture["part"]].append((path, classes.index(picture["label"])))
    file.write_text(json.dumps({"classes": classes, **parts}), "utf-8")


def copied(source: Path, target: Path, few: int | None = None) -> Path:
    """A copy of a set, in the same layout; with `few`, of so many pictures in each folder."""
    folders = [source, *(each for each in sorted(source.rglob("*")) if each.is_dir())]
    for folder in folders:
        to = target / folder.relative_to(source)
        to.mkdir(parents=True)
        files = (file for file in sorted(folder.iterdir()) if file.is_file())
        for file in itertools.islice(files, few):
            shutil.copyfile(file, to / file.name)
    return target


def held_back(folder: Path, target: Path) -> Path:
    """Moves one picture out of a set into `target`, in the same layout."""
    file = next(each for each in sorted(folder.rglob("*")) if each.is_file())
    to = target / file.relative_to(folder)
    to.parent.mkdir(parents=True)
    shutil.move(file, to)
    return target


def repeated(source: Path, target: Path, count: int) -> Path:
    """A set of `count` JPEG files made of a smaller one. Each has other bytes behind the end of its
    picture, which decoders don't look at: content that is the same is computed only once."""
    files = [file for file in sorted(source.rglob("*.jpg")) if file.is_file()]
    order = np.random.default_rng(0).permutation(len(files))
    for number in range(count):
        file = files[order[number % len(files)]]
        to = target / file.relative_to(source).with_name(f"{number:06}-{file.name}")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(file.read_bytes() + number.to_bytes(8, "big"))
    return target


def of_a_camera(source: Path, target: Path, count: int) -> Path:
    """Pictures of 12 megapixels: enlarged, with noise, and saved at a camera's quality."""
    random = np.random.default_rng(0)
    files = [file for file in sorted(source.rglob("*.jpg")) if file.is_file()]
    target.mkdir(parents=True)
    for number in range(count):
        with Image.open(files[number * len(files) // count]) as picture:
            large = picture.convert("RGB").resize(_CAMERA, Image.Resampling.BICUBIC)
        grain = random.normal(0, _GRAIN, (*_CAMERA[::-1], 1)).astype(np.float32)
        pixels = np.clip(np.asarray(large) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(target / f"{number:03}.jpg", quality=90)
    return target
