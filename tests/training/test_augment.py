"""Views follow from the generator alone, stay pictures, and vary nothing where nothing is asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import v2

from tlstudio.backbones.catalogue import PreprocessingSpec
from tlstudio.jobs import AUGMENTATIONS, Augmentation
from tlstudio.training.augment import vary

SPEC = PreprocessingSpec(
    resize=40, crop=32, interpolation="bilinear", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)
)
NONE = AUGMENTATIONS["none"]
ROUNDED = 1.01 / 255 / min(SPEC.std)
"""One step of 8 bits: training views are resized in them, in two passes."""


def picture(height: int, width: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(height * width)
    return random.integers(0, 256, (height, width, 3), dtype=np.uint8)


def view(pixels: NDArray[np.uint8], augmentation: Augmentation, seed: int = 0) -> Tensor:
    return vary(pixels, augmentation, SPEC, np.random.default_rng(seed))


def pixels_of(view: Tensor) -> Tensor:
    """The view before normalisation, in [0, 1]."""
    return view * torch.tensor(SPEC.std).view(3, 1, 1) + torch.tensor(SPEC.mean).view(3, 1, 1)


def plain(pixels: NDArray[np.uint8]) -> Tensor:
    """torchvision's own largest middle square, resized and normalised."""
    side = min(pixels.shape[:2])
    transform = v2.Compose(
        [
            v2.ToDtype(torch.float32),
            v2.CenterCrop(side),
            v2.Resize((32, 32), antialias=True),
            v2.Lambda(lambda x: x / 255),
            v2.Normalize(SPEC.mean, SPEC.std),
        ]
    )
    wanted: Tensor = transform(torch.from_numpy(pixels).permute(2, 0, 1))
    return wanted


@pytest.mark.parametrize(("height", "width"), [(48, 64), (64, 48), (50, 50), (30, 300), (9, 7)])
def test_without_variation_a_view_is_torchvisions_middle_square(height: int, width: int) -> None:
    pixels = picture(height, width)
    for seed in range(300):
        torch.testing.assert_close(view(pixels, NONE, seed), plain(pixels), rtol=0, atol=ROUNDED)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_same_generator_gives_the_same_view(name: str) -> None:
    pixels, chosen = picture(60, 80), AUGMENTATIONS[name]
    before = torch.get_rng_state()
    assert torch.equal(view(pixels, chosen, 3), view(pixels, chosen, 3))
    assert torch.equal(torch.get_rng_state(), before), "the global generator is not touched"
    assert torch.equal(view(pixels, chosen, 3), view(pixels, chosen, 4)) != chosen.varies


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize(("height", "width"), [(60, 80), (500, 20), (1, 1), (33, 32)])
def test_views_are_whole_pictures_with_possible_colours(name: str, height: int, width: int) -> None:
    pixels = picture(height, width)
    for seed in range(20):
        made = view(pixels, AUGMENTATIONS[name], seed)
        assert made.shape == (3, 32, 32)
        assert made.dtype == torch.float32
        values = pixels_of(made)
        assert float(values.min()) >= -1e-5
        assert float(values.max()) <= 1 + 1e-5


def test_a_picture_is_not_changed_by_its_views() -> None:
    pixels = picture(60, 80)
    before = pixels.copy()
    for seed in range(10):
        view(pixels, AUGMENTATIONS["strong"], seed)
    assert np.array_equal(pixels, before)


def test_flips_are_exact_and_come_half_of_the_time() -> None:
    pixels = picture(48, 64)
    straight = plain(pixels)
    for axis, choice in ((-1, {"flip_horizontal": True}), (-2, {"flip_vertical": True})):
        flipping = NONE.model_copy(update=choice)
        flipped = 0
        for seed in range(200):
            made = view(pixels, flipping, seed)
            wrong = (made - straight).abs().max() > ROUNDED
            if wrong:
                torch.testing.assert_close(made, straight.flip(axis), rtol=0, atol=ROUNDED)
            flipped += int(wrong)
        assert 70 < flipped < 130


def test_crops_keep_at_least_the_share_that_was_asked_for() -> None:
    """On a picture of its own coordinates a view shows which part it is."""
    height, width = 240, 320
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([y, x * 0.75, y * 0], -1).astype(np.uint8)
    cropping = NONE.model_copy(update={"crop_scale": 0.35})
    shares = []
    for seed in range(300):
        values = pixels_of(view(pixels, cropping, seed)) * 255
        rows = float(values[0, -1].mean() - values[0, 0].mean()) / 240 * 32 / 31
        columns = float(values[1, :, -1].mean() - values[1, :, 0].mean()) / 240 * 32 / 31
        shares.append(rows * columns)
    assert 0.33 < min(shares) < 0.45
    assert 0.8 < max(shares) <= 1.02


def test_a_turn_leaves_no_black_corners() -> None:
    white = np.full((50, 70, 3), 255, np.uint8)
    turning = NONE.model_copy(update={"rotation": 180.0})
    for seed in range(30):
        assert float(pixels_of(view(white, turning, seed)).min()) > 0.99


def test_brightness_stays_within_its_bounds() -> None:
    grey = np.full((40, 40, 3), 100, np.uint8)
    chosen = NONE.model_copy(update={"brightness": 0.25})
    factors = [float(pixels_of(view(grey, chosen, s)).mean()) * 255 / 100 for s in range(200)]
    assert 0.75 - 1e-4 <= min(factors) < 0.78
    assert 1.22 < max(factors) <= 1.25 + 1e-4


def test_the_number_of_torchs_threads_does_not_change_a_view() -> None:
    pixels = picture(300, 400)
    views = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        views.append(view(pixels, AUGMENTATIONS["strong"], 1))
    torch.set_num_threads(before)
    assert torch.equal(*views)
