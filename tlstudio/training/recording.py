"""Owns what a run writes about itself while it goes: its events, and how it ended."""

from __future__ import annotations

import contextlib

from tlstudio.errors import TLStudioError
from tlstudio.jobs import TrainResult
from tlstudio.projects.run_folder import Environment, RunFolder
from tlstudio.tasks import Task, Waiting
from tlstudio.training.devices import memory_errors


def recorded(
    run: RunFolder, environment: Environment, task: Task[TrainResult]
) -> Task[TrainResult]:
    """Passes a run's events on and keeps them; every way out sets the run's state here."""
    run.save_state("running", environment=environment)
    try:
        # The task is closed, and its checkpoint written, before the state says how it ended.
        with run.recording() as record, memory_errors(), contextlib.closing(task):
            waits = False
            while True:
                try:
                    event = next(task)
                except StopIteration as stop:
                    result: TrainResult = stop.value
                    break
                if not (waits and isinstance(event, Waiting)):  # of each waiting its beginning
                    record(event)
                waits = isinstance(event, Waiting)
                yield event
    except GeneratorExit:
        run.save_state("interrupted")
        raise
    except TLStudioError as error:
        run.save_state("failed", str(error))
        raise
    except BaseException as error:
        run.save_state("failed", f"{type(error).__name__}: {error}")
        raise
    run.save_state("completed", result=result)
    run.discard_checkpoint()
    return result
