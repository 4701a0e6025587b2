"""Owns the engine of the random user: a real process behind the real pipe that looks at pictures as
the real one does, and plays what takes long or needs a network: it trains at once, fails now and
then, and dies now and then. Start it as a program."""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

from made_up import made_up_evaluation, made_up_run, made_up_train_result
from made_up_costs import made_up_costs
from made_up_scans import made_up_scan

from tlstudio.backbones.catalogue import backbone
from tlstudio.engine import server
from tlstudio.engine.runner import task_for
from tlstudio.errors import ExportError, TLStudioError, WeightsError
from tlstudio.jobs import (
    CloserLook,
    CloserLookResult,
    DeviceInfo,
    DoctorJob,
    DoctorResult,
    EstimateJob,
    EvaluateJob,
    ExportJob,
    ExportResult,
    Finding,
    FinishRun,
    Job,
    LabelsJob,
    PreviewJob,
    Result,
    ResumeRun,
    SampleJob,
    ScanJob,
    TrainRun,
)
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Answer, Answers, Event, Logged, Resumed, Warned

_TRAINING = TrainRun | ResumeRun | FinishRun
_EPOCHS, _STEPS = 3, 4
_pause = threading.Event()
_luck = random.Random(os.environ.get("TLSTUDIO_TEST_SEED", "0"))  # noqa: S311  (nothing secret)


def play(job: Job) -> Generator[Event, None, Result]:
    """The task for `job`; one in twelve fails in a sentence, some as nobody foresaw, some die."""
    if isinstance(job, ScanJob | PreviewJob | LabelsJob):
        return task_for(job)
    if isinstance(job, SampleJob):
        return task_for(job.model_copy(update={"pictures_per_class": 4}))
    return _played(job)


def _played(job: Job) -> Generator[Event, None, Result]:
    yield Logged(message=f"plays {job.kind}")
    if isinstance(job, DoctorJob):
        cpu = DeviceInfo(id="cpu", name="CPU", memory=8 * 2**30, cores=2)
        return DoctorResult(versions={}, platform="played", devices=(cpu,), folders={})
    _misfortune()
    if isinstance(job, EstimateJob):
        return made_up_costs(stages=len(backbone(job.job.backbone.id).stages))
    if isinstance(job, CloserLook):
        return _looked_closer(job)
    if isinstance(job, _TRAINING):
        return (yield from _train(job))
    if isinstance(job, EvaluateJob):
        return _evaluated(job)
    if isinstance(job, ExportJob):
        return _exported(job)
    raise WeightsError("There is no network here.", "Choose another one.")


def _misfortune() -> None:
    fate = _luck.random()
    if fate < 0.04:
        raise TLStudioError("There is not enough memory for this.", "Close other programs.")
    if fate < 0.06:
        raise ZeroDivisionError("by nothing")
    if fate < 0.08:
        os._exit(7)


def _looked_closer(job: CloserLook) -> CloserLookResult:
    files = sorted(_files(Path(job.dataset.folder)))[:2]
    found = Finding(
        kind="near_duplicates",
        severity="warning",
        sentence="2 pictures show the same.",
        files=tuple(files),
        weight=0.1,
    )
    return CloserLookResult(
        folder=job.dataset.folder, backbone="resnet18", pictures=len(files), findings=(found,)
    )


def _train(job: TrainRun | ResumeRun | FinishRun) -> Generator[Event, None, Result]:
    folder = Path(job.run)
    if isinstance(job, TrainRun):
        with RunFolder.begun(folder, job.job, {"threads": 1}) as begun:
            begun.start_file.write_bytes(b"played")
    run = RunFolder.open(folder)
    with run.locked():
        return (yield from _steps(job, run))


def _steps(job: Job, run: RunFolder) -> Generator[Event, None, Result]:
    pictures = Path(run.job().dataset.folder)
    run.save_state("running")
    try:
        with run.recording() as record:
            for event in _events(job, pictures):
                record.append(event)
                yield event
                _pause.wait(0.02)
                if _luck.random() < 0.01:
                    _misfortune()
    except GeneratorExit:
        run.save_state("interrupted")
        raise
    except TLStudioError as error:
        run.save_state("failed", error.message)
        raise
    run.model.mkdir(exist_ok=True)
    result = made_up_train_result(run=str(run.path))
    run.save_state("completed", result=result)
    return result


def _events(job: Job, pictures: Path) -> Generator[Event, None, None]:
    if isinstance(job, FinishRun):
        return
    if isinstance(job, ResumeRun):
        yield Resumed(resumed_at_step=_STEPS, epoch=1)
    yield Warned(message="Few pictures are here to learn from.", hint="Add some.")
    for event in made_up_run(_EPOCHS, _STEPS):
        yield event
        if event.type == "epoch":
            few = sorted(_files(pictures))[:9]
            answers = [
                Answer(file=file, label="hole", answer="stain", confidence=0.7) for file in few
            ]
            yield Answers(epoch=event.epoch, answers=tuple(answers))


def _evaluated(job: EvaluateJob) -> Result:
    pictures = RunFolder.open(Path(job.run)).job().dataset.folder
    scan = made_up_scan({"hole": 10, "stain": 10}, pictures)
    values: dict[str, Any] = {"run": job.run, "part": job.part, "locked": 4}
    return made_up_evaluation(scan).model_copy(update=values)


def _exported(job: ExportJob) -> ExportResult:
    out = Path(job.out)
    if out.exists():
        raise ExportError(f"{out} is there already.", "Choose another folder.")
    out.mkdir(parents=True)
    (out / "model.onnx").write_bytes(b"played")
    return ExportResult(
        format=job.format,
        files=(str(out / "model.onnx"),),
        runtime="a played one",
        n=4,
        same_answer=4,
        largest_difference=0.0,
        bytes=6,
        code="import nothing",
    )


def _files(pictures: Path) -> list[str]:
    return [str(file.relative_to(pictures)) for file in pictures.rglob("*.png")]


if __name__ == "__main__":
    server.task_for, server._warm_up = play, lambda: None  # type: ignore[assignment]
    sys.exit(server.serve())
