"""Owns how the time of a run is divided among its phases, and how much of it is work."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeVar

from tlstudio.tasks import Task

R = TypeVar("R")

_LAPSE_S = 5.0
_LONGER = 10

RunPhase = Literal["start", "decode", "cache", "probe", "fine_tune", "export"]
"""Looking through the folder and building; waiting for pictures; running frozen stages and keeping
what they give; the probe; the epochs with their checks; writing the model."""


class Phases:
    """A clock that runs for one phase at a time. `clock` returns seconds, `spent` holds those of
    an earlier part of the run."""

    def __init__(
        self,
        spent: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._since = clock, clock()
        self._current: RunPhase = "start"
        self._seconds: dict[str, float] = dict(spent or {})

    def enter(self, phase: RunPhase) -> RunPhase:
        """Time counts for `phase` from now on; returns the phase that it counted for."""
        now, before = self._clock(), self._current
        self._seconds[before] = self._seconds.get(before, 0.0) + now - self._since
        self._since, self._current = now, phase
        return before

    @contextlib.contextmanager
    def during(self, phase: RunPhase) -> Iterator[None]:
        before = self.enter(phase)
        try:
            yield
        finally:
            self.enter(before)

    def seconds(self) -> dict[str, float]:
        self.enter(self._current)
        return dict(self._seconds)


class WorkClock:
    """Seconds of work, asked many times while it is done.

    What lies between two times is left out where it is much longer than anything before: then the
    run was paused or waited, or the computer slept, and no work takes longer for it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._last = clock, clock()
        self._longest = self._seconds = 0.0

    def __call__(self) -> float:
        now = self._clock()
        gap, self._last = now - self._last, now
        most = max(_LAPSE_S, _LONGER * self._longest)
        if gap <= most:
            self._seconds += gap
        # What comes again and again is work all the same: a step may take a minute.
        self._longest = max(self._longest, min(gap, most))
        return self._seconds

    def asked_at_each_event(self, task: Task[R]) -> Task[R]:
        """Work that would look like a lapse if nobody asked meanwhile."""
        with contextlib.closing(task):
            while True:
                try:
                    event = next(task)
                except StopIteration as stop:
                    result: R = stop.value
                    return result
                self()
                yield event
