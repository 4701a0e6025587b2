"""A file is the old one or the new one, never a half; and a full disk is told in a sentence."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tlstudio.errors import StorageError, UsageError
from tlstudio.projects.atomic import replacing, storage_errors, write_text

FULL = "the disk is full"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "file.txt"
    write_text(path, "old")
    return path


def left_beside(file: Path) -> list[str]:
    return sorted(each.name for each in file.parent.iterdir() if each != file)


def test_a_block_that_fails_half_way_leaves_the_old_file_and_nothing_else(file: Path) -> None:
    with pytest.raises(TypeError), replacing(file) as temporary:
        _ = temporary.write_text("half of the n") + "ew"  # type: ignore[operator]
    assert file.read_text() == "old"
    assert left_beside(file) == []


def test_a_process_killed_half_way_leaves_the_old_file(file: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tlstudio.projects.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half of the n')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(file)], check=False)
    assert ended.returncode < 0
    assert file.read_text() == "old"


def test_the_file_is_flushed_before_it_is_renamed_and_the_folder_after(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def flushing(handle: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def renaming(self: Path, target: Path) -> Path:
        order.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", flushing)
    monkeypatch.setattr(Path, "replace", renaming)
    write_text(file, "new")
    assert order == ["file", "rename", "folder"]
    assert file.read_text() == "new"
    assert left_beside(file) == []


def test_a_file_that_somebody_reads_where_that_keeps_it_from_being_replaced_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, which answers so to whoever replaces what a virus scanner looks at."""
    replace, refusals = Path.replace, iter([True, True, False])

    def refuse(source: Path, target: Path) -> Path:
        if next(refusals):
            raise PermissionError(errno.EACCES, "Access is denied")
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", refuse)
    monkeypatch.setattr("tlstudio.projects.atomic._REFUSALS", 2)
    monkeypatch.setattr("tlstudio.projects.atomic._PAUSE_S", 0.0)
    write_text(file, "new")
    assert file.read_text() == "new"
    assert left_beside(file) == []


def test_a_new_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "ä")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
    assert (tmp_path / "a").read_text("utf-8") == "ä"


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, FULL),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "may not be written to"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_what_the_system_refuses_is_told_in_a_sentence(
    number: int, words: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match=words) as caught:
        write_text(file, "new")
    assert str(file) in caught.value.message
    assert caught.value.hint
    assert file.read_text() == "old"
    assert left_beside(file) == []


@pytest.fixture
def _small_files() -> Iterator[None]:
    """The system refuses to let any file grow beyond 100 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("_small_files")
def test_weights_that_the_system_cuts_off_give_a_sentence_and_leave_nothing(file: Path) -> None:
    """The real error of safetensors, which is no `OSError`."""
    with pytest.raises(StorageError, match="File too large"), replacing(file) as temporary:
        save_file({"a": torch.zeros(100_000)}, temporary)
    assert left_beside(file) == []
    with pytest.raises(StorageError), storage_errors(file):
        torch.save({"a": torch.zeros(100_000)}, file.parent / "torch")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for one megabyte."""
    place = tmp_path / "full"
    place.mkdir()
    mounted = sys.platform == "linux" and os.geteuid() == 0
    mounted = (
        mounted
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],  # noqa: S607
            check=False,
            capture_output=True,
        ).returncode
    )
    if not mounted:
        pytest.skip("mounting a small file system needs an administrator")
    yield place
    subprocess.run(["umount", str(place)], check=True)  # noqa: S607


def test_a_disk_that_is_full_gives_a_sentence_and_leaves_the_old_file(full: Path) -> None:
    file = full / "weights"
    write_text(file, "old")
    with pytest.raises(StorageError, match=FULL), replacing(file) as temporary:
        save_file({"a": torch.zeros(1_000_000)}, temporary)
    with pytest.raises(StorageError, match=FULL):
        write_text(file, "x" * 2_000_000)
    with pytest.raises(StorageError, match=FULL), replacing(file) as temporary:
        torch.save({"a": torch.zeros(1_000_000)}, temporary)
    assert file.read_text() == "old"
    assert left_beside(file) == []


def test_a_place_that_is_a_file_or_too_long_gives_a_sentence(file: Path) -> None:
    with pytest.raises(StorageError, match=r"part of this path is a file|File exists"):
        write_text(file / "below", "new")
    with pytest.raises(StorageError, match="too long"):
        write_text(file.parent / ("n" * 300) / "x", "new")


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2"), KeyError("x"), UsageError("a")])
def test_other_errors_pass_unchanged_and_do_not_name_themselves_as_cause(
    error: Exception, file: Path
) -> None:
    with pytest.raises(type(error)) as caught, storage_errors(file):
        raise error
    assert caught.value is error
    assert error.__cause__ is None
