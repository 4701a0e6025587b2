"""Owns what the frozen network gives for pictures: the features that probe and head read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from tlstudio.datasets.contents import Content, contents
from tlstudio.errors import PictureError
from tlstudio.jobs import Part, Reading, ScanResult
from tlstudio.tasks import Phase, Task
from tlstudio.training.inference import Pixels, read_picture

CHANGED = "it was changed."
POSITIONS = 4096
"""Single positions that are kept at most: a few megabytes in the checkpoint."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of one part: their folder, names relative to it, class indices (N,), and how
    their files are read.

    `digests` are the short digests of what the files are to hold, as far as they are known. `held`
    is what they were found to hold: a file that is written later on is no longer read.
    """

    folder: Path
    names: tuple[str, ...]
    labels: Tensor
    reading: Reading | None = None
    digests: tuple[str, ...] = ()
    held: Mapping[Path, Content] | None = None

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        return tuple(self.folder / name for name in self.names)

    def sample(self, most: int) -> Pictures:
        """At most `most` of them, evenly spaced: the list is in the order of the classes."""
        step = -(-len(self) // most)
        return replace(
            self,
            names=self.names[::step],
            labels=self.labels[::step],
            digests=self.digests[::step],
        )

    def read(self, file: Path, side: int | None = None) -> Pixels:
        """As `read_picture`. Raises `PictureError`, also where the file was changed."""
        pixels = read_picture(file, side, self.reading)
        if self.held is not None and not self.held[file].still_in(file):
            raise PictureError(CHANGED)
        return pixels


def contents_of(
    pictures: Pictures, cache: Path, phase: Phase = "features"
) -> Task[tuple[Content, ...]]:
    """What the files hold. Raises `DatasetError`."""
    return contents(
        pictures.folder, pictures.names, cache, phase, pictures.reading, pictures.digests
    )


@dataclass(frozen=True)
class Features:
    """Pooled features (N, D), and features at single positions of some pictures (P, D).

    Where the head reads vectors there are no positions: P is 0.
    """

    pooled: Tensor
    positions: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> Features:
        """From rows at full depth, as `FrozenPart` gives them."""
        if rows.ndim == 2:
            return cls(rows, torch.zeros(0, rows.shape[1]))
        every = rows[:, 1:].flatten(0, 1)
        return cls(rows[:, 0].contiguous(), every[:: -(-len(every) // POSITIONS)].clone())


def pictures_of(split: ScanResult, part: Part, reading: Reading) -> Pictures:
    """The pictures of one part, labelled in the order of the classes."""
    folder, order = Path(split.folder), {name: i for i, name in enumerate(split.classes)}
    chosen = [picture for picture in split.files if picture.part == part]
    return Pictures(
        folder,
        tuple(picture.file for picture in chosen),
        torch.tensor([order[picture.label] for picture in chosen], dtype=torch.long),
        reading,
        tuple(picture.digest for picture in chosen),
    )
