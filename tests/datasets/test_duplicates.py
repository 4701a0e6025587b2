"""What would let a copy of a training picture into the validation pictures, or tie together what
only looks alike."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_items import Pixels, item, pictured, scene
from PIL import Image, ImageEnhance
from PIL.Image import Transpose

from tlstudio.datasets.duplicates import Compared, Near, exact, near
from tlstudio.datasets.item import Item
from tlstudio.tasks import drive

ENDINGS = (".jpg", ".jpeg", ".png")
Change = Callable[[Image.Image], Image.Image]


NOTHING = Compared()


def found(items: list[Item], known: Compared = NOTHING) -> Near:
    return drive(near(items, known), lambda _: None)


def saved_again(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=60)
    return Image.open(file).convert("RGB")


def cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return picture.crop((round(width * 0.02), round(height * 0.01), width, round(height * 0.98)))


COPIES: dict[str, Change] = {
    "saved again": saved_again,
    "resized": lambda picture: picture.resize((picture.width * 3 // 5, picture.height // 2)),
    "cropped": cropped,
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.1),
    "less contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.8),
    "mirrored": lambda picture: picture.transpose(Transpose.FLIP_LEFT_RIGHT),
    "upside down": lambda picture: picture.transpose(Transpose.FLIP_TOP_BOTTOM),
    "half turn": lambda picture: picture.transpose(Transpose.ROTATE_180),
    "quarter left": lambda picture: picture.transpose(Transpose.ROTATE_90),
    "quarter right": lambda picture: picture.transpose(Transpose.ROTATE_270),
    "transposed": lambda picture: picture.transpose(Transpose.TRANSPOSE),
    "transversed": lambda picture: picture.transpose(Transpose.TRANSVERSE),
}


def changed(pixels: Pixels, change: Change) -> Pixels:
    return np.array(change(Image.fromarray(pixels)))


def test_the_same_bytes_under_other_names_are_exact_duplicates() -> None:
    items = [item(0), item(1, digest=b"x"), item(2), item(3, digest=b"x"), item(4, digest=b"x")]
    assert exact(items) == [(1, 3, 4)]


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_tied_to_its_original_and_nothing_else_is_tied(name: str) -> None:
    scenes = [scene(seed) for seed in range(40)]
    copies = [changed(pixels, COPIES[name]) for pixels in scenes[:20]]
    items = [pictured(number, pixels) for number, pixels in enumerate([*scenes, *copies])]
    assert found(items).groups == [(number, 40 + number) for number in range(20)]


def test_pictures_of_one_colour_are_no_copies_of_one_another() -> None:
    rng = np.random.default_rng(0)
    yellow = [
        np.clip(rng.normal([220, 180, 10], 4, (64, 64, 3)), 0, 255).astype(np.uint8)
        for _ in range(30)
    ]
    assert found([pictured(number, pixels) for number, pixels in enumerate(yellow)]).groups == []


def test_all_files_of_the_same_bytes_are_in_the_group_of_their_near_copy() -> None:
    pixels = scene(0)
    items = [pictured(0, pixels, digest=b"x"), pictured(1, scene(1)), pictured(2, pixels)]
    items.append(pictured(3, pixels, digest=b"x"))
    assert found(items).groups == [(0, 2, 3)]


def test_the_order_of_the_pictures_changes_nothing() -> None:
    scenes = [scene(seed) for seed in range(30)]
    items = [pictured(number, pixels) for number, pixels in enumerate(scenes)]
    items += [pictured(30 + n, changed(scenes[n], saved_again)) for n in range(10)]
    order = np.random.default_rng(0).permutation(len(items)).tolist()
    groups = found([items[index] for index in order]).groups
    assert sorted(tuple(sorted(order[index] for index in group)) for group in groups) == [
        (number, 30 + number) for number in range(10)
    ]


# --- what is remembered --------------------------------------------------------------------------


def test_a_second_look_finds_the_same_and_compares_only_what_is_new() -> None:
    scenes = [scene(seed) for seed in range(20)]
    items = [pictured(number, pixels) for number, pixels in enumerate(scenes)]
    items += [pictured(20 + n, changed(scenes[n], saved_again)) for n in range(20)]
    first = found(items[:25])
    assert found(items, first.compared) == found(items)
    assert found(items[:25], first.compared) == first
    never = Compared(first.compared.keys, frozenset())
    later = found(items, never).groups
    assert later == [(number, 20 + number) for number in range(5, 20)]


def test_what_is_remembered_comes_back_from_its_bytes() -> None:
    pixels = scene(0)
    compared = found([pictured(0, pixels), pictured(1, scene(1)), pictured(2, pixels)]).compared
    assert len(compared.pairs) == 1
    assert Compared.unpacked(compared.packed()) == compared
    assert Compared.unpacked(Compared().packed()) == Compared()


@pytest.mark.parametrize("damage", [b"", b"0", b"1\xff\xff\xff\xff", b"1\0\0\0\0" + bytes(8)])
def test_a_damaged_memory_counts_as_none(damage: bytes) -> None:
    assert Compared.unpacked(damage) == Compared()


def test_a_file_that_is_read_otherwise_is_compared_again() -> None:
    pixels = scene(0)
    before = found([pictured(0, pixels), pictured(1, scene(1))])
    items = [pictured(0, pixels), pictured(1, changed(pixels, saved_again))]
    assert found(items, before.compared).groups == [(0, 1)]


# --- where all pictures look alike ---------------------------------------------------------------


def test_a_camera_that_does_not_move_makes_no_copies_of_all_its_pictures() -> None:
    rng, background = np.random.default_rng(0), scene(0)
    taken: list[Pixels] = []
    for _ in range(80):
        pixels = background.copy()
        top, left = rng.integers(0, 140, 2)
        pixels[top : top + 20, left : left + 20] = rng.integers(0, 256, 3)
        taken.append(pixels)
    taken.append(changed(taken[0], saved_again))
    items = [pictured(number, pixels) for number, pixels in enumerate(taken)]
    groups = found(items).groups
    assert any({0, 80} <= set(group) for group in groups)
    assert sum(map(len, groups)) <= 12


# --- real pictures -------------------------------------------------------------------------------


def real(folder: Path) -> list[Item]:
    files = sorted(file for file in folder.rglob("*.*") if file.suffix.lower() in ENDINGS)
    return [
        pictured(
            number,
            np.array(Image.open(file).convert("RGB")),
            label=file.parent.name,
            file=file.name,
            digest=file.read_bytes(),
        )
        for number, file in enumerate(files)
    ]


def test_photographs_hold_no_copies_but_the_planted_ones(data: Path) -> None:
    folder = data / "images" / "ants-bees" / "val"
    items, changes = real(folder), list(COPIES.values())
    count = len(items)
    for number in range(24):
        file = next(folder.rglob(items[number].file))
        pixels = changed(np.array(Image.open(file).convert("RGB")), changes[number % len(changes)])
        items.append(pictured(count + number, pixels))
    assert found(items).groups == [(number, count + number) for number in range(24)]


def test_slices_of_other_brains_are_no_copies(data: Path) -> None:
    """The 22 groups of the same bytes are known; all of them that are joined by their looks were
    looked at, the largest of five files."""
    items = real(data / "images" / "brain-mri")
    assert len(exact(items)) == 22
    assert max(len(group) for group in found(items).groups) == 5
