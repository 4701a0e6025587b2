"""Owns how pictures that nobody has looked at before are read: only what a first look in a
disposable child found readable is decoded in this process."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlstudio.datasets.judging import looks
from tlstudio.datasets.patience import Patience
from tlstudio.errors import PictureError
from tlstudio.evaluation.predictors import Predictor
from tlstudio.images.facts import Look
from tlstudio.images.opening import UnreachableError
from tlstudio.jobs import Reading
from tlstudio.tasks import Phase, Task
from tlstudio.training.inference import Checked, Pixels, read_picture


@dataclass(frozen=True)
class Passed:
    """Reads a file, or raises `PictureError` with the reason why not; called from many threads."""

    looks: Mapping[Path, Look]
    reading: Reading

    def __call__(self, file: Path) -> Pixels:
        look = self.looks[file]
        if look.reason:
            raise PictureError(look.reason) if look.lasting else UnreachableError(look.reason)
        return read_picture(file, reading=self.reading)


def passed(
    files: Sequence[Path], reading: Reading, phase: Phase, cache: Path | None = None
) -> Task[Passed]:
    """Has `files` looked at, each once until it changes; what was said lies in the folder `cache`,
    by default the user's."""
    paths = {file: os.path.abspath(file) for file in files}  # noqa: PTH100
    seen = yield from looks("", list(paths.values()), reading, cache, phase)
    return Passed({file: seen[path] for file, path in paths.items()}, reading)


def answered(
    predictor: Predictor,
    files: Sequence[Path],
    patience: Patience,
    phase: Phase,
    cache: Path | None = None,
) -> Task[Checked]:
    """What a model says of `files` that nobody may have looked at before; they are looked at in
    `phase`. Where their folder goes away, the task waits."""

    def piece() -> Task[Checked]:
        read = yield from passed(files, predictor.reading, phase, cache)
        return (yield from predictor.check(files, "evaluate", read))

    return (yield from patience.through(piece, lambda checked: checked.incomplete, twice=False))
