"""A run always keeps two good checkpoints, one of which outlives a power cut, and no more."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tlstudio.errors import StorageError
from tlstudio.projects import atomic, checked
from tlstudio.projects.checkpoint_files import CheckpointFiles


class Disk:
    """Counts which files were flushed, and has a clock that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.flushed: set[str] = set()
        real = atomic.put_in_place

        def put(temporary: Path, path: Path, *, lasting: bool = True) -> None:
            if lasting:
                self.flushed.add(path.name)
            real(temporary, path, lasting=lasting)

        monkeypatch.setattr(atomic, "put_in_place", put)

    def clock(self) -> float:
        return self.now


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def files(tmp_path: Path, disk: Disk) -> CheckpointFiles:
    return CheckpointFiles(tmp_path / "checkpoints", disk.clock)


def add(files: CheckpointFiles, text: str) -> None:
    with files.adding() as temporary:
        temporary.write_text(text)


def texts(files: CheckpointFiles) -> list[str]:
    return [file.read_text() for file in files.newest_first()]


def test_the_last_two_are_kept_with_checksums_that_sha256sum_agrees_with(
    files: CheckpointFiles, disk: Disk
) -> None:
    for number in range(5):
        add(files, str(number))
        disk.now += 10
    assert texts(files) == ["4", "3"]
    assert len(list(files.folder.iterdir())) == 4
    for file in files.newest_first():
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert checked.beside(file).read_text() == f"{digest}  {file.name}\n"
    program = shutil.which("sha256sum")
    if program:
        names = [checked.beside(file).name for file in files.newest_first()]
        subprocess.run([program, "-c", *names], cwd=files.folder, check=True)


def test_however_fast_they_follow_one_that_was_flushed_is_always_there(
    files: CheckpointFiles, disk: Disk
) -> None:
    for number in range(40):
        add(files, str(number))
        there = files.newest_first()
        assert there[0].read_text() == str(number)
        assert [file.read_text() for file in there[1:2]] == [str(number - 1)] * (number > 0)
        assert len(there) <= 3
        assert any(file.name in disk.flushed for file in there)
        disk.now += 0.3
    assert len(disk.flushed) < 40


def test_a_process_that_goes_on_flushes_before_it_takes_anything_away(
    files: CheckpointFiles, disk: Disk
) -> None:
    for number in range(3):
        add(files, str(number))
    again = CheckpointFiles(files.folder, disk.clock)
    add(again, "3")
    assert again.newest_first()[0].name in disk.flushed
    assert texts(again) == ["3", "2"]


def test_a_damaged_one_is_not_counted_as_one_of_the_two(files: CheckpointFiles, disk: Disk) -> None:
    for number in range(2):
        add(files, str(number))
        disk.now += 10
    damaged = files.newest_first()[0]
    files.distrust(damaged)
    add(files, "2")
    assert texts(files) == ["2", "0"]
    assert not checked.beside(damaged).exists()


def test_where_one_can_not_be_written_those_before_it_stay(
    files: CheckpointFiles, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        add(files, str(number))
        disk.now += 10
    before = sorted(files.folder.iterdir())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(StorageError, match="full"):
            add(files, "2")
    assert sorted(files.folder.iterdir()) == before
    add(files, "2")
    assert texts(files) == ["2", "1"]


def test_what_a_killed_process_had_begun_to_write_is_taken_away(files: CheckpointFiles) -> None:
    add(files, "0")
    (files.folder / ".00000002.safetensors.x1.part").write_text("half")
    (files.folder / ".tmpPvM2d6").write_text("what safetensors had begun")
    files.tidy()
    assert len(list(files.folder.iterdir())) == 2
