"""Owns what is known of a run while it runs: the events folded into a few numbers and lists.

Plain Python: no Qt. The page turns it into words.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from tlstudio.tasks import (
    Answers,
    Epoch,
    Event,
    Logged,
    Phase,
    ProbeFitted,
    Progress,
    Resumed,
    Step,
    Waiting,
    Warned,
)

Stage = Literal[
    "ready",  # nothing runs; Start begins a new run
    "running",
    "paused",
    "stopping",  # the best epoch is kept: waiting for the batch to end, then for the model
    "cancelling",
    "interrupted",  # cancelled; what was learned so far is kept
    "failed",
    "finished",
    "elsewhere",  # another window or program trains it: it can be watched
]
RUNNING: frozenset[Stage] = frozenset({"running", "paused", "stopping", "cancelling"})

LOG_LINES = 2000


@dataclass
class TrainingModel:
    """One run as far as it got. Accuracies are fractions, memory is in bytes."""

    phase: Phase | None = None
    done: int = 0
    total: int = 0
    unit: str = "pictures"
    seconds_left: float | None = None
    epoch: int = 0
    epochs: int = 0
    trained: float = 0.0
    """How much of the planned epochs is done, in [0, 1]."""
    finished_epochs: int = 0
    best_epoch: int | None = None
    best_accuracy: float | None = None
    probe_accuracy: float | None = None
    loss: float | None = None
    learning_rate: float | None = None
    pictures_per_second: float | None = None
    device_memory: int | None = None
    answers: Answers | None = None
    waiting: Waiting | None = None
    """What it waits for at this moment."""
    warnings: list[Warned] = field(default_factory=list)
    log: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))

    def add(self, event: Event) -> None:
        self.waiting = event if isinstance(event, Waiting) else None
        match event:
            case Resumed():
                self.log.append(f"Carried on after step {event.resumed_at_step}")
            case Progress():
                self._add_progress(event)
            case ProbeFitted():
                self.phase, self.probe_accuracy = event.phase, event.val_accuracy
                self.log.append(
                    f"Probe: {100 * event.val_accuracy:.1f} % of the validation pictures right"
                )
            case Step():
                self._add_step(event)
            case Epoch():
                self._add_epoch(event)
            case Answers():
                self.answers = event
            case Warned():
                self.log.append(f"{event.message} {event.hint}".strip())
                if event not in self.warnings:
                    self.warnings.append(event)
            case Logged():
                self.log.append(event.message)

    @property
    def can_be_finished(self) -> bool:
        """Whether there is a model to keep: the probe at least."""
        return self.probe_accuracy is not None or self.finished_epochs > 0

    @property
    def share(self) -> float | None:
        """How much of the phase is done, in [0, 1]; None while that is unknown."""
        if self.phase == "train" and self.epochs:
            return self.trained
        return self.done / self.total if self.total else None

    def _add_progress(self, event: Progress) -> None:
        if event.phase == "evaluate" and self.phase == "train":
            # The check at an epoch's end is part of training: the sentence stays.
            return
        self.phase, self.done, self.total = event.phase, event.done, event.total
        self.unit, self.seconds_left = event.unit, event.seconds_left

    def _add_step(self, event: Step) -> None:
        self.phase, self.epoch, self.epochs = event.phase, event.epoch, event.epochs
        self.trained = event.step / max(event.steps, 1)
        self.loss, self.learning_rate = event.train_loss, event.learning_rate
        self.pictures_per_second, self.seconds_left = event.pictures_per_second, event.seconds_left

    def _add_epoch(self, event: Epoch) -> None:
        self.phase, self.epoch, self.epochs = event.phase, event.epoch, event.epochs
        self.trained, self.finished_epochs = event.epoch / event.epochs, event.epoch
        self.best_epoch, self.best_accuracy = event.best_epoch, event.best_val_accuracy
        self.loss, self.learning_rate = event.train_loss, event.learning_rate
        self.pictures_per_second, self.seconds_left = event.pictures_per_second, event.seconds_left
        self.device_memory = event.device_memory
        self.log.append(
            f"Epoch {event.epoch}: training loss {event.train_loss:.4f}, "
            f"validation loss {event.val_loss:.4f}, accuracy {100 * event.val_accuracy:.1f} %"
        )
