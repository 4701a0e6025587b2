"""A folder of pictures that can't be reached for a while: the job waits, and comes to the same."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.made_faults import FROZEN, VARIED, Drive, Moment, Undisturbed, in_phase, keep_nothing
from training.made_jobs import UNFROZEN, checkpoint_of, job_for, made_pictures, nothing, one_core

from tlstudio.datasets import patience
from tlstudio.datasets.scan import scan
from tlstudio.errors import Cancelled, DatasetError
from tlstudio.jobs import DatasetSpec, ResumeRun, ScanJob, TrainResult, TrainRun
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Control, Epoch, Event, Progress, Step, Task, Waiting, drive
from tlstudio.training import features, train


@pytest.fixture(scope="module", autouse=True)
def _one_core() -> Iterator[None]:
    with one_core():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(tmp_path_factory.mktemp("whole"))


def in_the_middle(event: Event) -> bool:
    return isinstance(event, Step) and event.step == 4


@pytest.fixture
def nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_nothing(monkeypatch)


@pytest.mark.parametrize(
    ("choices", "moment"),
    [
        pytest.param(FROZEN, in_phase("scan"), id="scan"),
        pytest.param(FROZEN, in_phase("measure"), id="measure", marks=pytest.mark.slow),
        pytest.param(FROZEN, in_phase("features"), id="features"),
        pytest.param(
            {"freeze": UNFROZEN}, in_phase("probe"), id="activations", marks=pytest.mark.slow
        ),
        pytest.param(VARIED, in_phase("probe"), id="pictures", marks=pytest.mark.slow),
    ],
)
def test_whatever_it_is_at_the_job_waits_and_comes_to_the_same_weights(
    choices: dict[str, Any], moment: Moment, tmp_path: Path, whole: Undisturbed
) -> None:
    folder = made_pictures(tmp_path / "set")
    job = job_for(folder, whole.weights, **choices)
    disk, path = Drive(folder, moment), tmp_path / "run"
    request = TrainRun(job=job, run=str(path), cache=str(tmp_path / "cache"))
    drive(train.train(request), disk)
    assert len(disk.waits) >= 2
    assert str(folder) in disk.waits[0].message
    told = [event for event in RunFolder(path).events() if isinstance(event, Waiting)]
    assert len(told) <= 1, "of each waiting only its beginning is kept"
    whole.assert_same_weights(path, **choices)


@pytest.mark.parametrize(
    "moment", [in_the_middle, in_phase("evaluate")], ids=["batches", "validation"]
)
@pytest.mark.usefixtures("nothing_is_kept")
def test_an_epoch_waits_with_a_checkpoint_written_and_comes_to_the_same_weights(
    moment: Moment, tmp_path: Path, whole: Undisturbed
) -> None:
    folder = made_pictures(tmp_path / "set")
    job, path = job_for(folder, whole.weights, **VARIED), tmp_path / "run"
    disk, steps, kept = Drive(folder, moment), list[int](), list[int]()

    def watch(event: Event) -> None:
        disk(event)
        if isinstance(event, Step):
            steps.append(event.step)
        if isinstance(event, Waiting):
            position = checkpoint_of(path).position
            kept.append(3 * position.epoch + position.step)

    drive(train.train(TrainRun(job=job, run=str(path))), watch)
    assert steps == list(range(1, 7)), "no step is done twice"
    assert kept
    assert kept[0] in steps
    whole.assert_same_weights(path, **VARIED)


@pytest.mark.usefixtures("nothing_is_kept")
def test_a_job_that_waits_can_be_cancelled_and_carried_on_when_the_folder_is_back(
    tmp_path: Path, whole: Undisturbed
) -> None:
    folder, path, control = made_pictures(tmp_path / "set"), tmp_path / "run", Control()
    job = job_for(folder, whole.weights, **VARIED)
    away = tmp_path / "elsewhere"

    def cancel(event: Event) -> None:
        if isinstance(event, Epoch) and event.epoch == 1:
            folder.rename(away)
        if isinstance(event, Waiting):
            control.cancel()

    with pytest.raises(Cancelled):
        drive(train.train(TrainRun(job=job, run=str(path))), cancel, control)
    assert RunFolder(path).state().state == "interrupted"
    with pytest.raises(DatasetError, match="can't be reached"):
        drive(resumed(path), nothing)
    away.rename(folder)
    drive(resumed(path), nothing)
    whole.assert_same_weights(path, **VARIED)


def resumed(path: Path) -> Task[TrainResult]:
    return train.resume(ResumeRun(run=str(path)))


def test_a_folder_that_may_not_be_opened_any_more_is_waited_for(
    tmp_path: Path, whole: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system says of a folder without rights: nothing is forbidden to root itself."""
    folder, path = made_pictures(tmp_path / "set"), tmp_path / "run"
    job, real, refused = job_for(folder, whole.weights), os.scandir, list[str]()

    def scandir(place: Any) -> Any:
        if refused and str(place) == str(folder):
            raise PermissionError(13, "Permission denied")
        return real(place)

    monkeypatch.setattr(patience.os, "scandir", scandir)
    opened: list[Waiting] = []

    def forbid(event: Event) -> None:
        if isinstance(event, Waiting):
            opened.append(event)
            (tmp_path / "locked").rename(folder)
            refused.clear()
        elif in_phase("features")(event) and not opened and not refused:
            refused.append("now")
            folder.rename(tmp_path / "locked")

    drive(train.train(TrainRun(job=job, run=str(path), cache=str(tmp_path / "c"))), forbid)
    assert opened
    whole.assert_same_weights(path, **FROZEN)


def test_an_empty_folder_is_one_whose_drive_is_gone(tmp_path: Path, whole: Undisturbed) -> None:
    """What stays of a drive that is no longer mounted is an empty folder."""
    folder, path = made_pictures(tmp_path / "set"), tmp_path / "run"
    job, seen = job_for(folder, whole.weights), list[Waiting]()

    def unmount(event: Event) -> None:
        if isinstance(event, Waiting):
            seen.append(event)
            folder.rmdir()
            (tmp_path / "drive").rename(folder)
        elif in_phase("features")(event) and not seen and any(folder.iterdir()):
            folder.rename(tmp_path / "drive")
            folder.mkdir()

    drive(train.train(TrainRun(job=job, run=str(path), cache=str(tmp_path / "c"))), unmount)
    assert len(seen) == 1
    whole.assert_same_weights(path, **FROZEN)


def test_a_look_through_the_pictures_that_was_interrupted_misses_none(tmp_path: Path) -> None:
    folder = made_pictures(tmp_path / "set", 40)
    job = ScanJob(dataset=DatasetSpec(folder=str(folder)))
    for number, at in enumerate((0, 1, 30, 90)):
        cache = tmp_path / f"cache{number}"
        disk = Drive(folder, lambda event, at=at: isinstance(event, Progress) and event.done >= at)
        found = drive(scan(job, cache), disk)
        assert found.pictures == 120
        assert not found.left_out
        assert disk.pulled


def test_a_folder_that_never_was_there_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        drive(scan(ScanJob(dataset=DatasetSpec(folder=str(tmp_path / "no")))), nothing)


def test_a_training_job_on_a_folder_that_is_away_is_refused_at_once(
    tmp_path: Path, whole: Undisturbed
) -> None:
    job = job_for(tmp_path / "no", whole.weights)
    with pytest.raises(DatasetError, match="does not exist"):
        drive(train.train(TrainRun(job=job, run=str(tmp_path / "run"))), nothing)


@pytest.mark.usefixtures("nothing_is_kept")
def test_a_drive_that_does_not_answer_at_all_is_told_and_a_checkpoint_is_written(
    tmp_path: Path, whole: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a network does that is cut: whoever reads hangs, and no error says so."""
    folder, path = made_pictures(tmp_path / "set"), tmp_path / "run"
    answers, asked, real = threading.Event(), list[Path](), features.read_picture
    told: list[Waiting] = []
    monkeypatch.setattr(patience, "_SLOW_S", 0.0)

    def hangs(file: Path, *choices: Any) -> Any:
        if asked:
            answers.wait()
        return real(file, *choices)

    def cut(event: Event) -> None:
        if isinstance(event, Epoch) and event.epoch == 1:
            asked.append(folder)
        if isinstance(event, Waiting) and asked:
            told.append(event)
            position = checkpoint_of(path).position
            assert (position.epoch, position.step) == (1, 0)
            answers.set()

    monkeypatch.setattr(features, "read_picture", hangs)
    job = job_for(folder, whole.weights, **VARIED)
    drive(train.train(TrainRun(job=job, run=str(path))), cut)
    assert "do not come" in told[0].message
    whole.assert_same_weights(path, **VARIED)
