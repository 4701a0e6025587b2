"""What is read of a file that may come from anybody: ordinary files, as much as there can be."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from tlstudio import bounded
from tlstudio.bounded import content, foreign_in, leaves, lines, on_network, zip_file


def test_an_ordinary_file_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1\n2")
    assert content(file, 3) == b"1\n2"
    assert list(lines(file)) == [b"1\n", b"2"]


def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("pipe", "zero", "loop", "", "missing", "nul\0", "half\ud800"):
        with pytest.raises(OSError, match=r"\w"):
            content(tmp_path / name)


def test_no_more_is_read_than_there_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sparse"
    file.touch()
    os.truncate(file, 10**12)
    with pytest.raises(OSError, match="more than 16 MB"):
        content(file)
    assert list(lines(file)) == []
    monkeypatch.setattr(bounded, "LARGE", 6)
    file.write_bytes(b"12\n" * 1000)
    assert list(lines(file)) == [b"12\n"] * 2


def test_links_are_followed_only_where_a_user_points_to_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"text")
    (tmp_path / "link").symlink_to("a")
    assert content(tmp_path / "link") == b"text"
    with pytest.raises(OSError, match="not an ordinary file"):
        content(tmp_path / "link", follow=False)


@pytest.mark.parametrize("odd", ["file", "folder", "pipe", "deeper"])
def test_what_leads_out_of_a_folder_of_ours_is_found(tmp_path: Path, odd: str) -> None:
    ours, other = tmp_path / "run", tmp_path / "other"
    other.mkdir()
    (ours / "model").mkdir(parents=True)
    (ours / "job.json").touch()
    (ours / "model" / "model.json").touch()
    assert foreign_in(ours) is None
    made = ours / "model" / "odd" if odd == "deeper" else ours / "odd"
    if odd == "pipe":
        os.mkfifo(made)
    else:
        made.symlink_to(other if odd == "folder" else other / "file")
    assert foreign_in(ours) == made


@pytest.mark.parametrize("name", ["a.png", "a/b.png", "a..b/c.png", "...", "-x", "~/a"])
def test_names_below_a_folder_stay_in_it(name: str) -> None:
    assert not leaves(name, PurePosixPath)
    assert not leaves(name, PureWindowsPath)


@pytest.mark.parametrize("name", ["", "..", "../a", "a/../../b", "/a", "a\0b", "//host/a"])
def test_names_that_leave_a_folder_are_known(name: str) -> None:
    assert leaves(name, PurePosixPath)
    assert leaves(name, PureWindowsPath)


@pytest.mark.parametrize("name", [r"C:\a", "C:a", r"\\host\share\a", r"a\..\b", r"\\.\COM1"])
def test_windows_has_more_ways_out(name: str) -> None:
    assert leaves(name, PureWindowsPath)


def test_another_computer_is_known_by_its_path() -> None:
    def distant(path: str, *near: str) -> bool:
        return on_network(path, PureWindowsPath, near)

    assert distant(r"\\host\share\a.png")
    assert distant("//host/share/a.png")
    assert distant(r"\\host\share\a.png", r"\\host\other\set")
    assert not distant(r"\\Host\Share\a.png", r"\\host\share\set")
    assert not distant(r"C:\a.png")
    assert not distant("a.png")


def test_an_archive_may_not_have_millions_of_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("large", bytes(2000))
        for number in range(20):
            archive.writestr(str(number), b"")
    monkeypatch.setattr(bounded._Contents, "most", 1500)
    with zip_file(file) as opened:
        assert opened.read("large") == bytes(2000), "only the table of contents is bounded"
    monkeypatch.setattr(bounded._Contents, "most", 500)
    with pytest.raises(zipfile.BadZipFile, match="too large"), zip_file(file):
        pass


def test_an_archive_that_lies_about_its_table_takes_no_memory(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, 2**31, 0, 0)
    file.write_bytes(b"PK\3\4" + end)
    with pytest.raises(zipfile.BadZipFile, match=r"too large|Bad offset"), zip_file(file):
        pass
