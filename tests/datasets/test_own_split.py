"""What a user would miss if a split of their own could not be given up, or not be had back."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tlstudio.jobs import ScanResult, TableSource

Pictures = Callable[..., None]
Scanned = Callable[..., ScanResult]


def parts(result: ScanResult) -> dict[str, str]:
    return {picture.file: picture.part for picture in result.files}


@pytest.mark.parametrize("part", ["val", "test"])
def test_a_split_that_is_given_up_counts_for_nothing_and_comes_back_as_it_was(
    pictures: Pictures, scanned: Scanned, part: str
) -> None:
    for name in ("cat", "dog"):
        pictures(f"train/{name}", 50)
        pictures(f"{part}/{name}", 30)
    own, anew = scanned(usual_test=True), scanned(usual_test=True, own_split=False)
    assert own.split.given == (part == "val")
    assert not anew.split.given
    assert (anew.split.train, anew.split.val, anew.split.test) == (108, 28, 24)
    assert len({side for file, side in parts(anew).items() if file.startswith(part)}) == 3
    again = scanned(usual_test=True)
    assert (parts(again), again.split) == (parts(own), own.split)
    assert again.test_fraction == 0
    assert parts(scanned(usual_test=True, own_split=False)) == parts(anew)


def test_leaks_are_gone_once_the_program_draws(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    for name in ("cat", "dog"):
        pictures(f"train/{name}", 20)
        pictures(f"val/{name}", 8, start=500)
    shutil.copy(root / "train/cat/003.png", root / "val/cat/900.png")
    (leak,) = [each for each in scanned().findings if each.kind == "leak"]
    assert "draw the split, on the Split page" in leak.hint
    anew = scanned(own_split=False)
    assert "leak" not in {each.kind for each in anew.findings}
    assert parts(anew)["train/cat/003.png"] == parts(anew)["val/cat/900.png"]


def test_a_class_of_one_part_alone_is_a_class_like_any_other(
    pictures: Pictures, scanned: Scanned
) -> None:
    for folder in ("train/a", "train/b", "val/b", "val/c", "test/a", "test/d"):
        pictures(folder, 10, start=10 * len(folder))
    anew = scanned(own_split=False)
    assert anew.classes == {"a": 20, "b": 20, "c": 10, "d": 10}
    assert all(each["train"] and each["val"] for each in anew.parts.values())


def test_a_tables_parts_are_passed_over_with_the_words_that_are_none(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures(".", 60)
    rows = ["picture,part,kind"]
    for n in range(60):
        part = "perhaps" if n == 7 else "val" if n % 6 == 0 else "train"
        rows.append(f"{n:03d}.png,{part},{'owl' if n in (6, 12) else 'cat' if n % 2 else 'dog'}")
    (root / "labels.csv").write_text("\n".join(rows))
    table = TableSource(file=str(root / "labels.csv"), part="part")
    own, anew = scanned(table=table), scanned(table=table, own_split=False)
    assert own.split.given
    assert {each.file for each in own.left_out} == {"006.png", "007.png", "012.png"}
    assert not anew.split.given
    assert not anew.left_out
    assert anew.classes == {"cat": 30, "dog": 28, "owl": 2}
    assert parts(anew) != parts(own)


def test_without_a_split_of_its_own_a_folder_stays_split_as_it_is(
    pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 20)
    pictures("dog", 20)
    first = scanned(test_fraction=0.2)
    pictures("cat", 5, start=100)
    after = parts(scanned(own_split=False))
    assert Counter(after.values()).keys() == {"train", "val", "test"}
    assert {file: after[file] for file in parts(first)} == parts(first)
