"""Owns the made-up runs that the tests of the plots and of the training page are fed with."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tlstudio.tasks import Epoch, Event, ProbeFitted, Step


def made_up_run(epochs: int, steps: int = 4, upto: int | None = None) -> Iterator[Event]:
    """A run that gets better all the time: validation accuracy is 0.9 - 0.3 exp(-epoch)."""
    yield ProbeFitted(train_loss=0.5, train_accuracy=0.9, val_loss=0.6, val_accuracy=0.8)
    for epoch in range(1, (upto or epochs) + 1):
        for step in range(1, steps + 1):
            yield Step(
                epoch=epoch,
                epochs=epochs,
                step=(epoch - 1) * steps + step,
                steps=epochs * steps,
                train_loss=1 / epoch,
                train_accuracy=0.9,
                learning_rate=1e-3,
                pictures_per_second=50,
                batch_loss=1 / epoch,
            )
        val = 0.9 - 0.3 * math.exp(-epoch)
        yield Epoch(
            epoch=epoch,
            epochs=epochs,
            step=epoch * steps,
            train_loss=1 / epoch,
            train_accuracy=0.9,
            val_loss=2 / epoch,
            val_accuracy=val,
            learning_rate=1e-3,
            pictures_per_second=50,
            best_epoch=epoch,
            best_val_accuracy=val,
        )
