"""Owns the scripted engine of the window's tests: what it is asked for, and what it answers."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Generator

from tlstudio.errors import Cancelled
from tlstudio.jobs import Job, Result
from tlstudio.tasks import Control, Event, Progress, Task

Script = Callable[[Job], Generator[Event, None, Result]]


class ScriptedClient:
    """Stands in for the engine: `script["scan"]` is a generator function for jobs of that kind.

    `jobs` lists what was asked for, `requests` what came between.
    """

    def __init__(self) -> None:
        self.script: dict[str, Script] = {}
        self.jobs: list[Job] = []
        self.requests: dict[str, int] = defaultdict(int)
        self._control = Control()

    def run(self, job: Job) -> Task[Result]:
        self.jobs.append(job)
        self._control = control = Control()
        task = self.script[job.kind](job)
        try:
            while True:
                control.wait_for_turn()
                try:
                    event = next(task)
                except StopIteration as stop:
                    result: Result = stop.value
                    return result
                yield event
        finally:
            task.close()

    def cancel(self) -> None:
        self.requests["cancel"] += 1
        self._control.cancel()

    def pause(self) -> None:
        self.requests["pause"] += 1
        self._control.pause()

    def resume(self) -> None:
        self.requests["resume"] += 1
        self._control.resume()

    def close(self) -> None:
        self.requests["close"] += 1


def waits_for_cancel(_: Job) -> Generator[Event, None, Result]:
    """A job that goes on until it is cancelled, and yields nothing of interest."""
    pause = threading.Event()
    for done in range(10_000):
        yield Progress(phase="scan", done=done, total=10_000, seconds_left=60.0)
        pause.wait(0.005)
    raise Cancelled
