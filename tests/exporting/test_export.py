"""Nothing is handed over untested, nothing is overwritten, and no failure leaves a trace."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation.made_run import made_run
from safetensors.torch import save_file
from torch import Tensor

from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.errors import ExportError, RunError, StorageError
from tlstudio.exporting import certificate, torchvision_format
from tlstudio.exporting.export import FORMATS, export
from tlstudio.images.reader import read_rgb
from tlstudio.jobs import ExportFormat, ExportJob, ExportResult, HeadSpec
from tlstudio.tasks import Event, Progress, Task, drive
from tlstudio.training import model_folder
from tlstudio.training.model_folder import ModelCard, TrainedModel, load_model


def exported(run: Path, out: Path, kind: ExportFormat = "torchvision") -> ExportResult:
    return drive(export(ExportJob(run=str(run), out=str(out), format=kind)), lambda event: None)


@pytest.fixture(scope="session")
def linear_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose head has a hidden layer and reads a vector."""
    return made_run(tmp_path_factory.mktemp("linear"), "resnet18", HeadSpec(hidden=8))


# --- torchvision's format -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "run",
        pytest.param("hidden_run", marks=pytest.mark.slow),
        pytest.param("linear_run", marks=pytest.mark.slow),
    ],
)
def test_torchvision_alone_gives_the_same_logits(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    run: Path = request.getfixturevalue(name)
    result = exported(run, tmp_path / "out")
    assert (result.n, result.same_answer) == (18, 18)
    assert result.largest_difference < 1e-5
    model = load_model(run)
    file = next((run.parent / "pictures").glob("*/0.jpg"))
    with torch.inference_mode():
        prepared = Preprocessing(model.card.preprocessing)(torch.from_numpy(read_rgb(file))[None])
        # Torch computes pictures that are stored with their channels last by other kernels.
        prepared = prepared.contiguous()
        expected = model.network(prepared)
    np.save(tmp_path / "out" / "prepared.npy", prepared.numpy())
    absent = "import sys\nsys.modules['tlstudio'] = None\n"
    use = (
        "\nimport numpy\nx = torch.from_numpy(numpy.load('prepared.npy'))"
        "\nwith torch.inference_mode(): numpy.save('logits.npy', network(x).numpy())"
    )
    subprocess.run(
        [sys.executable, "-c", absent + result.code + use], cwd=tmp_path / "out", check=True
    )
    assert np.array_equal(np.load(tmp_path / "out" / "logits.npy"), expected.numpy())


def test_an_instruction_that_is_not_ours_is_refused_and_never_executed(
    run: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    card = ModelCard.model_validate_json((copy / "model" / "model.json").read_bytes())
    hostile = card.constructor.model_copy(update={"module": "os", "name": "abort", "arguments": {}})
    changed = card.model_copy(update={"constructor": hostile})
    (copy / "model" / "model.json").write_text(changed.model_dump_json())
    (copy / "model" / "SHA256SUMS").unlink()
    with pytest.raises(ExportError, match="is not right"):
        exported(copy, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- the certificate ------------------------------------------------------------------------------


def test_an_export_with_other_weights_is_refused_and_removed(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tampered(folder: Path, state: dict[str, Tensor], card: ModelCard) -> None:
        changed = {key: value * 1.001 for key, value in state.items()}
        model_folder.save_model(folder, changed, card)

    monkeypatch.setattr(torchvision_format, "save_model", tampered)
    with pytest.raises(ExportError, match=r"does not agree .* a probability differs by"):
        exported(run, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_an_onnx_file_of_another_model_is_refused_and_removed(
    linear_run: Path, onnx_export: ExportResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(_model: TrainedModel, folder: Path) -> Task[None]:
        yield Progress(phase="export", done=0, total=0)
        shutil.copy(onnx_export.files[0], folder)

    monkeypatch.setitem(FORMATS, "onnx", replace(FORMATS["onnx"], write=other))
    with pytest.raises(ExportError, match="does not agree"):
        exported(linear_run, tmp_path, "onnx")
    assert not list(tmp_path.iterdir())


def test_answers_that_are_no_numbers_are_a_disagreement(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path, state: dict[str, Tensor], card: ModelCard) -> None:
        last = {key: value * torch.nan for key, value in state.items() if "classifier" in key}
        model_folder.save_model(folder, state | last, card)

    monkeypatch.setattr(torchvision_format, "save_model", broken)
    with pytest.raises(ExportError, match="does not agree"):
        exported(run, tmp_path / "out")


def test_the_tolerance_is_the_one_that_was_promised() -> None:
    assert certificate.TOLERANCE == 1e-4


def test_without_any_picture_there_is_no_certificate_and_no_export(tmp_path: Path) -> None:
    run = made_run(tmp_path, "squeezenet1_1")
    lost = sorted((tmp_path / "pictures").glob("*/*"))
    for file in lost[3:]:
        file.unlink()
    assert exported(run, tmp_path / "few").n == 3
    for file in lost[:3]:
        file.unlink()
    with pytest.raises(ExportError, match=r"can't be checked: none of .* Put the folder"):
        exported(run, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_progress_goes_through_export_and_verify(run: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    job = ExportJob(run=str(run), out=str(tmp_path), format="torchvision")
    drive(export(job), events.append)
    seen = [event for event in events if isinstance(event, Progress)]
    assert list(dict.fromkeys(event.phase for event in seen)) == ["export", "verify"]
    verify = [(event.done, event.total) for event in seen if event.phase == "verify"]
    assert verify == sorted(verify)
    assert verify[-1] == (36, 36)


# --- the folder -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name"),
    [("onnx", "model.onnx"), ("torchvision", "model.json"), ("torchvision", "model.safetensors")],
)
def test_a_file_that_exists_is_never_overwritten(
    run: Path, tmp_path: Path, kind: ExportFormat, name: str
) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(ExportError, match="not overwritten"):
        exported(run, tmp_path, kind)
    assert (tmp_path / name).read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_other_files_in_the_folder_stay(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    exported(run, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "mine.txt",
        "model.json",
        "model.safetensors",
        "SHA256SUMS",
    }


def test_a_path_that_is_or_lies_below_a_file_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(StorageError, match=r"is a file"):
            exported(run, out)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_is_a_sentence_and_leaves_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(model_folder, "save_file", fail)
    with pytest.raises(StorageError, match="could not be written") as caught:
        exported(run, tmp_path / "a" / "b")
    assert str(tmp_path / "a" / "b" / "model") in caught.value.message
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_between_the_two_files_leaves_neither(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves: list[Path] = []
    move = Path.replace

    def fail_at_last(self: Path, target: Path) -> Path:
        if target.parent == tmp_path:
            moves.append(target)
            if len(moves) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
        return move(self, target)

    monkeypatch.setattr(Path, "replace", fail_at_last)
    with pytest.raises(StorageError, match="the disk is full"):
        exported(run, tmp_path)
    assert len(moves) == 2
    assert not list(tmp_path.iterdir())


def test_what_is_no_finished_run_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        exported(tmp_path, tmp_path / "out")
    shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "model")
    with pytest.raises(RunError, match="has no model yet"):
        exported(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_truncated_export_can_not_be_read_back(run: Path, tmp_path: Path) -> None:
    save_file({"wrong": torch.zeros(1)}, tmp_path / "model.safetensors")
    shutil.copy(run / "model" / "model.json", tmp_path)
    with pytest.raises(ExportError, match="could not read the export back"):
        torchvision_format.open_exported(tmp_path, load_model(run))
