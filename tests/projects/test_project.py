"""A project as a folder: opened, moved, brought up to date, or only looked at."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PureWindowsPath

import pytest

from tlstudio.bounded import on_network
from tlstudio.errors import StorageError
from tlstudio.jobs import BackboneSpec, DatasetSpec, TrainingJob
from tlstudio.projects import migrations
from tlstudio.projects import project as project_module
from tlstudio.projects.corrections import Corrections
from tlstudio.projects.index import Index
from tlstudio.projects.places import projects_folder
from tlstudio.projects.project import FILE, Project
from tlstudio.projects.recent import refreshed
from tlstudio.projects.run_folder import RunFolder

OLD = Path(__file__).parent / "stored" / "v1" / "project"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A project of the first released version."""
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def dumped(file: Path) -> list[str]:
    database = sqlite3.connect(file)
    version = database.execute("PRAGMA user_version").fetchone()
    lines = [*database.iterdump(), str(version)]
    database.close()
    return lines


# --- migrations ----------------------------------------------------------------------------------


def test_a_project_that_is_brought_up_to_date_has_the_tables_of_a_new_one(
    old: Path, tmp_path: Path
) -> None:
    Project.open(old)
    Project(tmp_path / "new")
    tables = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"
    with Project.open(old).reading() as grown, Project.open(tmp_path / "new").reading() as new:
        assert grown.execute(tables).fetchall() == new.execute(tables).fetchall()


def test_a_migration_that_fails_leaves_the_project_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dumped(old / FILE)
    half = "CREATE TABLE half (a); DROP TABLE findings; INSERT INTO nowhere VALUES (1)"
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, half))
    monkeypatch.setattr(migrations, "SCHEMA", len(migrations.MIGRATIONS))
    with pytest.raises(StorageError, match="can't be read or written"):
        Project.open(old)
    assert dumped(old / FILE) == before
    monkeypatch.undo()
    assert Corrections(Project.open(old)).classes()["hole"].shown == "Streaks"


def test_what_was_there_before_is_kept_beside_it(old: Path) -> None:
    before = dumped(old / FILE)
    Project.open(old).set_setting("title", "Newer")
    assert dumped(old / "project-v1.sqlite") == before
    assert sorted(path.name for path in old.iterdir()) == ["project-v1.sqlite", FILE]


def test_two_programs_that_open_it_at_once_bring_it_up_to_date_once(old: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(Project.open, [old] * 8))
    assert {project.setting("dismissed")[0] for project in opened} == {"small_class:"}


# --- opening -------------------------------------------------------------------------------------


def test_a_folder_that_is_no_project_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(StorageError, match="holds no project") as refused:
            Project.open(folder)
        assert "folder of pictures" in refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_project_is_called_as_its_pictures_until_the_user_says_otherwise(tmp_path: Path) -> None:
    project = Project(tmp_path / "insects-0123456789ab")
    assert project.title == "insects"
    project.keep_dataset(DatasetSpec(folder="/pictures/bees", project=str(project.path)))
    assert project.title == "bees"
    project.rename("  My bees ")
    assert Project.open(project.path).title == "My bees"
    project.rename("")
    assert project.title == "bees"


def test_a_project_that_was_moved_knows_its_pictures_and_where_it_is(tmp_path: Path) -> None:
    project = Project(tmp_path / "before")
    project.keep_dataset(DatasetSpec(folder="/pictures/bees", project=str(project.path)))
    (tmp_path / "before").rename(tmp_path / "after")
    moved = Project.open(tmp_path / "after").dataset
    assert moved == DatasetSpec(folder="/pictures/bees", project=str(tmp_path / "after"))


def test_what_lies_in_it_is_named_so_that_it_may_be_moved(tmp_path: Path) -> None:
    project = Project(tmp_path / "one")
    inside, outside = tmp_path / "one" / "runs" / "a", tmp_path / "elsewhere" / "b"
    assert project.place_of(inside) == "runs/a"
    assert project.path_of("runs/a") == inside
    assert project.path_of(project.place_of(outside)) == outside
    assert project.path_of("runs/../../elsewhere/b") is None


# --- only looking --------------------------------------------------------------------------------


def test_who_only_looks_can_t_change_anything(tmp_path: Path) -> None:
    Project(tmp_path).set_setting("colour", "red")
    before = dumped(tmp_path / FILE)
    looking = Project.open(tmp_path, read_only=True)
    assert looking.setting("colour") == "red"
    with pytest.raises(StorageError, match="only be looked at"):
        looking.set_setting("colour", "blue")
    with (
        pytest.raises(StorageError, match="readonly"),
        looking.reading() as database,
    ):
        database.execute("DELETE FROM settings")
    assert dumped(tmp_path / FILE) == before


def test_who_only_looks_at_an_old_project_sees_it_as_if_it_were_new(old: Path) -> None:
    before = (old / FILE).read_bytes()
    looking = Project.open(old, read_only=True)
    assert len(list(Index(looking).entries())) == 16
    with looking.reading() as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    assert (old / FILE).read_bytes() == before
    assert [path.name for path in old.iterdir()] == [FILE]


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every account of this computer can look into."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


LOOK = """
import os, sys; from pathlib import Path
from tlstudio.projects.project import Project
from tlstudio.projects.ownership import Ownership
from tlstudio.errors import StorageError
if os.getuid() == 0:  # who may do everything gives that up
    os.setgid(65534), os.setuid(65534)
project = Project.open(Path(sys.argv[1]))
print(project.read_only, project.setting("dismissed"))
claim = Ownership(project.path)
print(claim.held, claim.reason, claim.owner)
try:
    project.set_setting("a", 1)
except StorageError as error:
    print(error.message)
"""


@pytest.mark.skipif(os.name == "nt", reason="folders are protected in another way there")
@pytest.mark.parametrize("version", ["v1", "new"])
def test_a_project_that_may_not_be_written_to_is_looked_at(public: Path, version: str) -> None:
    path = Path(shutil.copytree(OLD, public / "a project"))
    if version == "new":
        Project.open(path)
    names = sorted(each.name for each in path.iterdir())
    for each in path.iterdir():
        each.chmod(0o444)
    path.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    path.chmod(0o755)
    assert done.stdout.splitlines()[:2] == ["True ['small_class:']", "False read_only None"], done
    assert "only be looked at" in done.stdout
    assert sorted(each.name for each in path.iterdir()) == names


def test_where_a_project_lies_is_the_same_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = Project(Path("one") / ".." / "two")
    assert project.path == tmp_path / "two"
    monkeypatch.chdir("/")
    project.set_setting("colour", "red")
    assert Project.open(tmp_path / "two").setting("colour") == "red"


@pytest.mark.parametrize("here", [True, False])
def test_a_project_from_elsewhere_makes_nobody_ask_another_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    """On Windows to open a folder there would tell that computer who asks."""
    monkeypatch.setattr(project_module, "on_network", partial(on_network, kind=PureWindowsPath))
    project = Project((projects_folder() if here else tmp_path) / "set")
    distant = DatasetSpec(folder=r"\\host\share\pictures")
    project.keep_dataset(distant)
    RunFolder.create(
        project.runs_folder / "run",
        TrainingJob(dataset=distant, backbone=BackboneSpec(id="resnet18")),
    )
    for found in (project.dataset, refreshed(project).dataset):
        assert (found is not None) == here
    assert (project.path_of("//host/share/run") is not None) == here
