"""Owns guesses at what belongs together, from folders, names and times; each with its reason."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import numpy as np

from tlstudio.datasets.groups import bursts, by_folder, by_pattern
from tlstudio.datasets.item import Item
from tlstudio.jobs import Grouping, Proposal

Values = Mapping[int, str]
"""What pictures may be grouped by, by their index; those that have nothing of it are missing."""

_LEAST_GROUPS, _LEAST_GROUPS_A_CLASS = 5, 4
_LARGEST_GROUP, _LEAST_FITTING, _LEAST_SHARED = 0.3, 0.9, 0.6  # of all pictures
_MOST_LEVELS, _MOST_PARTS = 3, 6
_DELIMITERS = "_- ."
_MARKED = ("*_{group}_BURST*", "*_BURST{group}_*")
"""How telephones name bursts. Other pictures lie beside these, so that few need to fit."""
_BURST_S, _LEAST_IN_BURSTS = 30.0, 0.05
_PAIRS, _ALIKE, _CONSECUTIVE = 200, 0.75, 0.5
_LEAST_NUMBERS = 2
_NUMBER = re.compile("[0-9]+")
_WITHIN = re.compile("(slice|frame|view|layer|channel|crop|patch|aug|rot|copy|ch|z|t)[0-9]*", re.I)
"""What numbers the pictures of one thing, and not the things."""


def proposals(items: Sequence[Item], folders: Sequence[str]) -> list[Proposal]:
    """Groupings that the pictures suggest; none where nothing speaks clearly for one.

    `folders` is the class that each item was found in, as its folder is called. A folder or a part
    of the name counts where nearly all pictures have one, most share it with others of their class,
    and the classes are not just a few such groups. What could be a running number, because others
    of its size are there and something stands before it, or because only pictures of other classes
    share it, counts only where those that share it look more alike than others.
    """
    found = (_from_folders(items, folders), _from_names(items), _from_times(items))
    return [proposal for proposal in found if proposal is not None]


# --- where a proposal comes from -----------------------------------------------------------------


def _from_folders(items: Sequence[Item], folders: Sequence[str]) -> Proposal | None:
    for level in range(1, _MOST_LEVELS + 1):
        values = by_folder(items, level, folders)
        if _speaks(items, values, running=False):
            members = _example(items, values)
            reason = (
                "Inside the classes the pictures lie in folders of their own, such as"
                f" “{values[members[0]]}” with {_named(items, members)}."
            )
            return _proposal(items, Grouping(folder_level=level), values, members, reason)
    return None


def _from_names(items: Sequence[Item]) -> Proposal | None:
    for pattern in _MARKED:
        marked = Counter(by_pattern(items, pattern).values())
        if sum(count > 1 for count in marked.values()) >= _LEAST_GROUPS:
            return _of_names(items, pattern, "The names say which pictures are of one burst")
    candidates = _candidates([_stem(item.file) for item in items])
    speaking = [
        (pattern, values)
        for pattern, values, first in candidates
        if _speaks(items, values, running=not first and _are_consecutive(values))
    ]
    # p12_3 may be slice 3 of patient 12, or slice 12 of patient 3.
    alike = (each for each in speaking if len(speaking) > 1 and _look_alike(items, each[1]))
    for pattern, _ in [*alike, *speaking][:1]:
        how = "begin alike" if pattern.startswith("{group}") else "have a part in common"
        return _of_names(items, pattern, f"Several names each {how}")
    return None


def _of_names(items: Sequence[Item], pattern: str, what: str) -> Proposal:
    values = by_pattern(items, pattern)
    members = _example(items, values)
    reason = f"{what}, such as “{values[members[0]]}” in {_named(items, members)}."
    return _proposal(items, Grouping(pattern=pattern), values, members, reason)


def _from_times(items: Sequence[Item]) -> Proposal | None:
    chains = [chain for chain in bursts(items, _BURST_S) if len(chain) > 1]
    together = sum(map(len, chains))
    if len(chains) < _LEAST_GROUPS or together < _LEAST_IN_BURSTS * len(items):
        return None
    if max(map(len, chains)) > _LARGEST_GROUP * len(items):
        return None  # one date for all, as of a camera that was never set
    values = {index: str(number) for number, chain in enumerate(chains) for index in chain}
    reason = (
        f"{together:,} pictures were taken within {_BURST_S:g} seconds of another one by the same"
        f" camera, such as {_named(items, chains[0])}."
    )
    return _proposal(items, Grouping(burst=_BURST_S), values, chains[0], reason)


def _candidates(stems: Sequence[str]) -> Iterator[tuple[str, Values, bool]]:
    """Patterns that many names fit, with what they take out of them, and whether nothing that
    differs stands before it."""
    for delimiter in _DELIMITERS:
        parts = {i: stem.split(delimiter) for i, stem in enumerate(stems) if delimiter in stem}
        if not parts or len(parts) < _LEAST_FITTING * len(stems):
            continue
        yield f"{{group}}{delimiter}*", {i: names[0] for i, names in parts.items()}, True
        number, frequency = Counter(map(len, parts.values())).most_common(1)[0]
        if frequency < _LEAST_FITTING * len(stems) or number > _MOST_PARTS:
            continue
        same = {i: names for i, names in parts.items() if len(names) == number}
        for place in range(1, number):
            wanted = ["{group}" if each == place else "*" for each in range(number)]
            before = {names[0] for names in same.values()}
            first = place == 1 and len(before) == 1
            yield delimiter.join(wanted), {i: names[place] for i, names in same.items()}, first
    yield from _between_letters(stems)


def _between_letters(stems: Sequence[str]) -> Iterator[tuple[str, Values, bool]]:
    """As p12s3 is patient 12, slice 3."""
    plain = {i: stem for i, stem in enumerate(stems) if stem.isascii() and stem.isalnum()}
    shapes = {i: _NUMBER.sub("#", stem) for i, stem in plain.items()}
    for usual, frequency in Counter(shapes.values()).most_common(1):
        if frequency < _LEAST_FITTING * len(stems) or usual.count("#") < _LEAST_NUMBERS:
            continue
        numbers = {i: _NUMBER.findall(plain[i]) for i, shape in shapes.items() if shape == usual}
        pieces = usual.split("#")
        for place in range(len(pieces) - 1):
            pattern = "#".join(pieces[: place + 1]) + "{group}" + "#".join(pieces[place + 1 :])
            yield pattern, {i: found[place] for i, found in numbers.items()}, place == 0


# --- whether it is clear enough ------------------------------------------------------------------


def _speaks(items: Sequence[Item], values: Values, running: bool) -> bool:
    """Whether `values` look like what was photographed; `running`: or like a running number."""
    sizes = Counter(values.values())
    if not items or not _are_many_small_groups(items, values, sizes):
        return False
    if sum(bool(_WITHIN.fullmatch(value)) for value in sizes) > _LEAST_FITTING * len(sizes):
        return False
    in_class = Counter((value, items[index].label) for index, value in values.items())
    if median(Counter(label for _, label in in_class).values()) < _LEAST_GROUPS_A_CLASS:
        return False
    sure = not running and _shared(in_class) >= _LEAST_SHARED * len(items)
    return sure or _look_alike(items, values)


def _are_consecutive(values: Values) -> bool:
    """Whether the numbers in `values` are nearly all that there are between the least and the
    largest; of words, true as well."""
    numbers = {int(digits) for value in values.values() for digits in _NUMBER.findall(value)[:1]}
    return not numbers or len(numbers) > _CONSECUTIVE * (max(numbers) - min(numbers) + 1)


def _are_many_small_groups(items: Sequence[Item], values: Values, sizes: Counter[str]) -> bool:
    return (
        len(values) >= _LEAST_FITTING * len(items)
        and sum(count > 1 for count in sizes.values()) >= _LEAST_GROUPS
        and max(sizes.values()) <= _LARGEST_GROUP * len(items)
        and _shared(sizes) >= _LEAST_SHARED * len(items)
    )


def _shared(sizes: Counter[str] | Counter[tuple[str, str]]) -> int:
    """How many pictures have a value that others have too."""
    return sum(count for count in sizes.values() if count > 1)


def _look_alike(items: Sequence[Item], values: Values) -> bool:
    """Whether pictures that share a value differ less than others of the same classes."""
    rng = np.random.default_rng(0)
    groups: dict[str, list[int]] = defaultdict(list)
    classes: dict[str, list[int]] = defaultdict(list)
    for index, value in values.items():
        groups[value].append(index)
        classes[items[index].label].append(index)
    several = [members for members in groups.values() if len(members) > 1]
    within, between = list[float](), list[float]()
    for number in rng.permutation(len(several))[:_PAIRS]:
        one, other = rng.choice(several[number], 2, replace=False)
        stranger = rng.choice(classes[items[other].label])
        if values[stranger] != values[one]:
            within.append(_difference(items[one], items[other]))
            between.append(_difference(items[one], items[stranger]))
    return bool(within) and median(within) < _ALIKE * median(between)


def _difference(one: Item, other: Item) -> float:
    """Of the small pictures, in grey levels, without that of their brightness."""
    first, second = (
        np.frombuffer(item.facts.thumb, np.uint8).astype(np.float64) for item in (one, other)
    )
    return float(np.abs((first - first.mean()) - (second - second.mean())).mean())


# --- how it is said ------------------------------------------------------------------------------


def _proposal(
    items: Sequence[Item], grouping: Grouping, values: Values, members: Sequence[int], reason: str
) -> Proposal:
    groups = sum(count > 1 for count in Counter(values.values()).values())
    return Proposal(
        grouping=grouping,
        sentence=f"{reason} If these show the same thing (one patient, one plate, one site), they"
        " should stay together, or the accuracy would be too good to be true.",
        groups=groups,
        examples=tuple(items[index].file for index in members[:4]),
    )


def _example(items: Sequence[Item], values: Values) -> list[int]:
    """The members of the first group of several, in the order of names."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index in sorted(values, key=lambda index: items[index].file):
        groups[values[index]].append(index)
    return next(members for members in groups.values() if len(members) > 1)


def _named(items: Sequence[Item], members: Sequence[int]) -> str:
    one, other = (items[index].file.rpartition("/")[2] for index in members[:2])
    more = f" and {len(members) - 2} more" if len(members) > 2 else ""
    return f"{one}, {other}{more}" if more else f"{one} and {other}"


def _stem(file: str) -> str:
    name = file.rpartition("/")[2]
    return name.rsplit(".", 1)[0] if "." in name[1:] else name
