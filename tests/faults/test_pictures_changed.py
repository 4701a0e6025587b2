"""A picture that is changed while it is learned from is named, and nothing is lost over it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.made_faults import FROZEN, VARIED, Moment, Undisturbed, in_phase, keep_nothing
from PIL import Image
from training.made_jobs import checkpoint_of, job_for, made_pictures, nothing, one_core

from tlstudio.errors import DatasetError
from tlstudio.jobs import FinishRun, ResumeRun, TrainResult, TrainRun
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Epoch, Event, Task, drive
from tlstudio.training import train


@pytest.fixture(scope="module", autouse=True)
def _one_core() -> Iterator[None]:
    with one_core():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(tmp_path_factory.mktemp("whole"))


def replaced(file: Path) -> None:
    Image.new("RGB", (64, 48), "white").save(file)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200])


def in_the_middle(event: Event) -> bool:
    return isinstance(event, Epoch) and event.epoch == 1


def resumed(path: Path) -> Task[TrainResult]:
    return train.resume(ResumeRun(run=str(path)))


HARMS = {"unlink": Path.unlink, "replaced": replaced, "cut_short": cut_short}
WHERE: dict[str, tuple[dict[str, Any], Moment, str]] = {
    "features": (FROZEN, in_phase("features"), "train"),
    "batches": (VARIED, in_the_middle, "train"),
    "validation": (VARIED, in_the_middle, "val"),
}
QUICK = [("features", "unlink"), ("batches", "replaced"), ("validation", "cut_short")]


@pytest.mark.parametrize(
    ("where", "harm"),
    [
        pytest.param(where, harm, marks=() if (where, harm) in QUICK else pytest.mark.slow)
        for where in WHERE
        for harm in HARMS
    ],
)
def test_it_is_named_and_the_run_comes_to_the_same_weights_once_it_is_put_back(
    where: str,
    harm: str,
    tmp_path: Path,
    whole: Undisturbed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keep_nothing(monkeypatch)
    choices, moment, part = WHERE[where]
    folder, path, harmed = made_pictures(tmp_path / "set"), tmp_path / "run", list[Path]()
    job = job_for(folder, whole.weights, **choices)

    def do_harm(event: Event) -> None:
        if not harmed and moment(event):
            # The last one: the first ones may be read before anybody can change them.
            files = [each.file for each in RunFolder(path).split().files if each.part == part]
            harmed.append(folder / files[-1])
            shutil.copy2(harmed[0], tmp_path / "original")
            HARMS[harm](harmed[0])

    with pytest.raises(DatasetError) as told:
        drive(train.train(TrainRun(job=job, run=str(path))), do_harm)
    assert str(harmed[0]) in told.value.message
    assert RunFolder(path).state().state == "failed"
    if moment is in_the_middle:
        assert checkpoint_of(path).position.epoch == 1
    with pytest.raises(DatasetError) as again:
        drive(resumed(path), nothing)
    assert str(harmed[0]) in again.value.message
    shutil.copy2(tmp_path / "original", harmed[0])
    drive(resumed(path), nothing)
    whole.assert_same_weights(path, **choices)


def test_one_that_is_replaced_for_good_is_told_with_what_can_be_done(
    tmp_path: Path, whole: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_nothing(monkeypatch)
    folder, path = made_pictures(tmp_path / "set"), tmp_path / "run"
    task = train.train(TrainRun(job=job_for(folder, whole.weights, **VARIED), run=str(path)))
    for event in task:
        if in_the_middle(event):
            break
    task.close()
    for name in ("blue/0.png", "red/3.png"):
        replaced(folder / name)
    with pytest.raises(DatasetError, match="holds something else than when this run began") as told:
        drive(resumed(path), nothing)
    assert "0.png" in told.value.message or "3.png" in told.value.message
    assert "Put the original back" in told.value.hint
    assert drive(train.finish(FinishRun(run=str(path))), nothing).epochs == 1
