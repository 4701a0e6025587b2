"""Owns the activations of pictures at the depths that a run needs: from the cache where they are
there, computed where not, the same bits either way."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from tlstudio.datasets.contents import Content
from tlstudio.errors import PictureError, StorageError
from tlstudio.tasks import Event, Logged, Meter, Task, Warned
from tlstudio.training.activation_store import Row, Shelf, rounded, row_name
from tlstudio.training.devices import usable_cores
from tlstudio.training.features import CHANGED, Pictures
from tlstudio.training.frozen import FrozenPart
from tlstudio.training.inference import finished, vanished
from tlstudio.training.memory import scarce
from tlstudio.training.phases import Phases
from tlstudio.training.views import PLAIN, View, ViewMaker

T = TypeVar("T")
Wanted = tuple[int, View]
"""The number of a picture, and how it is looked at."""

CHUNK = 4
"""Batches that are run together, while the pictures of the next ones are read."""


@dataclass
class Activations:
    """Rows of `pictures` at any depth that has a shelf, or at any at all without a cache.

    `exact` rows are what figures come from: they are kept as `part` computes them. The others are
    rounded to half precision, whether they are kept or not. `remarks` gathers what the user should
    know.
    """

    pictures: Pictures
    contents: tuple[Content, ...]
    maker: ViewMaker
    part: FrozenPart
    exact: bool
    phases: Phases
    shelves: dict[int, Shelf] = field(default_factory=dict)
    remarks: list[Event] = field(default_factory=list)
    _keeping: bool = True

    # --- what a run asks for --------------------------------------------------------------------

    def prepare(self, wanted: Sequence[Wanted], depths: Sequence[int]) -> Task[None]:
        """Computes and keeps those of `wanted` that are not in the cache yet, for as long as there
        is anything to keep them in."""
        useful = self._keeping and all(depth in self.shelves for depth in depths)
        if not useful:
            return
        absent = [each for each in wanted if not self._has(each, depths)]
        done = len(wanted) - len(absent)
        meter = Meter("features", len(wanted))
        yield from meter.at(done)
        chunks = chunks_of(absent, CHUNK * self.part.batch)
        try:
            with contextlib.closing(self.stream(chunks, depths)) as stream:
                for rows in stream:
                    done += 0 if rows is None else len(rows[depths[0]])
                    yield from meter.at(done)
                    if not self._keeping:
                        break
        finally:
            self._publish()
        yield from self.said()

    def features(self) -> Task[Tensor]:
        """Rows of all pictures at full depth, (N, ...); those of other shelves are kept as well."""
        full, count = self.part.full, len(self.pictures)
        found = torch.zeros(count, *self.part.shape(full))
        wanted = [(number, PLAIN) for number in range(count)]
        known = all(self._has(each, [full]) for each in wanted)
        done, meter = 0, Meter("features", count)
        yield from meter.at(0)
        chunks = chunks_of(wanted, CHUNK * self.part.batch)
        depths = [full] if known else sorted({*self.shelves, full})
        try:
            with contextlib.closing(self.stream(chunks, depths)) as stream:
                for rows in stream:
                    if rows is not None:
                        found[done : done + len(rows[full])] = rows[full]
                        done += len(rows[full])
                    yield from meter.at(done)
        finally:
            self._publish()
        yield from self.said()
        return found

    def stream(
        self, chunks: Iterable[Sequence[Wanted]], depths: Sequence[int]
    ) -> Generator[dict[int, Tensor] | None, None, None]:
        """For each chunk its rows (n, ...) at each of `depths`, float32 on the CPU; None whenever a
        tenth of a second passes without one, so that a job can look for requests. In a chunk, what
        is wanted of one picture stands together.

        Raises `DatasetError` where a picture is gone or was changed.
        """
        pool = ThreadPoolExecutor(min(8, usable_cores()), thread_name_prefix="pictures")
        loading = (self._load(pool, chunk, depths) for chunk in chunks)
        try:
            for futures in _one_ahead(loading):
                with self.phases.during("decode"):
                    for future in futures:
                        while not finished(future):
                            yield None
                with self.phases.during("cache"):
                    rows = self._rows([future.result() for future in futures], depths)
                yield rows
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def said(self) -> Iterator[Event]:
        """What is to be said of the cache, once."""
        damaged = sum(shelf.damaged for shelf in self.shelves.values())
        gone = sum(shelf.gone for shelf in self.shelves.values())
        for shelf in self.shelves.values():
            shelf.damaged = shelf.gone = 0
        if gone:
            self.remarks.append(
                Logged(
                    message=f"{gone} rows of the cache were taken away, perhaps to make room for "
                    "another run, and are computed anew."
                )
            )
        if damaged:
            self.remarks.append(
                Warned(
                    message=f"The cache was damaged or cut short in {damaged} "
                    f"place{'' if damaged == 1 else 's'}: what lay there is computed anew.",
                    hint="If this happens again, have the disk checked.",
                )
            )
        remarks, self.remarks = self.remarks, []
        yield from remarks

    def close(self) -> None:
        """Lets go of all files. What a full disk does not take now is computed anew next time."""
        for shelf in self.shelves.values():
            with contextlib.suppress(StorageError):
                shelf.close()

    # --- one chunk ------------------------------------------------------------------------------

    def _load(
        self, pool: ThreadPoolExecutor, chunk: Sequence[Wanted], depths: Sequence[int]
    ) -> list[Future[_Loaded]]:
        """A future for each picture of the chunk, which is decoded once for all its views."""
        groups: dict[int, list[View]] = {}
        for number, view in chunk:
            groups.setdefault(number, []).append(view)
        return [
            pool.submit(self._loaded, number, views, depths) for number, views in groups.items()
        ]

    def _loaded(self, number: int, views: Sequence[View], depths: Sequence[int]) -> _Loaded:
        """Runs in a thread."""
        kept = [self._kept(self.name(number, view), depths) for view in views]
        missing = [view for view, rows in zip(views, kept, strict=True) if rows is None]
        loaded = _Loaded(number, tuple(views), tuple(kept), None)
        if not missing:
            return loaded
        file, content = self.pictures.files[number], self.contents[number]
        try:
            pictures = self.maker.make(file, content.digest, missing)
            if not content.still_in(file):
                raise PictureError(CHANGED)
        except PictureError as error:
            raise vanished(file, error) from error
        return replace(loaded, pictures=pictures)

    def _kept(self, name: bytes, depths: Sequence[int]) -> dict[int, Row] | None:
        """The rows of a view from the cache, None where not all are there."""
        found: dict[int, Row] = {}
        for depth in depths:  # all of them, so that each shelf learns what it has lost
            shelf = self.shelves.get(depth)
            row = shelf.read(name) if shelf else None
            if row is not None:
                found[depth] = row
        return found if len(found) == len(depths) else None

    def _rows(self, loaded: Sequence[_Loaded], depths: Sequence[int]) -> dict[int, Tensor]:
        made = [each.pictures for each in loaded if each.pictures is not None]
        computed = self.part(torch.cat(made), depths) if made else {}
        if self.part.regrouped and self._keeping:
            self._keeping = False
            self.remarks.append(self._regrouped())
        fresh = 0
        rows: dict[int, list[Row]] = {depth: [] for depth in depths}
        for each in loaded:
            for view, kept in zip(each.views, each.kept, strict=True):
                for depth in depths:
                    if kept is not None:
                        rows[depth].append(kept[depth])
                        continue
                    row = computed[depth][fresh].numpy()
                    self._keep(depth, self.name(each.number, view), row)
                    rows[depth].append(row if self.exact else rounded(row))
                fresh += kept is None
        return {
            depth: torch.from_numpy(np.stack(each).astype(np.float32, copy=False))
            for depth, each in rows.items()
        }

    # --- the cache ------------------------------------------------------------------------------

    def name(self, number: int, view: View) -> bytes:
        """What a row of the picture in this view is called on every shelf."""
        return row_name(self.contents[number].digest, self.maker.name(view))

    def _has(self, wanted: Wanted, depths: Sequence[int]) -> bool:
        name = self.name(*wanted)
        return all(depth in self.shelves and name in self.shelves[depth] for depth in depths)

    def _keep(self, depth: int, name: bytes, row: Row) -> None:
        shelf = self.shelves.get(depth)
        if shelf is None or name in shelf or not self._keeping:
            return
        try:
            shelf.add(name, row)
        except StorageError as error:
            self._do_without(error)

    def _publish(self) -> None:
        for shelf in self.shelves.values():
            try:
                shelf.publish()
            except StorageError as error:
                self._do_without(error)

    def _do_without(self, error: StorageError) -> None:
        """A disk that fails costs time and nothing else: what is there is still read."""
        if self._keeping:
            self.remarks.append(
                Logged(message=f"Nothing more is kept in the cache: {error.message} {error.hint}")
            )
        self._keeping = False

    def _regrouped(self) -> Event:
        """Rows on a shelf are the same bits whoever computed them; those of other batches would
        not be."""
        return Warned(
            message=f"{scarce(self.part.device)} for the frozen blocks: their pictures are taken "
            f"{self.part.batch} at a time, and what they give is not kept in the cache but "
            "computed anew each time.",
            hint="Close other programs, or choose smaller pictures or a smaller network.",
        )


@dataclass(frozen=True)
class _Loaded:
    """What there is of a picture: rows from the cache for each of its views, and for the views
    without (None) the pictures to be run, in their order."""

    number: int
    views: tuple[View, ...]
    kept: tuple[dict[int, Row] | None, ...]
    pictures: Tensor | None


def chunks_of(wanted: Sequence[Wanted], size: int) -> Iterator[Sequence[Wanted]]:
    """`wanted` in chunks of `size`, the last one smaller."""
    return (wanted[start : start + size] for start in range(0, len(wanted), size))


def _one_ahead(items: Iterable[T]) -> Iterator[T]:
    """`items`, each given when the next one has been taken."""
    upcoming = iter(items)
    waiting = list(itertools.islice(upcoming, 1))
    for item in upcoming:
        waiting.append(item)
        yield waiting.pop(0)
    yield from waiting
