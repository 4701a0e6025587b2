"""Every file given is answered or left out with a reason, and the table reads back."""

from __future__ import annotations

import csv
import errno
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation.made_run import CLASSES
from PIL import Image, ImageOps
from torchvision.transforms import v2

from tlstudio.errors import DatasetError, RunError, StorageError
from tlstudio.evaluation.predict import predict, write_csv
from tlstudio.jobs import Prediction, PredictionResult, PredictJob
from tlstudio.tasks import Progress, drive
from tlstudio.training.model_folder import load_model


def answered(model: Path, *inputs: Path) -> PredictionResult:
    job = PredictJob(model=str(model), inputs=tuple(map(str, inputs)), device="cpu")
    return drive(predict(job), lambda event: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures with awkward names in nested folders, among files that are none."""
    place = tmp_path / "inbox"
    (place / "b" / "deep").mkdir(parents=True)
    (place / ".cache").mkdir()
    for name in ("10.png", "2.png", 'b/deep/x, "y".png', "b/1.PNG", ".hidden.png", ".cache/a.png"):
        Image.new("RGB", (40, 30), (len(name) * 9, 80, 30)).save(place / name)
    (place / "notes.txt").write_text("no picture")
    (place / "empty.jpg").touch()
    return place


def test_a_folder_is_answered_in_natural_order_and_hidden_files_are_skipped(
    run: Path, folder: Path
) -> None:
    result = answered(run, folder)
    assert [each.file for each in result.predictions] == [
        "2.png",
        "10.png",
        "b/1.PNG",
        'b/deep/x, "y".png',
    ]
    assert [each.file for each in result.left_out] == ["empty.jpg", "notes.txt"]
    assert result.left_out[0].reason == "The file is empty."


def test_answers_are_torchvisions_own(run: Path) -> None:
    model = load_model(run)
    spec = model.card.preprocessing
    transform = v2.Compose(
        [
            v2.ToDtype(torch.float32, scale=True),
            v2.Resize(spec.resize, antialias=True),
            v2.CenterCrop(spec.crop),
            v2.Normalize(spec.mean, spec.std),
        ]
    )
    files = sorted((run.parent / "pictures").glob("*/*.jpg"))
    result = answered(run, *files)
    assert [each.file for each in result.predictions] == [file.name for file in files]
    assert len({each.label for each in result.predictions}) > 1
    for file, each in zip(files, result.predictions, strict=True):
        pixels = np.array(ImageOps.exif_transpose(Image.open(file)))
        with torch.inference_mode():
            logits = model.network.network(
                transform(torch.from_numpy(pixels).permute(2, 0, 1))[None]
            )
        expected = torch.softmax(logits, 1)[0].numpy()
        assert np.abs(np.array(each.probabilities) - expected).max() < 1e-5


def test_a_run_and_its_model_folder_give_the_same_answers(run: Path, folder: Path) -> None:
    assert answered(run, folder) == answered(run / "model", folder)


def test_progress_covers_all_files(run: Path, folder: Path) -> None:
    events: list[Progress] = []
    job = PredictJob(model=str(run), inputs=(str(folder),), device="cpu")
    drive(predict(job), events.append)  # type: ignore[arg-type]
    assert (events[-1].phase, events[-1].done, events[-1].total) == ("evaluate", 6, 6)


def test_a_missing_input_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no file or folder .*nowhere"):
        answered(run, tmp_path / "nowhere")


def test_an_input_without_pictures_says_so(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no picture that can be read"):
        answered(run, tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(DatasetError, match=r"a\.txt was left out: The file is not a picture"):
        answered(run, tmp_path)


def test_damaged_models_are_refused_with_a_sentence(
    run: Path, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="holds no model"):
        answered(tmp_path, folder)
    copy = tmp_path / "copy"
    shutil.copytree(run / "model", copy)
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(RunError, match="not as it was written"):
        answered(copy, folder)
    (copy / "SHA256SUMS").unlink()
    with pytest.raises(RunError, match="can't be read"):
        answered(copy, folder)
    (tmp_path / "bad.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(RunError, match="damaged or no ONNX file"):
        answered(tmp_path / "bad.onnx", folder)
    with pytest.raises(RunError, match="no file"):
        answered(tmp_path / "none.onnx", folder)


def test_the_table_reads_back_as_it_was_written(tmp_path: Path) -> None:
    names = ("a, b.png", 'quote".png', "line\nbreak.png", "=1+1.png", "Ü 😀.png")
    classes = CLASSES
    predictions = tuple(
        Prediction(
            file=name, label=classes[1], confidence=1 / 3, probabilities=(1 / 3, 2e-9, 2 / 3 - 2e-9)
        )
        for name in names
    )
    file = tmp_path / "new" / "table.csv"
    write_csv(PredictionResult(classes=classes, predictions=predictions), file)
    with file.open(encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    assert header == ["file", "label", "confidence", *classes]
    # A name that a spreadsheet program would compute is the same file by another name.
    assert [row[0] for row in rows] == [n.replace("=1", "./=1") for n in names]
    for row in rows:
        assert row[1] == classes[1]
        assert [float(value) for value in row[2:]] == pytest.approx(
            (1 / 3, 1 / 3, 2e-9, 2 / 3 - 2e-9), rel=1e-6
        )


def test_a_table_on_a_full_disk_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "table.csv"
    file.write_text("old")
    result = PredictionResult(
        classes=("a", "b"),
        predictions=(Prediction(file="x", label="a", confidence=1, probabilities=(1, 0)),),
    )

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        write_csv(result, file)
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert file.read_text() == "old"
