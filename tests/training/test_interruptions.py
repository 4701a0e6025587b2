"""Whenever a run is stopped, nothing is lost: it is carried on to the very same weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from training.made_jobs import (
    UNFROZEN,
    Trained,
    checkpoint_of,
    job_for,
    made_pictures,
    nothing,
    stop_when,
)

from tlstudio.errors import DatasetError, RunError, StorageError, TLStudioError
from tlstudio.jobs import FinishRun, ResumeRun, TrainingJob, TrainResult, TrainRun
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import (
    Answers,
    Epoch,
    Event,
    Logged,
    ProbeFitted,
    Progress,
    Resumed,
    Step,
    Warned,
    drive,
)
from tlstudio.training import decoded, gradients, loop, train
from tlstudio.training.checkpoint import Checkpoint
from tlstudio.training.model_folder import load_model

Jobs = Callable[..., TrainingJob]


def newest_bytes(path: Path) -> bytes:
    return RunFolder(path).checkpoints.newest_first()[0].read_bytes()


def resumed(path: Path) -> TrainResult:
    return drive(train.resume(ResumeRun(run=str(path))), nothing)


def moment(event: Event, epochs: int) -> tuple[Any, ...]:
    """Which moment of a run an event stands for; `epochs` of them were finished before it."""
    if isinstance(event, Step):
        return "step", event.step
    if isinstance(event, Epoch | Answers):
        return event.type, event.epoch
    return event.type, getattr(event, "phase", ""), epochs


def stopped_everywhere(job: TrainingJob, path: Path) -> list[tuple[Any, ...]]:
    """Runs a job to its end, stopping and carrying it on at every moment that there is."""
    seen: list[tuple[Any, ...]] = []
    epochs = 0

    def is_new(event: Event) -> bool:
        nonlocal epochs
        if isinstance(event, Epoch):
            epochs = event.epoch
        now = moment(event, epochs)
        if now in seen:
            return False
        seen.append(now)
        # What is shown of an epoch is not told twice: let the first one come to it.
        return now != ("epoch", 1)

    while True:
        begun = path.exists()
        task = (
            train.resume(ResumeRun(run=str(path)))
            if begun
            else train.train(TrainRun(job=job, run=str(path)))
        )
        if not stop_when(task, is_new):
            return seen
        assert not path.exists() or RunFolder(path).state().state == "interrupted"


def shown(event: Any) -> dict[str, Any]:
    """What an event says of the training, and not of how long it takes here."""
    clocks = {"pictures_per_second", "seconds_left", "device_memory"}
    return {name: value for name, value in asdict(event).items() if name not in clocks}


def assert_same_model(path: Path, whole: Trained) -> None:
    for name in ("model.safetensors", "last.safetensors"):
        assert (path / "model" / name).read_bytes() == (whole.model / name).read_bytes(), name
    cards = [json.loads((m / "model.json").read_text()) for m in (path / "model", whole.model)]
    for card in cards:
        del card["metrics"]["seconds"]
    assert cards[0] == cards[1]


@pytest.mark.parametrize("name", ["frozen_run", "unfrozen_run"])
def test_a_run_stopped_at_every_moment_comes_to_the_same_weights(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole: Trained = request.getfixturevalue(name)
    path = tmp_path / "run"
    seen = stopped_everywhere(whole.job, path)
    told = {"progress", "probe", "step", "epoch", "answers", "log"}
    assert {kind for kind, *_ in seen} == told | {"resumed"}
    phases = {rest[0] for kind, *rest in seen if kind == "progress"}
    checked = {"evaluate"} if name == "unfrozen_run" else set()
    phases.discard("measure")  # there only where nothing was measured before
    assert phases == {"scan", "compare", "features", "probe"} | checked
    assert [rest[0] for kind, *rest in seen if kind == "step"] == list(range(1, 7))
    assert_same_model(path, whole)
    assert RunFolder(path).state().state == "completed"
    kept = RunFolder(path).events()
    for kind in (ProbeFitted, Step, Epoch, Answers):
        told_once = [shown(event) for event in kept if isinstance(event, kind)]
        assert told_once == [shown(event) for event in whole.of(kind)]


def test_a_hidden_head_stopped_while_it_is_fitted_comes_to_the_same_weights(
    job: Jobs, tmp_path: Path
) -> None:
    chosen = job(freeze=UNFROZEN, recipe={"epochs": 1, "head": {"hidden": 8, "dropout": 0.5}})
    whole = Trained(chosen, tmp_path / "whole")
    seen = stopped_everywhere(chosen, tmp_path / "run")
    assert ("probe", "probe", 0) in seen
    assert_same_model(tmp_path / "run", whole)


def test_momentum_and_moving_batchnorm_statistics_are_carried_on(
    pictures: Path, tmp_path: Path
) -> None:
    recipe = {"optimizer": "sgd", "learning_rate": 1e-2, "batchnorm_statistics": "update"}
    chosen = job_for(
        pictures, None, "mobilenet_v3_small", freeze="features.11", recipe={**recipe, "epochs": 1}
    )
    whole = Trained(chosen, tmp_path / "whole")
    path = tmp_path / "run"
    task = train.train(TrainRun(job=chosen, run=str(path)))
    assert stop_when(task, lambda event: isinstance(event, Step) and event.step == 3)
    resumed(path)
    assert_same_model(path, whole)


def test_a_crash_costs_only_what_came_after_the_last_checkpoint(
    unfrozen_run: Trained, tmp_path: Path
) -> None:
    """What a killed process leaves: an older checkpoint, and a state that says it runs."""
    path = tmp_path / "run"
    task = train.train(TrainRun(job=unfrozen_run.job, run=str(path)))
    for event in task:
        if isinstance(event, Step) and event.epoch == 2:
            shutil.copytree(path, tmp_path / "crashed")
            break
    task.close()
    assert RunFolder(tmp_path / "crashed").state().state == "running"
    resumed(tmp_path / "crashed")
    assert_same_model(tmp_path / "crashed", unfrozen_run)


def test_early_stopping_stops_where_it_would_have_without_an_interruption(
    job: Jobs, tmp_path: Path
) -> None:
    """Closed right at the epoch that ends the waiting, the run must not learn a further one."""
    chosen = job(recipe={"epochs": 40, "learning_rate": 1.0, "patience": 2})
    whole = Trained(chosen, tmp_path / "whole")
    last = whole.result.epochs
    assert last == whole.result.best_epoch + 2 < 40
    assert "Stopped after epoch" in whole.of(Logged)[-2].message
    path = tmp_path / "run"
    task = train.train(TrainRun(job=chosen, run=str(path)))
    assert stop_when(task, lambda event: isinstance(event, Epoch) and event.epoch == last)
    assert resumed(path).epochs == last
    assert_same_model(path, whole)


# --- what can be done with a stopped run ----------------------------------------------------------


def stop_at(job: TrainingJob, path: Path, kind: type[Event], epoch: int | None = None) -> None:
    def wanted(event: Event) -> bool:
        return isinstance(event, kind) and epoch in (None, getattr(event, "epoch", None))

    assert stop_when(train.train(TrainRun(job=job, run=str(path))), wanted)


def test_finishing_gives_the_best_so_far(job: Jobs, tmp_path: Path) -> None:
    path = tmp_path / "run"
    chosen = job(freeze=UNFROZEN, recipe={"epochs": 5, "learning_rate": 3e-3})
    stop_at(chosen, path, Step, 3)
    best = checkpoint_of(path)
    result = drive(train.finish(FinishRun(run=str(path))), nothing)
    assert result.epochs == 2
    assert result.best_epoch == best.position.best_epoch
    assert result.trained_accuracy == best.position.best_accuracy
    kept = load_model(path).network.network.state_dict()
    wanted = best.best if result.kept == "trained" else best.probe
    assert torch.equal(kept["classifier.1.weight"], wanted["classifier.1.weight"])
    assert RunFolder(path).state().state == "completed"
    for again in (train.resume(ResumeRun(run=str(path))), train.finish(FinishRun(run=str(path)))):
        with pytest.raises(RunError):
            drive(again, nothing)


def test_finishing_right_after_the_probe_gives_the_probe(job: Jobs, tmp_path: Path) -> None:
    path = tmp_path / "run"
    stop_at(job(), path, ProbeFitted)
    result = drive(train.finish(FinishRun(run=str(path))), nothing)
    assert (result.kept, result.epochs, result.trained_accuracy) == ("probe", 0, None)
    load_model(path)


def test_before_the_probe_there_is_nothing_to_finish(job: Jobs, tmp_path: Path) -> None:
    path = tmp_path / "run"
    task = train.train(TrainRun(job=job(), run=str(path)))
    assert stop_when(task, lambda e: isinstance(e, Progress) and e.phase == "features")
    with pytest.raises(RunError, match="before there was anything to keep"):
        drive(train.finish(FinishRun(run=str(path))), nothing)
    with pytest.raises(RunError, match="has no model yet"):
        load_model(path)


def test_a_complete_run_is_not_carried_on(frozen_run: Trained) -> None:
    before = (frozen_run.path / "run.json").read_bytes()
    with pytest.raises(RunError, match="is complete"):
        resumed(frozen_run.path)
    assert (frozen_run.path / "run.json").read_bytes() == before


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_where_the_newest_checkpoint_is_damaged_the_one_before_it_is_taken(
    unfrozen_run: Trained, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    stop_at(unfrozen_run.job, path, Step, 2)
    files = RunFolder(path).checkpoints.newest_first()
    flip(files[0])
    events: list[Event] = []
    drive(train.resume(ResumeRun(run=str(path))), events.append)
    assert events[0] == Resumed(resumed_at_step=3, epoch=1)
    assert isinstance(events[1], Warned)
    assert "is damaged" in events[1].message
    assert_same_model(path, unfrozen_run)


def test_where_no_checkpoint_is_whole_the_run_is_refused_with_a_sentence(
    job: Jobs, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    stop_at(job(), path, Step)
    for file in RunFolder(path).checkpoints.newest_first():
        flip(file)
    with pytest.raises(RunError, match="is damaged"):
        resumed(path)


def test_a_damaged_start_is_refused_with_a_sentence(job: Jobs, tmp_path: Path) -> None:
    path = tmp_path / "run"
    stop_at(job(), path, Step)
    flip(RunFolder(path).start_file)
    with pytest.raises(RunError, match="missing or damaged"):
        resumed(path)


def test_a_run_carried_on_says_so_first_and_holds_the_time_of_all_its_parts(
    job: Jobs, tmp_path: Path
) -> None:
    """An hour before the checkpoint is made up: it must be in the result."""
    path = tmp_path / "run"
    stop_at(job(freeze=UNFROZEN), path, Step, 2)
    before = checkpoint_of(path)
    known = {"seconds": 3600.0, "phase_seconds": {"fine_tune": 3000.0, "cache": 500.0}}
    before.position = before.position.model_copy(update=known)
    before.save(RunFolder(path).checkpoints)
    events: list[Event] = []
    result = drive(train.resume(ResumeRun(run=str(path))), events.append)
    assert events[0] == Resumed(resumed_at_step=4, epoch=1)
    assert not [event for event in events if isinstance(event, ProbeFitted)]
    assert result.seconds > 3600
    assert result.phase_seconds["fine_tune"] > 3000
    assert result.phase_seconds["cache"] >= 500


def test_a_run_that_is_being_trained_is_not_carried_on_beside_it(job: Jobs, tmp_path: Path) -> None:
    path = tmp_path / "run"
    task = train.train(TrainRun(job=job(), run=str(path)))
    for event in task:
        if isinstance(event, Step):
            break
    with pytest.raises(RunError, match="being trained by another"):
        resumed(path)
    assert RunFolder(path).standing() == "running"
    task.close()
    assert resumed(path).epochs == 2


# --- what goes wrong in the middle ----------------------------------------------------------------


def test_a_picture_that_vanishes_is_named_and_the_run_goes_on_once_it_is_back(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk has no room to keep them decoded; the undisturbed run keeps them."""
    folder, away = made_pictures(tmp_path / "set"), tmp_path / "away.png"
    chosen = job_for(folder, weights, freeze=UNFROZEN, recipe={"views": 0})
    undisturbed, path = Trained(chosen, tmp_path / "undisturbed"), tmp_path / "run"
    again = ResumeRun(run=str(path), cache=str(tmp_path / "cache"))
    monkeypatch.setattr(decoded, "_SPARE", 10**18)
    task = train.train(TrainRun(job=chosen, run=str(path), cache=str(tmp_path / "cache")))
    for event in task:
        if isinstance(event, Epoch):
            lost = folder / next(
                picture.file for picture in RunFolder(path).split().files if picture.part == "train"
            )
            lost.rename(away)
            break
    with pytest.raises(DatasetError, match="can't be read any more"):
        drive(task, nothing)
    state = RunFolder(path).state()
    assert state.state == "failed"
    assert "can't be read any more" in state.message
    assert checkpoint_of(path).position.epoch == 1
    with pytest.raises(DatasetError, match="can't be read any more"):
        drive(train.resume(again), nothing)
    away.rename(lost)
    drive(train.resume(again), nothing)
    for name in ("model.safetensors", "last.safetensors"):
        whole = (undisturbed.model / name).read_bytes()
        assert (path / "model" / name).read_bytes() == whole


@pytest.mark.parametrize("where", ["step", "validation"])
def test_a_loss_that_is_no_number_is_told_and_the_last_good_checkpoint_stays(
    where: str, job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    task = train.train(TrainRun(job=job(freeze=UNFROZEN), run=str(path)))
    for event in task:
        if isinstance(event, Answers):
            break
    good = checkpoint_of(path)
    module = gradients if where == "step" else loop
    truth = module.cross_entropy

    def ruined(*values: Any, **options: Any) -> Any:
        return truth(*values, **options) * float("nan")

    monkeypatch.setattr(module, "cross_entropy", ruined)
    with pytest.raises(TLStudioError, match="no longer a number"):
        drive(task, nothing)
    kept = checkpoint_of(path)
    clocks = {"seconds", "phase_seconds", "events", "rate_scale"}
    assert kept.position.rate_scale == 0.1
    assert kept.position.model_dump(exclude=clocks) == good.position.model_dump(exclude=clocks)
    for name, tensor in good.now.items():
        assert torch.equal(kept.now[name], tensor)
    assert RunFolder(path).state().state == "failed"
    assert drive(train.finish(FinishRun(run=str(path))), nothing).epochs == 1


def test_an_interrupt_in_the_middle_of_a_step_does_not_save_half_a_step(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    task = train.train(TrainRun(job=job(freeze=UNFROZEN), run=str(path)))
    for event in task:
        if isinstance(event, Answers):
            break
    good = newest_bytes(path)

    def interrupted(_self: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.AdamW, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        drive(task, nothing)
    assert newest_bytes(path) == good
    assert RunFolder(path).state().state == "interrupted"


def test_a_checkpoint_that_the_disk_does_not_take_is_told_when_a_run_is_closed(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    task = train.train(TrainRun(job=job(), run=str(path)))
    for event in task:
        if isinstance(event, Step):
            break

    def full(*_: object) -> None:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", full)
        with pytest.raises(StorageError):
            task.close()
    assert RunFolder(path).state().state == "failed"
    resumed(path)


def test_the_runs_own_errors_are_not_told_as_a_file_that_could_not_be_written(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Any:
        raise OSError(5, "the camera is on fire")

    monkeypatch.setattr("tlstudio.training.running.probe_of", broken)
    with pytest.raises(OSError, match="camera"):
        Trained(job(), tmp_path / "run")
    assert RunFolder(tmp_path / "run").state().message.startswith("OSError")


def test_stopping_after_the_last_epoch_still_tells_what_is_kept(job: Jobs, tmp_path: Path) -> None:
    path = tmp_path / "run"
    stop_at(job(), path, Epoch, 2)
    events: list[Event] = []
    drive(train.resume(ResumeRun(run=str(path))), events.append)
    assert isinstance(events[-1], Logged)
    assert not [event for event in events if isinstance(event, Step)]
