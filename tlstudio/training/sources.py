"""Owns what the loop learns from: pooled features of a frozen backbone, or varied pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import psutil
import torch
from torch import Tensor

from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.jobs import Recipe
from tlstudio.tasks import Meter, Task
from tlstudio.training.activations import Activations, chunks_of
from tlstudio.training.augment import vary
from tlstudio.training.decoded import DecodedPictures
from tlstudio.training.features import Features, Pictures
from tlstudio.training.inference import (
    BATCH,
    Batch,
    check_batches,
    full_precision,
    in_order_or_waiting,
    preprocessed_batches,
    vanished,
)
from tlstudio.training.memory import Pieces
from tlstudio.training.views import PLAIN, View

Batches = Generator[tuple[Tensor, Tensor] | None, None, None]
"""Inputs and labels; None whenever a tenth of a second passes without any."""

_KEPT = 1_000_000_000
"""Bytes of preprocessed validation pictures that are kept in memory at most."""


class Source(Protocol):
    """Training batches in an order that follows from seed and epoch alone, and a validation."""

    @property
    def labels(self) -> Tensor:
        """Class indices of the validation pictures (N,)."""
        ...

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        ...

    @property
    def checking(self) -> float:
        """What a validation costs, in training steps (roughly)."""
        ...

    def cost(self, epoch: int) -> float:
        """What a step of `epoch` costs (roughly), in steps on pictures of the full size."""
        ...

    def batches(self, epoch: int, first: int) -> Batches:
        """Inputs and labels of batch `first` and the ones after it, of `epoch` (from 1)."""
        ...

    def logits(self, inputs: Tensor) -> Tensor:
        """What the model says of a training batch, with gradients."""
        ...

    def validate(self, network: StagedNetwork) -> Task[Tensor]:
        """What `network` says of all validation pictures: logits (N, C), float32 on the CPU."""
        ...


def epoch_order(count: int, seed: int, epoch: int) -> list[int]:
    order: list[int] = np.random.default_rng([seed, 2, epoch]).permutation(count).tolist()
    return order


def batch_bounds(count: int, size: int) -> list[tuple[int, int]]:
    """First and past-the-end index of each batch.

    A last batch of one picture joins its neighbour: batch statistics of one picture are useless,
    and BatchNorm refuses them.
    """
    starts = list(range(0, count, size))
    if len(starts) > 1 and count - starts[-1] == 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], count], strict=True))


@dataclass
class FeatureSource:
    """Everything frozen: the head learns from features that were computed once."""

    network: StagedNetwork
    train: Features
    train_labels: Tensor
    val: Features
    val_labels: Tensor
    recipe: Recipe
    seed: int
    device: torch.device
    pieces: Pieces = field(default_factory=Pieces)

    @property
    def labels(self) -> Tensor:
        return self.val_labels

    @property
    def steps(self) -> int:
        return len(batch_bounds(len(self.train_labels), self.recipe.batch_size))

    @property
    def checking(self) -> float:
        return 1.0

    def cost(self, epoch: int) -> float:
        return 1.0

    def batches(self, epoch: int, first: int) -> Generator[tuple[Tensor, Tensor], None, None]:
        order = torch.tensor(epoch_order(len(self.train_labels), self.seed, epoch))
        for start, end in batch_bounds(len(order), self.recipe.batch_size)[first:]:
            chosen = order[start:end]
            yield self.train.pooled[chosen], self.train_labels[chosen]

    def logits(self, inputs: Tensor) -> Tensor:
        return self.network.classify_pooled(inputs)

    def validate(self, network: StagedNetwork) -> Task[Tensor]:
        with torch.inference_mode():
            logits = self.pieces(network.classify_pooled, self.val.pooled, self.device)
        yield from self.pieces.said()
        return logits


@dataclass
class ActivationSource:
    """The first `depth` stages frozen: the others learn from what those give for a few fixed views
    of each picture, one of them an epoch."""

    network: StagedNetwork
    train: Activations
    val: Activations
    views: tuple[View, ...]
    depth: int
    recipe: Recipe
    seed: int
    pieces: Pieces = field(default_factory=Pieces)

    @property
    def labels(self) -> Tensor:
        return self.val.pictures.labels

    @property
    def steps(self) -> int:
        return len(batch_bounds(len(self.train.pictures), self.recipe.batch_size))

    @property
    def checking(self) -> float:
        # Forward only: about a third of a training step a batch.
        return len(self.labels) / self.recipe.batch_size / 3

    def cost(self, epoch: int) -> float:
        return 1.0

    def batches(self, epoch: int, first: int) -> Batches:
        order = epoch_order(len(self.train.pictures), self.seed, epoch)
        bounds = batch_bounds(len(order), self.recipe.batch_size)[first:]
        chunks = ([self._seen(number, epoch) for number in order[a:b]] for a, b in bounds)
        with contextlib.closing(self.train.stream(chunks, [self.depth])) as stream:
            upcoming = iter(bounds)
            for rows in stream:
                if rows is None:
                    yield None
                    continue
                start, end = next(upcoming)
                yield rows[self.depth], self.train.pictures.labels[order[start:end]]

    def _seen(self, number: int, epoch: int) -> tuple[int, View]:
        """Each picture's views take turns, and not every picture begins with the same one."""
        turn = epoch - 1 + self.train.contents[number].digest[0]
        return number, self.views[turn % len(self.views)]

    def logits(self, inputs: Tensor) -> Tensor:
        return self.network.classify(self.network.run(inputs, self.depth))

    def validate(self, network: StagedNetwork) -> Task[Tensor]:
        wanted = [(number, PLAIN) for number in range(len(self.labels))]
        meter, logits = Meter("evaluate", len(wanted)), list[Tensor]()
        device = self.val.part.device

        def forward(rows: Tensor) -> Tensor:
            return network.classify(network.run(rows, self.depth))

        done = 0
        yield from meter.at(done)
        with contextlib.closing(self.val.stream(chunks_of(wanted, BATCH), [self.depth])) as stream:
            for rows in stream:
                if rows is not None:
                    with torch.inference_mode(), full_precision():
                        logits.append(self.pieces(forward, rows[self.depth], device))
                    done += len(logits[-1])
                yield from meter.at(done)
        yield from (*self.train.said(), *self.val.said(), *self.pieces.said())
        return torch.cat(logits)


@dataclass
class PictureSource:
    """Unfrozen stages: varied training pictures, read and varied by threads ahead of the device."""

    network: StagedNetwork
    train: DecodedPictures
    val: Pictures
    preprocessing: Preprocessing
    recipe: Recipe
    seed: int
    device: torch.device
    kept: list[Batch] = field(default_factory=list)
    pieces: Pieces = field(default_factory=Pieces)

    @property
    def pictures(self) -> Pictures:
        return self.train.pictures

    @property
    def labels(self) -> Tensor:
        return self.val.labels

    @property
    def steps(self) -> int:
        return len(batch_bounds(len(self.pictures), self.recipe.batch_size))

    @property
    def checking(self) -> float:
        # Forward only: about half of a training step a batch.
        return len(self.val) / self.recipe.batch_size / 2

    def size(self, epoch: int) -> int:
        """The side in pixels of the training pictures of `epoch` (from 1)."""
        sizes = self.recipe.sizes or (self.preprocessing.spec.crop,)
        return sizes[(epoch - 1) * len(sizes) // self.recipe.epochs]

    def cost(self, epoch: int) -> float:
        return (self.size(epoch) / self.preprocessing.spec.crop) ** 2

    def batches(self, epoch: int, first: int) -> Batches:
        order = epoch_order(len(self.pictures), self.seed, epoch)
        bounds = batch_bounds(len(order), self.recipe.batch_size)[first:]
        spec = self.preprocessing.spec.model_copy(update={"crop": self.size(epoch)})

        def view(index: int) -> Tensor:
            random = np.random.default_rng([self.seed, 3, epoch, index])
            return vary(self.train[index], self.recipe.augmentation, spec, random)

        wanted = [index for start, end in bounds for index in order[start:end]]
        ahead = 2 * self.recipe.batch_size
        with contextlib.closing(in_order_or_waiting(view, wanted, ahead=ahead)) as views:
            for start, end in bounds:
                # The device fetches pinned memory by itself, while the next batch is put together.
                batch = torch.empty(end - start, 3, spec.crop, spec.crop, pin_memory=self._pins)
                for row in batch:
                    while (made := next(views)) is None:
                        yield None
                    row.copy_(made.result())
                yield batch, self.pictures.labels[order[start:end]]

    @property
    def _pins(self) -> bool:
        return self.device.type in ("cuda", "xpu")

    def logits(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(inputs)
        return logits

    def validate(self, network: StagedNetwork) -> Task[Tensor]:
        """Raises `DatasetError` if a picture can't be read: a figure that silently rests on fewer
        pictures than it says would not be honest."""
        reading = self._preprocessed()
        checked = yield from check_batches(
            reading, len(self.val), network, self.device, pieces=self.pieces
        )
        for index, error in checked.failed:
            raise vanished(self.val.files[index], error) from error
        return torch.from_numpy(checked.values)

    def _preprocessed(self) -> Generator[Batch | None, None, None]:
        """The preprocessed validation pictures: read once and kept where they take little memory,
        else read anew each time."""
        if self.kept:
            yield from self.kept
            return
        seen: list[Batch] = []
        size = len(self.val) * 12 * self.preprocessing.spec.crop**2
        small = size <= min(_KEPT, psutil.virtual_memory().total // 10)
        with contextlib.closing(
            preprocessed_batches(self.val.files, self.preprocessing, read=self.val.read)
        ) as reading:
            for batch in reading:
                yield batch
                if batch is not None and small:
                    seen.append(batch)
        self.kept = seen
