"""What would end on both sides of a split if groups were made otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from datasets.made_items import at, items

from tlstudio.datasets.groups import groups_of
from tlstudio.datasets.item import Item
from tlstudio.errors import UsageError
from tlstudio.jobs import Grouping


def grouped(
    pictures: list[Item],
    grouping: Grouping | None = None,
    duplicates: Sequence[tuple[int, ...]] = (),
) -> list[str]:
    folders = [picture.label for picture in pictures]
    return list(groups_of(pictures, duplicates, grouping or Grouping(), folders))


def sets(names: list[str]) -> set[frozenset[int]]:
    """Which indices share a name."""
    return {
        frozenset(index for index, other in enumerate(names) if other == name)
        for name in names
        if name
    }


def test_without_ties_everyone_is_alone() -> None:
    assert grouped(items(["a/1.png", "a/2.png", "b/1.png"])) == ["", "", ""]


def test_ties_chain_from_source_to_source() -> None:
    """1 and 2 are the same picture, 2 and 3 the same patient, 3 and 4 the same picture."""
    pictures = items(["a/1.png", "a/p7_x.png", "b/p7_y.png", "b/4.png", "b/p8_z.png"])
    names = grouped(pictures, Grouping(pattern="{group}_*"), [(0, 1), (2, 3)])
    assert sets(names) == {frozenset({0, 1, 2, 3})}
    assert names[0] == "p7"
    assert names[4] == ""


def test_a_column_of_the_table_keeps_its_pictures_together_across_classes() -> None:
    pictures = [
        at(1, "x/1.png", "a", group="anna"),
        at(2, "x/2.png", "b", group="anna"),
        at(3, "x/3.png", "b", group="otto"),
        at(4, "x/4.png", "b"),
        at(5, "x/5.png", "b"),
    ]
    assert grouped(pictures) == ["anna", "anna", "", "", ""]


def test_a_folder_counts_below_the_class_and_means_the_same_in_each_class() -> None:
    files = ["sick/p1/left/1.png", "sick/p1/right/2.png", "well/p1/3.png", "well/p2/4.png"]
    pictures = items([*files, "well/5.png", "well/6.png"])
    assert grouped(pictures, Grouping(folder_level=1)) == ["p1", "p1", "p1", "", "", ""]
    deeper = items(["a/p1/left/1.png", "a/p1/left/2.png", "a/p1/right/3.png"])
    assert sets(grouped(deeper, Grouping(folder_level=2))) == {frozenset({0, 1})}


def test_a_part_or_a_root_above_the_class_plays_no_part() -> None:
    pictures = [
        at(1, "train/sick/p1/1.png", "sick", given="train"),
        at(2, "val/sick/p1/2.png", "sick", given="val"),
        at(3, "2024/clinic/sick/p1/3.png", "sick"),
    ]
    assert sets(grouped(pictures, Grouping(folder_level=1))) == {frozenset({0, 1, 2})}


def test_a_burst_chains_pictures_of_one_camera_that_follow_each_other() -> None:
    pictures = [
        at(1, "a/1.jpg", camera="X1", taken=100.0),
        at(2, "b/2.jpg", camera="X1", taken=125.0),
        at(3, "a/3.jpg", camera="X1", taken=112.5),
        at(4, "a/4.jpg", camera="Y9", taken=113.0),
        at(5, "a/5.jpg", camera="X1", taken=138.0),
        at(6, "a/6.jpg", camera=None, taken=100.0),
        at(7, "a/7.jpg", camera="X1", taken=None),
    ]
    assert sets(grouped(pictures, Grouping(burst=12.5))) == {frozenset({0, 1, 2})}
    assert sets(grouped(pictures, Grouping(burst=13))) == {frozenset({0, 1, 2, 4})}


def test_two_groups_never_have_one_name() -> None:
    """Patient 7 of the table is not plate 7 of the file's name."""
    pictures = [
        at(1, "a/1.png", group="7"),
        at(2, "a/2.png", group="7"),
        at(3, "a/7_x.png"),
        at(4, "a/7_y.png"),
    ]
    assert sets(grouped(pictures, Grouping(pattern="{group}_*"))) == {
        frozenset({0, 1}),
        frozenset({2, 3}),
    }


def test_a_pattern_that_is_none_is_refused_with_a_sentence() -> None:
    with pytest.raises(UsageError, match="neither"):
        grouped(items(["a/1.png"]), Grouping(pattern="p*"))


def test_the_same_names_of_two_forms_of_unicode_are_one() -> None:
    pictures = items(["a/Jo\u0308rg_1.png", "a/J\u00f6rg_2.png"])
    assert sets(grouped(pictures, Grouping(pattern="{group}_#"))) == {frozenset({0, 1})}
