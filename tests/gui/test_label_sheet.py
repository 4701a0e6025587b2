"""The classes as the user sees them, and the pictures of each, without a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from made_up_scans import keep, made_up_pictures

from tlstudio.gui.wizard import labelling
from tlstudio.gui.wizard.label_sheet import LabelSheet, Shelf, read_pictures, read_sheet
from tlstudio.projects.corrections import Corrections
from tlstudio.projects.index import Entry, Index
from tlstudio.projects.project import Project
from tlstudio.tasks import Task, drive

T = TypeVar("T")

CLASSES = {"ants": 4, "bees": 3, "cats": 0, "wasps": 2}


@pytest.fixture
def project() -> Project:
    return keep(made_up_pictures(CLASSES), "/pictures")


def sheet(project: Project, *order: str) -> LabelSheet:
    return done(read_sheet(project.path, order or tuple(CLASSES)))


def done(task: Task[T]) -> T:
    return drive(task, lambda _: None)


def grant(project: Project, wish: labelling.Wish) -> Callable[[], object]:
    """Makes the correction; gives what undoes it."""
    undoing = wish.make(Corrections(project))
    return lambda: Corrections(project).apply(undoing)


def words(found: LabelSheet) -> list[tuple[str, int, bool]]:
    return [(each.name, each.pictures, each.excluded) for each in found.classes]


def numbers(project: Project, *files: str) -> list[int]:
    return [entry.id for entry in Index(project).entries() if entry.file in files]


def test_a_renamed_class_stays_in_its_place_before_and_after_the_next_look(
    project: Project,
) -> None:
    found = sheet(project)
    grant(project, labelling.rename(found.classes[0], "Zebras"))
    expected = [("Zebras", 4, False), ("bees", 3, False), ("cats", 0, False), ("wasps", 2, False)]
    assert words(sheet(project)) == expected


def test_merged_classes_are_one_and_a_class_that_was_left_out_stands_last(
    project: Project,
) -> None:
    found = sheet(project)
    grant(project, labelling.merge(found.classes[3], found.classes[0]))
    undo = grant(project, labelling.leave_out_class(found.classes[1], out=True))
    assert words(sheet(project)) == [("ants", 6, False), ("cats", 0, False), ("bees", 3, True)]
    undo()
    assert words(sheet(project)) == [("ants", 6, False), ("bees", 3, False), ("cats", 0, False)]


def test_an_empty_class_that_was_left_out_can_still_be_put_back(project: Project) -> None:
    found = sheet(project)
    grant(project, labelling.leave_out_class(found.classes[2], out=True))
    after = sheet(project, "ants", "bees", "wasps")
    assert words(after)[-1] == ("cats", 0, True)
    grant(project, labelling.leave_out_class(after.classes[-1], out=False))
    assert words(sheet(project)) == words(found)


def test_a_new_class_by_the_name_that_another_was_found_under_is_another_class(
    project: Project,
) -> None:
    grant(project, labelling.rename(sheet(project).classes[0], "Ameisen"))
    picture = numbers(project, "ants/00000.png")
    undo = grant(project, labelling.relabel_new(picture, "ants", sheet(project)))
    assert ("ants", 1, False) in words(sheet(project))
    assert words(sheet(project))[0] == ("Ameisen", 3, False)
    undo()
    assert words(sheet(project))[0] == ("Ameisen", 4, False)
    assert "ants" not in [each.name for each in sheet(project).classes]


def test_what_was_left_out_one_by_one_is_together_and_not_in_its_class(project: Project) -> None:
    files = ("ants/00001.png", "bees/00000.png")
    grant(project, labelling.leave_out(numbers(project, *files), out=True))
    found = sheet(project)
    assert found.left_out == 2
    out = done(read_pictures(project.path, "/pictures", found, None))
    assert tuple(out.files) == files
    ants = done(read_pictures(project.path, "/pictures", found, found.classes[0]))
    assert list(ants.files) == ["ants/00000.png", "ants/00002.png", "ants/00003.png"]


def entry(number: int) -> Entry:
    return Entry(number, f"{number}.png", "a", "a", False, False, None, "used", "", 1, 1, "PNG", "")


def test_a_shelf_without_some_rows_keeps_all_others_in_order() -> None:
    shelf = Shelf("", None, list(map(entry, range(9))), list(map(str, range(9))), range(9))
    rest = shelf.without([range(7, 9), range(0, 2), range(4, 5)])
    assert list(rest.numbers) == [2, 3, 5, 6]
    assert list(rest.files) == ["2", "3", "5", "6"]
    assert [each.id for each in rest.entries] == [2, 3, 5, 6]
    assert shelf.of([range(0, 2), range(4, 5)]) == [0, 1, 4]
    assert list(shelf.without([]).numbers) == list(range(9))
