"""Owns how pictures are checked: files through the exported preprocessing and a network, in order.

Training's validation, evaluation, `predict` and certificates all come this way, so that every
number that is shown is computed from the same pixels.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotReady
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.errors import DatasetError, PictureError
from tlstudio.images.opening import UnreachableError
from tlstudio.images.reader import read_reduced, read_rgb
from tlstudio.jobs import Reading
from tlstudio.tasks import Meter, Phase, Task
from tlstudio.training.devices import usable_cores
from tlstudio.training.memory import Pieces

BATCH = 32
_SIDE = 640
"""Pictures of a longer side, in px, come in smaller batches, which take no more memory."""

_HEARTBEAT = 0.1
_LARGE = 24_000_000
"""Pictures of more pixels are resized one at a time: each takes 12 bytes a pixel in fp32."""
_THINNEST = 100
"""Sides of more than 100 : 1 are refused: once the shorter one is enlarged to what a network reads,
a line of 1 x 20,000 pixels would take 16 GB."""

Pixels = npt.NDArray[np.uint8]
Read = Callable[[Path], Pixels]
A = TypeVar("A")
B = TypeVar("B")


# --- work in threads, results in order -----------------------------------------------------------


def in_order(
    work: Callable[[A], B],
    items: Iterable[A],
    *,
    ahead: int = 2 * BATCH,
    workers: int | None = None,
) -> Generator[B, None, None]:
    """The results of `work` in the order of `items`, computed in threads, at most `ahead` early.

    What `work` raises is raised where its result would be. Closing the generator waits for the
    items that are being worked on at that moment, one a thread, and drops the others.
    """
    with contextlib.closing(_futures(work, items, ahead, workers)) as futures:
        for future in futures:
            yield future.result()


def in_order_or_waiting(
    work: Callable[[A], B],
    items: Iterable[A],
    *,
    ahead: int = 2 * BATCH,
    workers: int | None = None,
) -> Generator[Future[B] | None, None, None]:
    """As `in_order`, but gives finished futures, and None whenever a tenth of a second passes
    without one, so that a job can look for requests."""
    with contextlib.closing(_futures(work, items, ahead, workers)) as futures:
        for future in futures:
            while not finished(future):
                yield None
            yield future


def _futures(
    work: Callable[[A], B], items: Iterable[A], ahead: int, workers: int | None
) -> Generator[Future[B], None, None]:
    # Torch's own number of threads is left alone: on two cores, with one or two decoding threads,
    # other settings were within the noise, and lowering it in these threads only halved the speed.
    workers = workers or min(8, usable_cores())
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pictures")
    upcoming = iter(items)
    try:
        waiting = deque(pool.submit(work, item) for item in itertools.islice(upcoming, ahead))
        while waiting:
            yield waiting.popleft()
            waiting.extend(pool.submit(work, item) for item in itertools.islice(upcoming, 1))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def finished(future: Future[B]) -> bool:
    """Waits a moment for `future`; what it raises is left for `result()`."""
    try:
        future.exception(timeout=_HEARTBEAT)
    except NotReady:
        return False
    return True


# --- files to what a network reads ---------------------------------------------------------------


def read_picture(file: Path, side: int | None = None, reading: Reading | None = None) -> Pixels:
    """`read_rgb`, but refuses what no network can be shown; raises `PictureError`.

    With `side` it is `read_reduced`: for training views, which no figure is computed from.
    """
    pixels = read_rgb(file, reading) if side is None else read_reduced(file, side, reading)
    height, width, _ = pixels.shape
    if max(height, width) > _THINNEST * min(height, width):
        raise PictureError(f"The picture is too long and thin ({width} × {height} pixels).")
    return pixels


@dataclass(frozen=True)
class Batch:
    """Consecutive files, ready for a network: `pictures` is (B, 3, crop, crop) fp32 on the CPU.

    `rows` are the rows that hold a picture and `indices` the files they came from. The rows of
    unreadable files, which `failed` names by their index, are zero.
    """

    pictures: Tensor
    rows: tuple[int, ...]
    indices: tuple[int, ...]
    failed: tuple[tuple[int, PictureError], ...]


def preprocessed_batches(
    files: Sequence[Path],
    preprocessing: Preprocessing,
    batch_size: int | None = None,
    *,
    workers: int | None = None,
    read: Read | None = None,
) -> Generator[Batch | None, None, None]:
    """Reads and preprocesses `files` in threads; yields a `Batch` for each `batch_size` of them
    (None: as many as fit into memory at this crop).

    `read` gives a file's pixels, by default `read_picture`; `preprocessing` stays on the CPU in
    fp32 and gets one picture at a time. Yields None for every
    picture and whenever a tenth of a second passes without one, so that a job can look for
    requests. At most two batches are prepared ahead.

    Batch k holds the files from k * batch_size on, readable or not, and all but the last have one
    size: how pictures are grouped shows in the last digits of a network's answers, and so they
    depend on neither the number of threads nor on which other pictures can be read.
    """
    crop = preprocessing.spec.crop
    batch_size = batch_size or _batch_size(crop)
    starts = range(0, len(files), batch_size)
    reading = in_order_or_waiting(
        Reader(preprocessing, read), files, ahead=2 * batch_size, workers=workers
    )
    with contextlib.closing(reading):
        for start in starts:
            indices = range(start, min(start + batch_size, len(files)))
            # Made outside inference mode, so that a head may be trained on what comes of it.
            pictures = torch.zeros(len(indices), 3, crop, crop)
            failed: list[tuple[int, PictureError]] = []
            done = 0
            while done < len(indices):
                future = next(reading)
                yield None
                if future is None:
                    continue
                try:
                    pictures[done] = future.result()
                except PictureError as error:
                    failed.append((indices[done], error))
                done += 1
            lost = {index for index, _ in failed}
            rows = tuple(row for row, index in enumerate(indices) if index not in lost)
            yield Batch(pictures, rows, tuple(indices[row] for row in rows), tuple(failed))


def _batch_size(crop: int) -> int:
    return max(1, min(BATCH, BATCH * _SIDE**2 // crop**2))


def vanished(file: Path, error: PictureError) -> DatasetError:
    """A picture that could be read before is gone or damaged."""
    return DatasetError(
        f"The picture {file} can't be read any more: {error.message}",
        "Check that its disk is still connected and that nobody moved or changed it.",
    )


class Reader:
    """A file to its preprocessed pixels, (3, crop, crop); called from many threads."""

    def __init__(self, preprocessing: Preprocessing, read: Read | None = None) -> None:
        self._preprocessing, self._read = preprocessing, read or read_picture
        self._one_large = threading.Lock()

    def __call__(self, file: Path) -> Tensor:
        pixels = self._read(file)
        alone = self._one_large if pixels.size > 3 * _LARGE else contextlib.nullcontext()
        with alone, torch.inference_mode():
            prepared: Tensor = self._preprocessing(torch.from_numpy(pixels)[None])
            return prepared[0]


# --- what a network says of them -----------------------------------------------------------------


def full_precision() -> contextlib.AbstractContextManager[None]:
    """Keeps a GPU from computing convolutions in TF32, whose 10 bits show in the third digit."""
    return torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )


@dataclass(frozen=True)
class Checked:
    """What a network says of files: row i of `values` belongs to the file numbered `indices[i]`."""

    values: npt.NDArray[np.float32]
    indices: tuple[int, ...]
    failed: tuple[tuple[int, PictureError], ...]

    @property
    def incomplete(self) -> bool:
        """Whether a file is missing that might have been read at another time."""
        return any(isinstance(error, UnreachableError) for _, error in self.failed)


def check_pictures(
    files: Sequence[Path],
    preprocessing: Preprocessing,
    forward: Callable[[Tensor], Tensor],
    device: torch.device,
    *,
    phase: Phase = "evaluate",
    batch_size: int | None = None,
    workers: int | None = None,
    read: Read | None = None,
) -> Task[Checked]:
    """Runs `forward` on the preprocessed `files` and returns its rows: logits, or probabilities.

    `forward` takes (B, 3, crop, crop) fp32 on `device` and gives (B, K); it runs without gradients
    and must be in evaluation mode. Yields progress ten times a second while pictures are read, and
    once a batch. A picture that can't be read is in `failed` and never stops the others. Where
    memory does not hold a batch, it is run in pieces.
    """
    reading = preprocessed_batches(files, preprocessing, batch_size, workers=workers, read=read)
    return (yield from check_batches(reading, len(files), forward, device, phase=phase))


def check_batches(
    reading: Generator[Batch | None, None, None],
    count: int,
    forward: Callable[[Tensor], Tensor],
    device: torch.device,
    *,
    phase: Phase = "evaluate",
    pieces: Pieces | None = None,
) -> Task[Checked]:
    """`check_pictures` of batches that are there, or that `reading` prepares; it is closed.

    `pieces` remembers from one call to the next how many pictures memory holds.
    """
    pieces = pieces or Pieces()
    values: list[npt.NDArray[np.float32]] = []
    indices: list[int] = []
    failed: list[tuple[int, PictureError]] = []
    meter = Meter(phase, count)
    yield from meter.at(0)
    with contextlib.closing(reading):
        for batch in reading:
            if batch is not None:
                with torch.inference_mode(), full_precision():
                    rows = pieces(forward, batch.pictures, device)[list(batch.rows)]
                    values.append(rows.numpy())
                indices += batch.indices
                failed += batch.failed
                yield from pieces.said()
            yield from meter.at(len(indices) + len(failed))
    together = np.concatenate(values) if values else np.zeros((0, 0), np.float32)
    return Checked(together, tuple(indices), tuple(failed))
