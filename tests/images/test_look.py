"""What is said of a picture, against other programs' figures and against what was drawn."""

from __future__ import annotations

import calendar
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tlstudio.images.facts import Facts, Look
from tlstudio.images.look import look
from tlstudio.images.packed import pack, unpack
from tlstudio.images.reader import read_rgb

# Pillow tells the developer what it dislikes in odd files.
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")

PHOTOGRAPHS = "images/ants-bees/train/ants"


def facts(path: Path) -> Facts:
    found = look(path)
    assert found.facts is not None, found.reason
    return found.facts


def drawn(path: Path, image: Image.Image, **options: object) -> Facts:
    image.save(path, **options)  # type: ignore[arg-type]
    return facts(path)


def test_digest_size_format_and_grey_levels(data: Path) -> None:
    for file in sorted((data / PHOTOGRAPHS).glob("*.jpg"))[:20]:
        found, pixels = look(file), read_rgb(file)
        assert found.facts is not None
        grey = np.asarray(Image.fromarray(pixels).convert("L"), np.float64)
        assert found.digest == hashlib.sha256(file.read_bytes()).digest()
        assert (found.facts.height, found.facts.width) == pixels.shape[:2]
        assert found.facts.format == "JPEG"
        assert found.facts.mean == pytest.approx(grey.mean(), abs=1)
        assert 0.6 * grey.std() < found.facts.spread < 1.01 * grey.std()  # noise does not count
        small = Image.fromarray(pixels).resize((16, 16), Image.Resampling.BOX)
        thumb = np.frombuffer(found.facts.thumb, np.uint8).astype(np.int16).reshape(16, 16, 3)
        assert np.abs(thumb - np.asarray(small, np.int16)).mean() < 3


def test_sizes_are_those_of_the_upright_picture(data: Path) -> None:
    for turn in range(9):
        found = look(data / f"odd/exif-orientation/Portrait_{turn}.jpg")
        assert found.facts is not None
        assert found.facts.height > found.facts.width
        assert ("turned upright" in found.done) == (turn > 1)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_planted_border_is_seen(data: Path, tmp_path: Path, suffix: str) -> None:
    photograph = Image.open(sorted((data / PHOTOGRAPHS).glob("*.jpg"))[3]).convert("RGB")
    plain = drawn(tmp_path / f"plain.{suffix}", photograph)
    framed = Image.new("RGB", (photograph.width + 20, photograph.height + 20), (200, 40, 90))
    framed.paste(photograph, (10, 10))
    found = drawn(
        tmp_path / f"framed.{suffix}", framed, **({"quality": 95} if suffix == "jpg" else {})
    )
    assert np.abs(np.array(found.border) - (200, 40, 90)).max() <= 6
    assert found.border_spread < 6 < plain.border_spread


def test_text_burned_into_scans_is_seen_and_photographs_have_little(
    data: Path, tmp_path: Path
) -> None:
    scans = sorted((data / "images/brain-mri/no").glob("*.jpg"))[:25]
    found = 0
    for file in scans:
        image = Image.open(file).convert("RGB")
        before = drawn(tmp_path / "without.png", image).text
        font = ImageFont.load_default(max(10, image.height // 16))
        ImageDraw.Draw(image).text((6, 6), "PATIENT 0042", fill="white", font=font)
        found += drawn(tmp_path / "with.png", image).text > before + 0.005
    assert found >= 23
    photographs = [facts(file).text for file in sorted((data / PHOTOGRAPHS).glob("*.jpg"))[:60]]
    assert np.mean(np.array(photographs) > 0.005) < 0.1


def test_camera_and_date_come_from_the_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Make", "Make One "
    exif[0x0132] = "2020:01:01 00:00:00"
    exif.get_ifd(0x8769)[0x9003] = "2021:03:04 05:06:07"
    found = drawn(tmp_path / "a.jpg", Image.new("RGB", (30, 20)), exif=exif)
    assert found.camera == "Make One"
    assert found.taken == calendar.timegm((2021, 3, 4, 5, 6, 7))
    exif.get_ifd(0x8769)[0x9003] = "some day"
    found = drawn(tmp_path / "b.jpg", Image.new("RGB", (30, 20)), exif=exif)
    assert found.taken is None


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("a.jpg", "CMYK", "colours from CMYK"),
        ("a.png", "I;16", "16 bits brought to 8"),
        ("a.tif", "F", "floating point brought to 8 bits"),
        ("a.webp", "RGBA", "laid over white"),
    ],
)
def test_what_was_done_is_said(tmp_path: Path, name: str, mode: str, words: str) -> None:
    Image.new(mode, (30, 20)).save(tmp_path / name)
    assert look(tmp_path / name).done == (words,)


def test_nothing_is_said_where_nothing_was_done(tmp_path: Path) -> None:
    for mode in ("RGB", "L", "P", "1"):
        Image.new(mode, (30, 20)).save(tmp_path / "a.png")
        assert look(tmp_path / "a.png").done == ()


def test_only_the_first_page_counts(tmp_path: Path) -> None:
    pages = [Image.new("L", (30, 20), level) for level in (10, 200, 90)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "a.gif", save_all=True, append_images=pages[1:])
    assert look(tmp_path / "a.tif").done == ("first of 3 pages",)
    assert look(tmp_path / "a.gif").done == ("first of 3 frames",)
    assert facts(tmp_path / "a.tif").mean == 10


def test_the_thinnest_and_the_smallest_pictures_have_facts(tmp_path: Path) -> None:
    for size in ((1, 1), (1, 5000), (5000, 1), (3, 3), (7, 200), (24, 24), (60_000, 130)):
        found = drawn(tmp_path / "a.png", Image.new("RGB", size, (9, 8, 7)))
        assert (found.width, found.height, found.border) == (*size, (9, 8, 7))


def test_every_look_comes_back_from_its_bytes(data: Path, tmp_path: Path) -> None:
    files = sorted((data / "odd/pillow").rglob("*.*"))[:150]
    looks = [look(file) for file in files if file.is_file()]
    looks += [Look("“Umlaut”", lasting=False), look(tmp_path)]
    assert [unpack(pack(each)) for each in looks] == looks
    whole = pack(look(files[0]))
    for cut in range(len(whole)):
        with pytest.raises(ValueError, match="no look"):
            unpack(whole[:cut])
