"""Owns which pictures are held back for validation where the folder does not say so itself."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence


def validation_files(
    classes: Mapping[str, Sequence[str]], fraction: float, seed: int
) -> frozenset[str]:
    """The files to validate on: about `fraction` of each class, and at least one.

    `classes` maps each class to its files, at least two of them, as paths relative to the data set
    with forward slashes; one at least is left to train on. Files are ordered by the SHA-256 of seed
    and path, so that the split is the same on every system, does not depend on the names that
    classes are given, and moves few pictures when others are added.
    """
    held_back: set[str] = set()
    for label, files in classes.items():
        if len(files) < 2:
            raise ValueError(f"the class {label!r} has fewer than two pictures")
        count = min(max(int(len(files) * fraction + 0.5), 1), len(files) - 1)
        held_back.update(sorted(files, key=lambda file: _order(file, seed))[:count])
    return frozenset(held_back)


def _order(file: str, seed: int) -> bytes:
    # macOS may hand out the same name in another Unicode form than the disk it was copied from.
    name = unicodedata.normalize("NFC", file)
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()
