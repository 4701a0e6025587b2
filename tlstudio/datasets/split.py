"""Owns which part each picture belongs to where the user does not say so: groups stay together, who
has a part keeps it, and each class gives its share."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tlstudio.datasets.drawing import Share, Unit, draw
from tlstudio.datasets.item import Item
from tlstudio.jobs import Part

_ORDER: tuple[Part, ...] = ("train", "val", "test")
_TEST_KEY = "test"
_USES = {"val": "validation", "test": "testing"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """An earlier draw: where it put each picture, by number, also such as are gone, and the share
    that was asked for.

    `regrouped` says that the user has changed since then what belongs together: old pictures that
    do now, and are in different parts, are drawn anew instead of set aside.
    """

    parts: Mapping[int, Part]
    fraction: float
    regrouped: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who goes where, by number. `aside` says of those that count nowhere why; each picture is in
    one of the two. `unchecked` are the classes without a validation picture."""

    parts: Mapping[int, Part]
    aside: Mapping[int, str]
    unchecked: tuple[str, ...]


def assign(
    items: Sequence[Item],
    groups: Sequence[str],
    *,
    val_fraction: float,
    test_fraction: float,
    seed: int,
    tested: Drawn | None = None,
    validated: Drawn | None = None,
) -> Assignment:
    """Divides `items` into parts; `groups` names what each belongs to (see `groups_of`).

    `tested` is the earlier draw of test pictures ("test", anything else for those that were not
    drawn), which holds for all seeds; `validated` that of validation pictures with this seed.

    - Parts that the user's own split gives are kept. Test pictures are drawn only where it has
      none, validation pictures likewise; where it has these, what it says nothing of goes where its
      group is, or else is trained on.
    - Test pictures are drawn first, in an order that does not depend on the seed; then validation
      pictures, `val_fraction` of what is left. Each class gives its share, rounded, and at least
      one picture where two groups are left to train and validate on; the rest is trained on. A
      class that is one group can't be checked.
    - Who had a part keeps it. Where new pictures tie such of different parts together, they go to
      training (or to validation, where none was trained on), and the others are set aside.
    - A larger share than before only adds pictures to a part, a smaller one only releases some.
    """
    state = _State(items)
    units = state.honour_given(_members(groups))
    has = {item.given for item in items}
    if test_fraction and "test" not in has:
        units = state.draw(units, _Draw("test", _TEST_KEY, test_fraction, 2, tested))
    if "val" not in has:
        units = state.draw(units, _Draw("val", str(seed), val_fraction, 1, validated))
    state.put((index for members in units for index in members), "train")
    checked = {item.label for item in items if state.parts.get(item.id) == "val"}
    unchecked = sorted({item.label for item in items} - checked)
    return Assignment(state.parts, state.aside, tuple(unchecked))


def leaks(
    items: Sequence[Item], groups: Sequence[str], parts: Mapping[int, Part]
) -> list[list[int]]:
    """The groups with pictures in more than one part, as indices into `items`. Only a split that
    the user brought has any."""
    return [
        members
        for members in _members(groups)
        if len({parts[items[index].id] for index in members if items[index].id in parts}) > 1
    ]


def _members(groups: Sequence[str]) -> list[list[int]]:
    """The indices of each group, those that are alone by themselves, in the order of the first."""
    members: dict[str | int, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group or index].append(index)
    return list(members.values())


@dataclass(frozen=True, slots=True)
class _Draw:
    """A draw for `part`, in the order that `key` gives; `left` groups of each class are left."""

    part: Literal["val", "test"]
    key: str
    fraction: float
    left: int
    earlier: Drawn | None

    def was_in(self, item: Item) -> bool | None:
        """None for a new one."""
        before = self.earlier.parts.get(item.id) if self.earlier else None
        return None if before is None else before == self.part


@dataclass(slots=True)
class _State:
    """What has been decided so far."""

    items: Sequence[Item]
    parts: dict[int, Part] = field(default_factory=dict)
    aside: dict[int, str] = field(default_factory=dict)

    def put(self, indices: Iterable[int], part: Part) -> None:
        for index in indices:
            self.parts[self.items[index].id] = part

    def honour_given(self, groups: list[list[int]]) -> list[list[int]]:
        """Puts everyone where the user's own split has them; gives what is left of each group."""
        has_val = any(item.given == "val" for item in self.items)
        open_groups: list[list[int]] = []
        for members in groups:
            fixed: set[Part] = set()
            free: list[int] = []
            for index in members:
                given = self.items[index].given
                if given is None or (given == "train" and not has_val):
                    free.append(index)
                else:
                    fixed.add(given)
                    self.put([index], given)
            if fixed and all(self.items[index].given is None for index in free):
                self.put(free, min(fixed, key=_ORDER.index))
            elif free:
                open_groups.append(free)
        return open_groups

    def draw(self, groups: list[list[int]], how: _Draw) -> list[list[int]]:
        """Puts those that are drawn into the part; gives what is left of the groups."""
        staying = [self._untied(members, how) for members in groups]
        before = how.earlier.fraction if how.earlier else None
        may_move = how.part == "val" and self._lost(staying, how)
        share = Share(how.fraction, before, how.left, may_move)
        drawn = draw([self._unit(members, how) for members in staying], share)
        for number in drawn:
            self.put(groups[number], how.part)
            for index in groups[number]:  # what they are tied to has come to them
                self.aside.pop(self.items[index].id, None)
        return [members for number, members in enumerate(staying) if number not in drawn]

    def _unit(self, members: Sequence[int], how: _Draw) -> Unit:
        was = {how.was_in(self.items[index]) for index in members}
        state: Literal["in", "out", "new"] = "new"
        if not {True, False} <= was and was != {None}:
            state = "in" if True in was else "out"
        labels = [self.items[index].label for index in members]
        classes = Counter(labels) if len(labels) > 1 else {labels[0]: 1}
        first = min(_normal(self.items[index].file) for index in members)
        return Unit(classes, _key(first, how.key), state)

    def _untied(self, members: list[int], how: _Draw) -> list[int]:
        """Those that stay, where pictures of `how.part` are tied to others; these are set aside."""
        was = {how.was_in(self.items[index]) for index in members} if len(members) > 1 else set()
        if not {True, False} <= was or (how.earlier is not None and how.earlier.regrouped):
            return members
        staying = [index for index in members if not how.was_in(self.items[index])]
        other = next(i for i in staying if how.was_in(self.items[i]) is False)
        for index in members:
            if how.was_in(self.items[index]):
                self.aside[self.items[index].id] = (
                    f"It was kept for {_USES[how.part]}, but it turned out to belong together with"
                    f" {self.items[other].file}, which was not."
                )
        return staying

    def _lost(self, groups: list[list[int]], how: _Draw) -> bool:
        """Whether pictures of an earlier draw are no longer there to be drawn."""
        here = {self.items[index].id for members in groups for index in members}
        before = how.earlier.parts if how.earlier else {}
        return any(
            part == how.part and number not in here and number not in self.aside
            for number, part in before.items()
        )


def _normal(file: str) -> str:
    # macOS may hand out the same name in another Unicode form than the disk it was copied from.
    return unicodedata.normalize("NFC", file)


def _key(file: str, key: str) -> bytes:
    return hashlib.sha256(f"{key}\0{file}".encode()).digest()
