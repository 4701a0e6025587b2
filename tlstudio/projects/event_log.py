"""Owns a run's events on disk: appended one a line, cut back to where a checkpoint was taken."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from tlstudio.bounded import LINE
from tlstudio.projects.atomic import storage_errors
from tlstudio.tasks import Event, event_to_dict


class EventLog:
    """`file`, open for appending. Raises `StorageError`.

    Of what is there the first `kept` bytes stay: what came after them happens again. A line that a
    crash cut off goes in any case, or the next event would be lost with it.
    """

    def __init__(self, file: Path, kept: int | None = None) -> None:
        self._path = file
        self._ahead: deque[Event] = deque()
        with storage_errors(file):
            self._file = file.open("a+b", buffering=0)
            there = self._file.seek(0, os.SEEK_END)
            self._length = self._end_of_line(there if kept is None else min(kept, there))
            self._file.truncate(self._length)

    def append(self, event: Event) -> None:
        """Writes an event, unless `expect` has."""
        if self._ahead and self._ahead[0] is event:
            self._ahead.popleft()
            return
        self._write(event)

    def expect(self, events: Iterable[Event], *, lasting: bool) -> int:
        """Writes events that are about to be appended; returns the length of the file in bytes.

        A checkpoint that covers an epoch is taken before the epoch is told, because what was told
        must not happen again; and after it was written, because it is told once only.
        """
        for event in events:
            self._write(event)
            self._ahead.append(event)
        if lasting:
            with storage_errors(self._path):
                os.fsync(self._file.fileno())
        return self._length

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with storage_errors(self._path):
            self._file.close()

    def _end_of_line(self, before: int) -> int:
        """Where the last whole line ends in so many bytes; of a long log only the end is read."""
        start = max(0, before - LINE)
        self._file.seek(start)
        return start + self._file.read(before - start).rfind(b"\n") + 1

    def _write(self, event: Event) -> None:
        line = json.dumps(event_to_dict(event)).encode() + b"\n"
        with storage_errors(self._path):
            try:
                left = line
                while left:
                    left = left[self._file.write(left) :]
            except OSError:
                self._file.truncate(self._length)
                raise
        self._length += len(line)
