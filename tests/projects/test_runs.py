"""The runs of a project, wherever they lie."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tlstudio.errors import RunError, StorageError, UsageError
from tlstudio.jobs import BackboneSpec, DatasetSpec, TrainingJob
from tlstudio.projects import runs
from tlstudio.projects.ownership import Ownership
from tlstudio.projects.places import projects_folder, runs_folder
from tlstudio.projects.project import Project
from tlstudio.projects.recent import (
    delete,
    forget,
    known_projects,
    now,
    project_folders,
    refreshed,
    remember,
)
from tlstudio.projects.run_folder import RunFolder, State
from tlstudio.projects.runs import project_of, register, rename, runs_of


def made(path: Path, project: Project | None = None, state: State = "interrupted") -> Path:
    """A run, as far as a list looks at it."""
    dataset = DatasetSpec(folder="/pictures", project=str(project.path) if project else None)
    run = RunFolder.create(path, TrainingJob(dataset=dataset, backbone=BackboneSpec(id="resnet18")))
    run.start_file.write_bytes(b"")
    run.save_state(state, "The disk is full." if state == "failed" else "")
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


def titles(project: Project) -> set[str]:
    return {run.title for run in runs_of(project)}


def test_runs_are_found_in_the_project_where_they_were_put_and_where_they_used_to_be(
    project: Project, tmp_path: Path
) -> None:
    made(project.runs_folder / "inside", project)
    register(project, made(tmp_path / "far" / "away", project))
    made(runs_folder() / "older", project)
    made(runs_folder() / "of another", Project(tmp_path / "another"))
    (project.runs_folder / "no run").mkdir()
    (project.runs_folder / "a file").write_text("")
    assert titles(project) == {"inside", "away", "older"}


def test_an_older_run_belongs_to_the_project_of_its_folder_of_pictures() -> None:
    made(runs_folder() / "older")
    assert titles(Project.of(DatasetSpec(folder="/pictures"))) == {"older"}


def test_a_project_that_was_moved_has_its_runs_with_their_titles(
    project: Project, tmp_path: Path
) -> None:
    run = made(project.runs_folder / "one", project)
    register(project, run)
    rename(project, run, "The good one")
    begun = runs_of(project)[0].begun
    project.path.rename(tmp_path / "moved")
    moved = Project.open(tmp_path / "moved")
    (found,) = runs_of(moved)
    assert (found.title, found.begun) == ("The good one", begun)
    assert found.path == str(tmp_path / "moved" / "runs" / "one")
    home = project_of(Path(found.path))
    assert home is not None
    assert home.path == moved.path


def test_a_run_that_went_while_its_title_was_typed_is_a_sentence(project: Project) -> None:
    with pytest.raises(RunError, match="no longer there"):
        rename(project, project.runs_folder / "gone", "A title")
    assert runs_of(project) == ()


def test_a_title_is_the_folder_s_name_again_when_it_is_taken_away(project: Project) -> None:
    run = made(project.runs_folder / "one", project)
    rename(project, run, "  Mine\t")
    assert titles(project) == {"Mine"}
    assert run.is_dir()
    rename(project, run, "")
    assert titles(project) == {"one"}


def test_the_newest_run_comes_first_by_when_it_was_begun(project: Project) -> None:
    for name, day in (("b", 2), ("a", 1), ("c", 3)):
        file = RunFolder(made(project.runs_folder / name, project)).job_file
        time = datetime(2026, 1, day, tzinfo=UTC).timestamp()
        os.utime(file, (time, time))
    assert [run.title for run in runs_of(project)] == ["c", "b", "a"]


def test_what_a_run_came_to_is_said_and_whether_it_can_go_on(project: Project) -> None:
    states: tuple[State, ...] = ("interrupted", "failed", "completed")
    for state in states:
        made(project.runs_folder / state, project, state)
    RunFolder(made(project.runs_folder / "nothing left", project)).start_file.unlink()
    (made(project.runs_folder / "damaged", project) / "job.json").write_text("{")
    found = {run.title: run for run in runs_of(project)}
    assert {title for title, run in found.items() if run.can_carry_on} == {"interrupted", "failed"}
    assert found["failed"].trouble == "The disk is full."
    assert found["damaged"].job is None
    assert found["damaged"].standing == "failed"
    assert "not valid" in found["damaged"].trouble


# --- the bin -------------------------------------------------------------------------------------


def test_a_run_that_is_being_trained_is_not_thrown_away(project: Project) -> None:
    run = RunFolder(made(project.runs_folder / "one", project, "running"))
    with run.locked():
        assert runs.summary(run.path).standing == "running"
        with pytest.raises(RunError, match="is being trained"):
            runs.delete(run.path)
        with pytest.raises(UsageError, match="A training is running"):
            delete(project.path)
    assert run.path.is_dir()
    (found,) = runs_of(project)
    assert (found.standing, found.can_carry_on) == ("interrupted", True), "nobody trains it now"


@pytest.mark.skipif(os.name == "nt", reason="locks are made in another way there")
def test_on_a_disk_without_locks_a_run_can_be_trained_and_carried_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    run = RunFolder(made(project.runs_folder / "one", project, "running"))
    monkeypatch.setattr("fcntl.flock", flock)
    with run.locked():
        pass
    assert run.standing() == "interrupted"


THROW = """
import sys; from pathlib import Path
from tlstudio.projects.runs import delete
delete(Path(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the bin is a folder only there")
def test_without_a_desktop_a_run_goes_to_the_bin_of_the_home_folder(tmp_path: Path) -> None:
    run = made(tmp_path / "project" / "runs" / "one")
    env = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    env |= {"HOME": str(tmp_path / "me"), "XDG_DATA_HOME": str(tmp_path / "me" / "data")}
    (tmp_path / "me").mkdir()
    subprocess.run([sys.executable, "-c", THROW, str(run)], check=True, env=env)
    assert not run.exists()
    thrown = tmp_path / "me" / "data" / "Trash" / "files" / "one"
    assert (thrown / "start.safetensors").is_file()
    assert str(run) in (thrown.parents[1] / "info" / "one.trashinfo").read_text()


def test_where_there_is_no_bin_a_run_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("send2trash.send2trash", refuse)
    run = made(tmp_path / "one")
    with pytest.raises(StorageError, match="can't be moved to the bin") as refused:
        runs.delete(run)
    assert "where it was" in refused.value.hint
    assert runs.summary(run).standing == "interrupted"


def test_a_folder_that_is_no_run_is_not_thrown_away(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        runs.delete(tmp_path)


# --- what the home screen knows ------------------------------------------------------------------


def test_the_home_screen_s_projects_are_in_the_order_of_their_use(tmp_path: Path) -> None:
    for name, day in (("b", 2), ("a", 3)):
        project = Project(tmp_path / name)
        remember(refreshed(project, opened=datetime(2026, 1, day, tzinfo=UTC)))
    assert [Path(each.path).name for each in known_projects()] == ["a", "b"]
    remember(refreshed(Project.open(tmp_path / "b"), opened=now()))
    assert [Path(each.path).name for each in known_projects()] == ["b", "a"]


def test_projects_that_no_window_has_opened_are_known_from_where_they_lie() -> None:
    Project(projects_folder() / "bees-0123456789ab")
    (projects_folder() / "no project").mkdir()
    (known,) = known_projects()
    assert (known.title, known.there, known.dataset) == ("bees", True, None)


def test_a_project_that_is_taken_off_the_list_stays_off_until_it_is_opened() -> None:
    project = Project(projects_folder() / "bees")
    forget(str(project.path))
    assert known_projects() == ()
    assert project_folders() == (project.path,)
    remember(refreshed(project))
    assert [each.title for each in known_projects()] == ["bees"]


def test_what_can_t_be_opened_any_more_is_listed_as_gone(tmp_path: Path) -> None:
    project = Project(tmp_path / "bees")
    (tmp_path / "pictures").mkdir()
    project.keep_dataset(DatasetSpec(folder=str(tmp_path / "pictures")))
    remember(refreshed(project))
    (known,) = known_projects()
    assert known.there
    assert known.pictures_there
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")
    project.path.rename(tmp_path / "moved")
    assert not known.there
    assert not known.pictures_there
    assert project_folders() == ()


def test_runs_that_can_be_carried_on_are_counted(project: Project) -> None:
    made(project.runs_folder / "one", project)
    made(project.runs_folder / "two", project, "completed")
    known = refreshed(project)
    assert (known.runs, known.interrupted, known.accuracy) == (2, 1, None)


def test_a_project_is_thrown_away_unless_it_is_in_use(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    thrown: list[Path] = []
    monkeypatch.setattr("send2trash.send2trash", thrown.append)
    remember(refreshed(project))
    with Ownership(project.path), pytest.raises(UsageError, match="open in a window"):
        delete(project.path)
    assert thrown == []
    delete(project.path)
    assert thrown == [project.path]
    assert known_projects() == ()


def test_that_a_disk_takes_no_claim_is_not_told_as_another_window(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tlstudio.projects.locks.Lock.acquire", refuse)
    monkeypatch.setattr("send2trash.send2trash", refuse)
    with pytest.raises(StorageError, match="bin"):
        delete(project.path)
