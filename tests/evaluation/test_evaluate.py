"""A score is one of exactly the pictures that it says, by the names that the run uses."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from evaluation.made_run import CLASSES, FOLDERS, made_run
from PIL import Image
from sklearn.metrics import confusion_matrix

from tlstudio.errors import DatasetError, RunError
from tlstudio.evaluation.evaluate import evaluate
from tlstudio.jobs import EvaluateJob, EvaluationResult
from tlstudio.tasks import Event, Warned, drive


def scored(run: Path, folder: Path | None = None) -> tuple[EvaluationResult, list[Event]]:
    events: list[Event] = []
    job = EvaluateJob(run=str(run), folder=None if folder is None else str(folder), device="cpu")
    return drive(evaluate(job), events.append), events


def test_a_run_is_scored_on_its_validation_pictures(run: Path) -> None:
    result, events = scored(run)
    assert result.n == len(result.predictions) == 18
    assert result.classes == CLASSES
    assert {getattr(event, "phase", "") for event in events} == {"evaluate"}
    truths = [each.truth for each in result.predictions]
    labels = [each.label for each in result.predictions]
    expected = confusion_matrix(truths, labels, labels=list(CLASSES))
    assert np.array_equal(np.array(result.confusion), expected)
    assert result.accuracy == pytest.approx(np.trace(expected) / 18)
    assert result.accuracy_low < result.accuracy < result.accuracy_high
    assert all(Path(each.picture).is_file() for each in result.predictions)
    for each in result.predictions:
        assert sum(each.probabilities) == pytest.approx(1, abs=1e-6)
        assert each.confidence == max(each.probabilities)
        assert each.label == CLASSES[int(np.argmax(each.probabilities))]


def test_the_surest_mistakes_come_first(run: Path) -> None:
    result, _ = scored(run)
    right = [each.truth == each.label for each in result.predictions]
    assert right == sorted(right)
    wrong = [each.confidence for each in result.predictions if each.truth != each.label]
    assert len(wrong) > 1
    assert wrong == sorted(wrong, reverse=True)


def test_the_same_pictures_in_a_folder_get_the_same_answers(run: Path, tmp_path: Path) -> None:
    own, _ = scored(run)
    for part, name in (("train", FOLDERS[0]), ("val", FOLDERS[1]), ("test", CLASSES[2])):
        (tmp_path / part / name).mkdir(parents=True)
    for folder in FOLDERS:  # a split needs the same classes in train and val
        (tmp_path / "train" / folder).mkdir(exist_ok=True)
        (tmp_path / "val" / folder).mkdir(exist_ok=True)
    (tmp_path / "test" / CLASSES[2]).rmdir()
    for number, each in enumerate(own.predictions):
        part = ("train", "val")[number % 2]
        folder = FOLDERS[CLASSES.index(each.truth)]
        shutil.copy(each.picture, tmp_path / part / folder / f"{number}-{Path(each.file).name}")
    other, events = scored(run, tmp_path)
    assert other.n == own.n
    assert other.confusion == own.confusion
    assert not [event for event in events if isinstance(event, Warned)]


def test_one_class_alone_can_be_scored(run: Path, tmp_path: Path) -> None:
    source = run.parent / "pictures" / FOLDERS[1]
    shutil.copytree(source, tmp_path / "new" / CLASSES[1])
    result, _ = scored(run, tmp_path / "new")
    assert result.n == 8
    assert sum(map(sum, result.confusion)) == sum(result.confusion[1]) == 8


def test_pictures_that_were_learned_from_are_pointed_out(run: Path) -> None:
    result, events = scored(run, run.parent / "pictures")
    assert result.n == 24
    (warning,) = [event for event in events if isinstance(event, Warned)]
    assert "6 of these 24" in warning.message


def test_a_class_that_the_model_does_not_know_is_named(run: Path, tmp_path: Path) -> None:
    for name in (FOLDERS[0], "Good"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (50, 50)).save(tmp_path / name / "1.png")
    with pytest.raises(DatasetError, match="does not know: “Good”"):
        scored(run, tmp_path)


def test_broken_and_vanished_pictures_are_left_out_with_their_reason(tmp_path: Path) -> None:
    run = made_run(tmp_path, "squeezenet1_1")
    before, _ = scored(run)
    gone, broken = (Path(before.predictions[index].picture) for index in (0, 5))
    gone.unlink()
    broken.write_bytes(b"\xff\xd8\xff nothing")
    after, _ = scored(run)
    assert after.n == before.n - 2
    assert {each.file for each in after.left_out} == {
        before.predictions[0].file,
        before.predictions[5].file,
    }
    kept = {each.file: each.probabilities for each in before.predictions}
    # To the last bit: which pictures can be read does not change how the others are grouped.
    assert all(kept[each.file] == each.probabilities for each in after.predictions)
    shutil.rmtree(tmp_path / "pictures")
    with pytest.raises(DatasetError, match="no picture that can be read"):
        scored(run)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no model"):
        scored(tmp_path)
