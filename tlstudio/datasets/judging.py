"""Owns what is said of each file of a data set: from memory where it has not changed since, from a
first look in a disposable child where it has."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tlstudio.datasets.found import vanished
from tlstudio.datasets.patience import Patience
from tlstudio.datasets.verdicts import Stamp, Verdict, recall, remember, stamp_of
from tlstudio.images.facts import Look
from tlstudio.images.first_look import first_looks
from tlstudio.jobs import Reading
from tlstudio.projects.places import cache_folder
from tlstudio.tasks import Meter, Phase, Task, beside

_LOOK_UP = 2048
_KEEP_EVERY = 400
_CHECK_S = 1.0
"""Seconds that lie between two looks whether the folder is there, where files can't be read."""


def looks(
    root: str,
    files: Sequence[str],
    reading: Reading | None = None,
    cache: Path | None = None,
    phase: Phase = "scan",
) -> Task[dict[str, Look]]:
    """What is said of each of `files`, in their order; they are absolute or relative to `root`.

    Nothing is decoded in this process: files are looked at in disposable children (see
    `images.first_look`), once for as long as their size and time of change stay. What was said lies
    in the folder `cache`, by default the user's.

    Raises `EngineError` where no child can be started.
    """
    verdicts = yield from judged(root, files, reading, cache, phase)
    return {file: verdict.look for file, verdict in verdicts.items()}


def judged(
    root: str,
    files: Sequence[str],
    reading: Reading | None = None,
    cache: Path | None = None,
    phase: Phase = "scan",
) -> Task[dict[str, Verdict]]:
    """As `looks`, with what each file's size and time of change were before it was looked at; a
    file that is not there has a stamp of its own that no file has.

    Raises `PicturesAwayError` where files can't be read because the folder `root` is not there.
    """
    cache = cache or cache_folder()
    meter = Meter(phase, len(files))
    known = yield from _recalled(cache, root, files, reading, meter)
    verdicts: dict[str, Verdict] = {}
    fresh: dict[str, Stamp] = {}
    for start in range(0, len(files), _LOOK_UP):
        some = files[start : start + _LOOK_UP]
        stamps = yield from beside(partial(_stamps, root, some), meter, len(verdicts))
        if _ABSENT in stamps:
            yield from _check_there(root)
        for file, stamp in zip(some, stamps, strict=True):
            before = known.get(file)
            if before is not None and before.stamp == stamp:
                verdicts[file] = before
            else:
                fresh[file] = stamp
    del known
    yield from meter.at(len(verdicts))
    verdicts |= yield from _looked_at(root, fresh, reading, cache, meter, len(verdicts))
    return {file: verdicts[file] for file in files}


def some_unreachable(verdicts: Mapping[str, Verdict]) -> bool:
    """Whether a file could not be read for a reason that lies outside of it and may pass."""
    return not all(verdict.look.lasting for verdict in verdicts.values())


_ABSENT = Stamp(-1, -1)


def _stamps(root: str, files: Sequence[str]) -> list[Stamp]:
    return [_stamp(root, file) for file in files]


def _check_there(root: str) -> Task[None]:
    """Raises `PicturesAwayError` where the root can't be reached: every file would fail, and on a
    dead network drive each would take its time."""
    if root and (yield from Patience((root,)).missing()):
        raise vanished(root)


def _stamp(root: str, file: str) -> Stamp:
    try:
        return stamp_of(_path(root, file))
    except (OSError, ValueError):
        return _ABSENT


def _path(root: str, file: str) -> str:
    return os.path.join(root, file)  # noqa: PTH118  (which keeps an absolute path as it is)


def _recalled(
    cache: Path, root: str, files: Sequence[str], reading: Reading | None, meter: Meter
) -> Task[dict[str, Verdict]]:
    """The memory, which may lie on a slow disk and be large."""
    elsewhere = [file for file in files if os.path.isabs(file)]  # noqa: PTH117
    return (yield from beside(lambda: recall(cache, root, elsewhere, reading), meter, 0))


def _looked_at(
    root: str,
    stamps: dict[str, Stamp],
    reading: Reading | None,
    cache: Path,
    meter: Meter,
    done: int,
) -> Task[dict[str, Verdict]]:
    """Has files looked at whose stamps were as given, and remembers what was said, also where it
    is stopped on the way."""
    names = list(stamps)
    found: dict[str, Verdict] = {}
    news: dict[str, Verdict] = {}
    checked = -math.inf
    looking = first_looks(((at, _path(root, file)) for at, file in enumerate(names)), reading)
    try:
        with contextlib.closing(looking):
            for answers in looking:
                for at, look in answers:
                    file = names[at]
                    found[file] = Verdict(stamps[file], look)
                    if look.lasting and stamps[file] != _ABSENT:
                        news[file] = found[file]
                now = time.monotonic()
                if now - checked > _CHECK_S and not all(look.lasting for _, look in answers):
                    checked = now
                    yield from _check_there(root)
                if len(news) >= _KEEP_EVERY:
                    remember(cache, root, news, reading)
                    news = {}
                yield from meter.at(done + len(found))
    finally:
        remember(cache, root, news, reading)
    return found
