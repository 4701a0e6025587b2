"""Owns the list of all files with what was said of each: reading it, narrowing it down, saving it.

Plain Python; reading and saving are tasks for a thread.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tlstudio.projects.atomic import replacing
from tlstudio.projects.index import Entry, Index, Place, Verdict
from tlstudio.projects.project import Project
from tlstudio.projects.spreadsheet import cell, path_cell
from tlstudio.tasks import Progress, Task

VERDICTS: tuple[Verdict, ...] = ("used", "converted", "left_out")
_PLACES: tuple[Place | None, ...] = ("train", "val", "test", "aside", None)
_BREATH = 1000
"""Files between two events."""
_COLUMNS = ("file", "verdict", "reason", "width", "height", "format", "class", "part", "excluded")


class FileList:
    """All files in the order of their names, and of these the numbers that are to be shown."""

    def __init__(self, entries: Sequence[Entry], searched: Sequence[str]) -> None:
        self.entries, self._searched = entries, searched
        self.counts: Counter[Verdict] = Counter(entry.verdict for entry in entries)
        self._orders: dict[int, list[int]] = {}

    def numbers(self, verdict: Verdict | None, text: str, column: int, falling: bool) -> list[int]:
        """Of the files with this verdict (None for any) whose name, reason or class holds `text`,
        ordered by this column of the table."""
        entries, searched, text = self.entries, self._searched, text.strip().lower()
        order: Iterator[int] = iter(self._order(column))
        if falling:
            order = reversed(self._order(column))
        if verdict is not None:
            order = (number for number in order if entries[number].verdict == verdict)
        return [number for number in order if not text or text in searched[number]]

    def _order(self, column: int) -> list[int]:
        """All numbers in the order of a column; equal ones in that of their names."""
        if column not in self._orders:
            key = _KEYS[column]
            keys = [key(entry) for entry in self.entries] if key else range(len(self.entries))
            self._orders[column] = sorted(range(len(keys)), key=keys.__getitem__)
        return self._orders[column]


_KEYS: tuple[Callable[[Entry], Any] | None, ...] = (
    None,
    lambda entry: VERDICTS.index(entry.verdict),
    lambda entry: entry.reason,
    lambda entry: entry.width * entry.height,
    lambda entry: entry.label,
    lambda entry: 9 if entry.excluded else _PLACES.index(entry.part),
)
"""What each column of the table is ordered by; None: the order of the names, which is there."""


def read_files(project: Path) -> Task[FileList]:
    """All files of a project's index. Raises `StorageError`."""
    entries, searched = list[Entry](), list[str]()
    for entry in Index(Project(project)).entries():
        if len(entries) % _BREATH == 0:
            yield Progress(phase="scan", done=len(entries), total=0)
        entries.append(entry)
        searched.append(f"{entry.file}\n{entry.reason}\n{entry.label}".lower())
    return FileList(entries, searched)


def save_list(path: Path, entries: Sequence[Entry]) -> Task[int]:
    """Writes these files as a CSV table, which spreadsheets open as it is; gives their number.
    Raises `StorageError`; a file of that name is replaced at the end or not at all."""
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8-sig", newline="") as file,
    ):
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        for number, entry in enumerate(entries):
            if number % _BREATH == 0:
                yield Progress(phase="scan", done=number, total=len(entries))
            table.writerow(_row(entry))
    return len(entries)


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        path_cell(entry.file),
        entry.verdict.replace("_", " "),
        entry.reason,
        entry.width or "",
        entry.height or "",
        entry.format,
        cell(entry.label),
        entry.part or "",
        "yes" if entry.excluded else "",
    )
