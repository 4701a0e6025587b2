"""Owns what is said of a data set before it is looked at: where its pictures and labels are, what
belongs together, and how it is split."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from tlstudio.jobs.base import Spec

USUAL_TEST = 0.15
ENOUGH_FOR_TEST = 40
"""Pictures of each class from which a locked test set leaves enough to learn from and to check."""


def usual_test_fraction(classes: Iterable[int], own_split: bool) -> float:
    """The share that is locked away where nobody has said, from the pictures of each class: with
    few of them none, because a test on a handful says nothing, and none where the pictures come
    with a split of their own."""
    enough = min(classes, default=0) >= ENOUGH_FOR_TEST
    return USUAL_TEST if enough and not own_split else 0.0


class TableSource(Spec):
    """A table (CSV, TSV or Excel) with a row a picture; the other fields name its columns.

    Columns that are None are guessed, but for `group`, which says what belongs together (a patient,
    a plate) and counts only where it is named. `part` says train, val or test. Both are empty where
    somebody has said that no column does. Paths in the table are absolute or relative to the data
    set's `folder`. `sheet` is that of a workbook, None the first.
    """

    file: str
    picture: str | None = None
    label: str | None = None
    part: str | None = None
    group: str | None = None
    sheet: str | None = None


class Grouping(Spec):
    """What keeps pictures on one side of the split, beside duplicates, which always do.

    `pattern` takes `{group}` out of the file's name (see `jobs.patterns`); `folder_level` makes a
    group of each folder that many levels below the class folder (1: directly in it); `burst` of
    pictures that one camera took within so many seconds of each other. What is
    named applies together, and so does a table's group column.
    """

    pattern: str | None = None
    folder_level: int | None = Field(default=None, ge=1, le=20)
    burst: float | None = Field(default=None, gt=0, le=86_400)


class Reading(Spec):
    """How files become 8-bit RGB, where there is a choice.

    `channels` are the channels of a picture with more than three, from 1: three of them as red,
    green and blue, or one as grey. None: the first three, or the first where there are two.
    """

    channels: tuple[int, int, int] | tuple[int] | None = None


class DatasetSpec(Spec):
    """Where pictures and their labels are, and how they are split.

    `folder` has one sub-folder a class, or `train/` and `val/` (and `test/`) above them. With
    `roots`, folders at or below it, only these are looked through, and the classes of all of them
    are one set. With `table`, labels come from there; with `pattern`, `{label}` is taken out of the
    names of all files below the folder (see `jobs.patterns`).

    `project` is the project folder that keeps the user's corrections of labels and who was
    assigned to which part; None for the one that belongs to these folders.

    `class_names` renames classes (as found -> shown name), before what the project says; two with
    one name are one class. The folder itself is never changed.

    `own_split` is whether parts that the pictures bring (`train/val/test` folders, a table's part
    column) are kept; false: they count for nothing, and every picture is drawn.

    `validation_fraction` counts where the folder brings no validation pictures of its own;
    `test_fraction`, of all pictures, where it brings no test pictures. None, like `grouping` None,
    means what the project remembers, or else a fifth, none, and no grouping.
    """

    folder: str
    roots: tuple[str, ...] = ()
    table: TableSource | None = None
    pattern: str | None = None
    project: str | None = None
    reading: Reading = Reading()
    grouping: Grouping | None = None
    own_split: bool = True
    validation_fraction: float = Field(default=0.2, ge=0.05, le=0.5)
    test_fraction: float | None = Field(default=None, ge=0, le=0.5)
    class_names: dict[str, str] = Field(default_factory=dict)
