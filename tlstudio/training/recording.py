"""Owns what a run writes about itself while it goes: its events, and how it ended."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from tlstudio.errors import StorageError, TLStudioError
from tlstudio.jobs import TrainResult
from tlstudio.projects.event_log import EventLog
from tlstudio.projects.run_folder import Environment, RunFolder, State
from tlstudio.tasks import Task, Waiting
from tlstudio.training.devices import memory_errors

logger = logging.getLogger(__name__)


def recorded(
    run: RunFolder, environment: Environment, log: EventLog, task: Task[TrainResult]
) -> Task[TrainResult]:
    """Passes a run's events on and keeps them; every way out sets the run's state here."""

    def ended(state: State, message: str = "") -> None:
        """A disk that refuses this refused something before, which is what has to be told; and a
        run that says that it is running while nobody trains it counts as interrupted."""
        try:
            run.save_state(state, message, environment)
        except StorageError as error:
            logger.warning("How the run ended could not be written: %s", error)

    run.save_state("running", environment=environment)
    try:
        # The task is closed, and its checkpoint written, before the state says how it ended.
        with memory_errors(), _closed(task):
            waits = False
            while True:
                try:
                    event = next(task)
                except StopIteration as stop:
                    result: TrainResult = stop.value
                    break
                if not (waits and isinstance(event, Waiting)):  # of each waiting its beginning
                    log.append(event)
                waits = isinstance(event, Waiting)
                yield event
    except (GeneratorExit, KeyboardInterrupt):  # the second is Ctrl-C by somebody who insists
        ended("interrupted")
        raise
    except TLStudioError as error:
        ended("failed", str(error))
        raise
    except BaseException as error:
        ended("failed", f"{type(error).__name__}: {error}")
        raise
    run.save_state("completed", environment=environment, result=result)
    try:
        run.discard_checkpoints()
    except StorageError as error:
        logger.warning("The checkpoints of a finished run could not be removed: %s", error)
    return result


@contextlib.contextmanager
def _closed(task: Task[TrainResult]) -> Iterator[None]:
    """As `contextlib.closing`; but an error is not hidden by one that closing gives after it."""
    try:
        yield
    except GeneratorExit:
        task.close()
        raise
    except BaseException:
        try:
            task.close()
        except TLStudioError as error:
            logger.warning("After an error the state could not be saved: %s", error)
        raise
