"""Owns what goes between a table and the program: a first glance at it, or at a folder, before
anything is decided, and labels that were written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tlstudio.jobs.base import Record
from tlstudio.jobs.dataset import DatasetSpec

Kind = Literal["class_folders", "split", "flat", "table", "empty"]


class PatternGuess(Record):
    """A pattern that finds classes in names: how many names each class has, and how many names do
    not fit."""

    pattern: str
    classes: dict[str, int]
    unfitting: int


class PreviewResult(Record):
    """What there is. `looks_like` says how its classes could be told: by folders, a split of them,
    only by the files' names (`flat`), by a table, or not at all (`empty`). `dataset` is what was
    asked about, with the table that was found beside pictures, and a table's columns filled in as
    far as they can be guessed.

    Of a flat folder there are up to some thousand `names` from everywhere in it, `files` says how
    many there are, and `patterns` may tell their classes. `tables` are those that lie in the
    folder.

    Of a table there are `columns`, the first `rows`, and `sheets` of a workbook; `row_count` is the
    number of rows, `pointing` of how many a file is there, and `classes` counts the rows of each
    label, the most frequent first, a few hundred at most. `group_column` may say what belongs
    together: it counts only once somebody says so. `problem` is why the table can't be used with
    the columns as they are; empty where it can.
    """

    kind: Literal["preview"] = "preview"
    looks_like: Kind
    dataset: DatasetSpec
    files: int = 0
    names: tuple[str, ...] = ()
    patterns: tuple[PatternGuess, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    sheets: tuple[str, ...] = ()
    row_count: int = 0
    pointing: int = 0
    classes: dict[str, int] = Field(default_factory=dict)
    group_column: str | None = None
    problem: str = ""


class LabelsResult(Record):
    """The table `file` has a row for each file; `pictures` of them count."""

    kind: Literal["labels"] = "labels"
    file: str
    pictures: int
