"""Owns when a training has gone astray, which its losses say.

Guessing costs ln C on C classes, however they are weighted and labels are smoothed, and a training
that works comes to less than that, or than what it began with. One whose batches all cost many
times as much is sure of wrong answers: its steps are longer than the valley is wide. Searches for a
learning rate stop at four times the lowest loss so far (Smith, "Cyclical learning rates", 2017;
fastai's and Lightning's finders). Here losses are held against guessing, so that a hard batch late
in a good training is no alarm, and must be high many times in a row: a false alarm would cost nine
tenths of the learning rate, while what was best before is kept in any case.
"""

from __future__ import annotations

import math

from tlstudio.errors import TLStudioError
from tlstudio.tasks import Warned
from tlstudio.training.checkpoint import Position

FACTOR = 10.0
"""How many times the loss of guessing is too much."""
IN_A_ROW = 10
"""Batches after each other that cost too much."""
HOPELESS = 10_000.0
"""How many times the loss of guessing is too much even once: often a network comes back from there
with nothing in it that answers to pictures."""
LOWERED = 0.1
"""What is left of the learning rate after a training went astray."""
_SOUND = 2.0
"""How many times the loss of guessing weights may cost that are worth coming back to."""


class Setback(TLStudioError):  # noqa: N818  (mostly it is no error)
    """The weights can't be trusted any more: training goes on from the last good ones, with
    `changes` to the position, and `warning` tells the user."""

    def __init__(self, changes: dict[str, float], warning: Warned) -> None:
        super().__init__(warning.message, warning.hint)
        self.changes, self.warning = changes, warning


def guessing(position: Position, classes: int) -> float:
    """The loss of guessing, or that of the first batch where it is higher."""
    return max(math.log(classes), position.first_loss)


def is_sound(position: Position, classes: int) -> bool:
    """Whether the weights are worth coming back to."""
    return position.last_loss <= _SOUND * guessing(position, classes)


def followed(position: Position, loss: float, classes: int) -> Position:
    """The position with the loss of one more batch. Raises `Setback` or, where the rate was lowered
    before, `TLStudioError`."""
    if not math.isfinite(loss):
        raise astray(position)
    first = position.first_loss or loss
    position = position.model_copy(update={"first_loss": first, "last_loss": loss})
    usual = guessing(position, classes)
    high = position.high_losses + 1 if loss > FACTOR * usual else 0
    if high == IN_A_ROW or loss > HOPELESS * usual:
        raise astray(position, "the loss grows instead of falling")
    return position.model_copy(update={"high_losses": high})


def astray(position: Position, how: str = "the loss is no longer a number") -> TLStudioError:
    """What is raised where training goes astray."""
    if position.rate_scale < 1:
        return TLStudioError(
            f"Training went astray: {how}, with a lower learning rate as well.",
            "What was reached before is kept. Start again with a much lower learning rate.",
        )
    return Setback(
        {"rate_scale": LOWERED},
        Warned(
            message=f"Training went astray: {how}. It goes back to the last good weights and "
            "carries on from there with a tenth of the learning rate.",
            hint="If the result is not good enough, train again with a lower learning rate.",
        ),
    )
