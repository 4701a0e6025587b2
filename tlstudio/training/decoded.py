"""Owns the cache of decoded training pictures: shrunk once, in one file that may be deleted.

Only varied training views are made of them. What is shown or exported comes from the whole picture.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tlstudio.errors import PictureError, StorageError
from tlstudio.images.reader import READER_VERSION
from tlstudio.jobs import Augmentation, Recipe
from tlstudio.projects.atomic import replacing, storage_errors
from tlstudio.tasks import Logged, Meter, Task
from tlstudio.training.features import Pictures
from tlstudio.training.inference import (
    BATCH,
    Pixels,
    in_order_or_waiting,
    read_picture,
    vanished,
)

_FOLDER = "decoded"
_RULE = 2
"""Raised whenever `training_pixels` gives other pixels: files of before no longer count."""
_NO_INDEX = (OSError, ValueError, EOFError, MemoryError)  # of any size that it may claim
_SPARE = 2_000_000_000
"""Bytes that are left free on the disk."""
_MOST = 20_000_000_000
"""Bytes that all files together take at most, beside the one that is in use."""


ReadSmall = Callable[[Path, int], Pixels]


class DecodedPictures:
    """Training pictures, each shrunk until its shorter side has `side` pixels, read by number.

    With a file behind them they come from there; without one, and where a picture in the file has
    changed, or the file went away, they are decoded again: the pixels are the same either way. The
    file is not mapped into memory: one that is cut short while it is mapped ends the process.
    """

    def __init__(self, pictures: Pictures, side: int, file: Path | None) -> None:
        self.pictures, self.side, self._file = pictures, side, file
        self._index: npt.NDArray[np.int64] | None = None
        if file is not None:
            with contextlib.suppress(*_NO_INDEX):  # another run dropped it
                self._index = _read_index(file, len(pictures))

    def __getitem__(self, number: int) -> Pixels:
        """The picture as (H, W, 3) uint8. Raises `DatasetError` if it is gone."""
        if self._index is not None:
            start, height, width, check = (int(value) for value in self._index[number])
            values = self._read(start, height * width * 3)
            if zlib.crc32(values) == check:
                pixels = np.frombuffer(values, np.uint8)
                return pixels.reshape(height, width, 3)
        file = self.pictures.files[number]
        return training_pixels(file, self.side, self.pictures.read)

    def _read(self, start: int, count: int) -> bytearray:
        """What the file has there, which torch may own; less, or nothing, where it went away."""
        assert self._file is not None
        try:
            with self._file.open("rb") as file:
                file.seek(start)
                return bytearray(file.read(count))
        except OSError:
            return bytearray()


def training_pictures(
    pictures: Pictures, recipe: Recipe, crop: int, cache: Path
) -> Task[DecodedPictures]:
    """The pictures that the epochs of `recipe` vary, for a network that is checked at `crop` px.

    They are kept in the folder `cache` where they will be looked at more than once.
    """
    largest = max(recipe.sizes, default=crop)
    side = recipe.decoded_side or automatic_side(largest, recipe.augmentation)
    if recipe.epochs == 1:
        return DecodedPictures(pictures, side, None)
    return (yield from decode(pictures, side, cache))


def decode(pictures: Pictures, side: int, cache: Path) -> Task[DecodedPictures]:
    """Decodes `pictures` into the folder `cache`, or finds that it was done before.

    A disk that is too full for it costs time and nothing else.
    """
    file = cache / _FOLDER / f"{_key(pictures, side)}.pixels"
    if _is_whole(file, len(pictures)):
        with contextlib.suppress(OSError):  # only so that it is not the oldest
            os.utime(file)
        yield Logged(message=f"The training pictures were decoded before: {file}.")
        return DecodedPictures(pictures, side, file)
    try:
        yield from _write(pictures, side, file)
    except StorageError as error:
        yield Logged(message=f"Training pictures are decoded anew each time: {error.message}")
        return DecodedPictures(pictures, side, None)
    yield from _drop_oldest(file)
    return DecodedPictures(pictures, side, file)


def automatic_side(crop: int, augmentation: Augmentation) -> int:
    """How many pixels the shorter side of a training picture keeps: as many as the smallest random
    crop needs for `crop` pixels without being enlarged, but no more than twice as many as the whole
    picture would need: disk and time grow with the square."""
    return min(2 * crop, math.ceil(crop / math.sqrt(augmentation.crop_scale)))


def training_pixels(file: Path, side: int, read: ReadSmall = read_picture) -> Pixels:
    """What varied views of a training picture are made of: (H, W, 3), the shorter side at `side` px
    at most. `read` gives its pixels, as `read_picture` does: large JPEGs are decoded at reduced
    scale. Raises `DatasetError` if it is gone."""
    try:
        return shrunk(read(file, side), side)
    except PictureError as error:
        raise vanished(file, error) from error


def shrunk(pixels: Pixels, side: int) -> Pixels:
    """The picture with its shorter side at `side` pixels at most, antialiased."""
    height, width, _ = pixels.shape
    scale = side / min(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # A copy of its own: torch can't read what may not be written to.
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def _write(pictures: Pictures, side: int, file: Path) -> Task[None]:
    def work(path: Path) -> Pixels:
        return training_pixels(path, side, pictures.read)

    index = np.zeros((len(pictures), 4), np.int64)
    meter, start, number = Meter("decode", len(pictures)), 0, 0
    with replacing(file) as temporary, storage_errors(file):
        reading = in_order_or_waiting(work, pictures.files, ahead=2 * BATCH)
        with temporary.open("wb") as out, contextlib.closing(reading):
            for future in reading:
                yield from meter.at(number)
                if future is None:
                    continue
                pixels = future.result()
                if number % BATCH == 0:
                    _leave_room(file, start * (len(pictures) - number) // max(1, number))
                height, width, _ = pixels.shape
                values = pixels.tobytes()
                out.write(values)
                index[number] = start, height, width, zlib.crc32(values)
                start, number = start + len(values), number + 1
    with replacing(_index_file(file)) as temporary, temporary.open("wb") as out:
        np.save(out, index, allow_pickle=False)
    yield from meter.at(len(pictures))


def _leave_room(file: Path, missing: int) -> None:
    """Raises `StorageError` where the `missing` bytes of the file would fill the disk."""
    spare = shutil.disk_usage(file.parent).free - _SPARE
    if spare < 0:
        raise StorageError(f"{file} was not written: the disk is nearly full.", "Free some space.")
    if spare < missing:
        raise StorageError(
            f"{file} was not written: the rest of it would take {missing / 1e9:.1f} GB, and the "
            f"disk has {spare / 1e9:.1f} GB to spare.",
            "Free some space.",
        )


def _drop_oldest(used: Path) -> Task[None]:
    """Removes files of other trainings, the longest unused first, until the others fit `_MOST`."""
    others = []
    for file in used.parent.glob("*.pixels"):
        with contextlib.suppress(FileNotFoundError):  # another program tidies up, too
            facts = file.stat()
            others.append((facts.st_mtime_ns, facts.st_size, file))
    kept = 0
    for _, size, file in sorted(others, reverse=True):
        kept += size
        if kept > _MOST and file != used:
            with contextlib.suppress(OSError):  # in use by another window, on Windows
                file.unlink()
                _index_file(file).unlink(missing_ok=True)
                yield Logged(message=f"Removed from the cache for want of room: {file}.")


def _is_whole(file: Path, count: int) -> bool:
    try:
        start, height, width, _check = (int(value) for value in _read_index(file, count)[-1])
        return file.stat().st_size == start + height * width * 3
    except _NO_INDEX:
        return False


def _read_index(file: Path, count: int) -> npt.NDArray[np.int64]:
    """A row for each picture: where it starts, height, width, CRC-32. Raises for any other file."""
    index: npt.NDArray[np.int64] = np.load(_index_file(file), allow_pickle=False)
    if index.shape != (count, 4):
        raise ValueError("the index belongs to other pictures")
    return index


def _index_file(file: Path) -> Path:
    return file.with_suffix(".index.npy")


def _key(pictures: Pictures, side: int) -> str:
    """Changes with the list of files, with each file's size and time, and with the reader."""
    channels = None if pictures.reading is None else pictures.reading.channels
    digest = hashlib.sha256(json.dumps([READER_VERSION, _RULE, side, channels]).encode())
    for file, name in zip(pictures.files, pictures.names, strict=True):
        with contextlib.suppress(OSError):  # found out, and said, when the picture is read
            facts = file.stat()
            digest.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:32]
