"""A run on disk is never overwritten, reads back as it was written, and survives a cut-off line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tlstudio.errors import RunError, StorageError
from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    Picture,
    ScanResult,
    Split,
    TrainingJob,
    TrainResult,
)
from tlstudio.projects.checked import adding
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Event, Logged

JOB = TrainingJob(dataset=DatasetSpec(folder="f"), backbone=BackboneSpec(id="resnet18"), seed=3)
SPLIT = ScanResult(
    folder="f",
    pictures=1,
    classes={"ä": 1},
    split=Split(given=False, train=1, val=0, test=0),
    files=(Picture(file="ä/1.png", label="ä", part="train"),),
)
RESULT = TrainResult(
    run="r",
    model="m",
    kept="probe",
    val_accuracy=0.5,
    probe_accuracy=0.5,
    trained_accuracy=None,
    best_epoch=0,
    epochs=0,
    seconds=1.5,
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "deep" / "run", JOB)


def record(run: RunFolder, *messages: str) -> None:
    with run.recording() as log:
        for message in messages:
            log.append(Logged(message=message))


def told(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Logged)]


def test_job_split_and_state_read_back_as_they_were_written(run: RunFolder) -> None:
    run.save_split(SPLIT)
    run.save_state("running", environment={"threads": 2, "device": "cpu"})
    opened = RunFolder.open(run.path)
    assert opened.job() == JOB
    assert opened.split() == SPLIT
    assert opened.state().state == "running"
    run.save_state("failed", "It broke.")
    assert opened.state().message == "It broke."
    run.save_state("completed", result=RESULT)
    assert opened.state().result == RESULT
    assert opened.state().environment == {"threads": 2, "device": "cpu"}


def begin(path: Path) -> RunFolder:
    with RunFolder.begun(path, JOB, {"threads": 2}) as run:
        run.save_split(SPLIT)
    return RunFolder.open(path)


def test_a_used_folder_is_refused_and_left_as_it_is(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not an empty folder") as caught:
        begin(run.path)
    assert "--resume" in caught.value.hint
    assert run.job() == JOB
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="is not an empty folder") as caught:
        begin(tmp_path / "file")
    assert "--resume" not in caught.value.hint
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("existed", [True, False])
def test_a_run_is_in_its_place_whole_and_not_before(tmp_path: Path, existed: bool) -> None:
    path = tmp_path / "run"
    if existed:
        path.mkdir()
    with RunFolder.begun(path, JOB, {"threads": 2}) as begun:
        begun.save_split(SPLIT)
        assert path.exists() == existed
        assert not existed or not list(path.iterdir())
    run = RunFolder.open(path)
    assert (run.job(), run.split(), run.state().environment) == (JOB, SPLIT, {"threads": 2})
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def test_a_path_that_no_disk_takes_gives_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="too long"):
        begin(tmp_path / ("n" * 300))


@pytest.mark.parametrize("existed", [True, False])
def test_a_run_that_could_not_begin_leaves_no_trace(tmp_path: Path, existed: bool) -> None:
    path = tmp_path / "run"
    if existed:
        path.mkdir()
    with pytest.raises(IsADirectoryError), RunFolder.begun(path, JOB, {}) as run:
        run.path.write_text("what could not be written")
    assert [each.name for each in tmp_path.iterdir()] == ["run"] * existed
    assert not existed or not list(path.iterdir())


def test_a_disk_that_refuses_the_beginning_is_told_with_the_folder_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"run/.* the disk is full") as caught:
        begin(tmp_path / "run")
    assert ".new" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_beginning_left_is_gone_after_the_next_one(tmp_path: Path) -> None:
    left = tmp_path / ".run.new"
    (left / "model").mkdir(parents=True)
    (left / "start.safetensors").write_text("half")
    run = begin(tmp_path / "run")
    assert not left.exists()
    assert not run.start_file.exists()
    assert not run.model.exists()


def test_two_can_not_begin_the_same_run(tmp_path: Path) -> None:
    with RunFolder.begun(tmp_path / "run", JOB, {}) as first:
        first.save_split(SPLIT)
        with pytest.raises(RunError, match="by another"):
            begin(tmp_path / "run")
    assert RunFolder.open(tmp_path / "run").split() == SPLIT


def test_a_disk_without_locks_can_be_trained_on(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    pytest.importorskip("fcntl")
    run.save_state("running")
    with run.locked():
        pass
    monkeypatch.setattr("fcntl.flock", none)
    with run.locked():
        assert run.standing() == "interrupted"


def test_only_one_at_a_time_trains_a_run_and_it_says_who_stands_still(run: RunFolder) -> None:
    run.save_state("running")
    assert run.standing() == "interrupted"
    same = RunFolder(run.path)
    with run.locked():
        assert same.standing() == "running"
        with pytest.raises(RunError, match="being trained by another"), same.locked():
            raise AssertionError("it must not begin")
    assert run.standing() == "interrupted"
    run.save_state("failed")
    with run.locked():
        assert same.standing() == "failed"


def test_beginning_in_a_used_folder_takes_nothing_away(run: RunFolder) -> None:
    with pytest.raises(RunError), RunFolder.begun(run.path, JOB, {}):
        raise AssertionError("it must not begin")
    assert run.job() == JOB


def test_a_folder_without_a_run_and_a_damaged_one_give_sentences(
    run: RunFolder, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="holds no run"):
        RunFolder.open(tmp_path)
    with pytest.raises(RunError, match="damaged or did not get far enough"):
        run.split()
    run.state_file.write_text('{"state": "runn')
    with pytest.raises(RunError, match="damaged or did not get far enough"):
        run.state()


def test_events_read_back_in_order(run: RunFolder) -> None:
    assert run.events() == []
    record(run, "one", "zwei 🙂\n")
    record(run, "three")
    assert told(run.events()) == ["one", "zwei 🙂\n", "three"]


def test_a_line_that_a_crash_cut_off_is_left_out(run: RunFolder) -> None:
    record(run, "one", "two")
    os.truncate(run.events_file, run.events_file.stat().st_size - 5)
    assert told(run.events()) == ["one"]
    run.events_file.write_bytes(run.events_file.read_bytes() + b"\xff\x00\xc3")
    assert told(run.events()) == ["one"]


@pytest.mark.parametrize("left", [5, 40])
def test_what_follows_a_cut_off_line_is_not_lost_with_it(run: RunFolder, left: int) -> None:
    record(run, "one", "two")
    os.truncate(run.events_file, run.events_file.stat().st_size - left)
    record(run, "three", "four")
    assert told(run.events())[-2:] == ["three", "four"]
    assert "two" not in told(run.events())


def test_a_finished_run_keeps_no_checkpoint(run: RunFolder) -> None:
    with run.checkpoints.adding() as file:
        file.write_text("a checkpoint")
    with adding(run.start_file) as file:
        file.write_text("a start")
    before = {"checkpoints", "start.safetensors", "start.safetensors.sha256", "job.json"}
    assert {each.name for each in run.path.iterdir()} == before
    assert run.can_be_carried_on()
    run.discard_checkpoints()
    run.discard_checkpoints()
    assert [each.name for each in run.path.iterdir()] == ["job.json"]
    assert not run.can_be_carried_on()


def test_events_after_the_checkpoint_are_cut_off_and_expected_ones_are_written_once(
    run: RunFolder,
) -> None:
    first, second = Logged(message="first"), Logged(message="second")
    with run.recording() as log:
        log.append(Logged(message="before"))
        covered = log.expect([first, second], lasting=True)
        assert run.events_file.stat().st_size == covered
        for event in (first, second, Logged(message="lost")):
            log.append(event)
    assert told(run.events()) == ["before", "first", "second", "lost"]
    with run.recording(covered) as log:
        log.append(Logged(message="again"))
    assert told(run.events()) == ["before", "first", "second", "again"]
    with run.recording(0) as log:
        log.append(Logged(message="anew"))
    assert told(run.events()) == ["anew"]


def test_an_event_that_the_disk_takes_half_of_is_taken_back(run: RunFolder) -> None:
    resource = pytest.importorskip("resource")
    with run.recording() as log:
        log.append(Logged(message="whole"))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (run.events_file.stat().st_size + 10, limits[1]))
        try:
            with pytest.raises(StorageError):
                log.append(Logged(message="does not fit"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        log.append(Logged(message="fits"))
    assert told(run.events()) == ["whole", "fits"]
