"""Scores, answers and exports wait for a folder that went away, too, and say the same of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from evaluation.made_run import made_run
from faults.made_faults import Drive, in_phase

from tlstudio.engine.runner import task_for
from tlstudio.jobs import EvaluateJob, ExportJob, Job, PredictJob
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Event, Waiting, drive


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_run(tmp_path_factory.mktemp("made"), "squeezenet1_1")


def result_of(job: Job, on_event: Any = lambda _: None) -> dict[str, Any]:
    values: dict[str, Any] = drive(task_for(job), on_event).model_dump()
    return values


@pytest.mark.parametrize(
    ("kind", "phase"),
    [
        ("evaluate", "evaluate"),
        pytest.param("predict", "scan", marks=pytest.mark.slow),
        ("export", "verify"),
    ],
)
def test_they_wait_and_say_the_same(
    kind: str, phase: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = Path(RunFolder.open(run).split().folder)

    def job(out: str) -> Job:
        if kind == "evaluate":
            return EvaluateJob(run=str(run), cache=str(tmp_path / out))
        if kind == "predict":
            monkeypatch.setenv("TLSTUDIO_HOME", str(tmp_path / out))
            return PredictJob(model=str(run), inputs=(str(pictures),))
        return ExportJob(run=str(run), format="torchvision", out=str(tmp_path / out))

    disk = Drive(pictures, in_phase(phase))
    found, expected = result_of(job("disturbed"), disk), result_of(job("undisturbed"))
    assert len(disk.waits) >= 2
    for each in (found, expected):
        each.pop("files", None)
    assert found == expected
    assert not found.get("left_out")


def test_a_picture_that_is_gone_for_good_is_left_out_without_waiting(
    run: Path, tmp_path: Path
) -> None:
    pictures, events = Path(RunFolder.open(run).split().folder), list[Event]()
    lost = next(each for each in RunFolder.open(run).split().files if each.part == "val").file
    (pictures / lost).rename(tmp_path / "lost")
    try:
        found = result_of(EvaluateJob(run=str(run), cache=str(tmp_path / "c")), events.append)
    finally:
        (tmp_path / "lost").rename(pictures / lost)
    assert [each["file"] for each in found["left_out"]] == [lost]
    assert not [event for event in events if isinstance(event, Waiting)]
