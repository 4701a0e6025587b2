"""Owns which column of a table says what: pictures, labels, parts of the split, groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tlstudio.datasets.folders import looks_like_picture
from tlstudio.datasets.found import PARTS
from tlstudio.datasets.placing import Placing
from tlstudio.datasets.tables import Table
from tlstudio.errors import DatasetError, UsageError
from tlstudio.jobs import Part, TableSource
from tlstudio.tasks import Meter, Task

_PART_WORDS: dict[str, Part | None] = {
    **PARTS,
    "training": "train",
    "dev": "val",
    "testing": "test",
    "aside": None,
}
"""`aside` is what the program itself writes for a picture that counts nowhere."""
_LABEL_NAMES = (
    "label labels class classes class_name classname category target diagnosis dx species y"
    " annotation klasse etikett kategorie art"
)
_PICTURE_NAMES = (
    "file filename file_name filepath file_path path image images image_path image_id img picture"
    " image_name photo bild datei"
)
_GROUP_NAMES = (
    "group group_id patient patient_id patientid subject subject_id case case_id plate plate_id"
    " specimen specimen_id individual animal slide slide_id site lesion_id person gruppe"
)
_LEAST_GROUPS = 5
_MOST_LABELS = 1_000
_FIRST, _EACH = 200, 997
"""How many rows are looked at from the top, and every which one after them."""


@dataclass(slots=True)
class Survey:
    """What a look at all rows says of each column. `sample` has rows from everywhere; `values` the
    different texts of a column, at most one more than a set of classes can have."""

    rows: int = 0
    sample: list[tuple[str, ...]] = field(default_factory=list)
    values: list[set[str]] = field(default_factory=list)

    def cells(self, column: int) -> list[str]:
        return [row[column] for row in self.sample if row[column]]


@dataclass(frozen=True, slots=True)
class Columns:
    """Where in a row each thing stands; None where it is not said."""

    picture: int
    label: int
    part: int | None
    group: int | None


def survey_of(table: Table) -> Task[Survey]:
    """Goes through the whole table once."""
    found = Survey(values=[set() for _ in table.columns])
    meter = Meter("scan", 0)
    for row in table.rows():
        if found.rows < _FIRST or found.rows % _EACH == 0:
            found.sample.append(row)
        for values, cell in zip(found.values, row, strict=True):
            if cell and len(values) <= _MOST_LABELS:
                values.add(cell)
        found.rows += 1
        if found.rows % 512 == 0:
            yield from meter.at(found.rows)
    return found


def part_named(word: str) -> Part | None:
    """The part of a split that a table calls `word`; None for what is none."""
    return _PART_WORDS.get(word.lower())


def columns_of(table: Table, survey: Survey, source: TableSource, placing: Placing) -> Columns:
    """The columns that `source` names, the others guessed, but for groups, which only a person can
    know of. `placing` is settled on the column of the pictures.

    Raises `DatasetError` where nothing can be guessed, `UsageError` for a column that is not there.
    """
    picture = _column(table, source.picture)
    label, group = _column(table, source.label), _column(table, source.group or None)
    part = _column(table, source.part or None)
    if source.part is None:
        part = guessed_part(survey, {picture, label, group})
    if picture is None:
        picture = _guessed_picture(table, survey, placing, {label, part, group})
    placing.settle(survey.cells(picture))
    if label is None:
        label = _guessed_label(table, survey, {picture, part, group})
    return Columns(picture, label, part, group)


def guessed_group(table: Table, survey: Survey, taken: set[int | None]) -> int | None:
    """The column whose name says that it is about what belongs together, if it has several values
    that repeat: two plates or sites would leave nothing to choose from."""
    for index in _free(table, taken):
        several = _LEAST_GROUPS <= len(survey.values[index]) < survey.rows
        if table.columns[index].lower() in _GROUP_NAMES.split() and several:
            return index
    return None


def guessed_part(survey: Survey, taken: set[int | None]) -> int | None:
    """The column that says nothing but train, val or test, and at least two of them."""
    for index, values in enumerate(survey.values):
        words = {value.lower() for value in values}
        parts = {part_named(word) for word in words}
        split = words <= _PART_WORDS.keys() and "train" in parts and len(parts) > 1
        if index not in taken and split:
            return index
    return None


def _column(table: Table, name: str | None) -> int | None:
    if name is None:
        return None
    if name not in table.columns:
        raise UsageError(
            f"The table {table.file} has no column “{name}”.",
            f"Its columns are {', '.join(f'“{each}”' for each in table.columns[:20])}.",
        )
    return table.columns.index(name)


def _free(table: Table, taken: set[int | None]) -> list[int]:
    return [index for index in range(len(table.columns)) if index not in taken]


def _guessed_picture(table: Table, survey: Survey, placing: Placing, taken: set[int | None]) -> int:
    """The column whose texts lead to most different files; of several the one with the likelier
    name."""

    def likelihood(index: int) -> tuple[float, bool, int]:
        cells = survey.cells(index)[:_FIRST]
        there = placing.settle(sorted(set(cells))) / max(len(cells), 1)
        endings = sum(map(looks_like_picture, cells)) / max(len(cells), 1)
        named = table.columns[index].lower() in _PICTURE_NAMES.split()
        return there + endings / 100, named, -index

    best = max(_free(table, taken), key=likelihood, default=None)
    if best is None or likelihood(best)[0] == 0:
        raise DatasetError(
            f"No column of the table {table.file} names files that are there.",
            "It needs a column with paths from the folder of the table, or with whole paths.",
        )
    return best


def _guessed_label(table: Table, survey: Survey, taken: set[int | None]) -> int:
    free = _free(table, taken)
    named = [name for name in _LABEL_NAMES.split() if name in map(str.lower, table.columns)]
    for name in named:
        for index in free:
            if table.columns[index].lower() == name and len(survey.values[index]) > 1:
                return index
    most = min(_MOST_LABELS, max(survey.rows // 2, 2))
    for index in free:
        if 2 <= len(survey.values[index]) <= most:
            return index
    raise DatasetError(
        f"No column of the table {table.file} looks like labels: few different texts, each for"
        " several pictures.",
        "Add a column “label”, or name the one with the classes.",
    )


def names_of(table: Table, columns: Columns) -> str:
    """Which columns are taken for what, in words."""
    parts: Sequence[tuple[str, int | None]] = (
        ("pictures", columns.picture),
        ("labels", columns.label),
        ("the split", columns.part),
        ("groups", columns.group),
    )
    said = [f"{what} from “{table.columns[at]}”" for what, at in parts if at is not None]
    return ", ".join(said)
