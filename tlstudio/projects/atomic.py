"""Owns how files reach the disk: whole or not at all, and a full disk says so in a sentence."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tlstudio.errors import StorageError

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space or choose a folder on another disk."),
    errno.EDQUOT: ("your disk quota is used up", "Free some space or choose another folder."),
    errno.EACCES: ("this folder may not be written to", "Choose a folder that you own."),
    errno.EPERM: ("this folder may not be written to", "Choose a folder that you own."),
    errno.EROFS: ("the disk is read-only", "Choose a folder on another disk."),
    errno.ENOTDIR: ("a part of this path is a file", "Choose another folder."),
    errno.ENOENT: ("there can be no such folder", "Choose another folder."),
    errno.ENAMETOOLONG: ("the path is too long", "Choose a shorter one."),
}

_UNFINISHED = ".part"
_REFUSALS = 20 if os.name == "nt" else 0
_PAUSE_S = 0.05


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns what goes wrong while `path` is written into a `StorageError`.

    torch and safetensors report a full disk as their own exceptions, so their text is looked at.
    """
    try:
        yield
    except OSError as error:
        raise _storage_error(path, error.errno or 0, error.strerror or str(error)) from error
    except Exception as error:
        number = _library_errno(error)
        if number is None:
            raise
        raise _storage_error(path, number, os.strerror(number)) from error


def _storage_error(path: Path, number: int, text: str) -> StorageError:
    reason, hint = _REASONS.get(number, (text, "Check the disk and try again."))
    return StorageError(f"{path} could not be written: {reason}.", hint)


def _library_errno(error: Exception) -> int | None:
    """The system's error number behind an error of safetensors or torch; None for any other."""
    text = str(error)
    if type(error).__name__ == "SafetensorError":
        number = re.search(r"\(os error (\d+)\)", text)
        return _errno_of(int(number[1])) if number else None
    if isinstance(error, RuntimeError) and "unexpected pos" in text:
        return errno.ENOSPC  # torch's archive writer got fewer bytes onto the disk than it gave
    return None


def _errno_of(code: int) -> int:
    """What Rust passes on: Windows has numbers of its own, which Python translates."""
    return OSError(0, "", None, code).errno or code


@contextlib.contextmanager
def replacing(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Gives a temporary file beside `path` to write; puts it in place when the block ends well.

    The file is flushed before the rename and the folder after it, so that a crash at any moment
    leaves the old file or the new one. On failure the temporary file is removed. What is not
    `lasting` is not flushed: that holds where the process dies, and not where the power fails.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name[:40]}.", suffix=_UNFINISHED
        )
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            put_in_place(temporary, path, lasting=lasting)
        finally:
            temporary.unlink(missing_ok=True)


def put_in_place(temporary: Path, path: Path, *, lasting: bool = True) -> None:
    """Makes a finished file of `mkstemp` in the same folder the file `path`, so that it lasts."""
    if lasting:
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
    # mkstemp makes private files; what we write is as readable as any other new file.
    temporary.chmod(0o666 & ~_umask())
    move(temporary, path)
    if lasting:
        sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Gives a file or a folder the name `target`, at once. Windows refuses that as long as somebody
    else, such as a virus scanner, reads it or the file of that name, so it is tried for a second.
    """
    for _ in range(_REFUSALS):
        with contextlib.suppress(PermissionError):
            source.replace(target)
            return
        time.sleep(_PAUSE_S)
    source.replace(target)


def sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` last; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str, *, lasting: bool = True) -> None:
    """The same bytes on every system, so that a checksum of them is the same, too."""
    with replacing(path, lasting=lasting) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def remove_unfinished(folder: Path) -> None:
    """Takes away what a killed process had begun to write with `replacing` in `folder`, where
    nobody writes now."""
    for file in folder.glob(".*"):
        if is_unfinished(file.name):
            with contextlib.suppress(OSError):  # it takes room, and does no other harm
                file.unlink()


def is_unfinished(name: str) -> bool:
    """Whether a file of this name is one that a killed process had begun to write: with
    `replacing`, or with safetensors, which writes beside its target, too."""
    return re.fullmatch(rf"\..*{re.escape(_UNFINISHED)}|\.tmp\w{{6}}", name) is not None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
