"""Owns what the index of a project must keep: numbers for good, moves by content, corrections."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlstudio.errors import StorageError, UsageError
from tlstudio.jobs import Changes, DatasetSpec, Finding
from tlstudio.projects.corrections import ClassName, Corrections
from tlstudio.projects.index import Entry, Index, Seen
from tlstudio.projects.migrations import SCHEMA
from tlstudio.projects.project import Project


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(Project(tmp_path / "project"))


def seen(*files: str, content: dict[str, bytes] | None = None) -> list[Seen]:
    """Files by class folder, each with its own name as its content unless said otherwise."""
    content = content or {}
    return [
        Seen(file, content.get(file, file.encode()), file.split("/")[0], None, "used", "", 8, 8)
        for file in files
    ]


def by_file(index: Index) -> dict[str, Entry]:
    return {entry.file: entry for entry in index.entries()}


def test_the_first_look_has_no_changes_and_the_next_says_what_changed(index: Index) -> None:
    first, changes = index.update(seen("a/1", "a/2", "b/1", "b/2"))
    assert changes is None
    later = seen("a/1", "a/2", "c/new", "b/3", content={"a/2": b"other", "b/3": b"b/1"})
    numbers, changes = index.update(later)
    assert changes == Changes(added=1, changed=1, moved=1, removed=1)
    assert numbers[0] == first[0]
    assert numbers[1] == first[1]
    assert numbers[3] == first[2], "a moved file lost its number"
    assert numbers[2] not in first


def test_files_that_change_places_keep_their_numbers(index: Index) -> None:
    first, _ = index.update(seen("a/1", "b/1"))
    swapped = seen("a/1", "b/1", content={"a/1": b"b/1", "b/1": b"a/1"})
    numbers, changes = index.update(swapped)
    assert numbers == first[::-1]
    assert changes == Changes(moved=2)


def test_a_copy_beside_its_original_is_a_picture_of_its_own(index: Index) -> None:
    first, _ = index.update(seen("a/1"))
    numbers, changes = index.update(seen("a/0", "a/1", content={"a/0": b"a/1"}))
    assert numbers[1] == first[0]
    assert numbers[0] != first[0]
    assert changes == Changes(added=1)


def test_what_comes_back_has_its_number_and_its_corrections(index: Index) -> None:
    first, _ = index.update(seen("a/1", "a/2"))
    Corrections(index.project).relabel([first[1]], "b")
    index.update(seen("a/1"))
    assert set(by_file(index)) == {"a/1"}
    numbers, changes = index.update(seen("a/1", "a/2"))
    assert numbers == first
    assert changes == Changes(added=1)
    assert by_file(index)["a/2"].label == "b"


def test_a_name_that_is_used_again_for_another_picture(index: Index) -> None:
    first, _ = index.update(seen("a/1", "a/2"))
    index.update(seen("a/1"))
    numbers, _ = index.update(seen("a/1", "a/2", content={"a/2": b"quite another"}))
    assert numbers[1] == first[1], "the name is the same: a changed file"
    moved_and_new = seen("a/2", "a/3", content={"a/2": b"new", "a/3": b"quite another"})
    numbers, changes = index.update(moved_and_new)
    assert numbers[1] == first[1]
    assert numbers[0] not in first
    assert changes == Changes(added=1, moved=1, removed=1)


def test_corrections_show_and_undo_exactly(index: Index) -> None:
    numbers, _ = index.update(seen("cat/1", "cat/2", "dog/1", "kitten/1"))
    corrections = Corrections(index.project)
    before = list(index.entries())
    undos = [
        corrections.relabel([numbers[0], numbers[1]], "dog"),
        corrections.exclude([numbers[1]], True),
        corrections.set_classes({"kitten": ClassName("cat"), "dog": ClassName("hound")}),
        corrections.set_classes({"dog": ClassName("hound", excluded=True)}),
        corrections.relabel([numbers[0]], None),
    ]
    now = by_file(index)
    assert (now["cat/1"].label, now["cat/1"].excluded) == ("cat", False)
    assert (now["cat/2"].label, now["cat/2"].excluded) == ("hound", True)
    assert (now["dog/1"].label, now["dog/1"].excluded) == ("hound", True)
    assert now["kitten/1"].label == "cat"
    after = list(index.entries())
    redos = [corrections.apply(undo) for undo in reversed(undos)]
    assert list(index.entries()) == before
    for redo in reversed(redos):
        corrections.apply(redo)
    assert list(index.entries()) == after


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_name_that_can_t_be_one_is_refused_and_nothing_changes(index: Index, name: str) -> None:
    numbers, _ = index.update(seen("a/1"))
    before = list(index.entries())
    with pytest.raises(UsageError, match="needs a name"):
        Corrections(index.project).relabel(numbers, name)
    with pytest.raises(UsageError, match="needs a name"):
        Corrections(index.project).set_classes({"a": ClassName(name)})
    assert list(index.entries()) == before


def test_entries_are_found_by_class_and_verdict(index: Index) -> None:
    files = [*seen("a/1", "a/2", "b/1"), Seen("a/x", b"x", "a", None, "left_out", "Empty.")]
    numbers, _ = index.update(files)
    Corrections(index.project).relabel([numbers[2]], "a")
    assert [each.file for each in index.entries(classes=["a"])] == ["a/1", "a/2", "a/x", "b/1"]
    assert [each.file for each in index.entries(verdict="left_out")] == ["a/x"]
    assert [each.file for each in index.entries(classes=["b"])] == []


def test_the_outcome_is_kept_and_assignments_stay(index: Index) -> None:
    numbers, _ = index.update(seen("a/1", "a/2"))
    finding = Finding(
        kind="exact_duplicate",
        severity="warn",
        sentence="Twice.",
        files=("a/2", "a/1"),
        classes=("a",),
        weight=0.5,
    )
    index.save_outcome(
        {numbers[0]: "train", numbers[1]: "aside"},
        {numbers[0]: "g"},
        [finding],
        {"val 0": {numbers[0]: "train"}},
    )
    index.save_outcome({numbers[0]: "val"}, {}, [], {"val 0": {numbers[1]: "val"}})
    assert index.findings() == []
    assert index.assignments("val 0") == {numbers[0]: "train", numbers[1]: "val"}
    assert index.assignments("val 1") == {}
    assert [each.part for each in index.entries()] == ["val", None]
    index.save_outcome({}, {}, [finding], {})
    assert index.findings() == [finding]


def test_an_outcome_that_can_t_be_kept_whole_leaves_the_one_before(index: Index) -> None:
    numbers, _ = index.update(seen("a/1", "a/2"))
    index.save_outcome({numbers[0]: "train"}, {}, [], {}, {"summary": "first"})
    before = list(index.entries())
    with pytest.raises(TypeError):
        index.save_outcome(
            {numbers[0]: "val"}, {}, [], {"val 0": {numbers[0]: "val"}}, {"summary": object()}
        )
    assert list(index.entries()) == before
    assert index.assignments("val 0") == {}
    assert index.project.setting("summary") == "first"


def test_settings_are_kept(tmp_path: Path) -> None:
    Project(tmp_path).set_setting("fractions", {"test": 0.15})
    assert Project(tmp_path).setting("fractions") == {"test": 0.15}
    assert Project(tmp_path).setting("nothing") is None


def test_a_newer_project_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with Project(tmp_path).writing() as database:
        database.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    with pytest.raises(StorageError, match="newer version"):
        Project(tmp_path)


def test_a_file_that_is_no_project_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "project.sqlite").write_bytes(b"this is no database, whatever it is called" * 99)
    with pytest.raises(StorageError, match="can't be read"):
        Project(tmp_path)


def test_the_same_folders_have_the_same_project() -> None:
    first = Project.of(DatasetSpec(folder="/pictures", roots=("/pictures/b", "/pictures/a")))
    again = Project.of(DatasetSpec(folder="/pictures", roots=("/pictures/a", "/pictures/b")))
    other = Project.of(DatasetSpec(folder="/pictures"))
    assert first.path == again.path != other.path


def test_counts_follow_corrections_and_leave_out_what_cannot_be_used(index: Index) -> None:
    broken = Seen("a/4", b"4", "a", None, "left_out", "The file is empty.")
    numbers, _ = index.update([*seen("a/1", "a/2", "a/3", "b/1"), broken])
    corrections = Corrections(index.project)
    corrections.relabel([numbers[0]], "made")
    corrections.exclude([numbers[1]], excluded=True)
    assert index.counts() == {"a": (1, 1), "b": (1, 0), "made": (1, 0)}


def test_one_entry_is_the_same_as_among_all(index: Index) -> None:
    numbers, _ = index.update(seen("a/1", "a/2"))
    assert index.entry(numbers[1]) == by_file(index)["a/2"]
    assert index.entry(max(numbers) + 1) is None
