"""Owns what a picture file holds, as a digest: the same content is the same picture, wherever it
lies and whatever it is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlstudio.datasets.judging import judged
from tlstudio.datasets.verdicts import Stamp, stamp_of
from tlstudio.errors import DatasetError
from tlstudio.jobs import Reading
from tlstudio.tasks import Phase, Task


@dataclass(frozen=True, slots=True)
class Content:
    """A file's content as it was when its size and time of change were as in `stamp`."""

    stamp: Stamp
    digest: bytes

    def still_in(self, file: Path) -> bool:
        """Whether the file is there and nobody has written it since."""
        try:
            return stamp_of(file) == self.stamp
        except OSError:
            return False


def contents(
    folder: Path,
    names: Sequence[str],
    cache: Path,
    phase: Phase = "features",
    reading: Reading | None = None,
    expected: Sequence[str] = (),
) -> Task[tuple[Content, ...]]:
    """The contents of the readable pictures called `names`, relative to `folder`.

    What the memory in `cache` knows is not read again until its size or time of change differ; a
    file that changed since is looked at anew, so that nothing is decoded that has not passed.

    Raises `DatasetError` where a file can't be read, or holds something else than `expected`: the
    short digest of each, empty where nobody knows.
    """
    verdicts = yield from judged(str(folder), names, reading, cache, phase)
    for name in names:
        if reason := verdicts[name].look.reason:
            raise DatasetError(
                f"The picture {folder / name} can't be read any more: {reason}",
                "Check that its disk is still connected and that nobody moved or changed it.",
            )
    replaced = [
        name
        for name, digest in zip(names, expected, strict=bool(expected))
        if digest and short_digest(verdicts[name].look.digest) != digest
    ]
    if replaced:
        raise _replaced(folder, replaced)
    return tuple(Content(verdicts[name].stamp, verdicts[name].look.digest) for name in names)


def short_digest(digest: bytes) -> str:
    """Enough of a digest to tell a file from what it was before."""
    return digest[:8].hex()


def _replaced(folder: Path, names: Sequence[str]) -> DatasetError:
    others = len(names) - 1
    more = f" So do {others:,} others." if others > 1 else " So does one other." if others else ""
    return DatasetError(
        f"The picture {folder / names[0]} holds something else than when this run began.{more}",
        "Put the original back and carry on; or keep the best so far, and train anew with the "
        "pictures as they are now.",
    )
