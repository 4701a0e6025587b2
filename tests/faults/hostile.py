"""Owns what hostile files are made in, the lists of them, and the proof that one did no harm."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faults.watched import in_time, watched

BACKBONE = "squeezenet1_1"
CLASSES = ("a", "b", "c")
TERA = 10**12


@dataclass(frozen=True)
class Place:
    """`folder` is where the hostile file lies, `outside` what it must not reach; what it may try to
    make is `canary`. `model` is a sound model folder that no test changes."""

    folder: Path
    outside: Path
    canary: Path
    model: Path


Work = Callable[[], object]
Case = Callable[[Place], Work]
REFUSED: dict[str, Case] = {}
HARMLESS: dict[str, Case] = {}


def refused(case: Case) -> Case:
    REFUSED[case.__name__] = case
    return case


def harmless(case: Case) -> Case:
    HARMLESS[case.__name__] = case
    return case


DEEP = b"[" * 200_000 + b"]" * 200_000
DEEP_OBJECT = b'{"a":' * 200_000 + b"1" + b"}" * 200_000
LONG_NUMBER = b'{"version": ' + b"9" * 1_000_000 + b"}"


def sparse(file: Path, size: int = TERA) -> Path:
    file.touch()
    os.truncate(file, size)
    return file


def unharmed(place: Place, work: Work) -> BaseException | None:
    """What the work raised; fails where it executed, read, wrote, started or asked for anything."""
    before = {file: file.read_bytes() for file in place.outside.iterdir()}
    with watched(place.folder, place.model.parent, Path(os.environ["TLSTUDIO_HOME"])) as watch:
        error = in_time(work)
    assert not place.canary.exists(), "it was executed"
    assert {file: file.read_bytes() for file in place.outside.iterdir()} == before
    assert not watch.touched
    assert not watch.started
    assert not watch.spoke
    return error
