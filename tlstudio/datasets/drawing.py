"""Owns which groups of pictures are drawn, so that each class gives its share and few are moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Unit:
    """Pictures that stay together: how many of each class, where in the order of drawing they
    stand, and whether they were drawn before ("in"), were not ("out"), or are new."""

    classes: Mapping[str, int]
    key: bytes
    state: Literal["in", "out", "new"]


@dataclass(frozen=True, slots=True)
class Share:
    """How much is to be drawn: `fraction` of each class, rounded, and one picture at least.

    `before` is the fraction of the earlier draw, None without one. Of each class `left` units are
    not drawn. With `may_move`, what was not drawn before may be where a class would have nothing
    otherwise.
    """

    fraction: float
    before: float | None
    left: int
    may_move: bool = False


def draw(units: Sequence[Unit], share: Share) -> set[int]:
    """Which of `units` are drawn, by index.

    What was drawn stays so, but for what a smaller fraction releases, last drawn first. Then new
    ones are drawn in the order of their keys (with a larger fraction old ones as well) wherever
    that brings the classes closer to their shares, in sum. A class that would have nothing gets the
    unit that strays least from these.
    """
    drawing = _Drawing(units, share)
    order = sorted(range(len(units)), key=lambda index: (units[index].key, index))
    drawing.leave_one(reversed(order))
    if share.before is not None and share.fraction < share.before:
        drawing.release(reversed(order))
    more = share.before is not None and share.fraction > share.before
    candidates = [i for i in order if units[i].state == "new" or (more and units[i].state == "out")]
    drawing.add(candidates)
    drawing.add_missing(candidates)
    if share.may_move:
        drawing.add_missing([index for index in order if units[index].state == "out"])
    return drawing.drawn


class _Drawing:
    """What is drawn at the moment, and by class: how many pictures that is, how many are missing
    (below zero: too many), and how many units are left."""

    def __init__(self, units: Sequence[Unit], share: Share) -> None:
        self._units, self._least = units, share.left
        self.drawn: set[int] = set()
        self._have, self._missing, self._left = Counter[str](), Counter[str](), Counter[str]()
        pictures = Counter[str]()
        for unit in units:
            pictures.update(unit.classes)
            self._left.update(unit.classes.keys())
        for label, count in sorted(pictures.items()):
            wanted = max(int(count * share.fraction + 0.5), 1)
            self._missing[label] = min(wanted, max(count - share.left, 0))
        for index, unit in enumerate(units):
            if unit.state == "in":
                self._move(index, 1)

    def leave_one(self, candidates: Iterable[int]) -> None:
        """Releases where a class would have nothing else."""
        for index in candidates:
            if index in self.drawn and any(not self._left[c] for c in self._units[index].classes):
                self._move(index, -1)

    def release(self, candidates: Iterable[int]) -> None:
        for index in candidates:
            classes = self._units[index].classes
            if (
                index in self.drawn
                and self._gain(classes, -1) > 0
                and all(self._have[label] > count for label, count in classes.items())
            ):
                self._move(index, -1)

    def add(self, candidates: Iterable[int]) -> None:
        # Once is enough: what does not help now helps less when more is drawn.
        for index in candidates:
            if self._may_take(index) and self._gain(self._units[index].classes, 1) > 0:
                self._move(index, 1)

    def add_missing(self, candidates: Sequence[int]) -> None:
        for label in self._missing:
            if self._have[label] or not self._missing[label]:
                continue
            fitting = [
                index
                for index in candidates
                if label in self._units[index].classes and self._may_take(index)
            ]
            if fitting:
                # The first in order where several fit alike.
                self._move(max(fitting, key=lambda i: self._gain(self._units[i].classes, 1)), 1)

    def _may_take(self, index: int) -> bool:
        return index not in self.drawn and all(
            self._left[label] > self._least for label in self._units[index].classes
        )

    def _gain(self, classes: Mapping[str, int], sign: int) -> int:
        """By how many pictures the classes come closer to their shares, in sum."""
        return sum(
            abs(self._missing[label]) - abs(self._missing[label] - sign * count)
            for label, count in classes.items()
        )

    def _move(self, index: int, sign: int) -> None:
        (self.drawn.add if sign > 0 else self.drawn.discard)(index)
        for label, count in self._units[index].classes.items():
            self._have[label] += sign * count
            self._missing[label] -= sign * count
            self._left[label] -= sign
