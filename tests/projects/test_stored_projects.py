"""Projects that released versions wrote are opened with everything that the user did in them.

`stored/vN` was written by the program of schema N: the sample with four pictures a class, one
picture relabelled, one taken out, a class renamed, a split with a test part, a dismissed finding,
and a finished run (`made_stored_project.py`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tlstudio.datasets.sample import draw_sample
from tlstudio.datasets.scan import scan
from tlstudio.jobs import DatasetSpec, Grouping, SampleJob, ScanJob
from tlstudio.projects.corrections import ClassName, Corrections
from tlstudio.projects.everywhere import every_model
from tlstudio.projects.index import Index
from tlstudio.projects.migrations import SCHEMA
from tlstudio.projects.places import runs_folder
from tlstudio.projects.project import Project
from tlstudio.projects.recent import refreshed, remember
from tlstudio.projects.runs import runs_of
from tlstudio.tasks import drive

STORED = Path(__file__).parent / "stored"
WRITTEN_IN = "/tmp/tlstudio/"  # noqa: S108  (where they were made; nothing is there)
VERSIONS = sorted(path.name for path in STORED.iterdir())


@pytest.fixture(params=VERSIONS)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the stored project, whose files say that it was made where it is."""
    shutil.copytree(STORED / request.param, tmp_path, dirs_exist_ok=True)
    if (tmp_path / "runs").exists():
        shutil.move(tmp_path / "runs", runs_folder())
    for file in (*tmp_path.rglob("*.json"), *runs_folder().rglob("*.json")):
        file.write_text(file.read_text("utf-8").replace(WRITTEN_IN, f"{tmp_path}/"), "utf-8")
    return tmp_path / "project"


def test_every_version_that_was_released_is_stored() -> None:
    assert [f"v{number}" for number in range(1, SCHEMA + 1)] == VERSIONS


def test_corrections_split_and_findings_are_what_they_were(stored: Path) -> None:
    project = Project.open(stored)
    corrections, index = Corrections(project), Index(project)
    assert corrections.pictures() == {1: ("good", False), 6: (None, True)}
    assert corrections.classes() == {"hole": ClassName("Streaks")}
    parts = {number: entry.part for number in range(1, 17) if (entry := index.entry(number))}
    assert len(parts) == 16
    assert sorted(map(str, parts.values())) == ["None"] + 4 * ["test"] + 7 * ["train"] + 4 * ["val"]
    drawn = {number: "test" if part == "test" else "train" for number, part in parts.items()}
    assert index.assignments("test") == drawn, "also of the one that was taken out"
    assert [each.kind for each in index.findings()] == ["small_class"]
    assert project.setting("dismissed") == ["small_class:"]


def test_a_look_at_the_same_pictures_changes_nobody_s_part(stored: Path) -> None:
    pictures = stored.parent / "fabric"
    drive(draw_sample(SampleJob(folder=str(pictures), pictures_per_class=4)), lambda _: None)
    before = {entry.file: entry.part for entry in Index(Project.open(stored)).entries()}
    spec = DatasetSpec(
        folder=str(pictures), project=str(stored), grouping=Grouping(pattern="{group}_*")
    )
    result = drive(scan(ScanJob(dataset=spec)), lambda _: None)
    assert {entry.file: entry.part for entry in Index(Project.open(stored)).entries()} == before
    assert result.classes == {"broken thread": 3, "good": 4, "Streaks": 4, "stain": 4}
    assert result.test_fraction == 0.1


def test_its_run_and_the_model_are_found(stored: Path) -> None:
    project = Project.open(stored)
    remember(refreshed(project))
    (run,) = runs_of(project)
    assert run.standing == "completed"
    assert run.job is not None
    assert run.job.recipe.epochs == 3
    assert [model.run for model in every_model()] == [run.path]


def test_the_home_screen_knows_what_it_is_worth(stored: Path) -> None:
    known = refreshed(Project.open(stored))
    assert (known.pictures, known.runs, known.interrupted) == (15, 1, 0)
    assert known.classes == ("broken thread", "good", "Streaks", "stain")
    assert known.accuracy == 0.0
    assert known.dataset is not None
    assert Path(known.dataset.folder).name == "fabric"
    assert known.dataset.project == str(stored)
