"""Owns the index of a project's pictures: which there are, numbered for good, what was said of
each, and what the last look at all of them came to."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from tlstudio.jobs import Changes, Finding, Part
from tlstudio.projects.project import Project, put_setting

Verdict = Literal["used", "converted", "left_out"]
Place = Part | Literal["aside"]
"""Where the last look put a picture; `aside` counts nowhere."""

_VALUES = ("digest", "found", "given", "verdict", "reason", "width", "height", "format")
"""Of `Seen` and of the table, in the order of the statements below."""
_SELECT = """
SELECT id, file, present, digest, found, given, verdict, reason, width, height, format FROM pictures
"""
_INSERT = """
INSERT INTO pictures
    (id, file, present, digest, found, given, verdict, reason, width, height, format)
VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE = """
UPDATE pictures SET present = 1, digest = ?, found = ?, given = ?, verdict = ?, reason = ?,
    width = ?, height = ?, format = ?
WHERE id = ?
"""


_PLACES = (None, "train", "val", "test", "aside")
_ODD = re.compile(r"\.\.|\0|^[/\\]|:")
"""What a name of a file that leaves its folder has, and few others do."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as a look at the data set found it. `found` is the class that it lies in, `reason` why
    it is left out or what was done to it; the sizes are 0 where it can't be read."""

    file: str
    digest: bytes
    found: str
    given: Part | None
    verdict: Verdict
    reason: str
    width: int = 0
    height: int = 0
    format: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the index. `label` is its class as shown now, `part` its place in the last look,
    None where it is left out; `excluded` says whether the user took it, or its class, out."""

    id: int
    file: str
    found: str
    label: str
    relabelled: bool
    excluded: bool
    part: Place | None
    verdict: Verdict
    reason: str
    width: int
    height: int
    format: str
    group: str


_ENTRY = """
SELECT p.id, p.file, p.found, coalesce(c.shown, p.relabelled, p.found), p.relabelled IS NOT NULL,
    p.excluded OR coalesce(c.excluded, 0), p.part, p.verdict, p.reason, p.width, p.height,
    p.format, p.grouped
FROM pictures p LEFT JOIN classes c ON c.found = coalesce(p.relabelled, p.found)
WHERE p.present
"""


class Index:
    """What a look at the data set wrote into a project, and what it reads there before.

    Everything raises `StorageError` where the project can't be used.
    """

    def __init__(self, project: Project) -> None:
        self.project = project

    # --- reading --------------------------------------------------------------------------------

    def entries(
        self, *, classes: Sequence[str] | None = None, verdict: Verdict | None = None
    ) -> Iterator[Entry]:
        """Files in the order of their names: those that count to `classes`, as they were found or
        relabelled, or all; with `verdict` only these."""
        query, values = _ENTRY, list[str]()
        if classes is not None:
            query += f" AND coalesce(p.relabelled, p.found) IN ({', '.join('?' * len(classes))})"
            values += classes
        if verdict is not None:
            query += " AND p.verdict = ?"
            values.append(verdict)
        with self.project.reading() as database:
            for row in database.execute(f"{query} ORDER BY p.file", values):
                yield self._entry(row)

    def entry(self, number: int) -> Entry | None:
        """The file of this number, None where it has gone."""
        with self.project.reading() as database:
            row = database.execute(f"{_ENTRY} AND p.id = ?", (number,)).fetchone()
        return self._entry(row) if row else None

    def counts(self) -> dict[str, tuple[int, int]]:
        """Of each class, as it was found or made by the user, how many pictures count and how many
        the user took out one by one."""
        with self.project.reading() as database:
            rows = database.execute(
                "SELECT coalesce(relabelled, found), sum(NOT excluded), sum(excluded)"
                " FROM pictures WHERE present AND verdict != 'left_out'"
                " GROUP BY coalesce(relabelled, found)"
            )
            return {key: (counting, out) for key, counting, out in rows}

    def findings(self) -> list[Finding]:
        """Those of the last look, in the order of how much they would hurt."""
        with self.project.reading() as database:
            rows = database.execute(
                "SELECT rank, kind, severity, sentence, hint, classes, weight FROM findings"
                " ORDER BY rank"
            ).fetchall()
            files: dict[int, list[str]] = defaultdict(list)
            for rank, file in database.execute(
                "SELECT rank, file FROM finding_files ORDER BY rank, number"
            ):
                files[rank].append(file)
        try:
            return [
                Finding(
                    kind=kind,
                    severity=severity,
                    sentence=sentence,
                    hint=hint,
                    files=tuple(files[rank]),
                    classes=tuple(json.loads(classes)),
                    weight=weight,
                )
                for rank, kind, severity, sentence, hint, classes, weight in rows
            ]
        except (ValueError, TypeError, RecursionError) as error:
            raise self.project.odd("a finding") from error

    def assignments(self, draw: str) -> dict[int, Part]:
        """Who was assigned to which part in this draw, by the picture's number."""
        with self.project.reading() as database:
            return dict(
                database.execute(
                    "SELECT picture, part FROM assignments"
                    " WHERE draw = ? AND part IN ('train', 'val', 'test')",
                    (draw,),
                )
            )

    def _entry(self, row: Sequence[Any]) -> Entry:
        file, part, verdict = str(row[1]), row[6], row[7]
        if _ODD.search(file) and not self.project.may_name(file):
            raise self.project.odd(file)
        if verdict not in get_args(Verdict) or part not in _PLACES:
            raise self.project.odd(f"{verdict}, {part}")
        columns = list(row)
        columns[4:6] = map(bool, row[4:6])
        return Entry(*columns)

    # --- writing --------------------------------------------------------------------------------

    def update(self, seen: Sequence[Seen]) -> tuple[list[int], Changes | None]:
        """Brings the index up to what was seen; gives each file's number, for good, and what has
        changed, None at the first look.

        A file is the one of before that has its name and content; else one that has gone, or holds
        something else now, and had this content: it was moved; else the one of its name: it was
        changed. What is gone keeps its number and the user's corrections, in case it comes back.
        """
        with self.project.writing() as database:
            before = {row[0]: row[1:] for row in database.execute(_SELECT)}
            known = _recognised(seen, before)
            moved = [
                (each.file, number)
                for each, number in zip(seen, known, strict=True)
                if number is not None and before[number][0] != each.file
            ]
            # Two files may have changed places: no name is taken twice on the way.
            database.executemany(
                "UPDATE pictures SET file = '/moved/' || id WHERE id = ?",
                [(number,) for _, number in moved],
            )
            database.executemany("UPDATE pictures SET file = ? WHERE id = ?", moved)
            changes = _changes(seen, known, before, len(moved))
            numbers = _write(database, seen, known, before)
        return numbers, changes if before else None

    def save_outcome(
        self,
        places: Mapping[int, Place],
        groups: Mapping[int, str],
        findings: Sequence[Finding],
        draws: Mapping[str, Mapping[int, Part]],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Keeps what a look came to, all of it or nothing: each picture's place and group, by
        number, the findings, the assignments of `draws`, to which those of earlier looks stay, and
        settings of the project."""
        with self.project.writing() as database:
            rows = database.execute("SELECT id, part, grouped FROM pictures").fetchall()
            database.executemany(
                "UPDATE pictures SET part = ?, grouped = ? WHERE id = ?",
                [
                    (places.get(number), groups.get(number, ""), number)
                    for number, part, grouped in rows
                    if (part, grouped) != (places.get(number), groups.get(number, ""))
                ],
            )
            for draw, parts in draws.items():
                database.executemany(
                    "INSERT INTO assignments (draw, picture, part) VALUES (?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET part = excluded.part WHERE part != excluded.part",
                    [(draw, number, part) for number, part in parts.items()],
                )
            _write_findings(database, findings)
            for key, value in (settings or {}).items():
                put_setting(database, key, value)


Before = tuple[str, int, bytes, str, str | None, str, str, int, int, str]


def _recognised(seen: Sequence[Seen], before: Mapping[int, Before]) -> list[int | None]:
    """The number that each file had before, None for new ones. The rule stands in `update`."""
    by_file = {row[0]: number for number, row in before.items()}
    known: list[int | None] = []
    for each in seen:
        number = by_file.get(each.file)
        same = number is not None and before[number][2] == each.digest
        known.append(number if same else None)
    taken = {number for number in known if number is not None}
    elsewhere: dict[bytes, list[int]] = defaultdict(list)
    for number in sorted(before.keys() - taken, key=lambda number: (before[number][1], -number)):
        if before[number][2]:
            elsewhere[before[number][2]].append(number)
    for index, each in enumerate(seen):
        if known[index] is None and each.digest and elsewhere.get(each.digest):
            known[index] = elsewhere[each.digest].pop()
            taken.add(known[index] or 0)
    for index, each in enumerate(seen):
        number = by_file.get(each.file)
        if known[index] is None and number is not None and number not in taken:
            known[index] = number
    return known


def _changes(
    seen: Sequence[Seen], known: Sequence[int | None], before: Mapping[int, Before], moved: int
) -> Changes:
    here = {number for number in known if number is not None}
    present = [number for number, row in before.items() if row[1]]
    changed = sum(
        number is not None and before[number][2] != each.digest
        for each, number in zip(seen, known, strict=True)
    )
    back = sum(not before[number][1] for number in here)
    return Changes(
        added=len(seen) - len(here) + back,
        changed=changed,
        moved=moved,
        removed=sum(number not in here for number in present),
    )


def _write(
    database: sqlite3.Connection,
    seen: Sequence[Seen],
    known: Sequence[int | None],
    before: Mapping[int, Before],
) -> list[int]:
    """Adds what is new and changes what differs; gives each file's number."""
    following = max(before, default=0)
    numbers, new, other = list[int](), list[tuple[object, ...]](), list[tuple[object, ...]]()
    for each, number in zip(seen, known, strict=True):
        values = tuple(getattr(each, name) for name in _VALUES)
        if number is None:
            following += 1
            numbers.append(following)
            new.append((following, each.file, *values))
            continue
        numbers.append(number)
        if before[number][1:] != (1, *values):
            other.append((*values, number))
    here = set(numbers)
    gone = [(number,) for number, row in before.items() if row[1] and number not in here]
    database.executemany("UPDATE pictures SET present = 0, part = NULL WHERE id = ?", gone)
    # One that is gone lends its name to a new one.
    taken = {row[0]: number for number, row in before.items() if number not in here}
    lent = [(taken[str(row[1])],) for row in new if row[1] in taken]
    database.executemany("UPDATE pictures SET file = '/gone/' || id WHERE id = ?", lent)
    database.executemany(_INSERT, new)
    database.executemany(_UPDATE, other)
    return numbers


def _write_findings(database: sqlite3.Connection, findings: Sequence[Finding]) -> None:
    database.execute("DELETE FROM findings")
    database.execute("DELETE FROM finding_files")
    database.executemany(
        "INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                rank,
                each.kind,
                each.severity,
                each.sentence,
                each.hint,
                json.dumps(each.classes),
                each.weight,
            )
            for rank, each in enumerate(findings)
        ],
    )
    database.executemany(
        "INSERT INTO finding_files VALUES (?, ?, ?)",
        [
            (rank, number, file)
            for rank, each in enumerate(findings)
            for number, file in enumerate(each.files)
        ],
    )
