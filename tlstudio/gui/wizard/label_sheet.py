"""Owns the classes as the user sees them: which count, which were left out, what is in each.

Plain Python: no Qt. Reading is for threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from tlstudio.projects.corrections import ClassName, Corrections
from tlstudio.projects.index import Entry, Index
from tlstudio.projects.project import Project
from tlstudio.tasks import Progress, Task

_ROWS = 2000
"""Between two events of a reading: some milliseconds."""


@dataclass(frozen=True, slots=True)
class ShownClass:
    """A class of this name, which `keys` name as they were found or made: several were merged.
    `pictures` are those that count, or would."""

    name: str
    keys: tuple[str, ...]
    pictures: int
    excluded: bool = False


@dataclass(frozen=True)
class LabelSheet:
    """The classes that count in label order, and then those that were left out; `left_out` pictures
    were taken out one by one. `taken` are all the names that classes were found or made by."""

    classes: tuple[ShownClass, ...] = ()
    left_out: int = 0
    taken: frozenset[str] = frozenset()

    @property
    def counting(self) -> tuple[ShownClass, ...]:
        return tuple(each for each in self.classes if not each.excluded)

    def named(self, name: str) -> ShownClass | None:
        """The class that is shown under this name."""
        return next((each for each in self.classes if each.name == name), None)

    def new_key(self, name: str) -> str:
        """What a new class of this name is called inside: a class that was found under the name may
        be shown under another."""
        number, key = 1, name
        while key in self.taken:
            number += 1
            key = f"{name} ({number})"
        return key


def read_sheet(project: Path, order: Sequence[str]) -> Task[LabelSheet]:
    """Reads the classes; `order` are those that a look found, as they were found or made."""
    yield from ()
    used = opened(project)
    names, counts = Corrections(used).classes(), Index(used).counts()
    place = {key: number for number, key in enumerate(order)}
    shown: dict[tuple[bool, str], list[str]] = {}
    out = {key for key, name in names.items() if name.excluded}  # there may be no picture in it
    known = counts.keys() | place.keys() | out
    for key in sorted(known, key=lambda key: (place.get(key, len(place)), key)):
        name = names.get(key, ClassName(key))
        shown.setdefault((name.excluded, name.shown), []).append(key)
    classes = tuple(
        ShownClass(
            name=name,
            keys=tuple(keys),
            pictures=sum(counts.get(key, (0, 0))[0] for key in keys),
            excluded=excluded,
        )
        for (excluded, name), keys in sorted(shown.items(), key=lambda each: each[0][0])
    )
    counting = [key for each in classes if not each.excluded for key in each.keys]
    return LabelSheet(
        classes=classes,
        left_out=sum(counts.get(key, (0, 0))[1] for key in counting),
        taken=frozenset(counts.keys() | names.keys() | place.keys()),
    )


@dataclass(frozen=True)
class Shelf:
    """Pictures in the order of their names. `shown` is their class, None for those that were taken
    out one by one; their files are relative to `root`."""

    root: str = ""
    shown: ShownClass | None = None
    entries: Sequence[Entry] = ()
    files: Sequence[str] = ()
    numbers: Sequence[int] = ()

    def of(self, rows: Iterable[range]) -> list[int]:
        """The numbers of the pictures in these rows."""
        return [number for part in rows for number in self.numbers[part.start : part.stop]]

    def without(self, rows: Iterable[range]) -> Shelf:
        """The pictures in all other rows."""
        ends = sorted((part.start, part.stop) for part in rows)
        starts = [0, *(stop for _, stop in ends)]
        stops = [*(start for start, _ in ends), len(self.entries)]
        kept = [slice(*each) for each in zip(starts, stops, strict=True)]
        return replace(
            self,
            entries=[entry for part in kept for entry in self.entries[part]],
            files=[file for part in kept for file in self.files[part]],
            numbers=[number for part in kept for number in self.numbers[part]],
        )


def read_pictures(
    project: Path, root: str, sheet: LabelSheet, wanted: ShownClass | None
) -> Task[Shelf]:
    """Reads the usable pictures of a class that count, or all of them where the class was left out;
    with None those that were taken out one by one."""
    keys = wanted.keys if wanted else [key for each in sheet.counting for key in each.keys]
    everything, excluded = wanted is not None and wanted.excluded, wanted is None
    found: list[Entry] = []
    for number, entry in enumerate(Index(opened(project)).entries(classes=keys)):
        if entry.verdict != "left_out" and (everything or entry.excluded == excluded):
            found.append(entry)
        if number % _ROWS == 0:
            yield Progress(phase="scan", done=number, total=0)
    files, numbers = [entry.file for entry in found], [entry.id for entry in found]
    return Shelf(root, wanted, found, files, numbers)


def read_entry(project: Path, number: int) -> Task[Entry | None]:
    """Reads what stands of one picture now."""
    yield from ()
    return Index(opened(project)).entry(number)


@lru_cache(maxsize=4)
def opened(project: Path) -> Project:
    """Opening looks after the tables, and waits for whoever writes there: once is enough."""
    return Project(project)
