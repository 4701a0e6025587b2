"""What a user would not be told about their pictures, or be told in the wrong order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from made_items import item, pictured, scene

from tlstudio.datasets.duplicates import near
from tlstudio.datasets.health import findings
from tlstudio.datasets.item import Item
from tlstudio.jobs import Finding, FindingKind, Grouping, LeftOut, Proposal
from tlstudio.tasks import drive


def found(items: Sequence[Item], *more: Any, **options: Any) -> list[Finding]:
    return drive(findings(items, *more, **options), lambda _: None)


def only(kind: FindingKind, items: Sequence[Item], *more: Any, **options: Any) -> Finding:
    (finding,) = [each for each in found(items, *more, **options) if each.kind == kind]
    return finding


def healthy(count: int = 20) -> list[Item]:
    return [item(number, "ab"[number % 2]) for number in range(2 * count)]


def test_nothing_is_said_of_pictures_with_which_nothing_is_wrong() -> None:
    parts = ["train" if number % 5 else "val" for number in range(40)]
    assert found(healthy(), parts=parts) == []


def test_a_file_that_is_left_out_is_named_with_its_reason() -> None:
    finding = only("unreadable", healthy(), [LeftOut(file="a/x.jpg", reason="The file is empty.")])
    assert finding.sentence == "The file “a/x.jpg” is left out: The file is empty."
    two = [LeftOut(file=f"a/{number}.jpg", reason="The file is empty.") for number in range(2)]
    finding = only("unreadable", healthy(), two)
    assert finding.sentence == "2 files are left out."
    assert finding.files == ("a/0.jpg", "a/1.jpg")


def test_blank_pictures_are_gathered() -> None:
    items = [*healthy(), item(100, "a", spread=0.0), item(101, "b", spread=1.5)]
    finding = only("blank", items)
    assert finding.sentence == "2 pictures are blank, or nearly so."
    assert finding.files == ("a/0100.jpg", "b/0101.jpg")


def test_each_group_of_copies_is_a_finding_of_its_own() -> None:
    items = [*healthy(), *(item(100 + n, "a", digest=b"xy"[n % 2 : n % 2 + 1]) for n in range(4))]
    same = [each for each in found(items) if each.kind == "exact_duplicate"]
    assert {each.files for each in same} == {
        ("a/0100.jpg", "a/0102.jpg"),
        ("a/0101.jpg", "a/0103.jpg"),
    }
    alike = only("near_duplicate", items, near=[(0, 2, 4)])
    assert alike.files == ("a/0000.jpg", "a/0002.jpg", "a/0004.jpg")
    assert alike.sentence == ("“a/0000.jpg”, “a/0002.jpg” and “a/0004.jpg” show nearly the same.")


@pytest.mark.parametrize(("digest", "groups"), [(b"x", []), (b"", [(40, 41)])])
def test_the_same_picture_under_two_labels_is_a_conflict(
    digest: bytes, groups: list[tuple[int, ...]]
) -> None:
    items = [*healthy(), item(100, "a", digest=digest), item(101, "b", digest=digest)]
    finding = only("conflicting_labels", items, near=groups)
    assert finding.severity == ("error" if digest else "warn")
    assert finding.files == ("a/0100.jpg", "b/0101.jpg")
    assert finding.classes == ("a", "b")


def test_a_conflict_is_told_once_though_the_picture_is_in_two_groups() -> None:
    items = [*healthy(), item(100, "a", digest=b"x"), item(101, "b", digest=b"x"), item(102, "b")]
    assert only("conflicting_labels", items[:42]).severity == "error"
    kinds = [each.kind for each in found(items, near=[(40, 41)])]
    assert kinds.count("conflicting_labels") == 1


def split_items() -> list[Item]:
    return [item(n, "ab"[n % 2], given="train" if n < 30 else "val") for n in range(40)]


def test_a_copy_on_both_sides_of_the_users_split_is_a_leak() -> None:
    items = split_items()
    items += [item(50, "a", digest=b"x", given="train"), item(51, "a", digest=b"x", given="val")]
    finding = only("leak", items)
    assert finding.severity == "error"
    assert finding.sentence == (
        "“a/0050.jpg”, which is learned from, and “a/0051.jpg”, which is checked on, are the same"
        " picture."
    )
    assert only("leak", split_items(), near=[(0, 38)]).files == ("a/0000.jpg", "a/0038.jpg")


def test_a_patient_on_both_sides_of_the_users_split_is_a_leak() -> None:
    groups = ["P1" if number in (3, 35) else "P2" if number < 3 else "" for number in range(40)]
    finding = only("leak", split_items(), groups=groups)
    assert finding.files == ("b/0003.jpg", "b/0035.jpg")
    assert "belong together" in finding.sentence


def test_a_patient_that_the_names_suggest_on_both_sides_is_a_suspected_leak() -> None:
    items = [
        item(n, "ab"[n % 2], file=f"{'val' if n > 29 else 'train'}/p{n % 7}_{n}.jpg", given=part)
        for n, part in enumerate(["train"] * 30 + ["val"] * 10)
    ]
    grouping = Grouping(pattern="{group}_*")
    proposal = Proposal(grouping=grouping, sentence="Names begin alike.", groups=7)
    names = [each.file.split("/")[1].split("_")[0] for each in items]
    finding = only("leak", items, proposed=[(proposal, names)])
    assert finding.severity == "warn"
    assert finding.sentence == (
        "By their names, “train/p0_0.jpg”, which is learned from, and “val/p0_35.jpg”, which is"
        " checked on, may belong together. So may those of 6 more such groups."
    )
    assert len(finding.files) == 40
    confirmed = found(items, groups=names, proposed=[(proposal, names)])
    assert {each.severity for each in confirmed if each.kind == "leak"} == {"error"}


def test_groups_are_no_leak_where_the_program_draws_the_split() -> None:
    assert found(healthy(), groups=["P"] * 40) == []


def test_classes_that_are_small_unequal_or_unchecked_are_named() -> None:
    items = [*(item(n, "many") for n in range(60)), *(item(100 + n, "few") for n in range(6))]
    items += [item(200 + n, "some") for n in range(12)]
    parts = ["val" if n < 12 else "train" for n in range(len(items))]
    small = only("small_class", items)
    assert small.sentence == "The class “few” has only 6 pictures."
    unequal = only("imbalance", items)
    assert unequal.sentence == "“many” has 10 times as many pictures as “few”."
    unchecked = only("unchecked_class", items, parts=parts)
    assert unchecked.classes == ("few", "some")


def test_what_hurts_most_comes_first() -> None:
    items = [item(n, "a", format="BMP") for n in range(40)]
    items += [item(100 + n, "b") for n in range(38)]
    items += [item(200, "a", digest=b"x"), item(201, "b", digest=b"x"), item(202, "b", spread=0.0)]
    order = [each.kind for each in found(items)]
    assert order[:2] == ["shortcut", "conflicting_labels"]
    weights = [each.weight for each in found(items)]
    assert weights == sorted(weights, reverse=True)
    assert all(0 < weight <= 1 for weight in weights)


def test_planted_copies_reach_the_findings_from_their_pixels() -> None:
    items = [pictured(number, scene(number), "ab"[number % 2]) for number in range(40)]
    items.append(pictured(40, scene(7)[:, ::-1].copy(), "a"))
    groups = drive(near(items), lambda _: None).groups
    conflict = only("conflicting_labels", items, near=groups)
    assert conflict.files == ("b/0007.jpg", "a/0040.jpg")


def test_the_22_groups_of_copies_among_the_brains_are_told(data: Path) -> None:
    files = sorted((data / "images" / "brain-mri").rglob("*.*"))
    items = [
        item(number, file.parent.name, file=file.name, digest=file.read_bytes())
        for number, file in enumerate(files)
    ]
    kinds = [each.kind for each in found(items)]
    assert kinds.count("exact_duplicate") == 22
