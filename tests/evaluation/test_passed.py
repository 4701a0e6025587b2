"""What has not passed a first look in a disposable child is never decoded in the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tlstudio.datasets import judging
from tlstudio.evaluation.evaluate import evaluate
from tlstudio.evaluation.predict import predict
from tlstudio.images.facts import Look
from tlstudio.images.first_look import ENDED
from tlstudio.jobs import EvaluateJob, PredictJob
from tlstudio.tasks import drive
from tlstudio.training import inference


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Children end over each file called `hostile`; the names of all that are decoded here."""
    read = inference.read_rgb
    decoded: list[str] = []

    def seen(files: Iterable[tuple[int, str]], reading: object) -> Iterator[list[tuple[int, Look]]]:
        yield [(at, Look(ENDED if "hostile" in path else "")) for at, path in files]

    def noted(file: Path, reading: object) -> object:
        decoded.append(file.name)
        return read(file)

    monkeypatch.setattr(judging, "first_looks", seen)
    monkeypatch.setattr(inference, "read_rgb", noted)
    return decoded


def test_predict_decodes_only_what_has_passed(
    run: Path, tmp_path: Path, hostile: list[str]
) -> None:
    for name in ("good.png", "hostile.png"):
        Image.new("RGB", (40, 30), "teal").save(tmp_path / name)
    files = (str(tmp_path / "good.png"), str(tmp_path / "hostile.png"))
    result = drive(predict(PredictJob(model=str(run), inputs=files, device="cpu")), lambda _: None)
    assert [each.file for each in result.predictions] == ["good.png"]
    assert [(each.file, each.reason) for each in result.left_out] == [("hostile.png", ENDED)]
    assert hostile == ["good.png"]


def test_evaluating_a_folder_decodes_only_what_has_passed(
    run: Path, tmp_path: Path, hostile: list[str]
) -> None:
    label = next(iter(sorted(path.name for path in (run.parent / "pictures").iterdir())))
    folder = tmp_path / "new"
    (folder / label).mkdir(parents=True)
    for name in ("good.png", "hostile.png"):
        Image.new("RGB", (40, 30), "teal").save(folder / label / name)
    job = EvaluateJob(run=str(run), folder=str(folder), device="cpu")
    result = drive(evaluate(job), lambda _: None)
    assert [each.file for each in result.predictions] == [f"{label}/good.png"]
    assert [each.reason for each in result.left_out] == [ENDED]
    assert hostile == ["good.png"]
