"""What can be chosen about a split, without a window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from made_up_scans import made_up_scan
from pydantic import ValidationError

from tlstudio.errors import UsageError
from tlstudio.gui.wizard import split_choice
from tlstudio.gui.wizard.split_choice import Known, Preview
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import DatasetSpec, Finding, Grouping, Split, TableSource
from tlstudio.projects.index import Index, Seen
from tlstudio.projects.project import Project
from tlstudio.tasks import Task, drive

T = TypeVar("T")


def result(task: Task[T]) -> T:
    return drive(task, lambda event: None)


# --- the state ----------------------------------------------------------------------------------


def test_a_changed_split_goes_into_the_job_and_leaves_the_pictures_alone() -> None:
    state = WizardState()
    table = TableSource(file="/x/labels.csv", group="patient")
    state.set_scan(made_up_scan({"a": 50, "b": 50}), DatasetSpec(folder="/x", table=table))
    state.change_split(test_fraction=0.1)
    state.change_split(validation_fraction=0.3, grouping=Grouping(burst=5))
    dataset = state.job().dataset
    assert (dataset.test_fraction, dataset.validation_fraction) == (0.1, 0.3)
    assert dataset.grouping == Grouping(burst=5)
    assert dataset.table == table


def test_observers_hear_of_a_changed_split_once() -> None:
    state = WizardState()
    state.set_scan(made_up_scan({"a": 50, "b": 50}))
    heard: list[float | None] = []
    state.observe(lambda: heard.append(state.dataset.test_fraction if state.dataset else None))
    state.change_split(test_fraction=0.1)
    state.change_split(test_fraction=0.1)
    assert heard == [0.1]


def test_a_share_out_of_range_is_refused() -> None:
    state = WizardState()
    state.set_scan(made_up_scan({"a": 50, "b": 50}))
    with pytest.raises(ValidationError):
        state.change_split(validation_fraction=0.9)


def test_the_split_stays_while_training() -> None:
    state = WizardState()
    state.set_scan(made_up_scan({"a": 50, "b": 50}))
    state.set_training(Path("/runs/x"))
    with pytest.raises(UsageError):
        state.change_split(test_fraction=0.1)


# --- rules --------------------------------------------------------------------------------------


def test_a_rule_joins_others_and_takes_the_place_of_its_own_kind() -> None:
    both = split_choice.with_rule(Grouping(burst=10, pattern="{group}_*"), Grouping(pattern="x*"))
    assert both == Grouping(burst=10, pattern="x*")


def test_a_rule_that_is_taken_back_leaves_the_others() -> None:
    left = split_choice.without_rule(Grouping(burst=10, folder_level=1), Grouping(burst=10))
    assert left == Grouping(folder_level=1)


def test_a_rule_applies_only_with_the_same_number() -> None:
    assert split_choice.applies(Grouping(burst=10, folder_level=2), Grouping(burst=10))
    assert not split_choice.applies(Grouping(burst=5), Grouping(burst=10))


# --- the preview of a pattern -------------------------------------------------------------------


def tried(files: Sequence[str], pattern: str) -> Preview:
    return result(split_choice.preview(files, pattern))


def test_a_preview_counts_groups_and_says_what_does_not_fit() -> None:
    files = [f"yes/p{n // 3}_{n}.png" for n in range(9)] + ["no/p0_77.png", "no/other.png"]
    found = tried(files, "{group}_#")
    assert found.sentence() == (
        "3 groups, the largest with 4 pictures. 1 of 11 names do not fit and stand alone."
    )
    assert found.examples == (("p0_0.png", "p0"), ("p1_3.png", "p1"), ("p2_6.png", "p2"))
    assert found.useful


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("plate{group}", "No file name fits"),
        ("{group}x*", "No file name fits"),
        ("*_{group}", "changes nothing"),
        ("{group}#_*", "one group"),
    ],
)
def test_a_pattern_that_is_of_no_use_says_why(pattern: str, word: str) -> None:
    found = tried([f"a/p{n % 2}_{n}.png" for n in range(8)], pattern)
    assert not found.useful
    assert word in found.sentence()


def test_what_is_no_pattern_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="neither"):
        tried(["a/b.png"], "x_*")


# --- the index ----------------------------------------------------------------------------------


def test_only_pictures_that_are_used_are_tried(tmp_path: Path) -> None:
    index = Index(Project(tmp_path / "project"))
    used = Seen("a/1.png", b"1", "a", None, "used", "")
    broken = Seen("a/2.png", b"2", "a", None, "left_out", "It is cut off.")
    (first, _), _ = index.update([used, broken])
    findings = [
        Finding(kind="exact_duplicate", severity="warn", sentence="", files=("a/1.png", "b/1.png")),
        Finding(kind="near_duplicate", severity="warn", sentence="", files=("a", "b", "c")),
        Finding(kind="near_duplicate", severity="warn", sentence="", files=("b/1.png", "d")),
        Finding(kind="conflicting_labels", severity="error", sentence="", files=("d", "a/1.png")),
    ]
    index.save_outcome({first: "train"}, {}, findings, {})
    known = result(split_choice.read_known(str(tmp_path / "project")))
    assert known.files == ("a/1.png",)
    assert split_choice.duplicates_sentence(known, given=False) == (
        "Identical and nearly identical pictures always stay on one side. "
        "2 groups of them were found, with 6 pictures."
    )


def test_a_suspected_leak_is_not_counted_as_one(tmp_path: Path) -> None:
    index = Index(Project(tmp_path / "project"))
    suspected = Finding(kind="leak", severity="warn", sentence="They may.", files=("a", "b"))
    index.save_outcome({}, {}, [suspected], {})
    said = split_choice.noteworthy(result(split_choice.read_known(str(tmp_path / "project"))), 0)
    assert len(said) == 1
    assert "suggest" in said[0]


def test_leaks_come_before_what_was_set_aside() -> None:
    known = Known(findings={"leak": 3, "unchecked_class": 1, "shortcut": 1})
    said = split_choice.noteworthy(known, aside=1)
    assert [sentence.split()[0:2] for sentence in said] == [
        ["3", "groups"],
        ["1", "picture"],
        ["1", "class"],
    ]


def test_test_pictures_that_came_with_the_folder_are_known_from_drawn_ones() -> None:
    split = Split(given=False, train=60, val=20, test=20)
    assert split_choice.has_own_test(made_up_scan({"a": 100}, split=split))
    assert not split_choice.has_own_test(made_up_scan({"a": 100}, split=split, test_fraction=0.2))


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(1, 5, "20 %"), (3, 250, "1.2 %"), (1, 50_000, "under 0.1 %"), (0, 5, "0 %"), (0, 0, "0 %")],
)
def test_a_small_share_is_not_called_none(part: int, whole: int, words: str) -> None:
    assert split_choice.percent(part, whole) == words
