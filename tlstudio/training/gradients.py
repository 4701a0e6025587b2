"""Owns the gradients of a batch: from all of it at once, or added up from pieces of it where memory
does not hold it, with the same result."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tlstudio.backbones.staged import StagedNetwork
from tlstudio.jobs import Recipe
from tlstudio.training.memory import split_evenly
from tlstudio.training.number_formats import REDUCED, layout


@dataclass
class Gradients:
    """What a step's gradients are made by.

    `logits` is what the model says of inputs on `device`, `scaled` keeps the gradients of a loss
    from vanishing; `class_weights` (C,) lie on `device`.
    """

    network: StagedNetwork
    logits: Callable[[Tensor], Tensor]
    scaled: Callable[[Tensor], Tensor]
    recipe: Recipe
    class_weights: Tensor
    device: torch.device
    precision: str

    def __post_init__(self) -> None:
        self._layout = layout(self.network)
        self._learning_norms = _learning_norms(self.network)

    @property
    def least(self) -> int:
        """Pictures of a piece at least: one alone has no statistics to normalise it by."""
        return 2 if self._learning_norms else 1

    def add(self, inputs: Tensor, labels: Tensor, most: int) -> tuple[Tensor, Tensor]:
        """Adds the gradients of the batch's mean loss to those of the parameters, from at most
        `most` pictures at once (0: all). Returns that loss and the number of right answers, on the
        device.

        The mean is the one over the whole batch, each picture with its class's weight, so that
        pieces of any size give the same gradient. Where BatchNorm learns its statistics, it sees
        the pictures of a piece only.
        """
        labels = labels.to(self.device, non_blocking=True)
        whole = self.class_weights[labels].sum()
        bounds = split_evenly(len(labels), most, self.least)
        loss = torch.zeros((), device=self.device)
        right = torch.zeros((), dtype=torch.long, device=self.device)
        with self._statistics_of(len(bounds)):
            for start, end in bounds:
                share, correct = self._piece(inputs[start:end], labels[start:end], whole)
                loss += share
                right += correct
        return loss, right

    def _piece(self, inputs: Tensor, labels: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
        reduced = REDUCED.get(self.precision)
        with torch.autocast(self.device.type, reduced, enabled=reduced is not None):
            logits = self.logits(self._placed(inputs))
        loss = cross_entropy(
            logits.float(),
            labels,
            weight=self.class_weights,
            label_smoothing=self.recipe.label_smoothing,
            reduction="sum",
        )
        share = loss / whole
        self.scaled(share).backward()  # type: ignore[no-untyped-call]
        return share.detach(), (logits.argmax(1) == labels).sum()

    def _placed(self, inputs: Tensor) -> Tensor:
        if inputs.ndim != 4:
            return inputs.to(self.device, non_blocking=True)
        return inputs.to(self.device, non_blocking=True, memory_format=self._layout)

    @contextlib.contextmanager
    def _statistics_of(self, pieces: int) -> Iterator[None]:
        """Has the pieces together move BatchNorm's running statistics as far as one batch does;
        where memory runs out half-way they are as before."""
        before = [
            (buffer, buffer.clone()) for norm in self._learning_norms for buffer in norm.buffers()
        ]
        momenta = [norm.momentum for norm in self._learning_norms]
        for norm in self._learning_norms:
            if norm.momentum is not None and pieces > 1:
                norm.momentum = 1 - (1 - norm.momentum) ** (1 / pieces)
        try:
            yield
        except BaseException:
            for buffer, value in before:
                buffer.copy_(value)
            raise
        finally:
            for norm, momentum in zip(self._learning_norms, momenta, strict=True):
                norm.momentum = momentum


def _learning_norms(network: StagedNetwork) -> list[nn.modules.batchnorm._BatchNorm]:
    """The layers that take their statistics from the batch."""
    if network.fixed_batchnorm:
        return []
    return [
        module
        for part in network.stages[network.frozen :]
        for module in part.module.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
