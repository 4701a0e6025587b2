"""Owns how a training picture is varied: every number drawn from a generator that is handed in."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F  # noqa: N812  (the library's own convention)

from tlstudio.backbones.catalogue import PreprocessingSpec
from tlstudio.jobs import Augmentation

RULE = 2
"""Raised whenever the same generator gives another view: views that were kept no longer count."""


def vary(
    picture: NDArray[np.uint8],
    augmentation: Augmentation,
    preprocessing: PreprocessingSpec,
    random: np.random.Generator,
) -> Tensor:
    """One varied view of an upright picture (H, W, 3): normalised float32 (3, crop, crop).

    The order is crop, flip, rotation, colour, as in Inception-style training (Szegedy et al.,
    "Going Deeper with Convolutions", 2015, for the crop). The global generators are not touched,
    so that views do not depend on the number of threads.
    """
    size = preprocessing.crop
    x = torch.from_numpy(picture).permute(2, 0, 1)
    top, left, height, width = _crop_box(x.shape[-2], x.shape[-1], augmentation.crop_scale, random)
    # Resized in 8 bits, four times as fast as in floating point, and rounded: a learning network is
    # shown stronger variation than that.
    x = F.resize(
        F.crop(x, top, left, height, width),
        [size, size],
        interpolation=InterpolationMode(preprocessing.interpolation),
        antialias=True,
    )
    x = x.contiguous().float()
    if augmentation.flip_horizontal and random.random() < 0.5:
        x = F.horizontal_flip(x)
    if augmentation.flip_vertical and random.random() < 0.5:
        x = F.vertical_flip(x)
    if augmentation.rotation:
        angle = random.uniform(-augmentation.rotation, augmentation.rotation)
        x = _rotate(x, angle)
    x = _colour((x / 255).clamp(0, 1), augmentation, random)
    view: Tensor = F.normalize(x, list(preprocessing.mean), list(preprocessing.std))
    return view


def _crop_box(
    height: int, width: int, smallest: float, random: np.random.Generator
) -> tuple[int, int, int, int]:
    """Top, left, height and width of a crop that keeps `smallest`..1 of the area, ratio 3/4..4/3.

    Where none fits, and where nothing is to be cut away at random, it is the largest square in the
    middle, as in the validation crop.
    """
    for _ in range(10 if smallest < 1 else 0):
        area = height * width * random.uniform(smallest, 1.0)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return (
                int(random.integers(height - h + 1)),
                int(random.integers(width - w + 1)),
                h,
                w,
            )
    side = min(height, width)
    return (height - side) // 2, (width - side) // 2, side, side


def _rotate(x: Tensor, angle: float) -> Tensor:
    """Rotates about the middle; mirrored pixels fill the corners, so that no black is learnt."""
    pad = x.shape[-1] // 4
    padded = F.pad(x, [pad, pad, pad, pad], padding_mode="reflect")
    turned = F.rotate(padded, angle, interpolation=InterpolationMode.BILINEAR)
    middle: Tensor = F.center_crop(turned, [x.shape[-2], x.shape[-1]])
    return middle


def _colour(x: Tensor, augmentation: Augmentation, random: np.random.Generator) -> Tensor:
    for strength, adjust in (
        (augmentation.brightness, F.adjust_brightness),
        (augmentation.contrast, F.adjust_contrast),
        (augmentation.saturation, F.adjust_saturation),
    ):
        if strength:
            x = adjust(x, random.uniform(1 - strength, 1 + strength))
    if augmentation.hue:
        x = F.adjust_hue(x, random.uniform(-augmentation.hue, augmentation.hue))
    return x
