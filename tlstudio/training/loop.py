"""Owns the epochs: steps, validation, the best epoch, early stopping, and a checkpoint on every
way out."""

from __future__ import annotations

import contextlib
import copy
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tlstudio.backbones.staged import StagedNetwork
from tlstudio.datasets.patience import Patience
from tlstudio.errors import DatasetError, TLStudioError
from tlstudio.jobs import Recipe
from tlstudio.tasks import Answers, Epoch, Event, Logged, Resumed, Step, Task, Waiting
from tlstudio.training.checkpoint import (
    Checkpoint,
    Position,
    learning_state,
    load_learning_state,
    load_optimizer_state,
    optimizer_state,
)
from tlstudio.training.devices import memory_in_use
from tlstudio.training.divergence import Setback, astray, followed, is_sound
from tlstudio.training.drawing import begin_drawing, seed_of
from tlstudio.training.gradients import Gradients
from tlstudio.training.memory import give_back, halved, in_pieces, ran_out
from tlstudio.training.number_formats import keep_depthwise_exact, loss_scaling
from tlstudio.training.optimizer import build_optimizer, rate_factor, running_average, set_rates
from tlstudio.training.phases import WorkClock
from tlstudio.training.sources import Source

logger = logging.getLogger(__name__)

SAVE_EVERY = 120.0
"""Seconds after which a long epoch is saved in its middle."""
READ_EVERY = 0.1
"""Seconds after which the losses are fetched from a device that computes beside the processor."""


@dataclass
class Loop:
    """One training: a network, what it learns from, how, and where it is kept.

    `save` writes the checkpoint, and with it the events that are told next, once and for all;
    `answers` turns validation probabilities (N, C) into the event
    that shows a few of them. `checkpoint` is where to carry on from and is kept up to date.
    """

    network: StagedNetwork
    source: Source
    recipe: Recipe
    class_weights: Tensor
    seed: int
    device: torch.device
    checkpoint: Checkpoint
    save: Callable[[Checkpoint, Sequence[Event]], None]
    answers: Callable[[int, Tensor], Answers]
    precision: str = "float32"
    patience: Patience = field(default_factory=Patience)
    clock: WorkClock = field(default_factory=WorkClock)

    def __post_init__(self) -> None:
        # How convolutions read their pictures fastest, in every number format.
        self.network.to(memory_format=torch.channels_last)
        if self.device.type == "cpu" and self.precision != "float32":
            keep_depthwise_exact(self.network)
        self._take_up()
        self.gradients = Gradients(
            network=self.network,
            logits=self.source.logits,
            scaled=self._scaled,
            recipe=self.recipe,
            class_weights=self.class_weights,
            device=self.device,
            precision=self.precision,
        )
        # A processor's numbers are there at once. Another device computes beside it, and asking for
        # a number waits for all that it has still to do.
        self.beside = self.device.type != "cpu"
        self.remarks: list[Event] = []
        self.batch_loss = 0.0
        self.saved, self.saved_at = self.position, self.clock()
        self.read_at = self.saved_at
        # Where the epoch that runs now began for the clock: a resumed one began in the middle.
        self.epoch_started = self.saved_at
        self.first_step = self.position.step
        if not self.checkpoint.now:
            self.checkpoint.now = learning_state(self.network)
        # What training comes back to where its weights can't be trusted any more.
        self.good = copy.copy(self.checkpoint)

    def _take_up(self) -> None:
        """Position, weights, optimiser and running average as the checkpoint has them."""
        self.position = self.checkpoint.position
        self.optimizer = build_optimizer(self.network, self.recipe)
        self.scaler = loss_scaling(
            self.precision, self.device, self.position.loss_scale, self.position.unscathed_steps
        )
        if self.checkpoint.now:
            load_learning_state(self.network, self.checkpoint.now)
            load_optimizer_state(self.optimizer, self.checkpoint.optimizer)
            self._set_rates(max(0, self._steps_done - 1))
        decay, average = self.recipe.averaging, self.checkpoint.average
        self.average = running_average(self.network, decay, average) if decay else None
        # What is checked and kept: the running average of the weights where there is one.
        self.judged = cast("StagedNetwork", self.average.module) if self.average else self.network
        # Losses and right answers of the batches since they were last read, still on the device.
        self.unread: list[tuple[Tensor, Tensor, int]] = []

    def run(self) -> Task[Checkpoint]:
        """All epochs, or as many as early stopping leaves. Closing it saves a checkpoint."""
        try:
            while self.position.epoch < self.recipe.epochs:
                # Asked before an epoch, so that a run that is carried on asks it too.
                if self._stops_early():
                    yield Logged(
                        message=f"Stopped after epoch {self.position.epoch}: no improvement for "
                        f"{self.recipe.patience} epochs."
                    )
                    break
                try:
                    yield from self._epoch()
                except Setback as setback:
                    changes, warning = setback.changes, setback.warning
                else:
                    continue
                # Out here the exception is gone, and with it what its traceback held on to.
                yield from self._go_back(changes, warning)
        except GeneratorExit:
            # Closed between two steps the weights are whole; after an interrupt in the middle of
            # one the last checkpoint is.
            with contextlib.suppress(Setback):  # the last good checkpoint stays
                self._save_what_is_new()
            raise
        except DatasetError:
            # Only the pictures went away. That is what has to be told, whatever the disk says.
            try:
                self._save_what_is_new()
            except TLStudioError as error:
                logger.warning("The steps since the last checkpoint are lost: %s", error)
            raise
        return self.checkpoint

    # --- one epoch ------------------------------------------------------------------------------

    def _epoch(self) -> Task[None]:
        epoch = self.position.epoch + 1
        self.epoch_started, self.first_step = self.clock(), self.position.step
        self.network.train()
        yield from self.patience.through(lambda: self._steps(epoch), before=self._save)
        self._read()
        trained_for = self.clock() - self.epoch_started
        self.judged.eval()
        logits = yield from self.patience.through(
            lambda: self.clock.asked_at_each_event(self.source.validate(self.judged)),
            before=self._save,
        )
        loss = float(cross_entropy(logits, self.source.labels))
        if not math.isfinite(loss):
            raise astray(self.position)
        accuracy = int((logits.argmax(1) == self.source.labels).sum()) / len(logits)
        closed = self._close_epoch(epoch, loss, accuracy, trained_for)
        told = (closed, self.answers(epoch, torch.softmax(logits, 1)))
        # Before it is told: what was told of an epoch never happens again.
        self._save(told)
        yield from told

    def _steps(self, epoch: int) -> Task[None]:
        """The steps of `epoch` that are still to be done."""
        with contextlib.closing(self.source.batches(epoch, self.position.step)) as batches:
            for batch in self.patience.over(batches, self._save):
                if isinstance(batch, Waiting):
                    yield batch
                    continue
                step = self._step(epoch, *batch)
                yield from self._said()
                yield step
                if self.clock() - self.saved_at > SAVE_EVERY:
                    self._save()

    def _step(self, epoch: int, inputs: Tensor, labels: Tensor) -> Step:
        """One batch, all randomness of which follows from seed, epoch and step."""
        self._set_rates(self._steps_done)
        loss, right = self._gradients(epoch, inputs, labels)
        self._update(len(labels))
        self.position = self.position.model_copy(update={"step": self.position.step + 1})
        self.unread.append((loss, right, len(labels)))
        self._read_if_due()
        return self._step_event(epoch, len(labels))

    @property
    def _steps_done(self) -> int:
        return self.position.epoch * self.source.steps + self.position.step

    def _set_rates(self, step: int) -> None:
        factor = rate_factor(step, self.recipe.epochs * self.source.steps, self.recipe.warmup)
        set_rates(self.optimizer, factor * self.position.rate_scale)

    def _gradients(self, epoch: int, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The batch's gradients, its loss and right answers, from smaller and smaller pieces of it
        until memory suffices."""
        while True:
            self.optimizer.zero_grad(set_to_none=True)
            begin_drawing(seed_of(self.seed, epoch, self.position.step), self.device)
            at_once = self.position.at_once
            try:
                return self.gradients.add(inputs, labels, at_once)
            except (RuntimeError, MemoryError) as error:
                smaller = self._smaller(error, len(labels))
                if smaller is None:
                    raise
            self.optimizer.zero_grad(set_to_none=True)
            give_back(self.device)
            self.position = self.position.model_copy(update={"at_once": smaller})
            self.remarks.append(in_pieces(self.device, smaller, self.gradients.least))

    def _scaled(self, loss: Tensor) -> Tensor:
        return self.scaler.scale(loss)

    def _update(self, count: int) -> None:
        """Moves the weights. Where memory runs out here, half of them may have been."""
        try:
            self.scaler.step(self.optimizer)
            self.scaler.update()
            if self.average is not None:
                self.average.update_parameters(self.network)
        except (RuntimeError, MemoryError) as error:
            smaller = self._smaller(error, count)
            if smaller is None:
                raise
        else:
            return
        warning = in_pieces(self.device, smaller, self.gradients.least)
        raise Setback({"at_once": smaller}, warning)

    def _smaller(self, error: BaseException, count: int) -> int | None:
        """How many pictures to take at once after `error`; None where that is no way out."""
        if not ran_out(error):
            return None
        return halved(count, self.position.at_once, self.gradients.least)

    def _said(self) -> Task[None]:
        remarks, self.remarks = self.remarks, []
        yield from remarks

    def _read_if_due(self) -> None:
        """What is shown between two readings is some steps old."""
        due = self.clock() - self.read_at >= READ_EVERY or not self.position.seen
        if due or not self.beside:
            self._read()

    def _read(self) -> None:
        """Takes over the numbers of the steps since the last time. Raises where one is none: then
        nothing that came after the last checkpoint is kept."""
        if not self.unread:
            return
        losses = torch.stack([loss for loss, _, _ in self.unread]).tolist()
        right = torch.stack([correct for _, correct, _ in self.unread]).tolist()
        sizes = [count for _, _, count in self.unread]
        position, loss_sum = self.position, self.position.loss_sum
        for loss, count in zip(losses, sizes, strict=True):
            position = followed(position, loss, len(self.class_weights))
            loss_sum += loss * count
        self.position = position.model_copy(
            update={
                "loss_sum": loss_sum,
                "correct": self.position.correct + sum(right),
                "seen": self.position.seen + sum(sizes),
            }
        )
        self.unread, self.batch_loss, self.read_at = [], losses[-1], self.clock()

    def _step_event(self, epoch: int, pictures: int) -> Step:
        position, steps = self.position, self.source.steps
        elapsed = max(1e-9, self.clock() - self.epoch_started)
        worked = max(1, position.step - self.first_step) * self.source.cost(epoch)
        left = (steps - position.step) * self.source.cost(epoch) + self.source.checking
        left += self._cost_after(epoch)
        return Step(
            epoch=epoch,
            epochs=self.recipe.epochs,
            step=position.epoch * steps + position.step,
            steps=self.recipe.epochs * steps,
            train_loss=position.loss_sum / position.seen,
            train_accuracy=position.correct / position.seen,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            pictures_per_second=max(1, position.step - self.first_step) * pictures / elapsed,
            seconds_left=left * elapsed / worked,
            batch_loss=self.batch_loss,
        )

    def _close_epoch(self, epoch: int, loss: float, accuracy: float, trained_for: float) -> Epoch:
        """Remembers the epoch, and its weights if it is the best so far; returns its report."""
        done, steps = self.position, self.source.steps
        better = done.best_epoch == 0 or (accuracy, -loss) > (done.best_accuracy, -done.best_loss)
        best = (epoch, accuracy, loss) if better else _best(done)
        elapsed = self.clock() - self.epoch_started
        changes = {
            **{"epoch": epoch, "step": 0, "loss_sum": 0.0, "correct": 0, "seen": 0},
            **{"best_epoch": best[0], "best_accuracy": best[1], "best_loss": best[2]},
        }
        self.position = done.model_copy(update=changes)
        if better:
            self.checkpoint.best = learning_state(self.judged)
        pictures = done.seen * (steps - self.first_step) / steps
        worked = max(1, steps - self.first_step) * self.source.cost(epoch) + self.source.checking
        return Epoch(
            epoch=epoch,
            epochs=self.recipe.epochs,
            step=epoch * steps,
            train_loss=done.loss_sum / done.seen,
            train_accuracy=done.correct / done.seen,
            val_loss=loss,
            val_accuracy=accuracy,
            learning_rate=self.optimizer.param_groups[0]["lr"],
            pictures_per_second=pictures / max(trained_for, 1e-9),
            seconds_left=self._cost_after(epoch) * elapsed / worked,
            best_epoch=best[0],
            best_val_accuracy=best[1],
            device_memory=memory_in_use(self.device),
        )

    def _cost_after(self, epoch: int) -> float:
        """What the epochs after `epoch` cost, in steps on pictures of the full size."""
        later = range(epoch + 1, self.recipe.epochs + 1)
        steps, checking = self.source.steps, self.source.checking
        return sum(steps * self.source.cost(number) + checking for number in later)

    # --- keeping --------------------------------------------------------------------------------

    def _save_what_is_new(self) -> None:
        self._read()
        if self.position != self.saved:
            self._save()

    def _save(self, told: Sequence[Event] = ()) -> None:
        self._read()
        if self.scaler.is_enabled():
            scaling = self.scaler.state_dict()
            growth = {"loss_scale": scaling["scale"], "unscathed_steps": scaling["_growth_tracker"]}
            self.position = self.position.model_copy(update=growth)
        now = learning_state(self.network)
        if not all(bool(tensor.isfinite().all()) for tensor in now.values()):
            raise astray(self.position)
        self.checkpoint.position = self.position
        self.checkpoint.now = now
        self.checkpoint.optimizer = optimizer_state(self.optimizer)
        if self.average is not None and self.average.n_averaged:
            self.checkpoint.average = learning_state(self.judged)
        if is_sound(self.position, len(self.class_weights)):
            self.good = copy.copy(self.checkpoint)
        self.save(self.checkpoint, told)
        self.saved, self.saved_at = self.position, self.clock()

    def _go_back(self, changes: dict[str, float], warning: Event) -> Sequence[Event]:
        """To the last good weights, with `changes` to the position there; the best epoch stays.
        Returns what is to be told of it, which is saved as told."""
        names = ("best_epoch", "best_accuracy", "best_loss", "at_once", "rate_scale")
        kept = {name: getattr(self.position, name) for name in names}
        good, checkpoint = self.good, self.checkpoint
        checkpoint.position = good.position.model_copy(update={**kept, **changes})
        checkpoint.now, checkpoint.optimizer = good.now, good.optimizer
        checkpoint.average = good.average
        self.optimizer.zero_grad(set_to_none=True)
        give_back(self.device)
        self._take_up()
        self.good = copy.copy(checkpoint)
        resumed = Resumed(resumed_at_step=self._steps_done, epoch=self.position.epoch)
        told = (warning, resumed)
        self.save(checkpoint, told)
        self.saved, self.saved_at = self.position, self.clock()
        return told

    def _stops_early(self) -> bool:
        patience = self.recipe.patience
        waited = self.position.epoch - self.position.best_epoch
        return patience is not None and waited >= patience


def _best(position: Position) -> tuple[int, float, float]:
    return position.best_epoch, position.best_accuracy, position.best_loss
