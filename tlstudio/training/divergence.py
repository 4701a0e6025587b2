"""Owns when a training has gone astray, which its losses say.

Guessing costs ln C on C classes, whatever their weights and however labels are smoothed, and a
training that works comes to less than that or less than what it began with. One whose loss is many
times as large is sure of wrong answers and on its way to infinity: its steps are longer than the
valley is wide. Searches for a learning rate stop at four times the lowest loss so far (Smith,
"Cyclical learning rates", 2017; fastai's and Lightning's finders). Held against guessing and not
against the lowest loss, a hard batch late in a good training is no alarm; and the factor is a large
one, because a false alarm costs nine tenths of the learning rate.
"""

from __future__ import annotations

import math

from tlstudio.errors import TLStudioError
from tlstudio.tasks import Warned
from tlstudio.training.checkpoint import Position

FACTOR = 10.0
"""How many times the loss of guessing is too much."""
LOWERED = 0.1
"""What is left of the learning rate after a training went astray."""
_KEPT = 0.9
"""The share of the running mean of losses that each further one leaves in place."""


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
    """Whether the weights are worth coming back to: they are no worse than guessing."""
    return position.recent_loss <= guessing(position, classes)


def followed(position: Position, loss: float, classes: int) -> Position:
    """The position with the loss of one more batch. Raises `Setback` or, where the rate was lowered
    before, `TLStudioError`."""
    if not math.isfinite(loss):
        raise astray(position)
    first = position.first_loss or loss
    recent = _KEPT * (position.recent_loss or loss) + (1 - _KEPT) * loss
    position = position.model_copy(update={"first_loss": first, "recent_loss": recent})
    if recent > FACTOR * guessing(position, classes):
        raise astray(position, "the loss grows instead of falling")
    return position


def astray(position: Position, how: str = "the loss is no longer a number") -> TLStudioError:
    """What is raised where training goes astray."""
    if position.rate_scale < 1:
        return TLStudioError(
            f"Training went astray: {how}, with a lower learning rate as well.",
            "What was reached before is kept. Start again with a much lower learning rate, or look "
            "whether a table or a setting gives the pictures wrong values.",
        )
    return Setback(
        {"rate_scale": LOWERED},
        Warned(
            message=f"Training went astray: {how}. It goes back to the last good weights and "
            "carries on from there with a tenth of the learning rate.",
            hint="If the result is not good enough, train again with a lower learning rate.",
        ),
    )
