"""Owns which views of a training picture are run through the frozen part of a network, and how each
is made: the plain picture, its mirror image, and a few varied ones that are always the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.jobs import Augmentation, Reading
from tlstudio.training.augment import RULE, vary
from tlstudio.training.decoded import automatic_side, training_pixels
from tlstudio.training.inference import Reader, read_picture


@dataclass(frozen=True)
class View:
    """One way to look at a picture; `number` tells varied ones apart."""

    kind: Literal["plain", "mirrored", "varied"]
    number: int = 0


PLAIN = View("plain")


def views_of(augmentation: Augmentation, count: int) -> tuple[View, ...]:
    """At most `count` different views under `augmentation`, the plain one first."""
    views = [PLAIN]
    if augmentation.flip_horizontal:
        views.append(View("mirrored"))
    if augmentation.model_copy(update={"flip_horizontal": False}).varies:
        views += [View("varied", number) for number in range(count)]
    return tuple(views[:count])


class ViewMaker:
    """Makes views, normalised float32 (3, crop, crop); called from many threads.

    The plain view goes through the exported preprocessing, and its mirror image is just that. How a
    varied one is varied follows from its number and the picture's content alone, so that every run
    that varies pictures in the same way has the same ones.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        augmentation: Augmentation,
        reading: Reading | None = None,
    ) -> None:
        self._read = partial(read_picture, reading=reading)
        self._plain = Reader(preprocessing, self._read)
        self._spec = preprocessing.spec
        self._augmentation = augmentation
        self._side = automatic_side(self._spec.crop, augmentation)

    def name(self, view: View) -> bytes:
        """What tells the view from any other of the same picture, at the same preprocessing."""
        if view.kind != "varied":
            return view.kind.encode()
        facts = f"varied {RULE} {view.number} {self._side} {self._augmentation.model_dump_json()}"
        return hashlib.sha256(facts.encode()).digest()

    def make(self, file: Path, digest: bytes, views: Sequence[View]) -> Tensor:
        """The views (V, 3, crop, crop) of `file`, whose content has the digest `digest`.

        Raises `PictureError` or `DatasetError`.
        """
        kinds = {view.kind for view in views}
        plain = self._plain(file) if kinds & {"plain", "mirrored"} else None
        pixels = training_pixels(file, self._side, self._read) if "varied" in kinds else None
        made: list[Tensor] = []
        for view in views:
            if view.kind == "varied":
                assert pixels is not None
                random = np.random.default_rng([int.from_bytes(digest), view.number])
                made.append(vary(pixels, self._augmentation, self._spec, random))
            else:
                assert plain is not None
                made.append(plain if view.kind == "plain" else plain.flip(-1))
        return torch.stack(made)
