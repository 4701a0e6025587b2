"""What would make an accuracy dishonest or unrepeatable if the split were drawn otherwise."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from datasets.made_items import at, items

from tlstudio.datasets.item import Item
from tlstudio.datasets.split import Assignment, Drawn, assign, leaks
from tlstudio.datasets.split_sentence import sentence
from tlstudio.jobs import Grouping, Part

SIZES = {"few": 2, "some": 13, "many": 400}
FILES = [f"{label}/{n}.png" for label, count in SIZES.items() for n in range(count)]


def split(
    pictures: Sequence[Item], groups: Sequence[str] | None = None, **options: Any
) -> Assignment:
    settings = {"val_fraction": 0.2, "test_fraction": 0.0, "seed": 0, **options}
    return assign(pictures, groups or [""] * len(pictures), **settings)


def remembered(before: Assignment, **options: Any) -> dict[str, Drawn]:
    """What a project keeps of a split: one draw for the test pictures, one for validation."""
    tested: dict[int, Part] = {
        number: "test" if part == "test" else "train" for number, part in before.parts.items()
    }
    validated = {number: part for number, part in before.parts.items() if part != "test"}
    regrouped = options.get("regrouped", False)
    return {
        "tested": Drawn(tested, options.get("test_fraction", 0.0), regrouped),
        "validated": Drawn(validated, options.get("val_fraction", 0.2), regrouped),
    }


def in_part(assignment: Assignment, part: Part) -> set[int]:
    return {number for number, each in assignment.parts.items() if each == part}


def by_hash(files: Sequence[str], key: str) -> list[str]:
    """The published order, written out, so that no change of the code changes an old split."""
    return sorted(files, key=lambda file: hashlib.sha256(f"{key}\0{file}".encode()).hexdigest())


def chosen(pictures: Sequence[Item], assignment: Assignment, part: Part) -> set[str]:
    numbers = in_part(assignment, part)
    return {picture.file for picture in pictures if picture.id in numbers}


def made_up(seed: int) -> tuple[list[Item], list[str]]:
    """Pictures of a few classes in groups of all sizes, some of several classes."""
    rng = np.random.default_rng(seed)
    classes = [f"class{n}" for n in range(rng.integers(2, 6))]
    pictures: list[Item] = []
    groups: list[str] = []
    for group in range(rng.integers(20, 120)):
        size = int(rng.choice([1, 1, 1, 2, 3, 8]))
        home = str(rng.choice(classes))
        for _ in range(size):
            label = str(rng.choice(classes)) if rng.random() < 0.1 else home
            number = len(pictures) + 1
            pictures.append(at(number, f"{label}/{rng.integers(1 << 40)}-{number}.png"))
            groups.append(f"g{group}" if size > 1 else "")
    return pictures, groups


def check_honest(pictures: Sequence[Item], groups: Sequence[str], assignment: Assignment) -> None:
    """What holds of every split that was drawn."""
    placed = {**assignment.parts, **assignment.aside}
    assert set(placed) == {picture.id for picture in pictures}
    assert not set(assignment.parts) & set(assignment.aside)
    sides: Mapping[str, set[Part]] = defaultdict(set)
    by_class: Mapping[str, set[Part]] = defaultdict(set)
    for picture, group in zip(pictures, groups, strict=True):
        part = assignment.parts.get(picture.id)
        if part is None:
            continue
        by_class[picture.label].add(part)
        if group:
            sides[group].add(part)
    assert all(len(parts) == 1 for parts in sides.values())
    assert all("train" in parts for parts in by_class.values())
    unchecked = {label for label, parts in by_class.items() if "val" not in parts}
    assert set(assignment.unchecked) == unchecked


# --- a first draw --------------------------------------------------------------------------------


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5])
def test_each_class_gives_its_share_and_keeps_a_picture_to_learn_from(fraction: float) -> None:
    pictures = items(FILES)
    counts = Counter(
        file.split("/")[0]
        for file in chosen(pictures, split(pictures, val_fraction=fraction), "val")
    )
    for label, total in SIZES.items():
        assert 1 <= counts[label] < total
        assert abs(counts[label] - fraction * total) <= 1


@pytest.mark.parametrize("seed", [0, 7])
def test_pictures_that_are_alone_are_drawn_in_the_published_order_of_hashes(seed: int) -> None:
    pictures = items(FILES)
    expected: set[str] = set()
    for label, count in (("few", 1), ("some", 3), ("many", 80)):
        files = [file for file in FILES if file.startswith(f"{label}/")]
        expected.update(by_hash(files, str(seed))[:count])
    assert chosen(pictures, split(pictures, seed=seed), "val") == expected


def test_another_seed_gives_another_validation_set_and_the_same_test_set() -> None:
    pictures = items(FILES)
    first = split(pictures, test_fraction=0.15, seed=0)
    second = split(pictures, test_fraction=0.15, seed=1)
    assert in_part(first, "val") != in_part(second, "val")
    assert in_part(first, "test") == in_part(second, "test")
    many = [file for file in FILES if file.startswith("many/")]
    assert chosen(pictures, first, "test") >= set(by_hash(many, "test")[:60])
    assert len(in_part(first, "test")) == 60 + 2


def test_the_order_of_the_pictures_plays_no_part() -> None:
    pictures, groups = made_up(3)
    first = split(pictures, groups, test_fraction=0.2)
    turned = split(pictures[::-1], groups[::-1], test_fraction=0.2)
    assert turned.parts == first.parts


def test_unicode_forms_of_a_name_do_not_move_it() -> None:
    files = [f"größe/{index}.png" for index in range(30)]
    apart = [unicodedata.normalize("NFD", file) for file in files]
    assert split(items(apart)).parts == split(items(files)).parts


def test_the_split_does_not_depend_on_the_hash_seed_of_the_process() -> None:
    program = (
        "from datasets.test_split import made_up, split;"
        "print(split(*made_up(5), test_fraction=0.2).parts)"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1


@pytest.mark.parametrize("seed", range(40))
def test_groups_never_straddle_and_classes_get_about_their_share(seed: int) -> None:
    pictures, groups = made_up(seed)
    assignment = split(pictures, groups, test_fraction=0.2, seed=seed)
    check_honest(pictures, groups, assignment)
    assert not assignment.aside
    total = Counter(picture.label for picture in pictures)
    for part, fraction in (("val", 0.16), ("test", 0.2)):
        got = Counter(p.label for p in pictures if assignment.parts[p.id] == part)
        strayed = sum(abs(got[label] - fraction * count) for label, count in total.items())
        assert strayed <= 4 * len(total) + 8  # half a large group a class


def test_small_classes_get_their_share_of_whole_groups() -> None:
    """Where a class is a few large groups, one of them is taken although it is too much."""
    pictures = items([f"a/{n}.png" for n in range(30)] + [f"b/{n}.png" for n in range(200)])
    groups = [f"p{n // 10}" for n in range(30)] + [""] * 200
    assignment = split(pictures, groups, val_fraction=0.1)
    assert Counter(p.label for p in pictures if assignment.parts[p.id] == "val") == {
        "a": 10,
        "b": 20,
    }
    assert not assignment.unchecked


def test_a_class_that_is_one_group_is_learned_and_said_to_be_unchecked() -> None:
    pictures = items([f"a/{n}.png" for n in range(6)] + [f"b/{n}.png" for n in range(20)])
    groups = ["same"] * 6 + [""] * 20
    assignment = split(pictures, groups, test_fraction=0.2)
    assert {assignment.parts[number] for number in range(1, 7)} == {"train"}
    assert assignment.unchecked == ("a",)


def test_the_test_set_leaves_small_classes_enough_to_learn_and_to_check() -> None:
    pictures = items([f"a/{n}.png" for n in range(2)] + [f"b/{n}.png" for n in range(3)])
    assignment = split(pictures, test_fraction=0.5)
    parts = Counter((p.label, assignment.parts[p.id]) for p in pictures)
    assert parts == {
        ("a", "train"): 1,
        ("a", "val"): 1,
        ("b", "train"): 1,
        ("b", "val"): 1,
        ("b", "test"): 1,
    }


# --- later draws ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_added_pictures_move_no_other_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pictures, groups = made_up(seed)
    known = rng.random(len(pictures)) < rng.choice([0.5, 0.9])
    options: dict[str, Any] = {"test_fraction": float(rng.choice([0, 0.15])), "val_fraction": 0.2}
    old = [picture for picture, before in zip(pictures, known, strict=True) if before]
    old_groups = [group for group, before in zip(groups, known, strict=True) if before]
    before = split(old, old_groups, **options)
    after = split(pictures, groups, **options, **remembered(before, **options))
    check_honest(pictures, groups, after)
    assert not after.aside  # new pictures join groups here, and tie none together
    assert {number: after.parts[number] for number in before.parts} == before.parts
    again = split(pictures, groups, **options, **remembered(after, **options))
    assert again == after


@pytest.mark.parametrize("seed", range(40))
def test_new_pictures_that_tie_groups_together_move_nobody_but_to_the_side(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pictures, groups = made_up(seed)
    options: dict[str, Any] = {"test_fraction": 0.15, "val_fraction": 0.2}
    before = split(pictures, groups, **options)
    names = [group or f"alone{index}" for index, group in enumerate(groups)]
    for tie in range(5):
        one, other = rng.choice(names, 2, replace=False)
        names = [f"tie{tie}" if name in (one, other) else name for name in names]
        pictures.append(at(len(pictures) + 1, f"class0/new{tie}.png"))
        names.append(f"tie{tie}")
    after = split(pictures, names, **options, **remembered(before, **options))
    check_honest(pictures, names, after)
    still = {number: part for number, part in after.parts.items() if number in before.parts}
    assert still == {number: before.parts[number] for number in still}
    assert all(before.parts[number] != "train" for number in after.aside)


def test_a_twin_of_a_training_picture_is_set_aside_and_comes_back_without_its_tie() -> None:
    pictures = items([f"{label}/{n}.png" for label in "ab" for n in range(10)])
    before = split(pictures)
    train = next(p for p in pictures if before.parts[p.id] == "train")
    val = next(p for p in pictures if before.parts[p.id] == "val")
    new = at(99, "a/new.png")
    groups = ["tied" if p in (train, val) else "" for p in pictures]
    after = split([*pictures, new], [*groups, "tied"], **remembered(before))
    assert after.parts[train.id] == after.parts[new.id] == "train"
    assert list(after.aside) == [val.id]
    assert train.file in after.aside[val.id]
    kept = {**before.parts, **after.parts}  # what was set aside keeps its entry
    later = split(pictures, **remembered(Assignment(kept, {}, ())))
    assert later.parts == before.parts


def test_a_twin_that_was_set_aside_counts_where_a_larger_share_brings_its_tie_over() -> None:
    pictures = items([f"{label}/{n}.png" for label in "ab" for n in range(40)])
    before = split(pictures, val_fraction=0.2)
    large = split(pictures, val_fraction=0.4)
    val = next(p for p in pictures if before.parts[p.id] == "val")
    train = next(
        p for p in pictures if before.parts[p.id] == "train" and large.parts[p.id] == "val"
    )
    groups = ["tied" if p in (train, val) else "" for p in pictures]
    assert list(split(pictures, groups, **remembered(before)).aside) == [val.id]
    after = split(pictures, groups, val_fraction=0.5, **remembered(before))
    assert not after.aside
    assert after.parts[train.id] == after.parts[val.id] == "val"


def test_a_new_seed_does_not_unlock_the_test_set() -> None:
    """Also where a picture of it turned out to be one that was learned from."""
    pictures = items([f"{label}/{n}.png" for label in "ab" for n in range(40)])
    before = split(pictures, test_fraction=0.2)
    test = next(p for p in pictures if before.parts[p.id] == "test")
    other = next(p for p in pictures if before.parts[p.id] != "test")
    groups = ["tied" if p in (test, other) else "" for p in pictures]
    known = remembered(before, test_fraction=0.2)["tested"]
    for seed in (0, 1, 2):
        after = split(pictures, groups, test_fraction=0.2, seed=seed, tested=known)
        assert in_part(after, "test") == in_part(before, "test") - {test.id}
        assert list(after.aside) == [test.id]


@pytest.mark.parametrize("seed", range(10))
def test_a_larger_share_only_adds_and_a_smaller_one_only_releases(seed: int) -> None:
    pictures, groups = made_up(seed)
    small = {"val_fraction": 0.1, "test_fraction": 0.1}
    large = {"val_fraction": 0.3, "test_fraction": 0.1}
    first = split(pictures, groups, **small)
    grown = split(pictures, groups, **large, **remembered(first, **small))
    assert in_part(first, "val") < in_part(grown, "val")
    shrunk = split(pictures, groups, **small, **remembered(grown, **large))
    assert in_part(shrunk, "val") < in_part(grown, "val")
    tested = {"val_fraction": 0.1, "test_fraction": 0.3}
    more = split(pictures, groups, **tested, **remembered(first, **small))
    assert in_part(first, "test") < in_part(more, "test")
    for assignment in (grown, shrunk, more):
        check_honest(pictures, groups, assignment)


def test_for_pictures_that_are_alone_changed_shares_are_as_if_drawn_so_at_once() -> None:
    pictures = items(FILES)
    first = split(pictures)
    for fraction in (0.1, 0.35):
        after = split(pictures, val_fraction=fraction, **remembered(first))
        assert after.parts == split(pictures, val_fraction=fraction).parts


def test_a_grouping_that_is_confirmed_later_draws_only_anew_what_it_must() -> None:
    pictures = items([f"{label}/{n}.png" for label in "ab" for n in range(40)])
    before = split(pictures)
    groups = [f"p{n // 4}" if n < 20 else "" for n in range(40)] + [""] * 40
    after = split(pictures, groups, **remembered(before, regrouped=True))
    check_honest(pictures, groups, after)
    assert not after.aside
    alone = [p.id for p, group in zip(pictures, groups, strict=True) if not group]
    assert [after.parts[n] for n in alone] == [before.parts[n] for n in alone]
    assert sum(after.parts[n] == "val" for n in range(1, 41)) == pytest.approx(8, abs=2)


def test_a_class_whose_checked_pictures_are_gone_gets_another_one() -> None:
    pictures = items([f"a/{n}.png" for n in range(5)] + [f"b/{n}.png" for n in range(20)])
    before = split(pictures)
    left = [p for p in pictures if p.label == "b" or before.parts[p.id] == "train"]
    after = split(left, **remembered(before))
    assert not after.unchecked
    assert sum(after.parts[p.id] != before.parts[p.id] for p in left) == 1


def test_a_class_is_never_left_with_nothing_to_learn_from() -> None:
    pictures = items([f"a/{n}.png" for n in range(5)] + [f"b/{n}.png" for n in range(20)])
    before = split(pictures, val_fraction=0.4)
    left = [p for p in pictures if p.label == "b" or before.parts[p.id] == "val"]
    check_honest(left, [""] * len(left), split(left, **remembered(before, val_fraction=0.4)))


# --- a split that the user brought ---------------------------------------------------------------


def brought(parts: Sequence[Part | None]) -> list[Item]:
    return [
        at(number, f"{part}/a/{number}.png", "ab"[number % 2], given=part)
        for number, part in enumerate(parts, 1)
    ]


def test_a_split_that_the_user_brought_is_kept_with_its_leaks_which_are_told() -> None:
    pictures = brought(["train"] * 10 + ["val"] * 6)
    groups = ["leak", *[""] * 14, "leak"]
    assignment = split(pictures, groups, test_fraction=0.3)
    assert all(assignment.parts[p.id] == p.given for p in pictures)
    assert not assignment.aside
    assert leaks(pictures, groups, assignment.parts) == [[0, 15]]


def test_with_a_test_folder_alone_validation_pictures_are_drawn_from_the_others() -> None:
    pictures = brought(["train"] * 20 + ["test"] * 6)
    groups = ["leak", *[""] * 24, "leak"]
    assignment = split(pictures, groups)
    assert in_part(assignment, "test") == {p.id for p in pictures if p.given == "test"}
    assert len(in_part(assignment, "val")) == 4
    assert leaks(pictures, groups, assignment.parts) == [[0, 25]]


def test_what_a_table_says_nothing_of_goes_with_its_group_or_is_learned_from() -> None:
    pictures = brought(["train"] * 4 + ["val"] * 4 + [None, None, None])
    groups = [*[""] * 4, "one", *[""] * 3, "one", "two", ""]
    assignment = split(pictures, groups)
    assert [assignment.parts[number] for number in (9, 10, 11)] == ["val", "train", "train"]


# --- the sentence for a paper --------------------------------------------------------------------


def told(
    pictures: Sequence[Item],
    groups: Sequence[str] | None = None,
    grouping: Grouping | None = None,
    **options: Any,
) -> str:
    names = groups or [""] * len(pictures)
    assignment = split(pictures, names, **options)
    text = sentence(pictures, names, assignment, grouping or Grouping(), options.get("seed", 0))
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_sentence_says_how_the_pictures_were_drawn() -> None:
    assert told(items([f"{label}/{n}.png" for label in "ab" for n in range(1000)])) == (
        "Of 2,000 pictures in 2 classes, 1,600 (80 %) were used for training and 400 (20 %) for"
        " validation; the split was drawn at random within each class (stratified, seed 0);"
        " duplicates and near-duplicates were kept on one side (no such group was found)."
    )


def test_the_sentence_names_the_test_set_the_groups_and_what_was_set_aside() -> None:
    pictures = items([f"{label}/{n}.png" for label in "ab" for n in range(20)])
    before = split(pictures)
    one, other = (
        next(p for p in pictures if before.parts[p.id] == part) for part in ("train", "val")
    )
    groups = ["tied" if p in (one, other) else "" for p in pictures]
    grouping = Grouping(pattern="{group}_*", folder_level=2, burst=30)
    text = told(pictures, groups, grouping, seed=3, **remembered(before))
    assert "seed 3" in text
    assert "(“{group}_*”)" in text
    assert "2 levels below their class" in text
    assert "within 30 s of each other were kept on one side (1 such group)" in text
    assert "1 further picture was set aside" in text
    assert "Of 39 pictures" in text
    tested = told(pictures, test_fraction=0.2)
    assert "8 (20 %) as a locked test set on which no decision was based" in tested


def test_the_sentence_does_not_claim_to_have_drawn_what_the_user_brought() -> None:
    whole = told(brought(["train"] * 10 + ["val"] * 6), ["leak", *[""] * 14, "leak"])
    assert "drawn" not in whole
    assert "came with the pictures" in whole
    assert "1 group of duplicate or related pictures has members in more than one part" in whole
    tested = told(brought(["train"] * 10 + ["test"] * 6))
    assert "validation pictures were drawn at random" in tested
    assert "the test pictures came as such" in tested


def test_the_sentence_admits_a_class_that_was_not_checked() -> None:
    pictures = items([f"a/{n}.png" for n in range(6)] + [f"b/{n}.png" for n in range(20)])
    text = told(pictures, ["same"] * 6 + [""] * 20)
    assert text.endswith("no validation picture was available for “a”.")
