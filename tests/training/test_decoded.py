"""The cache of decoded pictures gives the pixels of the pictures, or gets out of the way."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from training.made_jobs import made_pictures, nothing

from tlstudio.errors import DatasetError
from tlstudio.jobs import AUGMENTATIONS, Augmentation, Recipe
from tlstudio.tasks import Event, Logged, drive
from tlstudio.training import decoded
from tlstudio.training.decoded import (
    DecodedPictures,
    automatic_side,
    decode,
    training_pictures,
    training_pixels,
)
from tlstudio.training.features import Pictures

SIDE = 24


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made_pictures(tmp_path / "set", per_class=2)
    Image.new("RGB", (7, 40), "teal").save(tmp_path / "set" / "small.png")
    return tmp_path / "set"


def listed(folder: Path) -> Pictures:
    files = sorted(folder.rglob("*.png"))
    return Pictures(Path(), tuple(map(str, files)), torch.zeros(len(files)).long())


def decoded_in(folder: Path, cache: Path, events: list[Event] | None = None) -> DecodedPictures:
    return drive(decode(listed(folder), SIDE, cache), nothing if events is None else events.append)


def test_pictures_are_shrunk_as_pillow_does_it_and_small_ones_left_alone(
    folder: Path, tmp_path: Path
) -> None:
    pictures = decoded_in(folder, tmp_path / "cache")
    for number, file in enumerate(pictures.pictures.files):
        with Image.open(file) as picture:
            scale = min(1.0, SIDE / min(picture.size))
            size = (round(picture.width * scale), round(picture.height * scale))
            expected = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BILINEAR))
        assert np.array_equal(pictures[number], expected), file


def test_a_large_jpeg_is_made_small_with_little_loss(tmp_path: Path, data: Path) -> None:
    """Held against a reduction of the whole picture that is not ours."""
    file = next((data / "images/ants-bees").rglob("*.jpg"))
    with Image.open(file) as picture:
        large = picture.convert("RGB").resize((2000, 1500), Image.Resampling.LANCZOS)
    large.save(tmp_path / "large.jpg", quality=92)
    pixels = training_pixels(tmp_path / "large.jpg", 290)
    expected = np.asarray(large.resize((387, 290), Image.Resampling.BILINEAR), np.int16)
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).mean() < 3


def test_the_smallest_crop_of_a_shrunk_picture_is_not_enlarged() -> None:
    for name, augmentation in AUGMENTATIONS.items():
        side = automatic_side(224, augmentation)
        assert 224 <= math.sqrt(augmentation.crop_scale) * side < 226, name
    tiny = Augmentation(crop_scale=0.01)
    assert automatic_side(224, tiny) == 448


def test_a_second_training_finds_what_the_first_decoded(folder: Path, tmp_path: Path) -> None:
    first = decoded_in(folder, tmp_path / "cache")
    files = {file: file.stat().st_ino for file in (tmp_path / "cache").rglob("*.*")}
    shutil.move(folder / "red" / "0.png", tmp_path / "kept.png")
    shutil.copy2(tmp_path / "kept.png", folder / "red" / "0.png")
    second = decoded_in(folder, tmp_path / "cache")
    assert {file: file.stat().st_ino for file in (tmp_path / "cache").rglob("*.*")} == files
    assert all(np.array_equal(first[n], second[n]) for n in range(len(first.pictures)))


def test_a_changed_picture_is_decoded_anew(folder: Path, tmp_path: Path) -> None:
    decoded_in(folder, tmp_path / "cache")
    Image.new("RGB", (30, 30), "white").save(folder / "red" / "0.png")
    os.utime(folder / "red" / "0.png", ns=(1, 1))
    pictures = decoded_in(folder, tmp_path / "cache")
    number = pictures.pictures.files.index(folder / "red" / "0.png")
    assert (pictures[number] == 255).all()


def test_a_flipped_bit_in_the_cache_is_never_learned_from(folder: Path, tmp_path: Path) -> None:
    right = decoded_in(folder, tmp_path / "cache")[0]
    (file,) = (tmp_path / "cache").rglob("*.pixels")
    content = bytearray(file.read_bytes())
    content[5] ^= 1
    file.write_bytes(content)
    assert np.array_equal(decoded_in(folder, tmp_path / "cache")[0], right)


def test_a_cache_cut_short_is_written_anew(folder: Path, tmp_path: Path) -> None:
    right = decoded_in(folder, tmp_path / "cache")[0]
    (file,) = (tmp_path / "cache").rglob("*.pixels")
    size = file.stat().st_size
    os.truncate(file, size // 2)
    assert np.array_equal(decoded_in(folder, tmp_path / "cache")[0], right)
    assert file.stat().st_size == size


def test_a_full_disk_costs_time_and_nothing_else(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = decoded_in(folder, tmp_path / "cache")
    full = SimpleNamespace(free=1000)
    monkeypatch.setattr(decoded.shutil, "disk_usage", lambda _: full)
    events: list[Event] = []
    pictures = decoded_in(folder, tmp_path / "other", events)
    assert not list((tmp_path / "other").rglob("*.*"))
    assert [e.message for e in events if isinstance(e, Logged) and "nearly full" in e.message]
    assert all(np.array_equal(pictures[n], right[n]) for n in range(len(right.pictures)))


def test_a_set_that_the_disk_can_not_hold_is_not_begun_for_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first two of six pictures it is known how much the others will take."""
    monkeypatch.setattr(decoded, "BATCH", 2)
    room = SimpleNamespace(free=decoded._SPARE + 3 * SIDE * SIDE * 2)
    monkeypatch.setattr(decoded.shutil, "disk_usage", lambda _: room)
    events: list[Event] = []
    pictures = decoded_in(folder, tmp_path / "cache", events)
    assert not list((tmp_path / "cache").rglob("*.*"))
    assert [e.message for e in events if isinstance(e, Logged) and "to spare" in e.message]
    assert pictures[0].shape == (SIDE, 32, 3)


def test_of_what_other_trainings_left_the_longest_unused_goes_first(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Path] = []
    for side in (20, 21, 22):
        before = set((tmp_path / "cache").rglob("*.pixels"))
        drive(decode(listed(folder), side, tmp_path / "cache"), nothing)
        (file,) = set((tmp_path / "cache").rglob("*.pixels")) - before
        used.append(file)
        os.utime(file, (side, side))
    drive(decode(listed(folder), 20, tmp_path / "cache"), nothing)  # used again
    monkeypatch.setattr(decoded, "_MOST", 2.5 * used[-1].stat().st_size)
    drive(decode(listed(folder), 18, tmp_path / "cache"), nothing)
    left = set((tmp_path / "cache").rglob("*.pixels"))
    assert used[0] in left
    assert not left & set(used[1:])
    assert len(left) == len(list((tmp_path / "cache").rglob("*.npy"))) == 2


def test_pictures_that_are_looked_at_once_are_not_kept(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    once = drive(training_pictures(listed(folder), Recipe(epochs=1), 20, cache), nothing)
    assert not cache.exists()
    twice = drive(training_pictures(listed(folder), Recipe(epochs=2), 20, cache), nothing)
    assert cache.exists()
    for number in range(len(once.pictures)):
        assert np.array_equal(once[number], twice[number])
    wide = Recipe(sizes=(10, 30), epochs=1)
    pictures = drive(training_pictures(listed(folder), wide, 20, tmp_path / "cache"), nothing)
    assert pictures.side == automatic_side(30, wide.augmentation)


def test_a_picture_that_is_gone_is_named_and_leaves_no_half_cache(
    folder: Path, tmp_path: Path
) -> None:
    pictures = listed(folder)
    (folder / "red" / "1.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"1\.png"):
        drive(decode(pictures, SIDE, tmp_path / "cache"), nothing)
    assert not list((tmp_path / "cache").rglob("*.*"))


def test_a_file_that_goes_away_in_the_middle_costs_time_only(folder: Path, tmp_path: Path) -> None:
    whole = decoded_in(folder, tmp_path)
    before = [whole[number].tobytes() for number in range(len(whole.pictures))]
    for cut in (1000, 0):
        for file in tmp_path.rglob("*.pixels"):
            os.truncate(file, cut)
        assert [whole[number].tobytes() for number in range(len(before))] == before
    for file in tmp_path.rglob("*.pixels"):
        file.unlink()
    assert [whole[number].tobytes() for number in range(len(before))] == before
