"""Fault: a program dies (kill -9) while it writes to a project, or brings it up to date. The
project opens, and what was written together is there together or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tlstudio.projects.corrections import ClassName, Corrections
from tlstudio.projects.index import Index
from tlstudio.projects.migrations import SCHEMA
from tlstudio.projects.project import FILE, Project

OLD = Path(__file__).parents[1] / "projects" / "stored" / "v1" / "project"
PICTURES = range(1, 17)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="processes end in another way there")

WRITE = """
import itertools, sys
from pathlib import Path
from tlstudio.projects.corrections import Corrections
from tlstudio.projects.index import Index
from tlstudio.projects.project import Project
project = Project.open(Path(sys.argv[1]))
corrections, index = Corrections(project), Index(project)
for count in itertools.count(int(project.setting("count") or 0) + 1):
    corrections.relabel(range(1, 17), f"class {count}")
    places = dict.fromkeys(range(1, 17), "train" if count % 2 else "val")
    index.save_outcome(places, {}, [], {"draw": places}, {"count": count})
    print(count, flush=True)
"""

MIGRATE = """
import shutil, sys
from pathlib import Path
from tlstudio.projects.project import Project
old, new = map(Path, sys.argv[1:])
while True:
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    shutil.copy(old / "project.sqlite", new / "copied")
    (new / "copied").rename(new / "project.sqlite")
    Project.open(new)
    print("opened", flush=True)
"""


def killed(code: str, *arguments: Path, chance: np.random.Generator) -> None:
    """Runs a program and kills it a random while after it has done its work a few times."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(chance.integers(1, 4)):
            assert process.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0, 0.02))
        assert process.poll() is None, "it was still writing"
        process.kill()


def sound(project: Path) -> bool:
    with contextlib.closing(sqlite3.connect(project / FILE)) as database:
        return database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


KILLS = [pytest.param(2, id="few"), pytest.param(50, marks=pytest.mark.slow, id="many")]


@pytest.mark.parametrize("kills", KILLS)
def test_what_was_written_together_is_there_together(tmp_path: Path, kills: int) -> None:
    path = Path(shutil.copytree(OLD, tmp_path / "project"))
    chance, before = np.random.default_rng(0), 0
    for _ in range(kills):
        killed(WRITE, path, chance=chance)
        assert sound(path)
        project = Project.open(path)
        count = int(project.setting("count") or 0)
        assert count > before
        before = count
        labels = {label for label, _ in Corrections(project).pictures().values()}
        assert labels <= {f"class {count}", f"class {count + 1}"}
        assert len(labels) == 1
        part = "train" if count % 2 else "val"
        assert {each.part for each in Index(project).entries()} == {part}
        assert Index(project).assignments("draw") == dict.fromkeys(PICTURES, part)


@pytest.mark.parametrize("kills", KILLS)
def test_a_project_is_of_one_version_or_of_the_other(tmp_path: Path, kills: int) -> None:
    chance, seen = np.random.default_rng(1), set[int]()
    path = tmp_path / "project"
    for _ in range(kills):
        killed(MIGRATE, OLD, path, chance=chance)
        if not (path / FILE).exists():
            continue
        assert sound(path)
        with contextlib.closing(sqlite3.connect(path / FILE)) as database:
            seen.add(database.execute("PRAGMA user_version").fetchone()[0])
        project = Project.open(path)
        assert Corrections(project).classes() == {"hole": ClassName("Streaks")}
        assert len(list(Index(project).entries())) == len(PICTURES)
        with project.reading() as database:
            assert database.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    assert seen <= {1, SCHEMA}
