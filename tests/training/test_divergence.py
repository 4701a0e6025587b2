"""A training that goes astray is noticed, and one that works is left alone."""

from __future__ import annotations

import math

import pytest

from tlstudio.errors import TLStudioError
from tlstudio.training.checkpoint import Position, ProbeScore
from tlstudio.training.divergence import IN_A_ROW, Setback, followed, is_sound

PROBE = ProbeScore(strength=1, train_loss=1, train_accuracy=0, val_loss=1, val_accuracy=0)
START = Position(probe=PROBE)


def after(*losses: float, classes: int = 10, start: Position = START) -> Position:
    position = start
    for loss in losses:
        position = followed(position, loss, classes)
    return position


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_a_setback_at_once(loss: float) -> None:
    with pytest.raises(Setback, match="no longer a number") as caught:
        after(2.0, loss)
    assert caught.value.changes == {"rate_scale": 0.1}


def test_losses_far_above_guessing_are_a_setback_when_they_stay_there() -> None:
    high = 10.1 * math.log(10)
    after(2.3, *([high] * (IN_A_ROW - 1)), 2.3, *([high] * (IN_A_ROW - 1)))
    with pytest.raises(Setback, match="grows"):
        after(2.3, *([high] * IN_A_ROW))


def test_a_single_loss_beyond_all_bounds_is_a_setback() -> None:
    after(2.3, 2000.0, 2.3)
    with pytest.raises(Setback, match="grows"):
        after(2.3, 1e6)


def test_what_began_high_or_is_far_above_its_own_best_is_no_setback() -> None:
    assert after(*([400.0] * 50)).rate_scale == 1
    ended = after(0.7, *([0.0001] * 50), *([5.0] * 50), classes=2)
    assert ended.high_losses == 0
    assert ended.rate_scale == 1


def test_weights_that_are_worse_than_guessing_are_not_worth_coming_back_to() -> None:
    assert is_sound(START, 10)
    assert is_sound(after(2.5, 2.4), 10)
    assert not is_sound(after(2.5, 2.4, 9.0), 10)


def test_the_rate_is_lowered_once() -> None:
    lowered = START.model_copy(update={"rate_scale": 0.1})
    with pytest.raises(TLStudioError, match="lower learning rate as well") as caught:
        after(math.nan, start=lowered)
    assert not isinstance(caught.value, Setback)
    assert caught.value.hint
