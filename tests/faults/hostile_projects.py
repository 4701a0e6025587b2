"""Hostile projects."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
from pathlib import Path

from faults.hostile import (
    HARMLESS,
    REFUSED,
    Case,
    Place,
    Work,
    refused,
)

from tlstudio.gui.wizard.review import read_review
from tlstudio.jobs import (
    Finding,
)
from tlstudio.projects import project as project_module
from tlstudio.projects.corrections import Corrections
from tlstudio.projects.index import Index, Seen
from tlstudio.projects.project import FILE, Project
from tlstudio.projects.recent import refreshed
from tlstudio.projects.runs import runs_of


def project_after(*statements: str, version: int | None = None) -> Case:
    """A project with two pictures and a finding, into which somebody else wrote."""

    def case(place: Place) -> Work:
        folder = place.folder / "project"
        index = Index(Project(folder))
        seen = [Seen(f"{n}/x.png", bytes([n]), str(n), None, "used", "", 8, 8) for n in (1, 2)]
        index.update(seen)
        finding = Finding(kind="leak", severity="warn", sentence="x", files=("1/x.png",))
        index.save_outcome({1: "train", 2: "val"}, {}, [finding], {"d": {1: "train"}})
        index.project.set_setting("dismissed", ["x"])
        with contextlib.closing(sqlite3.connect(folder / FILE)) as database:
            database.execute("PRAGMA writable_schema = ON")
            for statement in statements:
                database.execute(statement.replace("CANARY", str(place.canary)))
            if version is not None:
                database.execute(f"PRAGMA user_version = {version}")
            database.commit()
        return used(folder)

    return case


def used(folder: Path) -> Work:
    """What a window asks a project for."""

    def work() -> None:
        project_module._sound.clear()
        project = Project.open(folder)
        index = Index(project)
        list(index.entries())
        index.findings()
        index.counts()
        index.assignments("d")
        Corrections(project).classes()
        Corrections(project).pictures()
        runs_of(project)
        refreshed(project)
        for _ in read_review(folder, "pictures"):
            continue

    return work


_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
REFUSED |= {
    f"project with {name}": project_after(*statements)
    for name, statements in {
        "a trigger": ("CREATE TRIGGER t AFTER UPDATE ON pictures BEGIN DELETE FROM settings; END",),
        "a view": (f"CREATE VIEW v AS {_ENDLESS}",),
        "a view for a table": ("DROP TABLE runs", f"CREATE VIEW runs AS {_ENDLESS}"),
        "a computed column": ("ALTER TABLE classes ADD COLUMN x AS (randomblob(1000000000))",),
        "a table of somebody else": ("CREATE TABLE other (a)",),
        "a virtual table": ("CREATE VIRTUAL TABLE other USING fts5(a)",),
        "an index that computes": ("CREATE INDEX i ON classes (zeroblob(1000000000))",),
        "a statement that is none": ("UPDATE sqlite_schema SET sql = 'CREATE TABLE ('",),
        "a statement that loads": (
            "UPDATE sqlite_schema SET sql = replace(sql, 'WHERE', 'x')",
            "INSERT INTO sqlite_schema VALUES"
            " ('view', 'x', 'x', 0, 'CREATE VIEW x AS SELECT load_extension(''CANARY'')')",
        ),
        "numbers for names": ("UPDATE pictures SET file = x'00ff' || id",),
        "bytes for classes": ("UPDATE pictures SET found = x'fffe'",),
        "texts for numbers": ("UPDATE pictures SET width = 'wide'",),
        "a name that climbs": ("UPDATE pictures SET file = '../../outside/secret' WHERE id = 1",),
        "a name with a null": ("UPDATE pictures SET file = 'a' || char(0) || 'b' WHERE id = 1",),
        "an unknown verdict": ("UPDATE pictures SET verdict = 'owned'",),
        "an unknown part": ("UPDATE pictures SET part = 'owned'",),
        "an unknown finding": ("UPDATE findings SET kind = 'owned'",),
        "a finding of no classes": ("UPDATE findings SET classes = '5'",),
        "a finding of deep classes": ("UPDATE findings SET classes = printf('%.*c', 100000, '[')",),
    }.items()
}
HARMLESS |= {
    f"project with {name}": project_after(*statements)
    for name, statements in {
        "deep settings": ("UPDATE settings SET value = printf('%.*c', 100000, '[')",),
        "settings of another kind": ("UPDATE settings SET value = '5'",),
        "settings with long numbers": (
            "UPDATE settings SET value = '[' || printf('%.*c', 100000, '9') || ']'",
        ),
        "a run somewhere else": (
            "INSERT INTO runs VALUES ('../../outside', 'x', '2026-01-01T00:00:00+00:00')",
            "INSERT INTO runs VALUES ('a' || char(0), 'x', '2026-01-01T00:00:00+00:00')",
            "INSERT INTO runs VALUES (printf('%.*c', 5000, 'a'), 'x', '0001-01-01T00:00:00+23:00')",
        ),
    }.items()
}


@refused
def project_of_a_newer_program(place: Place) -> Work:
    return project_after(version=2**31 - 1)(place)


@refused
def project_of_version_zero_that_is_not_empty(place: Place) -> Work:
    return project_after(version=0)(place)


@refused
def project_that_is_a_link(place: Place) -> Work:
    work = project_after()(place)
    file = place.folder / "project" / FILE
    (place.outside / FILE).write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(place.outside / FILE)
    return work


@refused
def project_whose_cache_is_a_link(place: Place) -> Work:
    work = project_after()(place)
    (place.folder / "project" / "cache").symlink_to(place.outside)
    return work


@refused
def project_that_is_a_pipe(place: Place) -> Work:
    work = project_after()(place)
    for file in (place.folder / "project").glob(f"{FILE}*"):
        file.unlink()
    os.mkfifo(place.folder / "project" / FILE)
    return work


@refused
def project_whose_pages_lead_in_circles(place: Place) -> Work:
    """The root page of its largest table is made a page of references to itself."""
    work = project_after()(place)
    file = place.folder / "project" / FILE
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode = DELETE")
        size = database.execute("PRAGMA page_size").fetchone()[0]
        root = database.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'pictures'"
        ).fetchone()[0]
    page = bytearray(size)
    cells = 100
    page[:12] = struct.pack(">BHHHBI", 5, 0, cells, size - 8 * cells, 0, root)
    for number in range(cells):
        at = size - 8 * (number + 1)
        page[12 + 2 * number : 14 + 2 * number] = struct.pack(">H", at)
        page[at : at + 5] = struct.pack(">IB", root, number + 1)
    content = bytearray(file.read_bytes())
    content[size * (root - 1) : size * root] = page
    file.write_bytes(content)
    return work
