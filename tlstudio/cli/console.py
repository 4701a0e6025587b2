"""Owns how the command line runs a job and tells of it: a progress bar, or JSON line by line."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as BarTask
from rich.text import Text

from tlstudio import tasks
from tlstudio.diagnosis import session_log
from tlstudio.diagnosis.events import logged
from tlstudio.jobs import ResumeRun, TrainRun
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Control, Event, Task, drive, event_to_dict

R = TypeVar("R")

Json = Annotated[
    bool, typer.Option("--json", help="One JSON object a line; the last is the result.")
]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_PHASES: dict[tasks.Phase, str] = {
    "scan": "Looking through the pictures",
    "compare": "Comparing the pictures",
    "sample": "Drawing the sample pictures",
    "download": "Downloading the weights",
    "weights": "Reading the weights",
    "measure": "Measuring this computer",
    "decode": "Decoding the pictures once",
    "features": "Looking at every picture once",
    "probe": "Fitting the probe",
    "train": "Training",
    "evaluate": "Checking",
    "export": "Exporting",
    "verify": "Checking the export",
    "disk": "Looking at the disk",
}


def run_task(task: Task[R], *, as_json: bool, logs: bool = True) -> R:
    """Runs a job to its end, showing its events. Ctrl-C asks it to stop; a second one insists.
    A look at the logs themselves is not to be one of the last sessions (`logs`).

    Raises `Cancelled` once the job has stopped in order.
    """
    if logs:
        session_log.begin("a command")
    control = Control()
    with _stopping(control):
        if as_json:
            tell = logged(lambda event: print_json(event_to_dict(event)))
            return drive(task, tell, control)
        with _Bar() as bar:
            return drive(task, logged(bar.show), control)


def print_json(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def print_result(result: BaseModel) -> None:
    print_json({**result.model_dump(mode="json"), "type": "result"})


def say_how_to_carry_on(request: TrainRun | ResumeRun) -> None:
    """Only where the run had begun: before that there is nothing to carry on."""
    if not RunFolder(Path(request.run)).can_be_carried_on():
        return
    cache = ["--cache", request.cache] if request.cache else []
    command = ["tlstudio", "train", "--resume", request.run, *cache]
    words = subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
    err.print(f"To carry on: {words}", markup=False)


@contextmanager
def _stopping(control: Control) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        control.cancel()
        for name, handler in before.items():
            signal.signal(name, handler)

    before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


class _Count(ProgressColumn):
    """How much of it is done, in megabytes where bytes are counted."""

    def render(self, task: BarTask) -> Text:
        divisor, unit = (1e6, " MB") if task.fields.get("unit") == "bytes" else (1, "")
        total = "?" if task.total is None else f"{task.total / divisor:.0f}"
        return Text(f"{task.completed / divisor:.0f}/{total}{unit}", style="progress.download")


class _Bar:
    """A bar for the phase that runs, and above it the lines that should stay on screen."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            _Count(),
            TimeRemainingColumn(),
            console=err,
            transient=True,
        )
        self._phase: tasks.Phase | None = None
        self._bar: TaskID | None = None

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, event: Event) -> None:
        if isinstance(event, tasks.Progress):
            text = _PHASES[event.phase]
            self._advance(event.phase, event.done, event.total, text, event.unit)
        elif isinstance(event, tasks.Waiting):
            self._wait(event)
        elif isinstance(event, tasks.Step):
            text = f"Training, epoch {event.epoch} of {event.epochs}, loss {event.train_loss:.3f}"
            self._advance("train", event.step, event.steps, text)
        else:
            line = _line(event)
            if line:
                self._progress.console.print(line)

    def _wait(self, event: tasks.Waiting) -> None:
        """The reason stands on screen once; the bar says that the program is not stuck."""
        if self._phase is not None or self._bar is None:
            self._progress.console.print(
                f"[yellow]Waiting:[/] {escape(f'{event.message} {event.hint}'.rstrip())}"
            )
            if self._bar is not None:
                self._progress.remove_task(self._bar)
            self._phase, self._bar = None, self._progress.add_task("Waiting", total=None)
        self._progress.update(
            self._bar, description=f"Waiting, {event.seconds:.0f} s", completed=0, unit="steps"
        )

    def _advance(
        self, phase: tasks.Phase, done: int, total: int, text: str, unit: str = "steps"
    ) -> None:
        if phase != self._phase or self._bar is None:
            if self._bar is not None:
                self._progress.remove_task(self._bar)
            self._phase, self._bar = phase, self._progress.add_task(text, total=total or None)
        self._progress.update(
            self._bar, completed=done, total=total or None, description=text, unit=unit
        )


def _line(event: Event) -> str:
    if isinstance(event, tasks.ProbeFitted):
        return f"Probe: {event.val_accuracy:.1%} of the validation pictures, with nothing unfrozen."
    if isinstance(event, tasks.Epoch):
        return (
            f"Epoch {event.epoch:>3}  loss {event.train_loss:.3f}  validation loss "
            f"{event.val_loss:.3f}, accuracy {event.val_accuracy:.1%}"
        )
    if isinstance(event, tasks.Resumed):
        return f"Carried on after step {event.resumed_at_step}; {event.epoch} epochs are done."
    if isinstance(event, tasks.Warned):
        return f"[yellow]Note:[/] {escape(f'{event.message} {event.hint}'.rstrip())}"
    if isinstance(event, tasks.Logged):
        return f"[dim]{escape(event.message)}[/]"
    return ""
