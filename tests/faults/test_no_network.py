"""Nothing that a user does without asking for a download speaks to another computer."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from faults.straced import straced
from faults.watched import watched
from training.made_jobs import made_pictures, nothing, one_core, stop_when

from tlstudio.backbones.weights import default_backbone
from tlstudio.engine.runner import task_for
from tlstudio.errors import WeightsError
from tlstudio.jobs import (
    BackboneSpec,
    CloserLook,
    DatasetSpec,
    EstimateJob,
    EvaluateJob,
    ExportJob,
    Job,
    LabelsJob,
    PredictJob,
    PreviewJob,
    Recipe,
    ResumeRun,
    ScanJob,
    TrainingJob,
    TrainRun,
)
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Step, drive


@pytest.fixture
def job(tmp_path: Path) -> TrainingJob:
    """Learns from 15 pictures, from the weights that come with the program."""
    return TrainingJob(
        dataset=DatasetSpec(folder=str(made_pictures(tmp_path / "set"))),
        backbone=BackboneSpec(id=default_backbone().id),
        recipe=Recipe(epochs=2, batch_size=5, precision="float32"),
        device="cpu",
    )


def test_no_kind_of_job_opens_a_connection(job: TrainingJob, tmp_path: Path) -> None:
    run, data = str(tmp_path / "run"), job.dataset
    after: list[Job] = [
        PreviewJob(dataset=data),
        ScanJob(dataset=data),
        LabelsJob(dataset=data, out=str(tmp_path / "labels.csv")),
        CloserLook(dataset=data, device="cpu"),
        EstimateJob(job=job),
        ResumeRun(run=run),
        EvaluateJob(run=run, device="cpu"),
        EvaluateJob(run=run, folder=data.folder, device="cpu"),
        PredictJob(model=run, inputs=(data.folder,), device="cpu"),
        ExportJob(run=run, format="torchvision", out=str(tmp_path / "export")),
    ]
    with watched(tmp_path) as watch, one_core():
        stopped = stop_when(
            task_for(TrainRun(job=job, run=run)), lambda event: isinstance(event, Step)
        )
        for each in after:
            drive(task_for(each), nothing)
    assert stopped
    assert RunFolder.open(Path(run)).state().state == "completed"
    assert not watch.spoke


def test_weights_that_are_missing_are_not_fetched_unless_asked_for(
    job: TrainingJob, tmp_path: Path
) -> None:
    missing = job.model_copy(update={"backbone": BackboneSpec(id="efficientnet_b7")})
    with watched(tmp_path) as watch, pytest.raises(WeightsError, match="nothing is downloaded"):
        drive(task_for(TrainRun(job=missing, run=str(tmp_path / "run"))), nothing)
    assert not watch.spoke


def test_a_connection_would_be_seen(tmp_path: Path) -> None:
    """By both of those who watch."""
    import socket

    with watched(tmp_path) as watch, contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", 9), 1)
    assert watch.spoke


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_workflow_makes_no_connection_that_the_system_could_see(
    tmp_path: Path,
) -> None:
    """All of the program: the command line, the engine, its children, the window."""
    demo = tmp_path / "demo"
    pictures, run = str(demo / "pictures"), str(demo / "run")
    seen = {}

    def step(*arguments: str, status: int = 0) -> None:
        seen[arguments[0]] = done = straced(tmp_path, *arguments, seconds=600)
        assert done.status == status, done.words
        print(arguments[0], len(done.calls), "calls,", len(done.outward), "outward")  # noqa: T201
        assert not done.outward

    step("doctor")
    step("demo", str(demo))
    step("scan", pictures)
    step("backbones")
    step("evaluate", run)
    step("predict", run, pictures, "--csv", str(tmp_path / "answers.csv"))
    step("predict", str(demo / "export" / "model.onnx"), pictures)
    step("export", run, "--format", "torchvision", "--out", str(tmp_path / "torchvision"))
    other = tmp_path / "interrupted"
    _interrupted(pictures, other)
    step("train", "--resume", str(other))
    if find_spec("timm"):
        step(
            "train",
            pictures,
            "--run",
            str(tmp_path / "timm"),
            "--backbone",
            "timm:resnet10t",
            "--from-scratch",
            "--epochs",
            "1",
        )
    step("projects")
    step("disk")
    step("tour", str(tmp_path / "tour"))


def _interrupted(pictures: str, run: Path) -> None:
    """A training that somebody stopped with Ctrl-C, once its first epoch was done."""
    command = [sys.executable, "-m", "tlstudio", "train", pictures, "--run", str(run)]
    command += ["--epochs", "2000", "--json", "--freeze", "none"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as training:
        assert training.stdout is not None
        for line in training.stdout:
            if json.loads(line).get("type") == "epoch":
                training.send_signal(signal.SIGINT)
                break
        training.stdout.read()
    job = json.loads((run / "job.json").read_text())
    job["recipe"]["epochs"] = 2
    (run / "job.json").write_text(json.dumps(job))
