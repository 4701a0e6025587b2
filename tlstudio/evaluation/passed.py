"""Owns how pictures that nobody has looked at before are read: only what a first look in a
disposable child found readable is decoded in this process."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlstudio.datasets.judging import looks
from tlstudio.errors import PictureError
from tlstudio.jobs import Reading
from tlstudio.tasks import Phase, Task
from tlstudio.training.inference import Pixels, read_picture


@dataclass(frozen=True)
class Passed:
    """Reads a file, or raises `PictureError` with the reason why not; called from many threads."""

    reasons: Mapping[Path, str]
    reading: Reading

    def __call__(self, file: Path) -> Pixels:
        if reason := self.reasons[file]:
            raise PictureError(reason)
        return read_picture(file, reading=self.reading)


def passed(
    files: Sequence[Path], reading: Reading, phase: Phase, cache: Path | None = None
) -> Task[Passed]:
    """Has `files` looked at, each once until it changes; what was said lies in the folder `cache`,
    by default the user's."""
    paths = {file: os.path.abspath(file) for file in files}  # noqa: PTH100
    seen = yield from looks("", list(paths.values()), reading, cache, phase)
    return Passed({file: seen[path].reason for file, path in paths.items()}, reading)
