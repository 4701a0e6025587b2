"""Owns how pictures are checked: files through the exported preprocessing and a network, in order.

Training's validation, evaluation, `predict` and certificates all come this way, so that every
number that is shown is computed from the same pixels.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotReady
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.errors import PictureError
from tlstudio.images.reader import read_rgb
from tlstudio.tasks import Meter, Phase, Progress

BATCH = 32

_HEARTBEAT = 0.1
_LARGE = 24_000_000
"""Pictures of more pixels are resized one at a time: each takes 12 bytes a pixel in fp32."""
_THINNEST = 100
"""Sides of more than 100 : 1 are refused: once the shorter one is enlarged to what a network reads,
a line of 1 x 20,000 pixels would take 16 GB."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Batch:
    """Consecutive files, ready for a network: `pictures` is (B, 3, crop, crop) fp32 on the CPU.

    `rows` are the rows that hold a picture and `indices` the files they came from. The other rows
    are zero: `failed` names the files that can't be read, and the end may be padding.
    """

    pictures: Tensor
    rows: tuple[int, ...]
    indices: tuple[int, ...]
    failed: tuple[tuple[int, PictureError], ...]


def decoding_threads() -> int:
    """How many threads decode by default: one a core that this process may use, at most eight."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(8, cores))


def preprocessed_batches(
    files: Sequence[Path],
    preprocessing: Preprocessing,
    batch_size: int = BATCH,
    *,
    workers: int | None = None,
) -> Generator[Batch | None, None, None]:
    """Reads and preprocesses `files` in threads; yields a `Batch` for each group of `batch_size`.

    `preprocessing` stays on the CPU in fp32 and gets one picture at a time. Yields None whenever a
    tenth of a second passes without a batch, so that a job can look for requests.

    Batch k always holds the files from k * batch_size on, readable or not, and all batches have one
    size (the last is padded) unless a single one holds everything: a network's last digits depend
    on the size of the batch, and so a picture's answer depends neither on its neighbours nor on the
    number of threads. At most two batches are prepared ahead. Closing the generator waits for the
    pictures that are being read at that moment, one a thread, and drops the others.

    The threads leave torch's own number of threads alone: on two cores, with one or two decoding
    threads, other settings were within the noise of MobileNetV2's 20 pictures a second, and
    lowering it in the decoding threads only halved the speed.
    """
    reader = _Reader(preprocessing)
    pool = ThreadPoolExecutor(workers or decoding_threads(), thread_name_prefix="decode")
    waiting: deque[Future[Tensor]] = deque()
    upcoming = iter(files)

    def look_ahead(count: int) -> None:
        waiting.extend(pool.submit(reader, file) for file in itertools.islice(upcoming, count))

    try:
        look_ahead(3 * batch_size)
        for start in range(0, len(files), batch_size):
            count = min(batch_size, len(files) - start)
            for future in itertools.islice(waiting, count):
                while not _ready(future):
                    yield None
            done = [waiting.popleft() for _ in range(count)]
            size = count if len(files) <= batch_size else batch_size
            yield _stacked(done, start, size, preprocessing.spec.crop)
            look_ahead(batch_size)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Reader:
    """A file to its preprocessed pixels, (3, crop, crop); called from many threads."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self._preprocessing = preprocessing
        self._one_large = threading.Lock()

    def __call__(self, file: Path) -> Tensor:
        pixels = read_rgb(file)
        if pixels.size <= 3 * _LARGE:
            return self._preprocess(pixels)
        with self._one_large:
            return self._preprocess(pixels)

    def _preprocess(self, pixels: Pixels) -> Tensor:
        height, width, _ = pixels.shape
        if max(height, width) > _THINNEST * min(height, width):
            raise PictureError(f"The picture is too long and thin ({width} × {height} pixels).")
        with torch.inference_mode():
            prepared: Tensor = self._preprocessing(torch.from_numpy(pixels)[None])
            return prepared[0]


def _ready(future: Future[Tensor]) -> bool:
    """Waits a moment for `future`; what it raises is left for `result()`."""
    try:
        future.exception(timeout=_HEARTBEAT)
    except NotReady:
        return False
    return True


def _stacked(done: Sequence[Future[Tensor]], start: int, size: int, crop: int) -> Batch:
    # Made outside inference mode, so that a head may be trained on what comes of it.
    pictures = torch.zeros(size, 3, crop, crop)
    rows: list[int] = []
    failed: list[tuple[int, PictureError]] = []
    for row, future in enumerate(done):
        try:
            pictures[row] = future.result()
            rows.append(row)
        except PictureError as error:
            failed.append((start + row, error))
    return Batch(pictures, tuple(rows), tuple(start + row for row in rows), tuple(failed))


@dataclass(frozen=True)
class Checked:
    """What a network says of files: row i of `values` belongs to the file numbered `indices[i]`."""

    values: npt.NDArray[np.float32]
    indices: tuple[int, ...]
    failed: tuple[tuple[int, PictureError], ...]


def check_pictures(
    files: Sequence[Path],
    preprocessing: Preprocessing,
    forward: Callable[[Tensor], Tensor],
    device: torch.device,
    *,
    phase: Phase = "evaluate",
    batch_size: int = BATCH,
    workers: int | None = None,
) -> Generator[Progress, None, Checked]:
    """Runs `forward` on the preprocessed `files` and returns its rows: logits, or probabilities.

    `forward` takes (B, 3, crop, crop) fp32 on `device` and gives (B, K); it runs without gradients
    and must be in evaluation mode. Yields progress ten times a second while pictures are read, and
    once a batch. A picture that can't be read is in `failed` and never stops the others.
    """
    values: list[npt.NDArray[np.float32]] = []
    indices: list[int] = []
    failed: list[tuple[int, PictureError]] = []
    meter = Meter(phase, len(files))
    batches = preprocessed_batches(files, preprocessing, batch_size, workers=workers)
    try:
        yield from meter.at(0)
        for batch in batches:
            if batch is not None:
                with torch.no_grad():
                    rows = forward(batch.pictures.to(device))[list(batch.rows)]
                values.append(rows.float().cpu().numpy())
                indices += batch.indices
                failed += batch.failed
            yield from meter.at(len(indices) + len(failed))
    finally:
        # Here and now: after an exception its threads would live until the collector comes by.
        batches.close()
    together = np.concatenate(values) if values else np.zeros((0, 0), np.float32)
    return Checked(together, tuple(indices), tuple(failed))
