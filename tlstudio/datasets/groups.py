"""Owns which pictures belong together, so that no split separates them."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence

from tlstudio.datasets.item import Item
from tlstudio.datasets.ties import Ties
from tlstudio.jobs import Grouping
from tlstudio.jobs.patterns import compiled


def groups_of(
    items: Sequence[Item],
    duplicates: Iterable[Collection[int]],
    grouping: Grouping,
    folders: Sequence[str],
) -> tuple[str, ...]:
    """The name of the group that each item is in; empty where it is alone.

    `duplicates` are indices into `items`, `folders` the class that each item was found in, as its
    folder is called. Beside duplicates, whoever shares a value of the table's group
    column, or anything that `grouping` names, is in one group, of whatever class; and so on from
    picture to picture. A group is named after what its pictures share, or else, or where two would
    have that name, after its first file.

    Raises `UsageError` where the pattern is none.
    """
    ties = Ties(len(items))
    for same in duplicates:
        ties.join(same)
    shared = [
        {index: item.group for index, item in enumerate(items) if item.group},
        by_pattern(items, grouping.pattern) if grouping.pattern else {},
        by_folder(items, grouping.folder_level, folders) if grouping.folder_level else {},
    ]
    for values in shared:
        for members in _having_one(values):
            ties.join(members)
    if grouping.burst:
        for members in bursts(items, grouping.burst):
            ties.join(members)
    groups = [members for members in ties.groups() if len(members) > 1]
    names = [""] * len(items)
    taken: set[str] = set()
    for members in groups:
        name = _name(members, items, shared, taken)
        taken.add(name)
        for index in members:
            names[index] = name
    return tuple(names)


def by_pattern(items: Sequence[Item], pattern: str) -> dict[int, str]:
    """What the pattern takes for `{group}` out of each file's name, by index; without those that
    do not fit. Raises `UsageError`."""
    matcher = compiled(pattern)
    found = ((index, matcher.match(item.file)) for index, item in enumerate(items))
    return {index: fields["group"] for index, fields in found if fields and "group" in fields}


def by_folder(items: Sequence[Item], level: int, folders: Sequence[str]) -> dict[int, str]:
    """The folders that each file lies in, down to `level` below its class folder, by index; without
    those that lie higher.

    The class is not part of it: a folder of one name in two classes is one group, as a patient with
    pictures in both classes would be.
    """
    found = (
        (index, below_class(item.file, folder))
        for index, (item, folder) in enumerate(zip(items, folders, strict=True))
    )
    return {index: "/".join(below[:level]) for index, below in found if len(below) >= level}


def below_class(file: str, class_folder: str) -> list[str]:
    """The names of the folders from the class folder to the file, outermost first; all of them
    where none is called like the class, as in a table."""
    names = file.split("/")[:-1]
    return names[names.index(class_folder) + 1 :] if class_folder in names else names


def bursts(items: Sequence[Item], seconds: float) -> Iterator[list[int]]:
    """Pictures that one camera took, each within so many seconds of the one before."""
    taken = sorted(
        (item.facts.camera, item.facts.taken, index)
        for index, item in enumerate(items)
        if item.facts.camera is not None and item.facts.taken is not None
    )
    chain: list[int] = []
    for number, (camera, time, index) in enumerate(taken):
        before = taken[number - 1] if number else None
        if before is not None and (camera != before[0] or time - before[1] > seconds):
            yield chain
            chain = []
        chain.append(index)
    if chain:
        yield chain


def _having_one(values: dict[int, str]) -> Iterable[list[int]]:
    members: dict[Hashable, list[int]] = defaultdict(list)
    for index, value in values.items():
        members[unicodedata.normalize("NFC", value)].append(index)
    return members.values()


def _name(
    members: Sequence[int],
    items: Sequence[Item],
    shared: Sequence[dict[int, str]],
    taken: set[str],
) -> str:
    """One that no other group has."""
    for values in shared:
        names = {values[index] for index in members if index in values}
        if len(names) == 1 and not names & taken:
            return names.pop()
    name = min(items[index].file for index in members)
    while name in taken:
        name += " "
    return name
