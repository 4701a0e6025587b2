"""The views of a picture follow from its content and nothing else."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from tlstudio.backbones.catalogue import PreprocessingSpec
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.errors import DatasetError, PictureError
from tlstudio.jobs import AUGMENTATIONS, Augmentation
from tlstudio.training.views import PLAIN, View, ViewMaker, views_of

SPEC = PreprocessingSpec(
    resize=40, crop=32, interpolation="bilinear", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)
)
STRONG = Augmentation(flip_horizontal=True, crop_scale=0.3, rotation=20, brightness=0.4)
MIRRORED, FIRST, SECOND = View("mirrored"), View("varied", 0), View("varied", 1)


@pytest.fixture
def file(pictures: Path) -> Path:
    return pictures / "red" / "0.png"


def made(file: Path, *views: View, augmentation: Augmentation = STRONG) -> Tensor:
    digest = hashlib.sha256(file.read_bytes()).digest()
    return ViewMaker(Preprocessing(SPEC), augmentation).make(file, digest, views)


def test_the_plain_view_is_torchvisions_preprocessing_and_the_mirrored_one_its_mirror_image(
    file: Path,
) -> None:
    transform = v2.Compose(
        [
            v2.PILToTensor(),
            v2.ToDtype(torch.float32),
            v2.Resize(40, antialias=True),
            v2.CenterCrop(32),
            v2.Normalize([0.5 * 255, 0.4 * 255, 0.3 * 255], [0.2 * 255, 0.3 * 255, 0.4 * 255]),
        ]
    )
    with Image.open(file) as picture:
        expected = transform(picture.convert("RGB"))
    plain, mirrored = made(file, PLAIN, MIRRORED)
    torch.testing.assert_close(plain, expected, rtol=0, atol=1e-4)
    assert torch.equal(mirrored, v2.functional.horizontal_flip(plain))


def test_views_are_the_same_under_any_name_in_any_order_and_alone(
    file: Path, tmp_path: Path
) -> None:
    together = made(file, PLAIN, MIRRORED, FIRST, SECOND)
    shutil.copy(file, tmp_path / "another name.png")
    torch.rand(1)
    again = made(tmp_path / "another name.png", SECOND, PLAIN)
    assert torch.equal(again[0], together[3])
    assert torch.equal(again[1], together[0])
    assert torch.equal(made(file, FIRST)[0], together[2])


def test_varied_views_differ_from_each_other_and_between_pictures(
    file: Path, tmp_path: Path
) -> None:
    plain, first, second = made(file, PLAIN, FIRST, SECOND)
    assert not torch.allclose(first, second, atol=0.1)
    assert not torch.allclose(first, plain, atol=0.1)
    same_pixels = tmp_path / "same pixels.png"
    with Image.open(file) as picture:
        picture.save(same_pixels, compress_level=0)
    assert torch.equal(made(same_pixels, PLAIN)[0], plain)
    assert not torch.allclose(made(same_pixels, FIRST)[0], first, atol=0.1)


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_there_are_as_many_views_as_asked_for_the_plain_one_first(count: int) -> None:
    views = views_of(STRONG, count)
    assert len(views) == len(set(views)) == count
    assert views == (PLAIN, MIRRORED, FIRST, SECOND)[:count]


def test_there_are_no_views_that_would_look_the_same() -> None:
    assert views_of(AUGMENTATIONS["none"], 4) == (PLAIN,)
    only_flips = AUGMENTATIONS["none"].model_copy(update={"flip_horizontal": True})
    assert views_of(only_flips, 4) == (PLAIN, MIRRORED)
    no_flips = STRONG.model_copy(update={"flip_horizontal": False})
    assert views_of(no_flips, 3) == (PLAIN, FIRST, SECOND)


def test_a_name_tells_every_view_from_any_other_and_plain_ones_are_shared() -> None:
    usual = ViewMaker(Preprocessing(SPEC), STRONG)
    other = ViewMaker(Preprocessing(SPEC), STRONG.model_copy(update={"rotation": 21}))
    names = {usual.name(view) for view in (PLAIN, MIRRORED, FIRST, SECOND)}
    assert len(names) == 4
    assert other.name(PLAIN) == usual.name(PLAIN)
    assert other.name(MIRRORED) == usual.name(MIRRORED)
    assert other.name(FIRST) not in names


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for view in (PLAIN, FIRST):
        with pytest.raises((PictureError, DatasetError), match="not a picture"):
            made(tmp_path / "broken.png", view)
