"""Owns the sample: a small, made-up inspection task that is drawn and not downloaded."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tlstudio.datasets.cloth import make_roll
from tlstudio.datasets.defects import KINDS, draw
from tlstudio.errors import StorageError
from tlstudio.jobs import SampleJob, SampleResult
from tlstudio.projects.atomic import storage_errors
from tlstudio.tasks import Meter, Task

_ROLLS = 6
_ROLL_STREAM, _PICTURE_STREAM = 0, 1


def draw_sample(job: SampleJob) -> Task[SampleResult]:
    """Draws woven cloth in four classes: good, with a hole, with a stain, with a broken thread.

    Each class gets pictures of the same few rolls, so that neither colour nor weave tells the
    classes apart. The same seed gives the same files, byte for byte on the same computer. The
    folder is new or empty; it is filled at once at the end, and left as it was if drawing stops.

    Raises `StorageError` where the folder is in use or can't be written.
    """
    target = Path(os.path.abspath(job.folder))  # noqa: PTH100  (links are kept as they are)
    each = job.pictures_per_class
    meter = Meter("sample", each * len(KINDS))
    rolls = [make_roll(np.random.default_rng([job.seed, _ROLL_STREAM, k])) for k in range(_ROLLS)]
    with storage_errors(target), _filling(target) as folder:
        yield from meter.at(0)
        for number, kind in enumerate(KINDS):
            (folder / kind).mkdir()
            for index in range(each):
                rng = np.random.default_rng([job.seed, _PICTURE_STREAM, number, index])
                picture = Image.fromarray(draw(kind, rolls[index % _ROLLS], rng))
                file = folder / kind / f"{kind.replace(' ', '-')}-{index + 1:03d}.jpg"
                picture.save(file, quality=92, subsampling=0)
                yield from meter.at(number * each + index + 1)
    return SampleResult(
        folder=str(target), pictures=each * len(KINDS), classes=dict.fromkeys(KINDS, each)
    )


@contextlib.contextmanager
def _filling(target: Path) -> Iterator[Path]:
    """Gives a temporary folder whose content becomes that of `target` when the block ends well.

    A new folder appears in one rename. An empty one is kept, as it may be a place that can't be
    replaced (a mounted disk, a shell's current folder), and filled by one rename a class.
    """
    exists = os.path.lexists(target)
    if exists and not target.is_dir():
        raise StorageError(f"{target} is a file, not a folder.", "Choose a new or an empty folder.")
    if exists and any(target.iterdir()):
        raise StorageError(
            f"The folder {target} is not empty, and nothing in it is to be overwritten.",
            "Choose a new or an empty folder.",
        )
    near = target if exists else next(parent for parent in target.parents if parent.exists())
    temporary = Path(tempfile.mkdtemp(dir=near, prefix=".sample-"))
    temporary.chmod(near.stat().st_mode & 0o777)
    moved: list[Path] = []
    try:
        yield temporary
        if exists:
            for folder in sorted(temporary.iterdir()):
                moved.append(target / folder.name)
                folder.rename(moved[-1])
            temporary.rmdir()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.rename(target)
    except BaseException:
        for folder in (temporary, *moved):
            shutil.rmtree(folder, ignore_errors=True)
        raise
