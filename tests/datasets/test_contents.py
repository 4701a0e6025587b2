"""A digest stands for what a file holds, and is never that of something else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tlstudio.datasets.contents import Content, contents
from tlstudio.datasets.scan import scan
from tlstudio.errors import DatasetError
from tlstudio.jobs import DatasetSpec, ScanJob, ScanResult
from tlstudio.tasks import drive

Pictures = Callable[..., None]


def looked_through(root: Path, cache: Path) -> ScanResult:
    job = ScanJob(dataset=DatasetSpec(folder=str(root)), seed=0)
    return drive(scan(job, cache), lambda _: None)


def held(root: Path, cache: Path) -> dict[str, Content]:
    names = sorted(file.relative_to(root).as_posix() for file in root.rglob("*.png"))
    found = drive(contents(root, names, cache), lambda _: None)
    return dict(zip(names, found, strict=True))


def test_digests_are_the_sha_256_of_the_files(root: Path, pictures: Pictures) -> None:
    pictures("a", 3)
    for name, content in held(root, root.parent / "cache").items():
        assert content.digest == hashlib.sha256((root / name).read_bytes()).digest()
        assert content.still_in(root / name)


def test_what_a_scan_has_looked_at_is_not_read_again(
    root: Path, pictures: Pictures, looked_at: list[str], tmp_path: Path
) -> None:
    pictures("a", 4)
    pictures("b", 4)
    looked_through(root, tmp_path / "cache")
    looked_at.clear()
    found = held(root, tmp_path / "cache")
    assert looked_at == []
    expected = {name: hashlib.sha256((root / name).read_bytes()).digest() for name in found}
    assert {name: content.digest for name, content in found.items()} == expected


def test_a_changed_file_has_another_digest_and_no_longer_the_old_content(
    root: Path, pictures: Pictures, looked_at: list[str], tmp_path: Path
) -> None:
    pictures("a", 4)
    pictures("b", 4)
    looked_through(root, tmp_path / "cache")
    before = held(root, tmp_path / "cache")
    looked_at.clear()
    changed = root / "a" / "000.png"
    stamp = changed.stat()
    changed.write_bytes(changed.read_bytes() + b"x")
    os.utime(changed, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert not before["a/000.png"].still_in(changed)
    after = held(root, tmp_path / "cache")
    assert looked_at == ["000.png"]
    assert after["a/000.png"].digest == hashlib.sha256(changed.read_bytes()).digest()
    assert {**after, "a/000.png": None} == {**before, "a/000.png": None}


def test_a_picture_broken_after_the_scan_is_refused_before_anything_decodes_it(
    root: Path, pictures: Pictures, tmp_path: Path
) -> None:
    pictures("a", 4)
    pictures("b", 4)
    looked_through(root, tmp_path / "cache")
    (root / "a" / "000.png").write_bytes(b"\x89PNG")
    with pytest.raises(DatasetError, match=r"000\.png can't be read any more: The file is damaged"):
        held(root, tmp_path / "cache")
    assert [each.file for each in looked_through(root, tmp_path / "cache").left_out] == [
        "a/000.png"
    ]


def test_a_file_that_is_gone_is_a_sentence(root: Path, pictures: Pictures, tmp_path: Path) -> None:
    pictures("a", 2)
    content = held(root, tmp_path / "cache")["a/001.png"]
    (root / "a" / "001.png").unlink()
    assert not content.still_in(root / "a" / "001.png")
    with pytest.raises(DatasetError, match=r"001\.png can't be read any more"):
        drive(contents(root, ["a/000.png", "a/001.png"], tmp_path / "cache"), lambda _: None)


def test_the_same_content_is_the_same_wherever_it_lies(
    root: Path, pictures: Pictures, tmp_path: Path
) -> None:
    pictures("a", 2)
    (root / "b").mkdir()
    (root / "b" / "copy.png").write_bytes((root / "a" / "001.png").read_bytes())
    found = held(root, tmp_path / "cache")
    assert found["b/copy.png"].digest == found["a/001.png"].digest != found["a/000.png"].digest
