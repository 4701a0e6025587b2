"""The ONNX file says what torchvision says, for pictures of any size, by onnxruntime alone."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from backbones.networks import SMALLEST
from evaluation.made_run import CLASSES, made_run
from torch.onnx import OnnxExporterError
from torchvision.transforms import InterpolationMode, v2

import tlstudio
from tlstudio.errors import ExportError, RunError
from tlstudio.evaluation.predict import predict
from tlstudio.exporting import onnx_format
from tlstudio.exporting.export import export
from tlstudio.jobs import ExportJob, ExportResult, PredictionResult, PredictJob
from tlstudio.tasks import drive
from tlstudio.training.model_folder import TrainedModel, load_model

SIZES = ((1, 1), (300, 6), (6, 300), (224, 224), (255, 257), (900, 1300))


def torchvisions_answer(model: TrainedModel, pictures: np.ndarray) -> np.ndarray:
    """Resized in double precision: in single precision torchvision's own positions are off by up
    to a ten-thousandth, to which these random networks react."""
    spec = model.card.preprocessing
    transform = v2.Compose(
        [
            v2.ToDtype(torch.float64, scale=True),
            v2.Resize(
                spec.resize, interpolation=InterpolationMode(spec.interpolation), antialias=True
            ),
            v2.CenterCrop(spec.crop),
            v2.Normalize(spec.mean, spec.std),
        ]
    )
    with torch.inference_mode():
        prepared = transform(torch.from_numpy(pictures).permute(0, 3, 1, 2))
        return torch.softmax(model.network.network(prepared.float()), 1).numpy()


def assert_agrees(file: Path, model: TrainedModel, tolerance: float) -> None:
    session = onnxruntime.InferenceSession(str(file))
    random = np.random.default_rng(7)
    drawn = [tuple(random.integers(1, 500, 2)) for _ in range(8)]
    for height, width in [*SIZES, *drawn]:
        coarse = random.integers(0, 256, (int(random.integers(1, 3)), 1, 1, 3))
        noise = random.integers(0, 256, (len(coarse), height, width, 3))
        pictures = ((coarse + noise) // 2).astype(np.uint8)
        (found,) = session.run(None, {"pictures": pictures})
        assert np.abs(found - torchvisions_answer(model, pictures)).max() < tolerance, (
            height,
            width,
        )


def answered(model: Path, *inputs: Path) -> PredictionResult:
    job = PredictJob(model=str(model), inputs=tuple(map(str, inputs)), device="cpu")
    return drive(predict(job), lambda event: None)


def test_it_agrees_with_torchvision_for_pictures_of_any_shape(
    run: Path, onnx_export: ExportResult
) -> None:
    assert_agrees(Path(onnx_export.files[0]), load_model(run), 1e-5)


def test_the_certificate_covers_all_validation_pictures(onnx_export: ExportResult) -> None:
    assert onnx_export.runtime == f"onnxruntime {onnxruntime.__version__}"
    assert onnx_export.n == onnx_export.same_answer == 18
    assert 0 < onnx_export.largest_difference < 1e-5
    file = Path(onnx_export.files[0])
    assert onnx_export.bytes == file.stat().st_size
    assert [path.name for path in file.parent.iterdir()] == ["model.onnx"]


def test_the_file_says_what_its_user_must_know(onnx_export: ExportResult) -> None:
    model = onnx.load(onnx_export.files[0])
    onnx.checker.check_model(model)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["classes"]) == list(CLASSES)
    assert facts["version"] == model.producer_version == tlstudio.__version__
    assert facts["backbone"] == model.graph.name == "squeezenet1_1"
    assert facts["max_side"] == "16384"
    (given,), (gives,) = model.graph.input, model.graph.output
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    sides = [side.dim_param or side.dim_value for side in given.type.tensor_type.shape.dim]
    assert (given.name, sides) == ("pictures", ["n", "height", "width", 3])
    sides = [side.dim_param or side.dim_value for side in gives.type.tensor_type.shape.dim]
    assert (gives.name, sides) == ("probabilities", ["n", 3])


def test_the_file_says_nothing_of_the_computer_that_made_it(
    run: Path, onnx_export: ExportResult
) -> None:
    content = Path(onnx_export.files[0]).read_bytes()
    for secret in (str(Path(tlstudio.__file__).parent), str(run.parent), ".py", "stack_trace"):
        assert secret.encode() not in content, secret


def test_run_model_folder_and_onnx_file_give_the_same_answers(
    run: Path, onnx_export: ExportResult
) -> None:
    pictures = run.parent / "pictures"
    (pictures.parent / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    inputs = (pictures, pictures.parent / "broken.jpg")
    own, folder = answered(run, *inputs), answered(run / "model", *inputs)
    other = answered(Path(onnx_export.files[0]), *inputs)
    assert own == folder
    assert own.left_out == other.left_out
    assert own.classes == other.classes
    assert len(own.predictions) == len(other.predictions) == 24
    for one, two in zip(own.predictions, other.predictions, strict=True):
        assert (one.file, one.label) == (two.file, two.label)
        assert two.probabilities == pytest.approx(one.probabilities, abs=1e-5)


def test_the_code_beside_it_runs_without_this_program(
    run: Path, onnx_export: ExportResult, tmp_path: Path
) -> None:
    assert len(onnx_export.code.splitlines()) <= 10
    turned = run.parent / "pictures" / "a-good" / "0.jpg"
    (tmp_path / "picture.jpg").write_bytes(turned.read_bytes())
    (tmp_path / "model.onnx").write_bytes(Path(onnx_export.files[0]).read_bytes())
    absent = "import sys\nfor name in ('tlstudio', 'torch'): sys.modules[name] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", absent + onnx_export.code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8"},
        check=True,
    )
    label, _, confidence = done.stdout.strip().rpartition(" ")
    (expected,) = answered(run, turned).predictions
    assert label == expected.label
    assert float(confidence) == pytest.approx(expected.confidence, abs=1e-5)


def test_what_is_no_export_of_ours_is_refused(run: Path, tmp_path: Path) -> None:
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])],
        "other",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])],
    )
    opsets = [onnx.helper.make_opsetid("", 20)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(RunError, match="not exported by this program"):
        answered(tmp_path / "other.onnx", run.parent / "pictures")


def test_the_window_hears_of_an_export_that_takes_long_and_closing_it_leaves_nothing(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(classifier: object) -> None:
        go_on.wait(30)

    monkeypatch.setattr(onnx_format, "_traced", slow)
    task = export(ExportJob(run=str(run), out=str(tmp_path / "a" / "b")))
    assert [next(task).type for _ in range(3)] == ["progress"] * 3
    go_on.set()
    task.close()
    assert not list(tmp_path.iterdir())
    assert not [thread for thread in threading.enumerate() if thread.name == "onnx export"]


def test_a_failure_of_the_exporter_is_a_sentence(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise OnnxExporterError("[91mten pages of trace")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(ExportError, match="could not be turned into an ONNX file"):
        drive(export(ExportJob(run=str(run), out=str(tmp_path / "new"))), lambda event: None)
    assert not list(tmp_path.iterdir())


def test_a_network_too_large_for_one_file_is_refused_at_once(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_format, "MAX_BYTES", 1000)
    with pytest.raises(ExportError, match="too many for one ONNX file"):
        drive(export(ExportJob(run=str(run), out=str(tmp_path / "new"))), lambda event: None)


@pytest.mark.slow
@pytest.mark.parametrize("identifier", SMALLEST)
def test_every_family_can_be_exported(identifier: str, tmp_path: Path) -> None:
    run = made_run(tmp_path, identifier)
    out = tmp_path / "out"
    drive(export(ExportJob(run=str(run), out=str(out))), lambda event: None)
    assert_agrees(out / "model.onnx", load_model(run), 1e-4)
