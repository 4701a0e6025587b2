"""Owns which pictures are copies of one another: byte for byte, or nearly.

Nearly means saved again, resized, a little cropped, brightened, mirrored, turned by quarters, or
taken a moment later. It is judged by the small pictures in the items' facts alone, so nothing is
read from the disk.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlstudio.datasets.item import Item
from tlstudio.datasets.likeness import SIDE, Bytes, Likeness, centred, correlation
from tlstudio.datasets.ties import Ties
from tlstudio.tasks import Meter, Task

_METHOD = b"1"
"""Raised whenever other pairs would be found; what was remembered before no longer counts."""
_KEY = 16
_MANY = (5, 30)
"""A group of more than a tenth of all pictures is too large, but none of the first, any of more
than the second."""
_ALIKE, _SAME = 0.93, 0.35
"""In such a group: least correlation of what is not common to all, and the difference in grey
levels that saving a picture otherwise makes without loss."""
_AT_ONCE = 1024

Pair = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Compared:
    """What is remembered of earlier comparisons: which pictures were compared with one another, and
    which pairs were near copies. Keep `packed()`, one blob of some 16 bytes a picture, and give
    `unpacked(blob)` to the next `near`."""

    keys: frozenset[bytes] = frozenset()
    pairs: frozenset[Pair] = frozenset()

    def packed(self) -> bytes:
        keys = sorted(self.keys)
        number = {key: index for index, key in enumerate(keys)}
        pairs = sorted((number[first], number[second]) for first, second in self.pairs)
        count = len(keys).to_bytes(4, "little")
        return b"".join([_METHOD, count, *keys, np.array(pairs, "<u4").tobytes()])

    @classmethod
    def unpacked(cls, blob: bytes) -> Compared:
        """What `packed` gave; nothing where that was made by another method, or is damaged."""
        count = int.from_bytes(blob[1:5], "little")
        tail = blob[5 + count * _KEY :]
        if blob[:1] != _METHOD or len(blob) < 5 + count * _KEY or len(tail) % 8:
            return cls()
        keys = [blob[5 + at * _KEY : 5 + (at + 1) * _KEY] for at in range(count)]
        pairs = np.frombuffer(tail, "<u4").reshape(-1, 2)
        if pairs.size and int(pairs.max()) >= count:
            return cls()
        joined = frozenset((keys[first], keys[second]) for first, second in pairs.tolist())
        return cls(frozenset(keys), joined)


@dataclass(frozen=True, slots=True)
class Near:
    """Groups of near copies as indices of items, and what to remember."""

    groups: list[tuple[int, ...]]
    compared: Compared


def exact(items: Sequence[Item]) -> list[tuple[int, ...]]:
    """Groups of two and more items whose files are the same bytes."""
    by_digest: dict[bytes, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        by_digest[item.digest].append(index)
    return [tuple(same) for same in by_digest.values() if len(same) > 1]


def near(items: Sequence[Item], known: Compared = Compared()) -> Task[Near]:
    """Groups of items of which each is a near copy of another one in the group.

    A group holds at least two different files, and with each all that are the same bytes. Pictures
    of one colour are copies of nothing.

    What `known` has compared is not compared again, so that a look at an unchanged data set costs
    next to nothing, and one at a grown one only what is new against all.

    Where a great many pictures hang together (a camera that does not move), only those stay
    together that are alike beyond what all of them show: a group of most pictures could neither be
    looked at nor split.
    """
    meter, by_key = Meter("compare", len(items)), defaultdict[bytes, list[int]](list)
    for index, item in enumerate(items):
        by_key[_key(item)].append(index)
        if not index % _AT_ONCE:
            yield from meter.at(0)
    # What was compared before comes first; each new one is then compared with all before it.
    keys = sorted(by_key, key=lambda key: (key not in known.keys, key))
    old = sum(key in known.keys for key in keys)
    thumbs = _thumbs([items[by_key[key][0]] for key in keys])
    pairs = set(known.pairs)
    if old < len(keys):
        found = yield from _pairs(thumbs, old, meter)
        pairs.update(_ordered(keys[one], keys[other]) for one, other in found)
    number = {key: index for index, key in enumerate(keys)}
    here = [(number[a], number[b]) for a, b in pairs if a in number and b in number]
    yield from meter.at(len(items))
    groups = [
        tuple(sorted(index for member in group for index in by_key[keys[member]]))
        for group in (yield from _groups(thumbs, here, meter))
    ]
    return Near(sorted(groups), Compared(known.keys | by_key.keys(), frozenset(pairs)))


def _key(item: Item) -> bytes:
    """Of what is compared: a file's bytes, and the picture that was made of them."""
    return hashlib.blake2b(item.digest + item.facts.thumb, digest_size=_KEY).digest()


def _ordered(one: bytes, other: bytes) -> Pair:
    return (one, other) if one < other else (other, one)


def _thumbs(items: Sequence[Item]) -> Bytes:
    flat = np.frombuffer(b"".join(item.facts.thumb for item in items), np.uint8)
    return flat.reshape(-1, SIDE, SIDE, 3)


def _pairs(thumbs: Bytes, old: int, meter: Meter) -> Task[list[tuple[int, int]]]:
    """Pairs of near copies of which at least one is not among the first `old`."""
    found: list[tuple[int, int]] = []
    likeness = Likeness(thumbs)
    for _ in likeness.describe():
        yield from meter.at(old)
    for done, few in likeness.pairs(old):
        found += few
        yield from meter.at(done)
    return found


# --- from pairs to groups ------------------------------------------------------------------------


def _groups(thumbs: Bytes, pairs: list[tuple[int, int]], meter: Meter) -> Task[list[list[int]]]:
    """What hangs together by the pairs, taken apart where it is too much."""
    many = max(_MANY[0], min(_MANY[1], len(thumbs) // 10))
    whole = yield from _hanging_together(len(thumbs), pairs, meter)
    crowds = [group for group in whole if len(group) > many]
    if crowds:
        closer = yield from _beyond_the_common(thumbs, crowds, pairs, meter)
        apart = yield from _hanging_together(len(thumbs), closer, meter)
        whole += apart
    return [group for group in whole if len(group) <= many]


def _hanging_together(
    count: int, pairs: list[tuple[int, int]], meter: Meter
) -> Task[list[list[int]]]:
    ties = Ties(count)
    for number, pair in enumerate(pairs):
        ties.join(pair)
        if not number % _AT_ONCE:
            yield from meter.at(count)
    return [group for group in ties.groups() if len(group) > 1]


def _beyond_the_common(
    thumbs: Bytes, crowds: list[list[int]], pairs: list[tuple[int, int]], meter: Meter
) -> Task[list[tuple[int, int]]]:
    """Those pairs within crowds that are still alike once the mean picture of their crowd is taken
    away, or that differ by less than a picture that was only saved otherwise."""
    crowd = np.full(len(thumbs), -1)
    common = np.zeros((len(crowds), *thumbs.shape[1:]), np.float32)
    for number, group in enumerate(crowds):
        crowd[group] = number
        for begin in range(0, len(group), _AT_ONCE):
            few = group[begin : begin + _AT_ONCE]
            common[number] += centred(thumbs[few]).sum(0) / len(group)
            yield from meter.at(len(thumbs))
    kept: list[tuple[int, int]] = []
    inside = [pair for pair in pairs if crowd[pair[0]] >= 0]
    for begin in range(0, len(inside), _AT_ONCE):
        rows = np.array(inside[begin : begin + _AT_ONCE]).T
        one, other = (centred(thumbs[row]) - common[crowd[row]] for row in rows)
        same = np.sqrt(np.mean((one - other) ** 2, axis=(1, 2, 3))) <= _SAME
        alike = correlation(one, other) >= _ALIKE
        kept += [inside[begin + row] for row in np.flatnonzero(same | alike).tolist()]
        yield from meter.at(len(thumbs))
    return kept
