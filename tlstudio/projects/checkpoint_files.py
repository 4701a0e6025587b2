"""Owns which checkpoints of a run lie on the disk: always the last two that are whole."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tlstudio.projects.atomic import remove_unfinished
from tlstudio.projects.checked import adding, beside

FLUSH_EVERY = 1.0
"""Seconds within which a further checkpoint is not flushed to the disk. What is not flushed
survives a killed process, but not a power cut."""

_SUFFIX = ".safetensors"


class CheckpointFiles:
    """Numbered files in `folder`, each with its checksum beside it. One process adds at a time.

    The newest two are kept, and beside them the newest that was flushed, so that there always is
    one that outlives a power cut. `clock` returns seconds.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._lasting: Path | None = None
        self._flushed_at = 0.0
        self._damaged: set[Path] = set()

    def newest_first(self) -> list[Path]:
        """All that there are, whole or not."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(self._numbered(), reverse=True)
        return []

    def distrust(self, file: Path) -> None:
        """Says that a file was found damaged: it is not counted as one of the two."""
        self._damaged.add(file)

    @property
    def flush_is_due(self) -> bool:
        """Whether the next one will be flushed: the first that this process adds, and then one
        every `FLUSH_EVERY` seconds."""
        return self._lasting is None or self._clock() - self._flushed_at >= FLUSH_EVERY

    @contextlib.contextmanager
    def adding(self) -> Iterator[Path]:
        """Gives a temporary file to write; puts it in place as the newest, and takes away what is
        no longer needed. Raises `StorageError`; what was there before stays."""
        before, lasting = self.newest_first(), self.flush_is_due
        number = 1 + (int(before[0].stem) if before else 0)
        file = self.folder / f"{number:08}{_SUFFIX}"
        with adding(file, lasting=lasting) as temporary:
            yield temporary
        whole = [each for each in before if each not in self._damaged]
        if lasting:
            self._lasting, self._flushed_at = file, self._clock()
        self._remove(each for each in before if each not in {*whole[:1], self._lasting})

    def tidy(self) -> None:
        """Takes away what a process that was killed had begun to write."""
        remove_unfinished(self.folder)

    def discard(self) -> None:
        """Takes all of them away. Raises `OSError`."""
        self.tidy()
        for file in self.newest_first():
            file.unlink(missing_ok=True)
            beside(file).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.folder.rmdir()

    def _numbered(self) -> Iterator[Path]:
        for file in self.folder.iterdir():
            if file.suffix == _SUFFIX and file.stem.isdecimal():
                yield file

    def _remove(self, files: Iterable[Path]) -> None:
        for file in files:
            # One that can't go now, because somebody reads it, goes with the next one.
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
                beside(file).unlink(missing_ok=True)
