"""Owns how the time of a run is divided among its phases."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

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
