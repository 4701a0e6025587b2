"""Owns which pictures are copies of one another: byte for byte, or nearly.

Nearly means saved again, resized, a little cropped, brightened, mirrored, turned by quarters, or
taken a moment later. It is judged by the small pictures in the items' facts alone, so nothing is
read from the disk.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tlstudio.datasets.item import Item
from tlstudio.datasets.likeness import SIDE, Likeness, centred, correlation
from tlstudio.tasks import Meter, Task

_METHOD = b"1"
"""Raised whenever other pairs would be found; what was remembered before no longer counts."""
_KEY = 16
_MANY = (5, 30)
"""A group of more than a tenth of all pictures is too large, but none of the first, any of more
than the second."""
_ALIKE, _SAME = 0.9, 0.35
"""In such a group: least correlation of what is not common to all, and the difference in grey
levels that saving a picture otherwise makes without loss."""
_AT_ONCE = 4096

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
    by_key: dict[bytes, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        by_key[_key(item)].append(index)
    # What was compared before comes first; each new one is then compared with all before it.
    keys = sorted(by_key, key=lambda key: (key not in known.keys, key))
    old = sum(key in known.keys for key in keys)
    thumbs = _thumbs([items[by_key[key][0]] for key in keys])
    pairs = set(known.pairs)
    if old < len(keys):
        found = yield from _pairs(thumbs, old)
        pairs.update(_ordered(keys[one], keys[other]) for one, other in found)
    number = {key: index for index, key in enumerate(keys)}
    here = [(number[one], number[other]) for one, other in pairs if {one, other} <= number.keys()]
    groups = [
        tuple(sorted(index for member in group for index in by_key[keys[member]]))
        for group in _groups(thumbs, here)
    ]
    return Near(sorted(groups), Compared(known.keys | by_key.keys(), frozenset(pairs)))


def _key(item: Item) -> bytes:
    """Of what is compared: a file's bytes, and the picture that was made of them."""
    return hashlib.blake2b(item.digest + item.facts.thumb, digest_size=_KEY).digest()


def _ordered(one: bytes, other: bytes) -> Pair:
    return (one, other) if one < other else (other, one)


def _thumbs(items: Sequence[Item]) -> npt.NDArray[np.uint8]:
    flat = np.frombuffer(b"".join(item.facts.thumb for item in items), np.uint8)
    return flat.reshape(-1, SIDE, SIDE, 3)


def _pairs(thumbs: npt.NDArray[np.uint8], old: int) -> Task[list[tuple[int, int]]]:
    """Pairs of near copies of which at least one is not among the first `old`."""
    meter, found = Meter("compare", len(thumbs)), list[tuple[int, int]]()
    likeness = Likeness(thumbs)
    for _ in likeness.describe():
        yield from meter.at(old)
    for done, few in likeness.pairs(old):
        found += few
        yield from meter.at(done)
    return found


# --- from pairs to groups ------------------------------------------------------------------------


def _groups(thumbs: npt.NDArray[np.uint8], pairs: list[tuple[int, int]]) -> Iterator[list[int]]:
    """What hangs together by the pairs, taken apart where it is too much."""
    many = max(_MANY[0], min(_MANY[1], len(thumbs) // 10))
    for group, within in _hanging_together(pairs):
        if len(group) <= many:
            yield group
            continue
        closer = _beyond_the_common(thumbs, group, within)
        yield from (few for few, _ in _hanging_together(closer) if len(few) <= many)


def _hanging_together(
    pairs: list[tuple[int, int]],
) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """Groups, each with the pairs within it."""
    parent: dict[int, int] = {}

    def root(member: int) -> int:
        parent.setdefault(member, member)
        while parent[member] != member:
            parent[member] = member = parent[parent[member]]
        return member

    for one, other in pairs:
        parent[root(one)] = root(other)
    members: dict[int, list[int]] = defaultdict(list)
    for member in list(parent):
        members[root(member)].append(member)
    within: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for pair in pairs:
        within[root(pair[0])].append(pair)
    return [(members[at], within[at]) for at in members]


def _beyond_the_common(
    thumbs: npt.NDArray[np.uint8], group: list[int], pairs: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Those pairs that are still alike once the group's mean picture is taken away, or that differ
    by less than a picture that was only saved otherwise."""
    at = {member: index for index, member in enumerate(group)}
    values = centred(thumbs[group])
    values -= values.mean(0)
    kept: list[tuple[int, int]] = []
    for begin in range(0, len(pairs), _AT_ONCE):
        few = pairs[begin : begin + _AT_ONCE]
        one = values[[at[pair[0]] for pair in few]]
        other = values[[at[pair[1]] for pair in few]]
        same = np.sqrt(np.mean((one - other) ** 2, axis=(1, 2, 3))) <= _SAME
        alike = correlation(one, other) >= _ALIKE
        kept += [pair for pair, keep in zip(few, same | alike, strict=True) if keep]
    return kept
