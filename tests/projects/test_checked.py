"""A file that is not as it was written is known, whoever wrote its checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tlstudio.errors import StorageError
from tlstudio.projects.checked import adding, beside, is_as_listed, is_whole, listed, write_sums


def test_a_checksum_of_sha256sum_is_accepted_and_every_other_text_is_not(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    assert not is_whole(file)
    line = f"{hashlib.sha256(b'content').hexdigest()}  file\n"
    beside(file).write_text(line)
    assert is_whole(file)
    for other in (line.upper(), line[:-1], line * 2, line.replace("  file", " *file"), ""):
        beside(file).write_text(other)
        assert not is_whole(file), other


def test_a_file_that_could_not_be_written_leaves_no_checksum(tmp_path: Path) -> None:
    with pytest.raises(StorageError), adding(tmp_path / "file"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_what_a_list_does_not_name_is_not_vouched_for(tmp_path: Path) -> None:
    for name in ("known", "unknown"):
        (tmp_path / name).write_bytes(b"content")
    assert listed(tmp_path, "known") is None
    assert is_as_listed(tmp_path, "known"), "models from before there was a list are used"
    write_sums(tmp_path, {"known": hashlib.sha256(b"content").hexdigest()})
    assert is_as_listed(tmp_path, "known")
    assert not is_as_listed(tmp_path, "unknown")
    (tmp_path / "known").write_bytes(b"Content")
    assert not is_as_listed(tmp_path, "known")
