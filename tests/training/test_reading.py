"""How files are read is part of the model: training, figures and answers all read them so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from training.made_jobs import UNFROZEN, Trained, job_for, made_pictures

from tlstudio.evaluation.evaluate import evaluate
from tlstudio.evaluation.predict import predict
from tlstudio.images.reader import READER_VERSION, READING_RULES
from tlstudio.jobs import DatasetSpec, EvaluateJob, PredictJob, Reading
from tlstudio.tasks import drive
from tlstudio.training import inference

CHANNELS = (5, 4, 1)


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    """Three classes of pictures with five channels; those of `CHANNELS` are red, green, blue."""
    folder = made_pictures(tmp_path / "set")
    for file in sorted(folder.rglob("*.png")):
        pixels = np.asarray(Image.open(file))
        stack = np.zeros((*pixels.shape[:2], 5), np.uint8)
        stack[..., [channel - 1 for channel in CHANNELS]] = pixels
        tifffile.imwrite(
            file.with_suffix(".tif"), stack, photometric="minisblack", planarconfig="contig"
        )
        file.unlink()
    return folder


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> set[tuple[int, ...] | None]:
    """Which channels were asked for, whenever a file was read."""
    asked: set[tuple[int, ...] | None] = set()

    def noted(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(*arguments: Any) -> Any:
            asked.add(getattr(arguments[-1], "channels", None))
            return read(*arguments)

        return reading

    for name in ("read_rgb", "read_reduced"):
        monkeypatch.setattr(inference, name, noted(getattr(inference, name)))
    return asked


@pytest.mark.parametrize("freeze", ["all", UNFROZEN, pytest.param("none", marks=pytest.mark.slow)])
def test_a_model_learns_and_answers_from_the_channels_that_were_chosen(
    stacks: Path,
    weights: Path,
    tmp_path: Path,
    readings: set[tuple[int, ...] | None],
    freeze: str,
) -> None:
    job = job_for(stacks, weights, freeze=freeze)
    dataset = DatasetSpec(folder=str(stacks), reading=Reading(channels=CHANNELS))
    run = Trained(job.model_copy(update={"dataset": dataset}), tmp_path / "run")
    card = json.loads((run.model / "model.json").read_text("utf-8"))
    assert card["reading"] == {
        "version": READER_VERSION,
        "rules": READING_RULES,
        "channels": list(CHANNELS),
    }
    asked = EvaluateJob(run=str(run.path), device="cpu")
    assert drive(evaluate(asked), lambda _: None).accuracy == run.result.val_accuracy
    stack = next(stacks.rglob("*.tif"))
    plain = tmp_path / "plain.png"
    Image.fromarray(tifffile.imread(stack)[..., [each - 1 for each in CHANNELS]]).save(plain)
    answers = drive(
        predict(PredictJob(model=str(run.path), inputs=(str(stack), str(plain)), device="cpu")),
        lambda _: None,
    ).predictions
    assert answers[0].probabilities == pytest.approx(answers[1].probabilities, abs=1e-6)
    assert readings == {CHANNELS}
