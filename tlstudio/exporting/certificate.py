"""Owns the proof that an export says what the tested model says, on pictures from their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tlstudio.datasets.patience import Patience
from tlstudio.errors import ExportError
from tlstudio.evaluation.predictors import Predictor
from tlstudio.tasks import Progress, Task
from tlstudio.training.inference import Checked

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Certificate:
    """`same_answer` of `n` pictures got the same class; `largest_difference` is the largest
    absolute difference of a probability."""

    n: int
    same_answer: int
    largest_difference: float


def certify(
    tested: Predictor, exported: Predictor, files: Sequence[Path], patience: Patience
) -> Task[Certificate]:
    """Asks both models about every file and compares their probabilities. Where the folder of the
    files goes away, the task waits.

    Raises `ExportError` where a probability differs by more than `TOLERANCE`, where the classes or
    the pictures that can be answered differ, or where no picture can be read.
    """
    own = yield from _patiently(tested, files, 0, patience)
    if not own.indices:
        raise ExportError(
            "The export can't be checked: none of the run's validation pictures can be read.",
            "Put the folder of pictures back where it was when the run was trained"
            f"{f' ({files[0].parent})' if files else ''}, and export again.",
        )
    other = yield from _patiently(exported, files, len(files), patience)
    if exported.classes != tested.classes or own.indices != other.indices:
        raise _refused("it has other classes, or fails for pictures that the model can answer")
    difference = float(np.max(np.abs(own.values.astype(np.float64) - other.values)))
    if not difference <= TOLERANCE:  # also where it is not a number
        raise _refused(f"a probability differs by {difference:.2g}")
    same = int(np.sum(own.values.argmax(axis=1) == other.values.argmax(axis=1)))
    return Certificate(len(own.indices), same, difference)


def _patiently(
    predictor: Predictor, files: Sequence[Path], offset: int, patience: Patience
) -> Task[Checked]:
    return patience.through(
        lambda: _check(predictor, files, offset), lambda checked: checked.incomplete, twice=False
    )


def _check(predictor: Predictor, files: Sequence[Path], offset: int) -> Task[Checked]:
    """Both models' pictures count as one piece of work."""
    task = predictor.check(files, "verify")
    try:
        while True:
            event = next(task)
            if isinstance(event, Progress):
                done = offset + event.done
                event = replace(event, done=done, total=2 * len(files), seconds_left=None)
            yield event
    except StopIteration as end:
        checked: Checked = end.value
        return checked
    finally:
        task.close()


def _refused(what: str) -> ExportError:
    return ExportError(
        f"The exported file does not agree with the model that was tested: {what}. It was removed.",
        "Try again, and report this with the log if it stays.",
    )
