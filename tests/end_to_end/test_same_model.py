"""One job file, whoever runs it: the engine, the command line and a script give the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from training.made_jobs import UNFROZEN, Trained, job_for, made_pictures, made_weights

from tlstudio.engine.client import EngineClient
from tlstudio.jobs import TrainingJob, TrainRun, load_training_job
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import drive


def started_from(data: Path | None, place: Path) -> Path:
    if data is not None:
        return data / "weights" / "squeezenet1_1.pth"
    return made_weights(place, "squeezenet1_1")


@pytest.fixture(params=[UNFROZEN, pytest.param("all", marks=pytest.mark.slow)])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> TrainingJob:
    data = os.environ.get("TLSTUDIO_TEST_DATA")
    weights = started_from(Path(data) if data else None, tmp_path)
    recipe = {"augmentation": {"rotation": 20, "hue": 0.02}}
    job = job_for(made_pictures(tmp_path / "set"), weights, freeze=request.param, recipe=recipe)
    return job.model_copy(update={"device": "auto"})


def test_engine_command_line_and_script_give_the_same_weights(
    job: TrainingJob, tmp_path: Path
) -> None:
    file = tmp_path / "job.json"
    file.write_text(job.model_dump_json(indent=2), encoding="utf-8")
    command = [sys.executable, "-m", "tlstudio", "train", str(file), "--json"]
    subprocess.run([*command, "--run", str(tmp_path / "cli")], check=True, capture_output=True)
    engine = EngineClient(tmp_path / "engine.log")
    try:
        request = TrainRun(job=load_training_job(file), run=str(tmp_path / "engine"))
        drive(engine.run(request), lambda _: None)
    finally:
        engine.close(30)
    script = Trained(load_training_job(file), tmp_path / "script")
    for name in ("model.safetensors", "last.safetensors"):
        files = [tmp_path / who / "model" / name for who in ("cli", "engine", "script")]
        contents = {file.read_bytes() for file in files}
        assert len(contents) == 1, name
    settled = [RunFolder(tmp_path / who).state().environment for who in ("cli", "engine", "script")]
    for environment in settled:
        environment.pop("estimate_seconds")  # what is in the cache by then shortens it
    assert settled[0] == settled[1] == settled[2]
    assert (script.path / "job.json").read_bytes() == (tmp_path / "cli" / "job.json").read_bytes()
