"""Owns classes that stand in a table: which picture of it has which label, part and group."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace

from tlstudio.bounded import leaves
from tlstudio.datasets.columns import (
    Columns,
    Survey,
    columns_of,
    guessed_group,
    names_of,
    part_named,
    survey_of,
)
from tlstudio.datasets.found import Found, Listing
from tlstudio.datasets.placing import Placing
from tlstudio.datasets.tables import Table, open_table
from tlstudio.errors import DatasetError
from tlstudio.jobs import LeftOut, Part, TableSource
from tlstudio.tasks import Logged, Meter, Task, Warned, beside

_ORDER: tuple[Part, ...] = ("train", "val", "test")
_NO_LABEL = "Its row in the table has no label."
_NO_FILE = "The row names no picture."
_NOT_TRAINED = "No training picture of the table has its label “{0}”."


def list_table(folder: str, source: TableSource, *, own_split: bool = True) -> Task[Listing]:
    """The pictures that a table names, in its order, with what it says of them.

    Rows whose file is not there, that have no label, or that contradict one another are left out
    with their reasons, and so are labels without a training picture. Where a table has parts, a row
    without one counts as a training picture's; without `own_split` its column of parts is passed
    over. The folder itself is not looked through.

    Raises `DatasetError` where the table can't be read or gives no two classes, and `UsageError`
    for columns that it does not have.
    """
    meter = Meter("scan", 0)
    table = yield from beside(lambda: open_table(source.file, source.sheet), meter, 0)
    survey = yield from survey_of(table)
    placing = Placing(folder, source.file)
    columns = yield from beside(lambda: columns_of(table, survey, source, placing), meter, 0)
    yield Logged(message=f"{source.file}: {names_of(table, columns)}.")
    yield from _tell_of_groups(table, survey, columns, source)
    given_up = not own_split and columns.part is not None
    reading = _Reading(table, columns if own_split else replace(columns, part=None), placing)
    meter = Meter("scan", survey.rows)
    for number, row in enumerate(table.rows(), 1):
        reading.add(number, row)
        if number % 64 == 0:
            yield from meter.at(number)
    listing = replace(reading.listing(), anew=given_up)
    outside = [each.file for each in listing.files if leaves(each.file)]
    if outside:
        yield Logged(message=f"{len(outside)} of them lie outside of {folder}: {outside[0]}.")
    return listing


def _tell_of_groups(
    table: Table, survey: Survey, columns: Columns, source: TableSource
) -> Task[None]:
    """A column that looks like groups is no secret, and counts only where somebody named it."""
    taken = {columns.picture, columns.label, columns.part}
    group = guessed_group(table, survey, taken) if source.group is None else None
    if group is not None:
        yield Warned(
            message=f"The column “{table.columns[group]}” may say which pictures belong together.",
            hint="Name it as the column of groups, and they stay on one side of the split.",
        )


@dataclass(slots=True)
class _Reading:
    """Takes row after row and makes a listing of them."""

    table: Table
    columns: Columns
    placing: Placing
    found: dict[str, Found] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    part_names: dict[Part, str] = field(default_factory=dict)

    def add(self, number: int, row: tuple[str, ...]) -> None:
        name, label = row[self.columns.picture], row[self.columns.label]
        if not name:
            table = os.path.basename(self.table.file)  # noqa: PTH119
            self.refused[f"{table}, row {number}"] = _NO_FILE
            return
        placed = self.placing.find(name)
        if not placed.file:
            self.refused[name] = placed.reason
            return
        word = "" if self.columns.part is None else row[self.columns.part]
        part = part_named(word) if word else "train"
        if not label:
            self.refused.setdefault(placed.file, _NO_LABEL)
        elif part is None:
            self.refused[placed.file] = f"Its part “{word}” is none of train, val and test."
        else:
            if word:
                self.part_names.setdefault(part, word)
            group = "" if self.columns.group is None else row[self.columns.group]
            self._take(Found(placed.file, part, label, group))

    def _take(self, new: Found) -> None:
        old = self.found.setdefault(new.file, new)
        if old.folder != new.folder:
            why = f"The table gives it two labels: “{old.folder}” and “{new.folder}”."
        elif old.part != new.part:
            why = "The table puts it into two parts of the split."
        elif old.group != new.group:
            why = f"The table puts it into two groups: “{old.group}” and “{new.group}”."
        else:
            return
        self.refused[new.file] = why

    def listing(self) -> Listing:
        """Raises `DatasetError` where there are no two classes to learn."""
        files = [each for each in self.found.values() if each.file not in self.refused]
        trained = {each.folder for each in files if each.part == "train"}
        for each in files:
            if each.folder not in trained:
                self.refused[each.file] = _NOT_TRAINED.format(each.folder)
        files = [each for each in files if each.folder in trained]
        if len(trained) < 2:
            raise self._too_few(sorted(trained))
        names = {"train": "train", **self.part_names} if self.part_names.keys() - {"train"} else {}
        parts: list[Part] = [part for part in _ORDER if part in names]
        classes = tuple(sorted(trained))
        return Listing(
            part_folders={part: names[part] for part in parts},
            classes=dict.fromkeys(parts or ["train"], classes),
            files=tuple(files),
            left_out=tuple(LeftOut(file=file, reason=why) for file, why in self.refused.items()),
            source="table",
        )

    def _too_few(self, classes: list[str]) -> DatasetError:
        file, names = self.table.file, self.table.columns
        picture, label = names[self.columns.picture], names[self.columns.label]
        why = Counter(self.refused.values()).most_common(1)
        if classes or not why:
            has = f"only one label, “{classes[0]}”," if classes else "no rows"
            return DatasetError(
                f"The table {file} has {has} for pictures to learn from.",
                f"The labels were taken from the column “{label}”; name another one.",
            )
        first = next(each for each, reason in self.refused.items() if reason == why[0][0])
        return DatasetError(
            f"No row of the table {file} can be used. “{first}”: {why[0][0]}",
            f"The pictures were taken from the column “{picture}”, the labels from “{label}”; paths"
            " are whole ones, or begin in the folder of the table.",
        )
