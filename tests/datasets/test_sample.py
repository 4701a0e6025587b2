"""What would spoil a first try of the program if the sample were drawn otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tlstudio.datasets.sample import draw_sample
from tlstudio.datasets.scan import scan
from tlstudio.errors import StorageError
from tlstudio.jobs import DatasetSpec, SampleJob, SampleResult, ScanJob
from tlstudio.tasks import Event, Progress, drive

CLASSES = ["broken thread", "good", "hole", "stain"]


def drawn(folder: Path, seed: int = 0, each: int = 4) -> SampleResult:
    job = SampleJob(folder=str(folder), seed=seed, pictures_per_class=each)
    return drive(draw_sample(job), lambda _: None)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "cloth"
    drawn(folder, each=18)
    return folder


def test_the_sample_is_a_data_set_with_nothing_left_out(sample: Path, tmp_path: Path) -> None:
    job = ScanJob(dataset=DatasetSpec(folder=str(sample)))
    result = drive(scan(job, tmp_path), lambda _: None)
    assert result.classes == dict.fromkeys(CLASSES, 18)
    assert result.left_out == ()
    for entry in result.files[:8]:
        with Image.open(sample / entry.file) as picture:
            assert picture.size == (256, 256)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    result = drawn(tmp_path / "one")
    assert (result.pictures, sorted(result.classes)) == (16, CLASSES)
    drawn(tmp_path / "two")
    drawn(tmp_path / "three", seed=1)
    one, two, three = (contents(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert one.keys() == three.keys()
    assert not set(one.values()) & set(three.values())


def test_a_larger_sample_begins_with_the_smaller_one(sample: Path, tmp_path: Path) -> None:
    drawn(tmp_path / "small")
    small, large = contents(tmp_path / "small"), contents(sample)
    assert all(large[file] == small[file] for file in small)


@pytest.mark.parametrize("strength", [0.01, 1, 100])
def test_colours_alone_do_not_tell_the_classes_apart(sample: Path, strength: float) -> None:
    histograms, labels = [], []
    for number, label in enumerate(CLASSES):
        for file in sorted((sample / label).iterdir()):
            pixels = np.asarray(Image.open(file)).reshape(-1, 3)
            histogram, _ = np.histogramdd(pixels, bins=8, range=[(0, 256)] * 3)
            histograms.append(histogram.ravel() / len(pixels))
            labels.append(number)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
    folds = StratifiedKFold(4, shuffle=True, random_state=0)
    assert cross_val_score(model, np.stack(histograms), labels, cv=folds).mean() < 0.55


def test_brightness_and_contrast_are_those_of_good_cloth(sample: Path) -> None:
    """Each class shows the same rolls, so that its averages can't differ by much."""
    means, spreads = [], []
    for label in CLASSES:
        pixels = np.stack(
            [
                np.asarray(Image.open(file).convert("L"), float)
                for file in (sample / label).iterdir()
            ]
        )
        means.append(pixels.mean())
        spreads.append(pixels.std(axis=(1, 2)).mean())
    assert max(means) - min(means) < 12
    assert max(spreads) < 1.6 * min(spreads)


def test_an_interrupted_drawing_leaves_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for target in (tmp_path / "new/nested", empty):
        task = draw_sample(SampleJob(folder=str(target), pictures_per_class=4))
        for event in task:
            if isinstance(event, Progress) and event.done:
                break
        task.close()
    assert list(tmp_path.rglob("*")) == [empty]


def test_an_empty_folder_is_filled_in_place(tmp_path: Path) -> None:
    target = tmp_path / "empty"
    target.mkdir()
    number = target.stat().st_ino
    drawn(target)
    assert target.stat().st_ino == number
    assert sorted(path.name for path in target.iterdir()) == CLASSES


def test_what_lies_there_already_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("do not lose me")
    (tmp_path / "file").write_text("me neither")
    before = contents(tmp_path)
    with pytest.raises(StorageError, match="is not empty"):
        drawn(tmp_path / "full")
    with pytest.raises(StorageError, match="is a file"):
        drawn(tmp_path / "file")
    with pytest.raises(StorageError, match="could not be written"):
        drawn(tmp_path / "file/inside")
    assert contents(tmp_path) == before


def test_progress_counts_every_picture(tmp_path: Path) -> None:
    events: list[Event] = []
    drive(draw_sample(SampleJob(folder=str(tmp_path / "s"), pictures_per_class=4)), events.append)
    counts = [event.done for event in events if isinstance(event, Progress)]
    assert counts == sorted(counts)
    assert counts[-1] == 16
