"""The files of the activation cache give back what was put in, or nothing: never a wrong number."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tlstudio.errors import StorageError
from tlstudio.training import activation_store
from tlstudio.training.activation_store import (
    ABANDONED,
    OPEN_FILES,
    Shelf,
    make_room,
    row_name,
    shelf_folder,
)

SHAPE = (3, 4)
SPAWN = multiprocessing.get_context("spawn")


def row(number: int) -> np.ndarray:
    values: np.ndarray = np.random.default_rng(number).normal(size=SHAPE).astype(np.float32)
    return values


def name(number: int) -> bytes:
    return row_name(b"picture", str(number).encode())


def filled(folder: Path, numbers: range, *, half: bool = False) -> Shelf:
    """A closed shelf, whose files hold the rows of these numbers."""
    shelf = Shelf(folder, SHAPE, half=half)
    for number in numbers:
        shelf.add(name(number), row(number))
    shelf.close()
    return shelf


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Any]:
    """`opened()`: the shelf in the folder of the test, as a process finds it."""
    shelves: list[Shelf] = []

    def open_it(*, half: bool = False) -> Shelf:
        shelves.append(Shelf(tmp_path, SHAPE, half=half))
        return shelves[-1]

    yield open_it
    for shelf in shelves:
        shelf.close()


def only(folder: Path, pattern: str) -> Path:
    (file,) = folder.glob(pattern)
    return file


# --- what is put in comes out ---------------------------------------------------------------------


def test_rows_come_back_bit_by_bit_and_only_once_they_are_published(opened: Any) -> None:
    shelf = opened()
    shelf.add(name(1), row(1))
    assert name(1) not in shelf
    assert shelf.read(name(1)) is None
    shelf.publish()
    assert shelf.read(name(1)).tobytes() == row(1).tobytes()
    assert opened().read(name(1)).tobytes() == row(1).tobytes()
    assert opened().read(name(2)) is None


def test_rows_are_published_on_the_way_so_that_a_crash_costs_seconds(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(activation_store.time, "monotonic", lambda: now[0])
    shelf = opened()
    for number in range(5):
        shelf.add(name(number), row(number))
        now[0] += activation_store.PUBLISH_EVERY / 2 + 0.1
    assert [name(number) in opened() for number in range(5)] == [True] * 3 + [False] * 2


@pytest.mark.parametrize("largest", [65504.0, 65505.0, 1e30, 6.2e-5, 6.0e-5, 1e-20, np.inf])
def test_what_half_precision_does_not_hold_comes_back_in_single(
    largest: float, opened: Any
) -> None:
    values = (row(0) / np.abs(row(0)).max() * largest).astype(np.float32)
    values[0, 0] = largest
    shelf = opened(half=True)
    shelf.add(name(0), values)
    shelf.add(name(1), row(1))
    shelf.publish()
    kept = shelf.read(name(0))
    held = 6.103515625e-5 <= largest <= 65504
    assert kept.tobytes() == (values.astype(np.float16) if held else values).tobytes()
    assert shelf.read(name(1)).tobytes() == row(1).astype(np.float16).tobytes()


def test_a_row_that_is_no_number_is_kept_as_it_is_and_zeros_are_zeros(opened: Any) -> None:
    shelf = opened(half=True)
    shelf.add(name(0), np.full(SHAPE, np.nan, np.float32))
    shelf.add(name(1), np.zeros(SHAPE, np.float32))
    shelf.publish()
    assert np.isnan(shelf.read(name(0))).all()
    assert shelf.read(name(0)).dtype == np.float32
    assert (shelf.read(name(1)) == 0).all()


def test_several_pictures_of_one_content_take_the_room_of_one(opened: Any, tmp_path: Path) -> None:
    shelf = opened()
    for _ in range(3):
        shelf.add(name(0), row(0))
    shelf.publish()
    assert only(tmp_path, "*.rows").stat().st_size == row(0).nbytes
    assert shelf.read(name(0)).tobytes() == row(0).tobytes()


def test_more_files_than_may_be_open_are_all_read(opened: Any, tmp_path: Path) -> None:
    count = OPEN_FILES + 3
    for number in range(count):
        filled(tmp_path, range(number, number + 1))
    shelf = opened()
    for number in [*range(count), 0, count - 1]:
        assert shelf.read(name(number)).tobytes() == row(number).tobytes()


def test_names_do_not_run_into_each_other() -> None:
    assert row_name(b"ab", b"c") != row_name(b"a", b"bc")
    root = Path("root")
    assert shelf_folder(root, ["ab", "c"]) != shelf_folder(root, ["a", "bc"])


def test_what_another_version_wrote_lies_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    before = shelf_folder(Path("root"), ["facts"])
    monkeypatch.setattr(activation_store, "VERSION", activation_store.VERSION + 1)
    assert shelf_folder(Path("root"), ["facts"]) != before


# --- what is damaged is not there -----------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["*.rows", "*.index"])
def test_no_flipped_bit_anywhere_gives_a_wrong_number(
    pattern: str, opened: Any, tmp_path: Path
) -> None:
    """Each flip is noticed: of a row in that row, of the index in all."""
    random = np.random.default_rng(3)
    filled(tmp_path, range(6))
    file, index = only(tmp_path, pattern), only(tmp_path, "*.index")
    rows, kept = index.with_suffix(".rows"), {}
    kept = {each: each.read_bytes() for each in (rows, index)}
    for bit in random.choice(len(kept[file]) * 8, 200, replace=False):
        for each, content in kept.items():
            each.write_bytes(content)
        content = bytearray(kept[file])
        content[bit // 8] ^= 1 << (bit % 8)
        file.write_bytes(content)
        shelf = opened()
        found = [shelf.read(name(number)) for number in range(6)]
        right = [
            each is not None and each.tobytes() == row(i).tobytes() for i, each in enumerate(found)
        ]
        assert all(good or each is None for good, each in zip(right, found, strict=True)), bit
        assert sum(right) == (5 if pattern == "*.rows" else 0), bit
        assert shelf.damaged == 1


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"garbage", b"PK\x03\x04", b"\x93NUMPY\x01\0", bytes(49), b"x" * 1000]
)
def test_an_index_of_anything_else_is_told_and_makes_way(
    content: bytes, opened: Any, tmp_path: Path
) -> None:
    filled(tmp_path, range(3))
    only(tmp_path, "*.index").write_bytes(content)
    shelf = opened()
    assert shelf.damaged == 1
    assert not any(name(number) in shelf for number in range(3))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("left", [0, 1, 100, 6 * 48 - 1])
def test_rows_cut_short_lose_only_what_was_cut_off(left: int, opened: Any, tmp_path: Path) -> None:
    filled(tmp_path, range(6))
    os.truncate(only(tmp_path, "*.rows"), left)
    shelf = opened()
    found = [shelf.read(name(number)) for number in range(6)]
    whole = left // row(0).nbytes
    assert [each is not None for each in found] == [True] * whole + [False] * (6 - whole)
    assert all(found[n].tobytes() == row(n).tobytes() for n in range(whole))
    assert shelf.damaged == 6 - whole


def test_a_damaged_row_that_is_added_again_is_read_from_then_on(
    opened: Any, tmp_path: Path
) -> None:
    filled(tmp_path, range(2))
    os.truncate(only(tmp_path, "*.rows"), row(0).nbytes)
    shelf = opened()
    assert shelf.read(name(1)) is None
    assert name(1) not in shelf
    shelf.add(name(1), row(1))
    shelf.close()
    again = opened()
    assert all(again.read(name(n)).tobytes() == row(n).tobytes() for n in range(2))
    assert again.damaged == 0


def test_rows_that_are_gone_are_counted_apart_from_damage(opened: Any, tmp_path: Path) -> None:
    """Another window may have made room: that is no reason to doubt the disk."""
    filled(tmp_path, range(3))
    early = opened()
    only(tmp_path, "*.rows").unlink()
    late = opened()
    assert (late.gone, late.damaged) == (3, 0)
    assert not list(tmp_path.iterdir())
    assert all(early.read(name(number)) is None for number in range(3))
    assert (early.gone, early.damaged) == (3, 0)


def test_a_folder_deleted_while_rows_are_added_is_made_anew(opened: Any, tmp_path: Path) -> None:
    folder = tmp_path / "shelf"
    shelf = Shelf(folder, SHAPE, half=False)
    shelf.add(name(0), row(0))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    shelf.publish()
    assert shelf.read(name(0)) is None
    shelf.add(name(1), row(1))
    shelf.publish()
    assert shelf.read(name(1)).tobytes() == row(1).tobytes()
    shelf.close()
    assert len(list(folder.iterdir())) == 2


def test_a_folder_that_can_only_be_read_is_read(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path, range(2))

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr(activation_store.os, "utime", refused)
    assert opened().read(name(1)).tobytes() == row(1).tobytes()


# --- a disk that does not take it -----------------------------------------------------------------


class _Full:
    """A file on a disk that is full."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, _: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._file, attribute)


def test_a_full_disk_is_said_and_leaves_no_half_file(opened: Any, tmp_path: Path) -> None:
    filled(tmp_path, range(1))
    shelf = opened()
    shelf.add(name(1), row(1))
    shelf._writer._file = _Full(shelf._writer._file)
    with pytest.raises(StorageError, match="disk is full"):
        shelf.add(name(2), row(2))
    assert shelf.read(name(0)).tobytes() == row(0).tobytes()
    assert name(1) not in shelf
    assert {file.suffix for file in tmp_path.iterdir()} == {".rows", ".index"}
    assert len(list(tmp_path.iterdir())) == 2


def test_an_index_that_can_not_be_put_in_place_leaves_no_half_file(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    shelf = opened()
    shelf.add(name(0), row(0))
    with monkeypatch.context() as patch:
        patch.setattr("tlstudio.projects.atomic.put_in_place", full)
        with pytest.raises(StorageError, match="disk is full"):
            shelf.publish()
    assert not list(tmp_path.iterdir())
    shelf.add(name(0), row(0))
    shelf.publish()
    assert shelf.read(name(0)).tobytes() == row(0).tobytes()


# --- several processes ----------------------------------------------------------------------------


def _fill(folder: str, first: int, count: int) -> None:
    shelf = Shelf(Path(folder), SHAPE, half=True)
    for number in range(first, first + count):
        if name(number) not in shelf:
            shelf.add(name(number), row(number))
        if number % 7 == 0:
            shelf.publish()
    shelf.close()


def test_two_processes_fill_one_shelf_and_both_find_everything(opened: Any, tmp_path: Path) -> None:
    both = [SPAWN.Process(target=_fill, args=(str(tmp_path), first, 40)) for first in (0, 20)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    shelf = opened(half=True)
    for number in range(60):
        assert shelf.read(name(number)).tobytes() == row(number).astype(np.float16).tobytes()
    assert (shelf.damaged, shelf.gone) == (0, 0)


def _crash(folder: str) -> None:
    shelf = Shelf(Path(folder), SHAPE, half=False)
    for number in range(5):
        shelf.add(name(number), row(number))
    shelf.publish()
    for number in range(5, 2000):  # more than a buffer, so that some of it is in the file
        shelf.add(name(number), row(number))
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_process_killed_while_it_adds_loses_what_it_had_not_published(
    opened: Any, tmp_path: Path
) -> None:
    process = SPAWN.Process(target=_crash, args=(str(tmp_path),))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert len(list(tmp_path.glob("*.rows"))) == 2
    shelf = opened()
    assert all(shelf.read(name(n)).tobytes() == row(n).tobytes() for n in range(5))
    assert name(5) not in shelf
    assert shelf.damaged == 0


# --- room -----------------------------------------------------------------------------------------

SIZE = 6 * 48
"""Bytes of the rows in each file below."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of rows in three folders, "0" used longest ago, on a disk with 10,000 bytes free of
    which 1,000 are to be left; 2,000 may be taken."""
    for number in range(3):
        filled(tmp_path / str(number), range(6))
        used = time.time() - 100 + number
        os.utime(only(tmp_path / str(number), "*.index"), (used, used))
    monkeypatch.setattr(activation_store, "LIMIT", 2000)
    monkeypatch.setattr(activation_store, "SPARE", 1000)
    on_disk(monkeypatch, 10_000)
    return tmp_path


def on_disk(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(activation_store.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))


def left(root: Path) -> list[str]:
    return sorted(file.parent.name for file in root.rglob("*.rows"))


@pytest.mark.parametrize(
    ("needed", "kept"),
    [
        (2000 - 3 * SIZE, "012"),
        (2000 - 3 * SIZE + 1, "12"),
        (2000 - 2 * SIZE, "12"),
        (2000 - 2 * SIZE + 1, "2"),
        (2000, ""),
    ],
)
def test_what_was_used_longest_ago_makes_way_and_no_more_than_needed(
    needed: int, kept: str, cache: Path
) -> None:
    assert make_room(cache, needed)
    assert left(cache) == list(kept)
    assert len(list(cache.rglob("*.index"))) == len(kept)


@pytest.mark.parametrize(("free", "kept"), [(1500, "012"), (1499, "12"), (1500 - 2 * SIZE, "2")])
def test_the_disk_keeps_some_room_for_others(
    free: int, kept: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk(monkeypatch, free)
    assert make_room(cache, 500)
    assert left(cache) == list(kept)


@pytest.mark.parametrize(("needed", "free"), [(2001, 10_000), (500, 1499 - 3 * SIZE)])
def test_nothing_is_dropped_for_what_never_fits(
    needed: int, free: int, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk(monkeypatch, free)
    assert not make_room(cache, needed)
    assert left(cache) == ["0", "1", "2"]


def test_what_a_run_has_in_use_does_not_make_way_for_the_rest_of_it(cache: Path) -> None:
    assert make_room(cache, 2000 - SIZE, used=[cache / "0"])
    assert left(cache) == ["0"]
    assert not make_room(cache, 2000 - SIZE + 1, used=[cache / "0"])
    assert left(cache) == ["0"]


def test_reading_counts_as_using(cache: Path) -> None:
    Shelf(cache / "0", SHAPE, half=False).close()
    assert make_room(cache, 2000 - SIZE)
    assert left(cache) == ["0"]


def test_rows_without_an_index_go_once_nobody_can_be_writing_them(cache: Path) -> None:
    for age, label in ((ABANDONED - 60, "young"), (ABANDONED + 60, "old")):
        file = cache / "1" / f"{label}.rows"
        file.write_bytes(b"x" * 5000)
        os.utime(file, (time.time() - age, time.time() - age))
    assert make_room(cache, 1)
    assert left(cache) == ["0", "1", "1", "2"]
    assert (cache / "1" / "young.rows").exists()


def test_what_another_process_drops_meanwhile_disturbs_nobody(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [*activation_store._published(cache)]
    index = only(cache / "0", "*.index")
    index.with_suffix(".rows").unlink()
    index.unlink()
    monkeypatch.setattr(activation_store, "_published", lambda _: iter(found))
    assert make_room(cache, 2000 - SIZE)
    assert left(cache) == ["2"]


def test_a_root_that_can_not_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="could not be written"):
        make_room(tmp_path / "file" / "root", 1)
