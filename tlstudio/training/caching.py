"""Owns which activations of a run are kept in the cache, and where."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import PIL
import torch

from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.errors import StorageError
from tlstudio.images.reader import READER_VERSION
from tlstudio.jobs import Augmentation
from tlstudio.tasks import Event, Logged, Phase, Task
from tlstudio.training.activation_store import Shelf, make_room, shelf_folder
from tlstudio.training.activations import Activations, Wanted
from tlstudio.training.features import Pictures, contents_of
from tlstudio.training.frozen import FrozenPart
from tlstudio.training.phases import Phases
from tlstudio.training.views import View, ViewMaker

ACTIVATIONS = "activations"


@dataclass
class Caching:
    """How the frozen stages of `network`, which have not learned anything since the run began, are
    run over pictures, and how what they give is kept under `cache`.

    `precision` is the number format of rows to learn from; figures come from float32.
    """

    network: StagedNetwork
    preprocessing: Preprocessing
    augmentation: Augmentation
    precision: str
    device: torch.device
    cache: Path
    phases: Phases
    _opened: list[tuple[Shelf, int]] = field(default_factory=list, init=False)
    """Shelves in use, and how many rows each was to take when it was opened."""

    def activations(
        self, pictures: Pictures, *, exact: bool, phase: Phase = "features"
    ) -> Task[Activations]:
        """`exact` for the pictures that figures come from. Raises `DatasetError`."""
        with self.phases.during("decode"):
            held = yield from contents_of(pictures, self.cache, phase)
        return Activations(
            pictures=pictures,
            contents=held,
            maker=ViewMaker(self.preprocessing, self.augmentation, pictures.reading),
            part=self._exact if exact else self._part,
            exact=exact,
            phases=self.phases,
        )

    def open(self, activations: Activations, depth: int, wanted: Sequence[Wanted]) -> Task[None]:
        """Has the rows of `wanted` at `depth` kept, where there is room for those that are not in
        the cache already."""
        shelf, full = self._shelf(activations, depth), activations.part.full
        absent = sum(activations.name(*each) not in shelf for each in wanted)
        yield _found(len(wanted) - absent, len(wanted), depth, full)
        needed = absent * shelf.row_bytes
        promised = sum(max(0, rows - other.added) * other.row_bytes for other, rows in self._opened)
        used = [shelf.folder, *(other.folder for other, _ in self._opened)]
        try:
            if needed and not make_room(self.cache / ACTIVATIONS, needed + promised, used):
                yield Logged(message=_too_large(needed))
                return
        except StorageError as error:
            yield Logged(message=f"The cache can't be used: {error.message} {error.hint}")
            return
        activations.shelves[depth] = shelf
        self._opened.append((shelf, absent))

    def forget(self) -> None:
        """Gives back the memory of the copies of the network; they are made again when needed."""
        for name in ("_part", "_exact"):
            self.__dict__.pop(name, None)

    def have_all(self, activations: Activations, depth: int, wanted: Sequence[Wanted]) -> bool:
        """Whether the rows of `wanted` at `depth` are all in the cache; they are read from it
        then."""
        shelf = self._shelf(activations, depth)
        activations.shelves[depth] = shelf
        return all(activations.name(*each) in shelf for each in wanted)

    def _shelf(self, activations: Activations, depth: int) -> Shelf:
        part = activations.part
        spec = self.preprocessing.spec.model_dump_json()
        reader = f"{READER_VERSION}/{PIL.__version__}"
        reading = activations.pictures.reading
        if reading is not None and reading.channels is not None:
            reader = f"{reader}/{reading.channels}"
        exact = "exact" if activations.exact else "rounded"
        folder = shelf_folder(self.cache / ACTIVATIONS, [*part.facts(depth), spec, reader, exact])
        return Shelf(folder, part.shape(depth), half=not activations.exact)

    def share(
        self, pictures: Pictures, depth: int, views: Sequence[View], *, exact: bool
    ) -> Task[float]:
        """Which share of the rows of `views` is in the cache already; changes nothing."""
        if not ((self.cache / ACTIVATIONS).is_dir() and len(pictures) and views):
            return 0.0
        activations = yield from self.activations(pictures, exact=exact, phase="measure")
        with contextlib.closing(self._shelf(activations, depth)) as shelf:
            wanted = [(number, view) for number in range(len(pictures)) for view in views]
            return sum(activations.name(*each) in shelf for each in wanted) / len(wanted)

    @cached_property
    def _part(self) -> FrozenPart:
        if self.precision == self._exact.precision:
            return self._exact
        return FrozenPart(self.network, self.precision, self.device, self.preprocessing.spec.crop)

    @cached_property
    def _exact(self) -> FrozenPart:
        return FrozenPart(self.network, "float32", self.device, self.preprocessing.spec.crop)


def _found(count: int, total: int, depth: int, full: int) -> Event:
    where = "after the last block" if depth == full else f"after block {depth}"
    return Logged(message=f"In the cache {where}: {count} of {total} views.")


def _too_large(needed: int) -> str:
    return (
        f"What the frozen blocks give would take {needed / 1e9:.1f} GB, more than the cache may "
        "hold or its disk has room for: it is computed anew each time."
    )
