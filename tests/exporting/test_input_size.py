"""A model for pictures of another size than usual stays one wherever it is taken."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import torch
from evaluation.made_run import made_run

from tlstudio.evaluation.predict import predict
from tlstudio.exporting.export import FORMATS, export
from tlstudio.jobs import ExportJob, PredictionResult, PredictJob
from tlstudio.tasks import drive
from tlstudio.training.model_folder import load_model


def answers(model: Path, pictures: Path) -> PredictionResult:
    job = PredictJob(model=str(model), inputs=(str(pictures),), device="cpu")
    return drive(predict(job), lambda event: None)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("identifier", "size"),
    [
        ("squeezenet1_1", 96),
        *(
            pytest.param(identifier, size, marks=pytest.mark.slow)
            for identifier, size in [
                ("vit_b_32", 96),
                ("swin_v2_t", 96),
                ("maxvit_t", 224),
            ]
        ),
    ],
)
def test_every_export_and_predict_agree_at_another_input_size(
    identifier: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made_run(tmp_path, identifier, input_size=size)
    model = load_model(run)
    assert model.card.preprocessing.crop == size
    expected = answers(run, tmp_path / "pictures")
    for kind in FORMATS:
        asked = ExportJob(run=str(run), format=kind, out=str(tmp_path / kind))
        result = drive(export(asked), lambda event: None)
        assert result.same_answer == result.n > 0
        exported = Path(result.files[0]) if kind == "onnx" else tmp_path / kind
        given = answers(exported, tmp_path / "pictures")
        for ours, theirs in zip(expected.predictions, given.predictions, strict=True):
            assert theirs.file == ours.file
            assert theirs.probabilities == pytest.approx(ours.probabilities, abs=1e-4)

    # The program beside the weights builds the network for this size.
    monkeypatch.chdir(tmp_path / "torchvision")
    card = json.loads(Path("model.json").read_text("utf-8"))
    Path("load.py").write_text(card["code"])
    network = runpy.run_path("load.py")["network"]
    inputs = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(network(inputs), model.network(inputs))
