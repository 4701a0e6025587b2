"""Owns files that are vouched for: the SHA-256 of each is kept, and compared before it is used.

Both kinds of list are what `sha256sum` writes and `sha256sum -c` checks: NAME.sha256 beside a file,
and SHA256SUMS in a folder.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tlstudio.bounded import content, opened
from tlstudio.projects.atomic import replacing, storage_errors, write_text

SUMS = "SHA256SUMS"
_CHUNK = 1024 * 1024


def digest_of(file: Path) -> str:
    """The SHA-256 of a file in hexadecimal. Raises `OSError`."""
    digest = hashlib.sha256()
    with opened(file, follow=False) as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def beside(file: Path) -> Path:
    """Where the checksum of a file lies."""
    return file.with_name(f"{file.name}.sha256")


@contextlib.contextmanager
def adding(file: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Gives a temporary file to write; puts it in place as the new `file`, its checksum first.

    So there is never a file without its checksum, and one without a file means nothing. `lasting`
    as in `replacing`.
    """
    try:
        with replacing(file, lasting=lasting) as temporary:
            yield temporary
            with storage_errors(file):
                line = _line(digest_of(temporary), file.name)
            write_text(beside(file), line, lasting=lasting)
    except BaseException:
        with contextlib.suppress(OSError):  # the disk that refused the file may refuse this, too
            beside(file).unlink(missing_ok=True)
        raise


def is_whole(file: Path) -> bool:
    """Whether the file is there and as it was written."""
    try:
        said = content(beside(file), follow=False)
        return said == _line(digest_of(file), file.name).encode()
    except OSError:
        return False


def write_sums(folder: Path, digests: Mapping[str, str]) -> None:
    """Vouches for the files of these names in `folder`. Raises `StorageError`."""
    lines = (_line(digest, name) for name, digest in sorted(digests.items()))
    write_text(folder / SUMS, "".join(lines))


def listed(folder: Path, name: str) -> str | None:
    """The digest that `folder` vouches for; None where it has no list: it was made by a version
    before there was one. Empty, and so nobody's digest, where the list does not know the file.

    Raises `OSError`.
    """
    if not (folder / SUMS).exists():
        return None
    for line in content(folder / SUMS, follow=False).decode(errors="replace").splitlines(True):
        digest = line[:64]
        if line == _line(digest, name):
            return digest
    return ""


def is_as_listed(folder: Path, name: str) -> bool:
    """Whether the file is the one that `folder` vouches for. Raises `OSError`."""
    digest = listed(folder, name)
    return digest is None or digest == digest_of(folder / name)


def _line(digest: str, name: str) -> str:
    return f"{digest}  {name}\n"
