"""`tlstudio projects`, `runs` and `disk`: what is there, and what becomes of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlstudio.cli.app import run
from tlstudio.projects.places import cache_folder, projects_folder

STORED = Path(__file__).parents[1] / "projects" / "stored" / "v2" / "project"

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def cloth() -> Path:
    """A project with a finished run called "First try"."""
    return Path(shutil.copytree(STORED, projects_folder() / "cloth"))


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a command and gives its result."""

    def answer(*arguments: str) -> dict[str, Any]:
        assert run([*arguments, "--json"]) == 0
        result: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
        return result

    return answer


def test_projects_are_listed_as_they_are_now(cloth: Path, ask: Ask) -> None:
    (found,) = ask("projects")["projects"]
    assert (found["path"], found["title"]) == (str(cloth), "Cloth")
    assert (found["pictures"], found["runs"], found["there"]) == (15, 1, True)


def test_a_damaged_project_hides_no_other(cloth: Path, ask: Ask) -> None:
    broken = projects_folder() / "broken"
    broken.mkdir()
    (broken / "project.sqlite").write_bytes(b"this is no database" * 99)
    titles = {project["title"] for project in ask("projects")["projects"]}
    assert titles == {"broken", "Cloth"}
    assert len(ask("runs")["runs"]) == 1


@pytest.mark.parametrize("where", ["everywhere", "project", "run"])
def test_runs_are_listed_with_what_they_came_to(cloth: Path, ask: Ask, where: str) -> None:
    path = next((cloth / "runs").iterdir())
    places = {"everywhere": [], "project": [str(cloth)], "run": [str(path)]}
    (found,) = ask("runs", *places[where])["runs"]
    assert (found["title"], found["standing"]) == ("First try", "completed")
    assert found["can_carry_on"] is False
    assert Path(found["path"]) == path


def test_a_run_is_renamed_and_keeps_its_folder(cloth: Path, ask: Ask) -> None:
    path = next((cloth / "runs").iterdir())
    ask("runs", str(path), "--rename", "Another")
    assert [each["title"] for each in ask("runs", str(cloth))["runs"]] == ["Another"]
    assert path.is_dir()


def test_a_run_goes_to_the_bin(
    cloth: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "send2trash.send2trash", lambda path: shutil.move(path, tmp_path / "thrown")
    )
    path = next((cloth / "runs").iterdir())
    (gone,) = ask("runs", str(path), "--delete")["runs"]
    assert gone["title"] == "First try"
    assert ask("runs", str(cloth))["runs"] == []
    assert (tmp_path / "thrown" / "job.json").is_file()


def test_only_one_run_can_be_changed_at_a_time(
    cloth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(next((cloth / "runs").iterdir()))
    for arguments in (["--delete"], [str(cloth), "--delete"], [path, "--delete", "--rename", "x"]):
        assert run(["runs", *arguments]) == 2
        assert "about one run" in capsys.readouterr().err
    assert Path(path).is_dir()


def test_a_folder_that_nobody_has_looked_through_has_no_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["runs", str(tmp_path)]) == 1
    assert "holds no project" in capsys.readouterr().err
    assert not projects_folder().exists()


def measured(result: dict[str, Any]) -> dict[str, int]:
    """Bytes of each kind; every command adds to its log."""
    return {use["what"]: use["bytes"] for use in result["uses"] if use["what"] != "logs"}


def test_the_disk_is_measured_and_cleaned(cloth: Path, ask: Ask) -> None:
    kept = cache_folder() / "activations" / "shelf" / "1.rows"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"x" * 1000)
    before = measured(ask("disk"))
    assert before["activations"] == 1000
    result = ask("disk", "--clean", "cache")
    assert result["freed"] == 1000
    assert measured(result) == {**before, "activations": 0}


def test_people_read_tables(cloth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, expected in (("projects", "Cloth"), ("runs", "First try"), ("disk", "together")):
        assert run([command]) == 0
        assert expected in capsys.readouterr().out
