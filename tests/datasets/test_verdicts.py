"""What would be slow or wrong if verdicts were remembered badly: a cache must never be missed."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tlstudio.datasets import verdicts
from tlstudio.datasets.verdicts import Stamp, Verdict, recall, remember
from tlstudio.images.facts import Look
from tlstudio.jobs import ScanResult

Pictures = Callable[..., None]
Scanned = Callable[..., ScanResult]


def seen(reason: str = "", digest: bytes = b"") -> Verdict:
    return Verdict(Stamp(1, 2), Look(reason, digest=digest))


def test_a_second_scan_decodes_nothing_and_says_the_same(
    root: Path, pictures: Pictures, scanned: Scanned, looked_at: list[str]
) -> None:
    pictures("a", 5)
    pictures("b", 5)
    (root / "a/broken.png").write_bytes(b"\x89PNG")
    first = scanned()
    assert len(looked_at) == 11
    looked_at.clear()
    assert scanned().model_copy(update={"changes": None}) == first
    assert looked_at == []
    assert first.left_out


def test_a_changed_file_is_looked_at_again(
    root: Path, pictures: Pictures, scanned: Scanned, looked_at: list[str]
) -> None:
    pictures("a", 3)
    pictures("b", 3)
    scanned()
    looked_at.clear()
    changed = root / "a/000.png"
    stamp = changed.stat()
    changed.write_bytes(changed.read_bytes()[:60])
    same_size = root / "b/001.png"
    os.utime(same_size, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 10**9))
    result = scanned()
    assert sorted(looked_at) == ["000.png", "001.png"]
    assert [entry.file for entry in result.left_out] == ["a/000.png"]


def test_a_file_that_could_not_be_reached_is_tried_again(
    root: Path, pictures: Pictures, scanned: Scanned, looked_at: list[str]
) -> None:
    pictures("a", 3)
    pictures("b", 3)
    (root / "a/gone.png").symlink_to(root.parent / "elsewhere.png")
    assert [entry.file for entry in scanned().left_out] == ["a/gone.png"]
    Image.new("RGB", (8, 8)).save(root.parent / "elsewhere.png")
    tried = looked_at.count("gone.png")
    assert scanned().left_out == ()
    assert looked_at.count("gone.png") == tried + 1


def test_a_scan_that_is_stopped_keeps_what_it_has_seen(
    root: Path, pictures: Pictures, tmp_path: Path
) -> None:
    from tlstudio.datasets.scan import scan
    from tlstudio.jobs import DatasetSpec, ScanJob
    from tlstudio.tasks import Progress

    pictures("a", 200)
    pictures("b", 200)
    task = scan(ScanJob(dataset=DatasetSpec(folder=str(root))), tmp_path / "cache")
    for event in task:
        if isinstance(event, Progress) and event.total and event.done:
            break
    task.close()
    assert recall(tmp_path / "cache", str(root))


@pytest.mark.parametrize("damage", [b"", b"not a database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_cache_is_done_without_and_replaced(
    tmp_path: Path, pictures: Pictures, scanned: Scanned, looked_at: list[str], damage: bytes
) -> None:
    pictures("a", 3)
    pictures("b", 3)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/verdicts.sqlite").write_bytes(damage)
    assert scanned().pictures == 6
    scanned()
    looked_at.clear()
    scanned()
    assert looked_at == []


def test_a_cache_that_can_not_be_written_is_done_without(
    tmp_path: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("a", 3)
    pictures("b", 3)
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert scanned().pictures == 6


def test_a_cache_that_another_process_holds_is_done_without_and_kept(tmp_path: Path) -> None:
    known = {"a.png": seen()}
    remember(tmp_path, "/data", known)
    other = sqlite3.connect(tmp_path / "verdicts.sqlite")
    other.execute("BEGIN EXCLUSIVE")
    remember(tmp_path, "/data", {"b.png": seen()})
    assert recall(tmp_path, "/data") == {}
    other.rollback()
    other.close()
    assert recall(tmp_path, "/data") == known


def test_folders_do_not_share_verdicts(tmp_path: Path) -> None:
    verdict = seen("The file is empty.")
    for root in ("/data/set", "/data/set 2", "/data/set0", "/"):
        remember(tmp_path, root, {f"a/{len(root)}🐜.png": verdict})
    assert recall(tmp_path, "/data/set") == {"a/9🐜.png": verdict}


def test_another_reader_decides_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(tmp_path, "/data", {"a.png": seen()})
    monkeypatch.setattr(verdicts, "_READER", "another")
    assert recall(tmp_path, "/data") == {}


def test_many_writers_at_once_lose_no_file(tmp_path: Path) -> None:
    def write(number: int) -> None:
        remember(tmp_path, "/data", {f"{number}.png": Verdict(Stamp(number, 0), Look(""))})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    write(100)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recall(tmp_path, "/data")) == 9


def test_the_users_folder_is_not_written_to(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("a", 2)
    pictures("b", 2)
    Image.new("RGB", (4, 4)).save(root / "a/x.png")
    before = {path: path.stat().st_mtime_ns for path in (root, *root.rglob("*"))}
    scanned()
    assert {path: path.stat().st_mtime_ns for path in (root, *root.rglob("*"))} == before
