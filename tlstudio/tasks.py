"""Owns the contract of every long job: a generator of plain events that returns its result."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter

from tlstudio.errors import Cancelled

Phase = Literal[
    "scan",
    "compare",
    "sample",
    "download",
    "weights",
    "measure",
    "decode",
    "features",
    "probe",
    "train",
    "evaluate",
    "export",
    "verify",
    "disk",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a phase is. `total` is 0 while unknown; `unit` is what is counted."""

    type: Literal["progress"] = "progress"
    phase: Phase
    done: int
    total: int
    unit: Literal["pictures", "bytes", "steps"] = "pictures"
    seconds_left: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeFitted:
    """The linear probe on the frozen features is ready: the baseline that training must beat.

    Accuracies are fractions in [0, 1]; losses are mean cross-entropies in nats.
    """

    type: Literal["probe"] = "probe"
    phase: Phase = "probe"
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One batch was learned from. Loss and accuracy run over the current epoch."""

    type: Literal["step"] = "step"
    phase: Phase = "train"
    epoch: int
    epochs: int
    step: int
    steps: int
    train_loss: float
    train_accuracy: float
    learning_rate: float
    pictures_per_second: float
    seconds_left: float | None = None
    batch_loss: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """One epoch ended and was checked on the validation pictures.

    `epoch` counts from 1; `step` is the number of batches since the start of the run.
    `device_memory` is in bytes: what the run holds on its device (on a CPU: the process).
    """

    type: Literal["epoch"] = "epoch"
    phase: Phase = "train"
    epoch: int
    epochs: int
    step: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    pictures_per_second: float
    seconds_left: float | None = None
    best_epoch: int
    best_val_accuracy: float
    device_memory: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the model says of one picture; `file` is relative to the data set."""

    file: str
    label: str
    answer: str
    confidence: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """The answers of the moment for a few validation pictures, always the same ones in a run."""

    type: Literal["answers"] = "answers"
    phase: Phase = "train"
    epoch: int
    answers: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Resumed:
    """The first event of a run that is carried on, or of one that went back to good weights:
    `resumed_at_step` batches since its start and `epoch` whole epochs are behind it and are not
    repeated."""

    type: Literal["resumed"] = "resumed"
    phase: Phase = "train"
    resumed_at_step: int
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """The job can't go on for a reason outside of it, and does as soon as that is gone.

    It comes again and again while the job waits; any other event says that it goes on. `seconds`
    is how long it has waited.
    """

    type: Literal["waiting"] = "waiting"
    message: str
    hint: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Warned:
    """Something the user should know and that does not stop the job."""

    type: Literal["warning"] = "warning"
    message: str
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Logged:
    """A line for the run's log: what was decided and why."""

    type: Literal["log"] = "log"
    message: str


Event = Progress | ProbeFitted | Step | Epoch | Answers | Resumed | Waiting | Warned | Logged

_EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])

R = TypeVar("R")

_BEAT_S = 0.05
Task = Generator[Event, None, R]
"""Yields events and returns its result. Close it to stop it: its `finally` leaves a valid state."""


def event_to_dict(event: Event) -> dict[str, Any]:
    """The event as plain JSON values; `type` says which event it is."""
    values: dict[str, Any] = _EVENTS.dump_python(event, mode="json")
    return values


def event_from_dict(values: dict[str, Any]) -> Event:
    """The inverse of `event_to_dict`; raises pydantic's `ValidationError` for anything else."""
    return _EVENTS.validate_python(values)


class Control:
    """Requests to a job that runs in this process: cancel, pause, resume. Safe from any thread."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._running = threading.Event()
        self._running.set()

    def cancel(self) -> None:
        self._cancelled.set()
        self._running.set()

    def pause(self) -> None:
        self._running.clear()
        if self._cancelled.is_set():  # looked at last, so that no cancel can fall in between
            self._running.set()

    def resume(self) -> None:
        self._running.set()

    def wait_for_turn(self) -> None:
        """Blocks while paused; raises `Cancelled` once cancelled."""
        # `wait` takes a lock, for which `cancel` from a signal handler would wait for ever.
        if not self._running.is_set():
            self._running.wait()
        if self._cancelled.is_set():
            raise Cancelled


def drive(task: Task[R], on_event: Callable[[Event], None], control: Control | None = None) -> R:
    """Runs a task to its end, looking for requests between two events.

    The task is closed on every way out, so that its `finally` has run when this returns or raises.
    Raises `Cancelled` when the control says so.
    """
    try:
        while True:
            if control is not None:
                control.wait_for_turn()
            on_event(next(task))
    except StopIteration as stop:
        result: R = stop.value
        return result
    finally:
        task.close()


def beside(work: Callable[[], R], meter: Meter, done: int) -> Task[R]:
    """Runs in a thread what can't say how far it is, with an event for `done` ten times a second
    meanwhile. Closing the task waits for the end of `work`.

    Such work makes many small things at once that last: until it is done nobody looks for garbage
    among them, which would take a quarter of its time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="beside") as pool:
            running = pool.submit(work)
            while not running.done():
                yield from meter.at(done)
                wait([running], timeout=_BEAT_S)
    finally:
        if collects:
            gc.enable()
    return running.result()


class Meter:
    """Turns counts into `Progress` events, at most ten a second, with the time left.

    The first and the last count always give an event. `clock` returns seconds.
    """

    def __init__(
        self,
        phase: Phase,
        total: int,
        unit: Literal["pictures", "bytes", "steps"] = "pictures",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._phase, self._total, self._unit, self._clock = phase, total, unit, clock
        self._started = clock()
        self._last: float | None = None
        self._first_count = 0

    def at(self, done: int) -> Generator[Progress, None, None]:
        """Yields an event for `done`, or nothing when the last one is too recent."""
        now = self._clock()
        if self._last is not None and now - self._last < 0.1 and done != self._total:
            return
        if self._last is None:
            self._first_count, self._started = done, now
        self._last = now
        worked, elapsed = done - self._first_count, now - self._started
        left = elapsed * (self._total - done) / worked if worked > 0 and self._total else None
        yield Progress(
            phase=self._phase, done=done, total=self._total, unit=self._unit, seconds_left=left
        )
