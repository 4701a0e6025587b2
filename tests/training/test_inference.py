"""Pictures reach the network once, whole, in order, and in the same groups for any threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tlstudio.backbones.catalogue import PreprocessingSpec
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.errors import PictureError
from tlstudio.tasks import drive
from tlstudio.training import inference
from tlstudio.training.inference import (
    Batch,
    check_pictures,
    in_order,
    preprocessed_batches,
)

CPU = torch.device("cpu")


@pytest.fixture
def preprocessing() -> Preprocessing:
    return Preprocessing(
        PreprocessingSpec(
            resize=40, crop=32, interpolation="bilinear", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)
        )
    )


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Eleven pictures, of which number 4 is broken and number 9 is missing."""
    random = np.random.default_rng(1)
    paths = [tmp_path / f"{index}.png" for index in range(11)]
    for path in paths:
        height, width = random.integers(20, 90, 2)
        pixels = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    paths[4].write_bytes(b"no picture")
    paths[9].unlink()
    return paths


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pictures")]


def flat(pictures: Tensor) -> Tensor:
    return pictures.flatten(1)


def batches(files: list[Path], preprocessing: Preprocessing, workers: int) -> list[Batch]:
    found = preprocessed_batches(files, preprocessing, 4, workers=workers)
    return [batch for batch in found if batch is not None]


def test_unreadable_files_are_reported_and_shift_no_other(
    files: list[Path], preprocessing: Preprocessing
) -> None:
    first, second, third = batches(files, preprocessing, 2)
    assert first.indices == (0, 1, 2, 3)
    assert (second.rows, second.indices) == ((1, 2, 3), (5, 6, 7))
    assert not second.pictures[0].any()
    assert third.indices == (8, 10)
    assert [(index, type(error)) for index, error in second.failed] == [(4, PictureError)]
    for batch in (first, second, third):
        for row, index in zip(batch.rows, batch.indices, strict=True):
            pixels = torch.from_numpy(np.array(Image.open(files[index])))
            assert torch.equal(batch.pictures[row], preprocessing(pixels[None])[0])


def test_the_number_of_threads_changes_no_bit(
    files: list[Path], preprocessing: Preprocessing
) -> None:
    results = [
        drive(
            check_pictures(files, preprocessing, flat, CPU, batch_size=4, workers=workers),
            lambda event: None,
        )
        for workers in (1, 2, 7)
    ]
    for result in results[1:]:
        assert np.array_equal(result.values, results[0].values)
        assert result.indices == results[0].indices


def test_progress_counts_every_file_once(files: list[Path], preprocessing: Preprocessing) -> None:
    events: list[int] = []
    task = check_pictures(files, preprocessing, flat, CPU, batch_size=4)
    result = drive(task, lambda event: events.append(getattr(event, "done", -1)))
    assert events[0] == 0
    assert events[-1] == 11
    assert events == sorted(events)
    assert [index for index, _ in result.failed] == [4, 9]


def test_what_is_computed_may_be_trained_on(
    files: list[Path], preprocessing: Preprocessing
) -> None:
    (batch, *_) = batches(files[:4], preprocessing, 1)
    layer = torch.nn.Linear(3 * 32 * 32, 2)
    layer(batch.pictures.flatten(1)).sum().backward()
    assert layer.weight.grad is not None


def test_reading_never_runs_far_ahead_and_stops_when_closed() -> None:
    started: list[int] = []
    several = threading.Barrier(2)

    def work(item: int) -> int:
        started.append(item)
        if item < 2:
            several.wait(10)
        return item

    results = in_order(work, range(1000), ahead=6, workers=2)
    assert [next(results) for _ in range(10)] == list(range(10))
    results.close()
    assert len(started) <= 10 + 6


def test_a_slow_picture_does_not_keep_a_job_from_looking_for_requests(
    files: list[Path], preprocessing: Preprocessing, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(file: Path, reading: object) -> inference.Pixels:
        go_on.wait(30)
        return np.zeros((40, 40, 3), np.uint8)

    monkeypatch.setattr(inference, "read_rgb", slow)
    reading = preprocessed_batches(files[:2], preprocessing, 2, workers=1)
    begun = time.monotonic()
    assert [next(reading) for _ in range(3)] == [None] * 3
    assert time.monotonic() - begun < 5
    go_on.set()
    assert [batch.indices for batch in reading if batch] == [(0, 1)]


def test_a_line_of_pixels_is_refused_before_it_fills_the_memory(
    tmp_path: Path, preprocessing: Preprocessing
) -> None:
    Image.new("RGB", (20_000, 1)).save(tmp_path / "line.png")
    Image.new("RGB", (100, 1)).save(tmp_path / "short.png")
    (batch,) = batches([tmp_path / "line.png", tmp_path / "short.png"], preprocessing, 1)
    assert batch.indices == (1,)
    assert "too long and thin (20000 × 1 pixels)" in batch.failed[0][1].message


def test_an_error_that_is_no_bad_picture_is_not_swallowed(
    files: list[Path], preprocessing: Preprocessing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "read_rgb", lambda file, reading: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        batches(files, preprocessing, 2)


def test_a_batch_of_large_pictures_takes_no_more_memory_than_one_of_small_ones(
    files: list[Path], preprocessing: Preprocessing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "_SIDE", preprocessing.spec.crop // 4)
    found = [batch for batch in preprocessed_batches(files, preprocessing) if batch is not None]
    assert [len(batch.pictures) for batch in found] == [2, 2, 2, 2, 2, 1]
