"""A run on a network of timm goes all the way: trained, exported, asked, and built upon."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from training.made_jobs import CLASSES, Trained, job_for, made_pictures, nothing, one_core

from tlstudio.errors import MissingPackageError
from tlstudio.evaluation.predict import predict
from tlstudio.exporting.export import export
from tlstudio.jobs import BackboneSpec, ExportJob, PredictJob, TrainingJob, TrainRun, WeightsSpec
from tlstudio.projects.own_models import own_run
from tlstudio.tasks import drive
from tlstudio.training import train

timm = pytest.importorskip("timm", reason="timm is not installed; `pip install timm` brings it")

NETWORKS = ("test_vit", "test_resnet")


@pytest.fixture(scope="module", autouse=True)
def _one_core() -> Iterator[None]:
    with one_core():
        yield


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_pictures(tmp_path_factory.mktemp("pictures") / "set")


@pytest.fixture(scope="module", params=NETWORKS)
def run(
    request: pytest.FixtureRequest, pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """The last block unfrozen, from weights as timm publishes them: a file for 1000 classes."""
    folder = tmp_path_factory.mktemp("timm")
    torch.manual_seed(4)
    save_file(timm.create_model(request.param).state_dict(), folder / "weights.safetensors")
    start = WeightsSpec(source="file", file=str(folder / "weights.safetensors"))
    last = {"test_vit": "blocks.4", "test_resnet": "layer3"}[request.param]
    job = job_for(pictures, None, f"timm:{request.param}", freeze=last, recipe={"epochs": 8})
    backbone = BackboneSpec(id=f"timm:{request.param}", weights=start)
    return Trained(job.model_copy(update={"backbone": backbone}), folder / "run")


def test_the_model_loads_with_timm_alone_by_the_code_in_its_card(
    run: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    card = json.loads((run.model / "model.json").read_text("utf-8"))
    assert card["constructor"]["module"] == "timm"
    assert card["versions"]["timm"] == timm.__version__
    (tmp_path / "load.py").write_text(card["code"])
    monkeypatch.chdir(run.model)
    network = runpy.run_path(str(tmp_path / "load.py"))["network"]
    assert isinstance(network, type(timm.create_model(run.job.backbone.id.removeprefix("timm:"))))


@pytest.mark.parametrize("kind", [pytest.param("onnx", marks=pytest.mark.slow), "torchvision"])
def test_exports_are_checked_in_their_own_runtime(run: Trained, kind: str, tmp_path: Path) -> None:
    job = ExportJob.model_validate({"run": str(run.path), "format": kind, "out": str(tmp_path)})
    result = drive(export(job), nothing)
    assert result.same_answer == result.n > 0
    assert result.largest_difference < 1e-4
    assert result.runtime.split()[0] == {"onnx": "onnxruntime", "torchvision": "timm"}[kind]


def test_its_model_is_the_next_backbone(run: Trained, pictures: Path, tmp_path: Path) -> None:
    job = TrainingJob(
        dataset=run.job.dataset, backbone=own_run(run.path).as_backbone(), recipe=run.job.recipe
    )
    second = Trained(job, tmp_path / "second")
    card = json.loads((second.model / "model.json").read_text("utf-8"))
    assert card["weights"]["model"]["backbone"] == run.job.backbone.id
    assert card["classes"] == list(CLASSES)


def test_without_timm_everything_that_needs_it_says_so(
    run: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tlstudio.backbones.timm_networks import timm_backbone

    Image.new("RGB", (20, 20)).save(tmp_path / "one.png")
    timm_backbone.cache_clear()
    monkeypatch.setitem(sys.modules, "timm", None)
    tasks = [
        train.train(TrainRun(job=run.job, run=str(tmp_path / "again"))),
        predict(PredictJob(model=str(run.path), inputs=(str(tmp_path / "one.png"),))),
        export(ExportJob(run=str(run.path), out=str(tmp_path / "out"))),
    ]
    for task in tasks:
        with pytest.raises(MissingPackageError, match="pip install"):
            drive(task, nothing)
