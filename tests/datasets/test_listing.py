"""What a user would miss if several folders, or names of files, were read wrongly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tlstudio.datasets.listing import Listing, list_dataset
from tlstudio.datasets.named import guess_of, proposed_patterns
from tlstudio.errors import DatasetError, UsageError
from tlstudio.jobs import DatasetSpec
from tlstudio.jobs.sources import source_of
from tlstudio.tasks import drive


def touch(folder: Path, *files: str) -> None:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def listed(spec: DatasetSpec) -> Listing:
    return drive(list_dataset(spec), lambda _: None)


def classes(listing: Listing) -> dict[str, str]:
    return {found.file: found.folder for found in listing.files}


# --- several folders -----------------------------------------------------------------------------


def test_folders_of_classes_are_merged_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "may/cat/1.png", "may/dog/1.png", "june/cat/1.png", "june/deep/er/2.png")
    listing = listed(source_of([str(tmp_path / "may"), str(tmp_path / "june")]))
    assert classes(listing) == {
        "june/cat/1.png": "cat",
        "june/deep/er/2.png": "deep",
        "may/cat/1.png": "cat",
        "may/dog/1.png": "dog",
    }
    assert listing.classes == {"train": ("cat", "deep", "dog")}


def test_folders_with_pictures_in_them_are_classes_themselves(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1.png", "cat/indoors/2.png", "x/dog/1.jpg", "owl/3.png")
    roots = [str(tmp_path / "cat"), str(tmp_path / "x/dog")]
    assert classes(listed(source_of(roots))) == {
        "cat/1.png": "cat",
        "cat/indoors/2.png": "cat",
        "x/dog/1.jpg": "dog",
    }


def test_folders_called_train_and_val_are_a_split(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{part}/{name}/1.png" for part in ("Train", "valid") for name in "ab"))
    listing = listed(source_of([str(tmp_path / "Train"), str(tmp_path / "valid")]))
    assert listing.part_folders == {"train": "Train", "val": "valid"}
    assert Counter((found.part, found.folder) for found in listing.files) == {
        (part, name): 1 for part in ("train", "val") for name in "ab"
    }


def test_a_folder_outside_is_named_by_its_whole_path(tmp_path: Path) -> None:
    touch(tmp_path, "here/cat/1.png", "there/dog/1.png")
    spec = DatasetSpec(
        folder=str(tmp_path / "here"), roots=(str(tmp_path / "here"), str(tmp_path / "there"))
    )
    assert list(classes(listed(spec))) == ["cat/1.png", f"{tmp_path}/there/dog/1.png"]


def test_a_folder_inside_another_chosen_one_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a/cat/1.png", "a/dog/1.png")
    with pytest.raises(DatasetError, match="which was chosen as well"):
        listed(source_of([str(tmp_path / "a"), str(tmp_path / "a/cat")]))


def test_a_list_of_paths_becomes_what_it_points_to(tmp_path: Path) -> None:
    touch(tmp_path, "a/x.png", "labels.CSV", "b/y.png")
    a, b, table = (str(tmp_path / name) for name in ("a", "b", "labels.CSV"))
    assert source_of([a, f"{a}/"]) == DatasetSpec(folder=a)
    assert source_of([b, a]) == DatasetSpec(folder=str(tmp_path), roots=(a, b))
    found = source_of([table])
    assert found.table is not None
    assert (found.folder, found.table.file) == (str(tmp_path), table)
    assert source_of([table, b]) == found.model_copy(update={"folder": b})
    for wrong in ([], [a, table, b], [f"{a}/x.png"]):
        with pytest.raises(UsageError):
            source_of(wrong)


# --- classes in the names of files ---------------------------------------------------------------


def test_classes_and_groups_are_taken_out_of_names(tmp_path: Path) -> None:
    touch(tmp_path, "p1-cat-1.png", "p1-dog-2.png", "more/p2-cat-1.png", "readme.txt", ".hidden")
    listing = listed(DatasetSpec(folder=str(tmp_path), pattern="{group}-{label}-#"))
    assert {(found.file, found.folder, found.group) for found in listing.files} == {
        ("p1-cat-1.png", "cat", "p1"),
        ("p1-dog-2.png", "dog", "p1"),
        ("more/p2-cat-1.png", "cat", "p2"),
    }
    assert [left.file for left in listing.left_out] == ["readme.txt"]
    assert listing.classes == {"train": ("cat", "dog")}


def test_a_pattern_looks_into_the_chosen_folders_only(tmp_path: Path) -> None:
    touch(tmp_path, "a/cat_1.png", "b/sub/dog_1.png", "c/owl_1.png")
    spec = source_of([str(tmp_path / name) for name in "ab"])
    listing = listed(spec.model_copy(update={"pattern": "{label}_#"}))
    assert classes(listing) == {"a/cat_1.png": "cat", "b/sub/dog_1.png": "dog"}


def test_a_pattern_that_tells_no_two_classes_apart_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "cat_1.png", "cat_2.png")
    with pytest.raises(DatasetError, match="only one class, “cat”"):
        listed(DatasetSpec(folder=str(tmp_path), pattern="{label}_#"))
    with pytest.raises(DatasetError, match="fits none of the names"):
        listed(DatasetSpec(folder=str(tmp_path), pattern="{label}-#"))
    with pytest.raises(UsageError, match="where the class stands"):
        listed(DatasetSpec(folder=str(tmp_path), pattern="{group}_#"))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("{0}_{1:03d}.jpg", "{label}_#"),
        ("{0} ({1}).jpg", "{label} (#)"),
        ("{0}{1}.png", "{label}#"),
        ("{0}-{1}-left.png", "{label}-*"),
        ("IMG_{1:04d}_{0}.tif", "*_{label}"),
        ("{1}-{0}-x.tif", "*-{label}-*"),
        ("sub/folder/{0}.{1}.jpg", "{label}.#"),
    ],
)
def test_the_pattern_of_names_is_proposed(name: str, pattern: str) -> None:
    files = [name.format(label, n) for label in ("cat", "dog", "owl") for n in range(9)]
    assert proposed_patterns(files)[0] == pattern
    best = guess_of(pattern, files)
    assert best.classes == {"cat": 9, "dog": 9, "owl": 9}
    assert best.unfitting == 0


def test_words_of_a_class_may_be_parted_by_what_parts_it_from_the_number() -> None:
    """As in a well-known set of cats and dogs."""
    files = [f"{label}_{n}.jpg" for label in ("bull_dog", "Bengal") for n in range(9)]
    best = guess_of(proposed_patterns(files)[0], files)
    assert best.classes == {"Bengal": 9, "bull_dog": 9}


def test_no_pattern_is_proposed_where_names_only_count() -> None:
    assert proposed_patterns([f"IMG_{n:04d}.jpg" for n in range(50)]) == ()
