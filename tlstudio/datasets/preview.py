"""Owns the first glance at a folder or a table: what it looks like, and what may be guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tlstudio.datasets.columns import Columns, Survey, columns_of, guessed_group, survey_of
from tlstudio.datasets.found import PARTS
from tlstudio.datasets.named import guess_of, proposed_patterns
from tlstudio.datasets.placing import Placing
from tlstudio.datasets.tables import Table, open_table
from tlstudio.datasets.walking import Walk
from tlstudio.errors import DatasetError
from tlstudio.jobs import DatasetSpec, PatternGuess, PreviewJob, PreviewResult, TableSource
from tlstudio.jobs.sources import is_table
from tlstudio.tasks import Meter, Task, beside

_NAMES = 20_000
_TRIED = 2_000
"""Names that are handed on, and those that patterns are tried on."""
_ROWS = 50
_TABLES = 3
_CLASSES = 300


def preview(job: PreviewJob) -> Task[PreviewResult]:
    """Reads names and tables, never a picture; of folders with classes only the topmost level.

    Raises `DatasetError` or `UsageError` where the folder or table can't be opened, or lacks a
    column that is asked for.
    """
    spec = job.dataset
    if spec.table is not None:
        return (yield from _of_table(spec, spec.table))
    if spec.roots:
        return PreviewResult(looks_like="class_folders", dataset=spec)
    return (yield from _of_folder(spec))


def _of_folder(spec: DatasetSpec) -> Task[PreviewResult]:
    walk = Walk(spec.folder)
    top = walk.entries()
    parts = {PARTS[folder.lower()] for folder in top.folders if folder.lower() in PARTS}
    if "train" in parts and (len(parts) > 1 or len(top.folders) == 1):
        return PreviewResult(looks_like="split", dataset=spec)
    if len(top.folders) > 1:
        return PreviewResult(looks_like="class_folders", dataset=spec)
    told = yield from _table_in(spec, [file for file in top.files if is_table(file)])
    if told is not None:
        return told
    names: list[str] = []
    meter = Meter("scan", 0)
    for files in walk.below(""):
        names += files
        yield from meter.at(len(names))
    if not names:
        return PreviewResult(looks_like="empty", dataset=spec)
    guesses: list[PatternGuess] = []
    some = _some(names, _NAMES)
    for pattern in proposed_patterns(_some(names, _TRIED)):
        guesses.append(guess_of(pattern, some))
        yield from meter.at(len(names))
    return PreviewResult(
        looks_like="flat",
        dataset=spec,
        files=len(names),
        names=tuple(some),
        patterns=tuple(guesses),
    )


def _table_in(spec: DatasetSpec, files: Sequence[str]) -> Task[PreviewResult | None]:
    """The first of a few tables beside pictures that says something about them."""
    for file in files[:_TABLES]:
        source = TableSource(file=f"{spec.folder}/{file}")
        try:
            told = yield from _of_table(spec.model_copy(update={"table": source}), source)
        except DatasetError:  # a list of something else, or no table at all
            continue
        if not told.problem:
            return told
    return None


def _some(names: Sequence[str], most: int) -> Sequence[str]:
    """Names from everywhere in a long list."""
    if len(names) <= most:
        return names
    return [names[index * len(names) // most] for index in range(most)]


def _of_table(spec: DatasetSpec, source: TableSource) -> Task[PreviewResult]:
    meter = Meter("scan", 0)
    table = yield from beside(lambda: open_table(source.file, source.sheet), meter, 0)
    survey = yield from survey_of(table)
    placing = Placing(spec.folder, source.file)
    result = PreviewResult(
        looks_like="table",
        dataset=spec,
        columns=table.columns,
        rows=tuple(survey.sample[:_ROWS]),
        sheets=table.sheets,
        row_count=survey.rows,
    )
    try:
        columns = yield from beside(lambda: columns_of(table, survey, source, placing), meter, 0)
    except DatasetError as error:
        return result.model_copy(update={"problem": str(error)})
    pointing, classes = yield from _counted(table, survey, columns, placing)
    taken = {columns.picture, columns.label, columns.part}
    group = guessed_group(table, survey, taken)
    names = table.columns
    filled = source.model_copy(
        update={
            "picture": names[columns.picture],
            "label": names[columns.label],
            "part": "" if columns.part is None else names[columns.part],
        }
    )
    return result.model_copy(
        update={
            "dataset": spec.model_copy(update={"table": filled}),
            "pointing": pointing,
            "classes": dict(classes.most_common(_CLASSES)),
            "group_column": None if group is None else names[group],
            "problem": _problem(pointing, classes),
        }
    )


def _counted(
    table: Table, survey: Survey, columns: Columns, placing: Placing
) -> Task[tuple[int, Counter[str]]]:
    """How many rows lead to a file, and how many of these there are of each label."""
    classes: Counter[str] = Counter()
    pointing = 0
    meter = Meter("scan", survey.rows)
    for number, row in enumerate(table.rows(), 1):
        name, label = row[columns.picture], row[columns.label]
        if name and placing.find(name).file:
            pointing += 1
            classes.update([label] if label else [])
        if number % 64 == 0:
            yield from meter.at(number)
    return pointing, classes


def _problem(pointing: int, classes: Counter[str]) -> str:
    if not pointing:
        return "No row points to a file that is there."
    if len(classes) < 2:
        return "There is only one label." if classes else "The rows have no labels."
    return ""
