"""Owns the epochs: steps, validation, the best epoch, early stopping, and a checkpoint on every
way out."""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tlstudio.backbones.staged import StagedNetwork
from tlstudio.datasets.patience import Patience
from tlstudio.errors import DatasetError, TLStudioError
from tlstudio.jobs import Recipe
from tlstudio.tasks import Answers, Epoch, Logged, Step, Task
from tlstudio.training.checkpoint import (
    Checkpoint,
    Position,
    learning_state,
    load_learning_state,
    load_optimizer_state,
    optimizer_state,
)
from tlstudio.training.devices import memory_in_use
from tlstudio.training.optimizer import build_optimizer, rate_factor, set_rates
from tlstudio.training.sources import Source

SAVE_EVERY = 120.0
"""Seconds after which a long epoch is saved in its middle."""
QUICK = 1.0
"""Epochs that follow each other faster than this many seconds share a checkpoint."""
READ_EVERY = 0.1
"""Seconds after which the losses are fetched from a device that computes beside the processor."""

_REDUCED = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Loop:
    """One training: a network, what it learns from, how, and where it is kept.

    `save` writes the checkpoint; `answers` turns validation probabilities (N, C) into the event
    that shows a few of them. `checkpoint` is where to carry on from and is kept up to date.
    """

    network: StagedNetwork
    source: Source
    recipe: Recipe
    class_weights: Tensor
    seed: int
    device: torch.device
    checkpoint: Checkpoint
    save: Callable[[Checkpoint], None]
    answers: Callable[[int, Tensor], Answers]
    precision: str = "float32"
    patience: Patience = field(default_factory=Patience)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        # How convolutions read their pictures fastest, in every number format.
        self.network.to(memory_format=torch.channels_last)
        self.layout = _layout(self.network)
        if self.device.type == "cpu" and self.precision != "float32":
            keep_depthwise_exact(self.network)
        self.optimizer = build_optimizer(self.network, self.recipe)
        self.position = self.checkpoint.position
        self.scaler = self._loss_scaling()
        # A processor's numbers are there at once. Another device computes beside it, and asking for
        # a number waits for all that it has still to do.
        self.beside = self.device.type != "cpu"
        # Losses and right answers of the batches since they were last read, still on the device.
        self.unread: list[tuple[Tensor, Tensor, int]] = []
        self.batch_loss = 0.0
        self.saved_at = self.read_at = self.clock()
        # Where the epoch that runs now began for the clock: a resumed one began in the middle.
        self.epoch_started = self.saved_at
        self.first_step = self.position.step
        if self.checkpoint.now:
            load_learning_state(self.network, self.checkpoint.now)
            load_optimizer_state(self.optimizer, self.checkpoint.optimizer)
        self.average = self._running_average() if self.recipe.averaging else None
        # What is checked and kept: the running average of the weights where there is one.
        self.judged = cast("StagedNetwork", self.average.module) if self.average else self.network

    def run(self) -> Task[Checkpoint]:
        """All epochs, or as many as early stopping leaves. Closing it saves a checkpoint."""
        intact = True
        try:
            while self.position.epoch < self.recipe.epochs:
                # Asked before an epoch, so that a run that is carried on asks it too.
                if self._stops_early():
                    yield Logged(
                        message=f"Stopped after epoch {self.position.epoch}: no improvement for "
                        f"{self.recipe.patience} epochs."
                    )
                    break
                yield from self._epoch()
        except BaseException as error:
            # Closed between two steps, or where only the pictures went away, the weights are whole;
            # after anything else (an interrupt in the middle of a step) the last checkpoint is.
            intact = isinstance(error, DatasetError | GeneratorExit)
            raise
        finally:
            if intact:
                self._save()
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
            lambda: self.source.validate(self.judged), before=self._save
        )
        loss = float(cross_entropy(logits, self.source.labels))
        if not math.isfinite(loss):
            raise _diverged()
        accuracy = int((logits.argmax(1) == self.source.labels).sum()) / len(logits)
        yield from self._close_epoch(epoch, loss, accuracy, trained_for)
        yield self.answers(epoch, torch.softmax(logits, 1))

    def _steps(self, epoch: int) -> Task[None]:
        """The steps of `epoch` that are still to be done."""
        with contextlib.closing(self.source.batches(epoch, self.position.step)) as batches:
            for inputs, labels in batches:
                yield self._step(epoch, inputs, labels)
                if self.clock() - self.saved_at > SAVE_EVERY:
                    self._save()

    def _step(self, epoch: int, inputs: Tensor, labels: Tensor) -> Step:
        """One batch, all randomness of which follows from seed, epoch and step."""
        position, steps = self.position, self.source.steps
        factor = rate_factor(
            position.epoch * steps + position.step, self.recipe.epochs * steps, self.recipe.warmup
        )
        set_rates(self.optimizer, factor)
        _begin_drawing(_seed(self.seed, epoch, position.step), self.device)
        labels = labels.to(self.device, non_blocking=True)
        reduced = _REDUCED.get(self.precision)
        with torch.autocast(self.device.type, reduced, enabled=reduced is not None):
            logits = self.source.logits(self._placed(inputs))
        loss = cross_entropy(
            logits.float(),
            labels,
            weight=self.class_weights,
            label_smoothing=self.recipe.label_smoothing,
        )
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.network)
        self.position = position.model_copy(update={"step": position.step + 1})
        self.unread.append((loss.detach(), (logits.argmax(1) == labels).sum(), len(labels)))
        self._read_if_due()
        return self._step_event(epoch, len(labels))

    def _placed(self, inputs: Tensor) -> Tensor:
        if inputs.ndim != 4:
            return inputs.to(self.device, non_blocking=True)
        return inputs.to(self.device, non_blocking=True, memory_format=self.layout)

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
        if not all(map(math.isfinite, losses)):
            raise _diverged()
        loss_sum = self.position.loss_sum
        for loss, count in zip(losses, sizes, strict=True):
            loss_sum += loss * count
        self.position = self.position.model_copy(
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

    def _close_epoch(
        self, epoch: int, loss: float, accuracy: float, trained_for: float
    ) -> Task[None]:
        """Remembers the epoch, and its weights if it is the best so far, and reports it."""
        done, steps = self.position, self.source.steps
        better = done.best_epoch == 0 or (accuracy, -loss) > (done.best_accuracy, -done.best_loss)
        best = (epoch, accuracy, loss) if better else _best(done)
        elapsed = self.clock() - self.epoch_started
        self.position = Position(
            probe=done.probe,
            loss_scale=done.loss_scale,
            unscathed_steps=done.unscathed_steps,
            epoch=epoch,
            best_epoch=best[0],
            best_accuracy=best[1],
            best_loss=best[2],
            seconds=done.seconds + elapsed,
        )
        if better:
            self.checkpoint.best = learning_state(self.judged)
        if self.clock() - self.saved_at > QUICK:
            self._save()
        pictures = done.seen * (steps - self.first_step) / steps
        worked = max(1, steps - self.first_step) * self.source.cost(epoch) + self.source.checking
        yield Epoch(
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

    # --- the running average --------------------------------------------------------------------

    def _running_average(self) -> AveragedModel:
        """Izmailov et al., "Averaging weights leads to wider optima", 2018, with a decay a step as
        in Polyak averaging; BatchNorm's statistics are averaged along."""
        decay = get_ema_multi_avg_fn(self.recipe.averaging)  # type: ignore[no-untyped-call]
        average = AveragedModel(self.network, multi_avg_fn=decay, use_buffers=True)
        if self.checkpoint.average:
            load_learning_state(cast("StagedNetwork", average.module), self.checkpoint.average)
            average.n_averaged.fill_(1)  # only whether it is the first one counts
        return average

    # --- half precision -------------------------------------------------------------------------

    def _loss_scaling(self) -> torch.amp.GradScaler:
        """Keeps small gradients from vanishing in float16 (Micikevicius et al., "Mixed precision
        training", 2018); does nothing in the other formats."""
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "float16")
        if scaler.is_enabled() and self.position.loss_scale:
            state = scaler.state_dict()
            state["scale"] = self.position.loss_scale
            state["_growth_tracker"] = self.position.unscathed_steps
            scaler.load_state_dict(state)
        return scaler

    # --- keeping --------------------------------------------------------------------------------

    def _save(self) -> None:
        self._read()
        if self.scaler.is_enabled():
            scaling = self.scaler.state_dict()
            growth = {"loss_scale": scaling["scale"], "unscathed_steps": scaling["_growth_tracker"]}
            self.position = self.position.model_copy(update=growth)
        self.checkpoint.position = self.position
        self.checkpoint.now = learning_state(self.network)
        self.checkpoint.optimizer = optimizer_state(self.optimizer)
        if self.average is not None and self.average.n_averaged:
            self.checkpoint.average = learning_state(self.judged)
        self.save(self.checkpoint)
        self.saved_at = self.clock()

    def _stops_early(self) -> bool:
        patience = self.recipe.patience
        waited = self.position.epoch - self.position.best_epoch
        return patience is not None and waited >= patience


class _ExactConvolution(nn.Conv2d):
    """A convolution that computes in 32 bits even where all around it is done in fewer."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002
        with torch.autocast(input.device.type, enabled=False):
            exact: Tensor = super()._conv_forward(input.float(), weight, bias)
            return exact.to(input.dtype)


def keep_depthwise_exact(network: StagedNetwork) -> None:
    """A processor's circuits for half precision multiply matrices. A depthwise convolution has
    none, and its gradient in half precision takes several times as long as in single. Frozen stages
    have no gradient, and what fills the cache looks for plain convolutions in them."""
    for part in network.stages[network.frozen :]:
        for module in part.module.modules():
            if type(module) is nn.Conv2d and module.groups == module.in_channels > 1:
                # The class, and no hook: averages are copies, and state dicts stay the same.
                module.__class__ = _ExactConvolution


def _layout(network: StagedNetwork) -> torch.memory_format:
    """How the learning stages read pictures and maps: convolutions channels last; others, whose
    channels come last already, as they are."""
    learning = (
        module for part in network.stages[network.frozen :] for module in part.module.modules()
    )
    convolves = any(isinstance(module, nn.Conv2d) for module in learning)
    return torch.channels_last if convolves else torch.contiguous_format


def _best(position: Position) -> tuple[int, float, float]:
    return position.best_epoch, position.best_accuracy, position.best_loss


def _begin_drawing(seed: int, device: torch.device) -> None:
    """As `torch.manual_seed`, which notes who called it for devices that are not even there, and so
    takes as long as a step over features."""
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def _seed(*parts: int) -> int:
    """A seed from numbers, the same on every computer."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:7], "big")


def _diverged() -> TLStudioError:
    return TLStudioError(
        "Training went astray: the loss is no longer a number.",
        "What was reached before is kept. Start again with a lower learning rate.",
    )
