"""Owns the way to the system's bin: what goes there can be brought back, and nothing else goes."""

from __future__ import annotations

from pathlib import Path

from tlstudio.errors import StorageError


def to_bin(path: Path) -> None:
    """Moves a file or folder there. Raises `StorageError` where there is no bin for it: it stays
    where it is, and nothing is deleted for good."""
    from send2trash import send2trash  # looks for the desktop's own bin, which takes a moment

    try:
        send2trash(path)
    except OSError as error:
        raise StorageError(
            f"{path} can't be moved to the bin ({error.strerror or error}).",
            "It is where it was. Delete its folder yourself if you no longer want it.",
        ) from error
