"""Locked test pictures: scored only when asked, and it is remembered who looked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tlstudio.errors import DatasetError
from tlstudio.evaluation.evaluate import evaluate
from tlstudio.jobs import EvaluateJob, EvaluationResult, Part, ScanResult
from tlstudio.projects.project import Project
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Event, Warned, drive

Copy = Callable[[str], RunFolder]


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Copy:
    """Copies of the run, with the first two validation pictures of each class locked away."""

    def make(name: str) -> RunFolder:
        shutil.copytree(run, tmp_path / name)
        own = RunFolder(tmp_path / name)
        split = own.split()
        seen: dict[str, int] = {}
        files = []
        for picture in split.files:
            part: Part = picture.part
            if part == "val" and seen.setdefault(picture.label, 0) < 2:
                seen[picture.label] += 1
                part = "test"
            files.append(picture.model_copy(update={"part": part}))
        own.save_split(
            split.model_copy(update={"files": tuple(files), "project": str(tmp_path / "project")})
        )
        return own

    return make


def scored(run: RunFolder, part: str = "test") -> tuple[EvaluationResult, list[str]]:
    events: list[Event] = []
    job = EvaluateJob.model_validate({"run": str(run.path), "part": part, "device": "cpu"})
    result = drive(evaluate(job), events.append)
    return result, [event.message for event in events if isinstance(event, Warned)]


def test_the_test_pictures_are_scored_alone_and_it_is_kept(copy: Copy) -> None:
    own = copy("run")
    locked = {picture.file for picture in own.split().files if picture.part == "test"}
    assert len(locked) == 6
    result, warned = scored(own)
    assert {each.file for each in result.predictions} == locked
    assert (result.part, result.n, result.locked, warned) == ("test", 6, 6, [])
    kept = json.loads((own.path / "test.json").read_text("utf-8"))
    assert kept["result"]["accuracy"] == result.accuracy
    assert len(kept["scored"]) == 1


def test_the_answers_are_those_of_the_same_pictures_elsewhere(copy: Copy, run: Path) -> None:
    """Whichever part a picture is in, it gets the same answer."""
    before = drive(evaluate(EvaluateJob(run=str(run), device="cpu")), lambda _: None)
    expected = {each.file: each.probabilities for each in before.predictions}
    result, _ = scored(copy("run"))
    assert all(each.probabilities == expected[each.file] for each in result.predictions)


def test_validation_scores_leave_the_test_pictures_locked(copy: Copy) -> None:
    own = copy("run")
    for picture in own.split().files:
        if picture.part == "test":
            assert Path(own.split().folder, picture.file).is_file()
    result, _ = scored(own, "val")
    assert (result.part, result.n, result.locked) == ("val", 12, 6)
    assert own.locked_score() is None


def test_looking_again_is_warned_of_and_noted(copy: Copy) -> None:
    own = copy("run")
    scored(own)
    first = own.locked_score()
    assert first is not None
    _, warned = scored(own)
    assert len(warned) == 1
    assert first.scored[0][:10] in warned[0]
    again = own.locked_score()
    assert again is not None
    assert again.scored[0] == first.scored[0]
    assert len(again.scored) == 2


def test_another_run_of_the_project_that_was_scored_before_is_named(
    copy: Copy, tmp_path: Path
) -> None:
    Project(tmp_path / "project")
    one, other = copy("one"), copy("other")
    assert scored(one)[1] == []
    _, warned = scored(other)
    assert len(warned) == 1
    assert "another run" in warned[0]
    assert "last with one." in warned[0]


def test_a_run_without_test_pictures_says_so(run: Path) -> None:
    with pytest.raises(DatasetError, match="no locked test pictures"):
        scored(RunFolder(run))
    assert not (run / "test.json").exists()


def test_where_a_project_is_gone_the_run_is_scored_all_the_same(copy: Copy, tmp_path: Path) -> None:
    own = copy("run")
    split: ScanResult = own.split()
    assert not Path(split.project).exists()
    scored(own)
    assert not Path(split.project).exists()
