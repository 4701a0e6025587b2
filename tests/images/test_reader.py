"""What a user would miss if pictures were read wrongly, checked against files of other projects."""

from __future__ import annotations

import os
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlstudio.errors import PictureError
from tlstudio.images import opening, raster
from tlstudio.images.look import look
from tlstudio.images.opening import UnreachableError
from tlstudio.images.reader import read_reduced, read_rgb, thumbnail

# Pillow tells the developer what it dislikes in odd files; the tests ask what the user is told.
pytestmark = pytest.mark.filterwarnings("ignore:::PIL")


def verdict(read: object, path: Path) -> str:
    try:
        read(path)  # type: ignore[operator]
    except PictureError as error:
        return error.message
    return ""


def reason(path: Path) -> str:
    """The reason for refusing a file, which all ways of reading must give."""
    message = verdict(read_rgb, path)
    assert message
    assert look(path).reason == message
    assert verdict(lambda file: thumbnail(file, 32), path) == message
    assert verdict(lambda file: read_reduced(file, 32), path) == message
    return message


def noise(height: int = 60, width: int = 90, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


# --- files of other projects ---------------------------------------------------------------------


def test_every_odd_file_is_read_or_refused_with_a_reason_and_a_look_agrees(data: Path) -> None:
    files = sorted(path for path in (data / "odd").rglob("*") if path.is_file())
    assert len(files) == 1462
    reasons: dict[str, int] = {}
    with ThreadPoolExecutor(2) as pool:
        verdicts = list(pool.map(lambda file: (verdict(read_rgb, file), look(file).reason), files))
    for file, (full, quick) in zip(files, verdicts, strict=True):
        assert full == quick, file
        reasons[full] = reasons.get(full, 0) + 1
    assert reasons[""] > 1200
    assert len(reasons) <= 7  # none is an accident of wording


@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
def test_pictures_taken_with_the_camera_turned_are_upright(data: Path, shape: str) -> None:
    folder = data / "odd/exif-orientation"
    upright = read_rgb(folder / f"{shape}_0.jpg").astype(np.int16)
    for turn in range(1, 9):
        turned = read_rgb(folder / f"{shape}_{turn}.jpg").astype(np.int16)
        assert turned.shape == upright.shape
        # The same photograph, compressed anew; turned otherwise it differs by 43 levels and more.
        assert np.abs(turned - upright).mean() < 5, turn
        small = thumbnail(folder / f"{shape}_{turn}.jpg", 120)
        assert small.shape[:2] == ((80, 120) if shape == "Landscape" else (120, 80))


def test_png_suite_pairs_that_show_the_same_picture_give_the_same_pixels(data: Path) -> None:
    folder = data / "odd/pngsuite/png"
    pairs = [(f"basi{kind}.png", f"basn{kind}.png") for kind in _BASIC]
    pairs += [(f"s{size:02d}i3p{bits}.png", f"s{size:02d}n3p{bits}.png") for size, bits in _SIZES]
    pairs += [(f"oi{chunks}n{kind}.png", f"oi1n{kind}.png") for chunks in "249" for kind in _DEEP]
    pairs += [(f"z{level}n2c08.png", "z00n2c08.png") for level in ("03", "06", "09")]
    for one, other in pairs:
        assert np.array_equal(read_rgb(folder / one), read_rgb(folder / other)), (one, other)


_BASIC = [
    "0g01",
    "0g02",
    "0g04",
    "0g08",
    "0g16",
    "2c08",
    "2c16",
    "3p01",
    "3p02",
    "3p04",
    "3p08",
    "4a08",
    "4a16",
    "6a08",
    "6a16",
]
_DEEP = ("0g16", "2c16")
_SIZES = [(size, "01") for size in range(1, 5)] + [(size, "02") for size in range(5, 10)]
_SIZES += [(size, "04") for size in range(32, 41)]


def test_broken_png_suite_files_are_refused(data: Path) -> None:
    broken = sorted((data / "odd/pngsuite/png").glob("x*.png"))
    readable = [path.name for path in broken if not look(path).reason]
    assert len(broken) == 14
    assert readable == ["xcsn0g01.png"]  # a wrong checksum that Pillow forgives


@pytest.mark.parametrize("kind", ["png", "webp", "pbm", "tiff", "jpg", "gif/simple"])
def test_pixels_agree_with_the_references_of_image_rs(data: Path, kind: str) -> None:
    """The references were written by another decoder, in Rust."""
    # Pillow gives a GIF the size of its largest frame, and reads these TIFFs' alpha otherwise; the
    # floating-point one has values below 0, which the others cut off.
    known = {"issue_1455_oversized.gif", "hpredict.tiff", "hpredict_packbits.tiff"}
    known.add("rgb32f_color.tiff")
    references = data / "odd/image-rs/tests/reference" / kind
    compared = 0
    for reference in sorted(references.rglob("*.png")):
        source = data / "odd/image-rs/tests/images" / kind / reference.relative_to(references)
        source = source.with_suffix("")
        if not source.exists() or source.name in known or look(source).reason:
            continue
        expected = read_rgb(reference).astype(np.int16)
        # JPEG decoders may differ by a few levels in how they enlarge colour.
        tolerance = 4 if kind == "jpg" else 1
        assert np.abs(read_rgb(source).astype(np.int16) - expected).max() <= tolerance, source.name
        compared += 1
    assert compared


# --- depth, colour, transparency: closed forms ---------------------------------------------------


def test_sixteen_bit_grey_is_rescaled_and_not_white(tmp_path: Path) -> None:
    levels = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    for name in ("deep.png", "deep.tif"):
        pixels = read_rgb(save(tmp_path / name, Image.fromarray(levels)))
        assert np.array_equal(pixels[..., 0].ravel(), np.arange(256))
        assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_sixteen_bit_pgm_is_rescaled_even_where_it_is_dark(tmp_path: Path) -> None:
    file = tmp_path / "dark.pgm"
    file.write_bytes(b"P5 2 1 65535\n" + struct.pack(">HH", 0, 200))
    assert read_rgb(file)[0, :, 0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 25700.0, 65535.0], [0, 100, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, float("nan"), 1.0], [0, 0, 255]),
        ([3.0e6, 3.0e6, 3.0e6], [0, 0, 0]),
    ],
)
def test_floating_point_grey_follows_the_stated_rule(
    tmp_path: Path, values: list[float], expected: list[int]
) -> None:
    file = save(tmp_path / "float.tif", Image.fromarray(np.array([values], np.float32)))
    assert read_rgb(file)[0, :, 0].tolist() == expected


def test_white_is_zero_is_not_read_as_a_negative(tmp_path: Path) -> None:
    deep = Image.fromarray(np.array([[0, 65535]], np.uint16))
    file = save(tmp_path / "inverted.tif", deep, tiffinfo={262: 0})
    assert read_rgb(file)[0, :, 0].tolist() == [255, 0]


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    red = np.array([[[255, 0, 0, alpha] for alpha in (0, 128, 255)]], np.uint8)
    pixels = read_rgb(save(tmp_path / "alpha.png", Image.fromarray(red)))
    assert pixels[0].tolist() == [[255, 255, 255], [255, 127, 127], [255, 0, 0]]
    grey = Image.fromarray(np.array([[[10, 0], [10, 255]]], np.uint8))
    assert read_rgb(save(tmp_path / "la.png", grey))[0, :, 0].tolist() == [255, 10]


def test_a_transparent_colour_below_eight_bits_is_found(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    file = tmp_path / "key.png"
    file.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 4, 0, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(">H", 7))
        + chunk(b"IDAT", zlib.compress(b"\x00\x75"))  # a row of the levels 7 and 5 out of 15
        + chunk(b"IEND", b"")
    )
    assert read_rgb(file)[0, :, 0].tolist() == [255, 85]


def test_palettes_one_bit_and_cmyk_keep_their_colours(tmp_path: Path) -> None:
    colours = Image.fromarray(np.repeat([[[200, 30, 40], [20, 160, 90]]], 8, 0).astype(np.uint8))
    wanted = [[200, 30, 40], [20, 160, 90]]
    assert read_rgb(save(tmp_path / "p.gif", colours.quantize(4)))[0].tolist() == wanted
    assert read_rgb(save(tmp_path / "cmyk.tif", colours.convert("CMYK")))[0].tolist() == wanted
    bits = Image.fromarray(np.array([[True, False]]))
    assert read_rgb(save(tmp_path / "bits.png", bits))[0, :, 0].tolist() == [255, 0]


def test_the_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    for name in ("animation.gif", "animation.png", "animation.webp"):
        options = {"lossless": True} if name.endswith("webp") else {}
        file = save(tmp_path / name, frames[0], save_all=True, append_images=frames[1:], **options)
        assert read_rgb(file)[0, 0].tolist() == [255, 0, 0]


# --- what is refused, and in which words ---------------------------------------------------------


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png", "cut.bmp", "progressive.jpg"])
def test_a_cut_off_picture_is_found_out(tmp_path: Path, name: str) -> None:
    options = {"progressive": True} if name.startswith("progressive") else {}
    file = save(tmp_path / name, Image.fromarray(noise(200, 300)), **options)
    whole = file.read_bytes()
    for share in (0.4, 0.7, 0.95):
        file.write_bytes(whole[: int(len(whole) * share)])
        assert reason(file) == "The file is cut off.", share


def test_what_is_no_picture_says_so(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    assert reason(empty) == "The file is empty."
    text = tmp_path / "text.jpg"
    text.write_text("Not Found")
    assert reason(text) == "The file is not a picture of a kind that can be read."
    start = tmp_path / "start.png"
    start.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    assert reason(start) == "The file is damaged."
    phone = tmp_path / "phone.heic"
    phone.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    assert reason(phone) == "The file is damaged."


def test_a_picture_program_is_never_started(tmp_path: Path) -> None:
    """Pillow hands EPS to Ghostscript, which runs what is written in the file."""
    script = tmp_path / "picture.eps"
    script.write_text(
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    )
    assert reason(script) == "The file is not a picture of a kind that can be read."


def test_a_picture_that_would_fill_the_memory_is_refused_before_decoding(tmp_path: Path) -> None:
    bomb = save(tmp_path / "bomb.png", Image.new("1", (20_000, 10_000)))
    assert bomb.stat().st_size < 100_000
    assert reason(bomb) == "The picture is larger than 100 million pixels."


def test_a_missing_file_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"^The file can no longer be found\.$"):
        read_rgb(tmp_path / "gone.jpg")


def test_folders_and_pipes_do_not_stop_the_reader(tmp_path: Path) -> None:
    assert reason(tmp_path) == "This is not an ordinary file."
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        assert reason(tmp_path / "pipe.jpg") == "This is not an ordinary file."


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX rights")
def test_a_forbidden_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = save(tmp_path / "secret.png", Image.new("RGB", (4, 4)))
    file.chmod(0)
    if os.geteuid() == 0:  # who may read everything

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(opening, "open", refuse, raising=False)
    assert reason(file) == "The file may not be read."


def test_a_picture_with_broken_exif_is_still_a_picture(tmp_path: Path) -> None:
    file = save(
        tmp_path / "exif.jpg", Image.fromarray(noise()), exif=b"Exif\0\0II*\0" + b"\xff" * 40
    )
    assert read_rgb(file).shape == (60, 90, 3)
    assert look(file).reason == ""


def test_every_format_that_is_asked_for_exists() -> None:
    Image.init()
    assert set(raster.FORMATS) <= set(Image.OPEN)


# --- thumbnails and threads ----------------------------------------------------------------------


def test_a_thumbnail_shows_the_same_picture_small(data: Path) -> None:
    file = data / "odd/exif-orientation/Landscape_6.jpg"
    small = thumbnail(file, 90)
    exact = Image.fromarray(read_rgb(file)).resize((90, 60), Image.Resampling.BOX)
    assert small.shape == (60, 90, 3)
    assert np.abs(small.astype(np.int16) - np.asarray(exact, np.int16)).mean() < 4


def test_a_small_or_thin_picture_is_not_enlarged(tmp_path: Path) -> None:
    assert thumbnail(save(tmp_path / "s.png", Image.new("RGB", (20, 10))), 64).shape == (10, 20, 3)
    assert thumbnail(save(tmp_path / "t.png", Image.new("RGB", (2000, 2))), 50).shape == (1, 50, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_reduced_picture_is_upright_and_shows_the_same(orientation: int, data: Path) -> None:
    file = data / f"odd/exif-orientation/Landscape_{orientation}.jpg"
    whole, reduced = read_rgb(file), read_reduced(file, 250)
    assert 250 <= min(reduced.shape[:2]) < 500
    small = [
        np.asarray(Image.fromarray(pixels).resize((90, 60), Image.Resampling.BOX), np.int16)
        for pixels in (whole, reduced)
    ]
    assert np.abs(small[0] - small[1]).mean() < 4


@pytest.mark.parametrize("size", [(400, 300), (301, 4000), (199, 100)])
def test_reducing_leaves_at_least_the_pixels_that_were_asked_for(
    size: tuple[int, int], tmp_path: Path
) -> None:
    file = save(tmp_path / "p.jpg", Image.new("RGB", size, "teal"))
    for side in (30, 75, 100, 160):
        shorter = min(read_reduced(file, side).shape[:2])
        assert shorter >= min(side, *size)
        assert shorter < max(2 * side + 2, min(size) / 8 + 2) or shorter == min(size)
    exact = read_rgb(file)
    assert np.array_equal(read_reduced(file, min(size)), exact)
    other = save(tmp_path / "p.png", Image.fromarray(noise(300, 400)))
    assert np.array_equal(read_reduced(other, 30), read_rgb(other))


def test_threads_read_the_same_pixels(tmp_path: Path) -> None:
    files = [
        save(tmp_path / f"{seed}.jpg", Image.fromarray(noise(seed=seed)), quality=90)
        for seed in range(8)
    ]
    alone = [read_rgb(file) for file in files]
    barrier = threading.Barrier(8)

    def read(file: Path) -> np.ndarray:
        barrier.wait()
        return read_rgb(file)

    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            together = list(pool.map(read, files))
            assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))
