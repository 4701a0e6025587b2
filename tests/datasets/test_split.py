"""What would make a validation accuracy wrong or unrepeatable if the split were drawn otherwise."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import unicodedata

import pytest

from tlstudio.datasets.split import validation_files

CLASSES = {
    "few": [f"few/{index}.png" for index in range(2)],
    "some": [f"some/{index}.png" for index in range(13)],
    "many": [f"many/{index}.png" for index in range(400)],
}


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5])
def test_each_class_gives_its_share_and_keeps_a_picture_to_learn_from(fraction: float) -> None:
    held_back = validation_files(CLASSES, fraction, seed=0)
    for files in CLASSES.values():
        count = len(held_back.intersection(files))
        assert 1 <= count < len(files)
        assert abs(count - fraction * len(files)) <= 1


def test_the_split_is_the_published_order_of_hashes() -> None:
    """Written out by hand, so that no change of the code changes the split of an old data set."""
    files = CLASSES["some"]
    order = sorted(files, key=lambda file: hashlib.sha256(f"7\0{file}".encode()).hexdigest())
    assert validation_files({"some": files}, 0.2, seed=7) == frozenset(order[:3])


def test_another_seed_gives_another_split_and_the_order_of_files_does_not() -> None:
    first = validation_files(CLASSES, 0.2, seed=0)
    assert validation_files(CLASSES, 0.2, seed=1) != first
    turned = {label: files[::-1] for label, files in reversed(CLASSES.items())}
    assert validation_files(turned, 0.2, seed=0) == first


def test_added_pictures_hardly_move_the_old_ones() -> None:
    before = validation_files({"many": CLASSES["many"]}, 0.2, seed=0)
    added = CLASSES["many"] + [f"many/new-{index}.png" for index in range(20)]
    after = validation_files({"many": added}, 0.2, seed=0)
    assert len(before - after) <= 20


def test_unicode_forms_of_a_name_do_not_move_it() -> None:
    composed = [f"größe/{index}.png" for index in range(30)]
    decomposed = [unicodedata.normalize("NFD", file) for file in composed]
    chosen = validation_files({"a": composed}, 0.2, seed=0)
    again = validation_files({"a": decomposed}, 0.2, seed=0)
    assert {unicodedata.normalize("NFC", file) for file in again} == chosen


def test_the_split_does_not_depend_on_the_hash_seed_of_the_process() -> None:
    program = (
        "from tlstudio.datasets.split import validation_files as f;"
        "print(sorted(f({'a': [str(i) for i in range(50)]}, 0.2, 3)))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1


def test_a_class_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer than two"):
        validation_files({"lonely": ["lonely/1.png"]}, 0.2, seed=0)
