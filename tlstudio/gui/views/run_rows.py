"""Owns reading a project's runs: what each came to, or how far it got, and their curves.

Plain Python. Whatever reads is a task, for a thread.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tlstudio.errors import RunError, TLStudioError
from tlstudio.gui.widgets.series import CurveData
from tlstudio.gui.wizard.replay import events_at_the_end, replay
from tlstudio.projects.own_models import own_run
from tlstudio.projects.project import Project
from tlstudio.projects.run_folder import RunFolder
from tlstudio.projects.runs import RunSummary, runs_of, summary
from tlstudio.tasks import Epoch, Progress, Step, Task

_AT_ONCE = 20
"""Runs that are read before others get their turn."""


@dataclass(frozen=True)
class RunRow:
    """One run in the list. `epoch` of `epochs` is how far it got, 0 where it never began one.

    `accuracy` is that of its model, or the best so far, a fraction of the `checked` validation
    pictures (0: nobody knows how many).
    """

    summary: RunSummary
    epoch: int = 0
    epochs: int = 0
    accuracy: float | None = None
    checked: int = 0

    @functools.cached_property
    def path(self) -> Path:
        return Path(self.summary.path)

    @property
    def of_probe(self) -> bool:
        """Whether it is the probe that is kept, and that the accuracy belongs to."""
        return self.summary.result is not None and self.summary.result.kept == "probe"


@dataclass(frozen=True)
class RunRows:
    """The runs of a project, the newest first."""

    project: str
    rows: tuple[RunRow, ...]


def read_rows(project: Path) -> Task[RunRows]:
    """Reads all runs of a project."""
    rows: list[RunRow] = []
    found = runs_of(Project(project))
    for each in found:
        rows.append(row_of(each))
        if len(rows) % _AT_ONCE == 0:
            yield Progress(phase="scan", done=len(rows), total=len(found))
    return RunRows(str(project), tuple(rows))


def read_again(rows: Sequence[RunRow]) -> Task[tuple[RunRow, ...]]:
    """Reads how these stand now; one that is gone meanwhile stays as it was."""
    read = []
    for row in rows:
        try:
            found = summary(row.path, row.summary.title, row.summary.begun)
            read.append(row_of(found))
        except (OSError, TLStudioError):
            read.append(row)
        yield Progress(phase="scan", done=len(read), total=len(rows))
    return tuple(read)


def read_curves(runs: Sequence[Path]) -> Task[dict[Path, CurveData]]:
    """Of those that can be read."""
    import tlstudio.gui.widgets.compared_curves  # noqa: F401

    read = {}
    for run in runs:
        try:
            read[run] = (yield from replay(run)).curves
        except RunError:
            continue
    return read


def row_of(found: RunSummary) -> RunRow:
    """What the list says of a run."""
    if found.result is not None:
        return RunRow(
            found,
            found.result.epochs,
            found.result.epochs,
            found.result.val_accuracy,
            _checked(Path(found.path)),
        )
    row = RunRow(found)
    if found.job is None:
        return row
    for event in events_at_the_end(RunFolder(Path(found.path)).events_file):
        if isinstance(event, Epoch):
            row = RunRow(found, event.epoch, event.epochs, event.best_val_accuracy)
        elif isinstance(event, Step):
            row = RunRow(found, event.epoch, event.epochs, row.accuracy)
    return row


def _checked(run: Path) -> int:
    """How many validation pictures the accuracy of a finished run rests on."""
    try:
        return own_run(run).checked
    except RunError:
        return 0
