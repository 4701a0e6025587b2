"""Pictures of microscopes, hospitals and phones, against the libraries' figures or closed forms."""

from __future__ import annotations

import calendar
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pi_heif
import pydicom
import pytest
import tifffile
from PIL import Image, ImageCms
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_voi_lut

from tlstudio.errors import PictureError
from tlstudio.images import tiff
from tlstudio.images.colour import APPLIED, IGNORED
from tlstudio.images.look import look
from tlstudio.images.reader import read_reduced, read_rgb, thumbnail
from tlstudio.jobs import Reading

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, (40, 50, 3), np.uint16)
EIGHT = np.rint(DEEP / 257).astype(np.uint8)


def written(path: Path, values: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, values, **options)
    return path


def differ(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(np.int16) - other.astype(np.int16)).max())


# --- TIFF ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw"},
        {"compression": "zstd"},
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"byteorder": ">"},
    ],
    ids=lambda options: " ".join(map(str, options.values())) or "plain",
)
def test_sixteen_bit_colours_are_whole(tmp_path: Path, options: dict[str, Any]) -> None:
    file = written(tmp_path / "a.tif", DEEP, photometric="rgb", **options)
    assert np.array_equal(read_rgb(file), EIGHT)
    planes = np.moveaxis(DEEP, -1, 0)
    file = written(
        tmp_path / "b.tif", planes, photometric="rgb", planarconfig="separate", **options
    )
    assert np.array_equal(read_rgb(file), EIGHT)
    assert look(file).done == ("16 bits brought to 8",)


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_floating_point_colours_follow_the_rule_of_grey(tmp_path: Path, top: float) -> None:
    values = (DEEP / 65535 * top).astype(np.float32)
    assert differ(read_rgb(written(tmp_path / "a.tif", values, photometric="rgb")), EIGHT) <= 1


def test_fewer_bits_than_are_stored_are_taken_from_the_tags_and_not_from_the_picture(
    tmp_path: Path,
) -> None:
    dark = (DEEP[..., 0] >> 4) // 2  # 12 bits, of which this picture uses eleven
    ome = '<OME><Pixels Type="uint16" SignificantBits="12"/></OME>'
    for name, options in {
        "largest.tif": {"extratags": [(281, "H", 1, 4000, True)]},
        "ome.tif": {"description": ome},
    }.items():
        file = written(tmp_path / name, dark, photometric="minisblack", metadata=None, **options)
        assert differ(read_rgb(file)[..., 0], np.rint(dark / 4095 * 255)) <= 1, name
        assert look(file).done == ("12 bits brought to 8",)
        colours = np.stack([dark] * 3, axis=-1)
        file = written(tmp_path / name, colours, photometric="rgb", metadata=None, **options)
        assert differ(read_rgb(file)[..., 0], np.rint(dark / 4095 * 255)) <= 1, name
    plain = written(tmp_path / "plain.tif", dark, photometric="minisblack")
    assert read_rgb(plain).max() <= 8  # nothing says that there are fewer: the full range


def test_channels_can_be_chosen(tmp_path: Path) -> None:
    five = RNG.integers(0, 65536, (20, 30, 5), np.uint16)
    eight = np.rint(five / 257).astype(np.uint8)
    file = written(tmp_path / "a.tif", five, photometric="minisblack", planarconfig="contig")
    assert np.array_equal(read_rgb(file), eight[..., :3])
    assert look(file).done == ("first 3 channels of 5", "16 bits brought to 8")
    chosen = Reading(channels=(5, 1, 4))
    assert np.array_equal(read_rgb(file, chosen), eight[..., [4, 0, 3]])
    assert np.array_equal(read_reduced(file, 1000, chosen), eight[..., [4, 0, 3]])
    assert np.array_equal(thumbnail(file, 1000, chosen), eight[..., [4, 0, 3]])
    assert look(file, chosen).done == ("channels 5, 1, 4 of 5", "16 bits brought to 8")
    grey = read_rgb(file, Reading(channels=(2,)))
    assert np.array_equal(grey, np.stack([eight[..., 1]] * 3, axis=-1))
    with pytest.raises(PictureError, match="has 5 channels, and not 6"):
        read_rgb(file, Reading(channels=(6,)))


def test_channels_that_are_pages_can_be_chosen(tmp_path: Path) -> None:
    """As microscopes' programs write them."""
    pages = RNG.integers(0, 256, (4, 20, 30), np.uint8)
    for name, options in {
        "a.ome.tif": {"metadata": {"axes": "CYX"}},
        "imagej.tif": {"imagej": True, "metadata": {"axes": "CYX"}},
    }.items():
        file = written(tmp_path / name, pages, photometric="minisblack", **options)
        assert np.array_equal(read_rgb(file)[..., 0], pages[0])
        chosen = read_rgb(file, Reading(channels=(4, 2, 1)))
        assert np.array_equal(chosen, np.moveaxis(pages[[3, 1, 0]], 0, -1)), name


def test_two_channels_show_the_first_and_ordinary_pictures_heed_no_channels(tmp_path: Path) -> None:
    two = RNG.integers(0, 256, (20, 30, 2), np.uint8)
    file = written(tmp_path / "a.tif", two, photometric="minisblack", planarconfig="contig")
    assert np.array_equal(read_rgb(file)[..., 1], two[..., 0])
    photograph = tmp_path / "a.png"
    Image.fromarray(EIGHT).save(photograph)
    assert np.array_equal(read_rgb(photograph, Reading(channels=(3, 2, 1))), EIGHT)


@pytest.mark.parametrize(
    ("extra", "expected"), [("unassalpha", 127 + 64), ("assocalpha", 127 + 128)]
)
def test_deep_transparency_is_laid_over_white(tmp_path: Path, extra: str, expected: int) -> None:
    values = np.zeros((1, 2, 4), np.uint16)
    values[..., :3], values[..., 3] = 128 * 257, [65535, 128 * 257]
    file = written(tmp_path / "a.tif", values, photometric="rgb", extrasamples=[extra])
    assert read_rgb(file)[0, 0, 0] == 128
    assert abs(int(read_rgb(file)[0, 1, 0]) - expected) <= 1


def test_a_deep_tiff_that_is_cut_off_is_found_out(tmp_path: Path) -> None:
    large = np.tile(DEEP, (5, 5, 1))
    for options in ({}, {"compression": "zlib"}, {"tile": (64, 64)}):
        file = written(tmp_path / "a.tif", large, photometric="rgb", metadata=None, **options)
        whole = file.read_bytes()
        for share in (0.3, 0.9, 0.999):
            file.write_bytes(whole[: int(len(whole) * share)])
            assert look(file).reason in ("The file is cut off.", "The file is damaged.")


def test_the_orientation_of_a_deep_tiff_is_honoured(tmp_path: Path) -> None:
    file = written(tmp_path / "a.tif", DEEP, photometric="rgb", extratags=[(274, "H", 1, 6, True)])
    assert np.array_equal(read_rgb(file), np.rot90(EIGHT, -1))


def test_a_deep_palette_is_looked_up(tmp_path: Path) -> None:
    table = RNG.integers(0, 65536, (3, 65536), np.uint16)
    indices = RNG.integers(0, 65536, (20, 30), np.uint16)
    file = written(tmp_path / "a.tif", indices, photometric="palette", colormap=table)
    assert differ(read_rgb(file), np.rint(table[:, indices].transpose(1, 2, 0) / 257)) == 0


def test_without_the_package_the_reason_names_it_and_what_pillow_can_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = written(tmp_path / "deep.tif", DEEP, photometric="rgb")
    five = written(tmp_path / "five.tif", DEEP.astype(np.float32), photometric="rgb")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    assert differ(read_rgb(deep), EIGHT) <= 1
    assert "need the package tifffile" in look(five).reason
    assert not look(five).lasting


def test_without_the_decoders_the_reason_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path / "a.tif", DEEP.astype(np.float32), compression="zstd")

    def missing(self: object, **options: object) -> None:
        raise ValueError("<COMPRESSION.ZSTD: 50000> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", missing)
    assert look(file).reason == "The file is damaged."
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    assert "need the package imagecodecs" in look(file).reason


# --- DICOM ---------------------------------------------------------------------------------------


def dicom(name: str) -> Path:
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(found)


def changed(path: Path, name: str = "MR_small.dcm", **values: object) -> Path:
    header = pydicom.dcmread(dicom(name))
    for key, value in values.items():
        if value is None:
            delattr(header, key)
        else:
            setattr(header, key, value)
    header.save_as(path)
    return path


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 600, "WindowWidth": 1600},
        {"WindowCenter": [300, 900], "WindowWidth": [200, 1200]},
        {"WindowCenter": 600, "WindowWidth": 900, "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": 600, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 2000, "WindowWidth": 3000, "RescaleSlope": 2.5, "RescaleIntercept": 40},
    ],
)
def test_the_window_is_that_of_pydicom(tmp_path: Path, window: dict[str, Any]) -> None:
    file = changed(tmp_path / "a.dcm", **window)
    header = pydicom.dcmread(file)
    values = pydicom.pixels.apply_modality_lut(header.pixel_array, header)
    shown = apply_voi_lut(values, header)
    slope, offset = window.get("RescaleSlope", 1), window.get("RescaleIntercept", 0)
    low, high = -32768 * slope + offset, 32767 * slope + offset
    expected = np.clip((shown - low) / (high - low) * 255, 0, 255)
    assert differ(read_rgb(file)[..., 0], np.rint(expected)) <= 1
    assert "brightness window applied" in look(file).done


def test_dark_and_light_are_exchanged_where_the_file_says_so(tmp_path: Path) -> None:
    plain = read_rgb(dicom("MR_small.dcm"))
    file = changed(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read_rgb(file), 255 - plain)
    assert "dark and light exchanged" in look(file).done


def test_without_a_window_the_stored_bits_are_the_range(tmp_path: Path) -> None:
    file = changed(
        tmp_path / "a.dcm", WindowCenter=None, WindowWidth=None, BitsStored=12, HighBit=11
    )
    stored = pydicom.dcmread(file).pixel_array
    assert stored.min() >= -2048
    assert stored.max() < 2048
    assert differ(read_rgb(file)[..., 0], np.rint((stored + 2048) / 4095 * 255)) <= 1
    assert look(file).done == ("signed 12 bits brought to 8",)


@pytest.mark.parametrize(
    "names",
    [
        ("MR_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm"),
        ("SC_rgb_rle.dcm", "SC_rgb_rle_16bit.dcm", "SC_rgb_rle_2frame.dcm"),
        ("SC_rgb_small_odd.dcm", "SC_rgb_small_odd_big_endian.dcm"),
    ],
)
def test_the_same_picture_in_other_codings_gives_the_same_pixels(names: Sequence[str]) -> None:
    first, *others = (read_rgb(dicom(name)) for name in names)
    for other in others:
        assert differ(first, other) <= 1


def test_colours_palettes_and_frames() -> None:
    colours = pydicom.dcmread(dicom("SC_rgb_dcmtk_+eb+cr.dcm"))
    assert np.array_equal(read_rgb(dicom("SC_rgb_dcmtk_+eb+cr.dcm")), colours.pixel_array)
    palette = pydicom.dcmread(dicom("examples_palette.dcm"))
    looked_up = pydicom.pixels.apply_color_lut(palette.pixel_array, palette)
    assert differ(read_rgb(dicom("examples_palette.dcm")), np.rint(looked_up / 257)) <= 1
    found = look(dicom("examples_ybr_color.dcm"))
    assert "first of 30 frames" in found.done


def test_who_took_a_dicom_picture_and_when() -> None:
    facts = look(dicom("MR_small.dcm")).facts
    assert facts is not None
    assert (facts.format, facts.camera) == ("DICOM", "TOSHIBA_MEC MRT50H1")
    header = pydicom.dcmread(dicom("MR_small.dcm"))
    date = f"{header.StudyDate}{header.StudyTime}"
    numbers = [int(date[at : at + 2]) for at in range(4, 14, 2)]
    assert facts.taken == calendar.timegm((int(date[:4]), *numbers))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("rtplan.dcm", "This DICOM file holds no picture."),
        ("MR_small_jpeg_ls_lossless.dcm", r"its compression \(JPEG-LS .*\) can't be read"),
    ],
)
def test_a_dicom_file_that_can_not_be_shown_says_why(name: str, reason: str) -> None:
    with pytest.raises(PictureError, match=reason):
        read_rgb(dicom(name))


# --- HEIC, AVIF, JPEG 2000, PNM ------------------------------------------------------------------


def test_heic_goes_to_its_own_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no free writer of HEIC, so its decoder is played here."""
    file = tmp_path / "a.jpg"  # as phones' programs name it at times
    file.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    assert look(file).reason == "The file is damaged."
    exif = Image.Exif()
    exif[0x0110] = "Phone"
    picture = Image.fromarray(EIGHT)
    picture.info["exif"] = exif.tobytes()
    decoded = SimpleNamespace(size=picture.size, to_pillow=lambda: picture)
    monkeypatch.setattr(pi_heif, "open_heif", lambda file, **options: decoded)
    assert np.array_equal(read_rgb(file), EIGHT)
    facts = look(file).facts
    assert facts is not None
    assert (facts.format, facts.camera) == ("HEIF", "Phone")
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    assert "need the package pi_heif" in look(file).reason


@pytest.mark.parametrize("name", ["a.avif", "a.jp2", "a.webp", "a.ppm", "a.bmp", "a.png"])
def test_pictures_agree_with_pillow(tmp_path: Path, name: str, data: Path) -> None:
    photograph = Image.open(sorted((data / "images/ants-bees/val/bees").glob("*.jpg"))[0])
    photograph.convert("RGB").save(tmp_path / name)
    with Image.open(tmp_path / name) as opened:
        assert np.array_equal(read_rgb(tmp_path / name), np.asarray(opened.convert("RGB")))
    assert look(tmp_path / name).done == ()


# --- colour profiles -----------------------------------------------------------------------------


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def wide() -> bytes:
    """The profile of sRGB with red and green exchanged."""
    profile = bytearray(srgb())
    tags = {
        bytes(profile[at : at + 4]): at + 4
        for at in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12)
    }
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red : red + 8], profile[green : green + 8] = (
        profile[green : green + 8],
        profile[red : red + 8],
    )
    return bytes(profile).replace(b"s\0R\0G\0B\0", b"o\0d\0d\0 \0").replace(b"sRGB", b"odd ")


def test_a_colour_profile_is_brought_to_srgb(tmp_path: Path) -> None:
    red = Image.new("RGB", (30, 20), (255, 0, 0))
    file = tmp_path / "a.png"
    red.save(file, icc_profile=wide())
    assert differ(read_rgb(file), np.asarray(Image.new("RGB", (30, 20), (0, 255, 0)))) <= 2
    assert look(file).done == (APPLIED,)
    white = Image.new("RGB", (30, 20), "white")
    white.save(file, icc_profile=wide())
    assert read_rgb(file).min() >= 254


def test_a_profile_agrees_with_littlecms_on_a_photograph(data: Path, tmp_path: Path) -> None:
    photograph = Image.open(sorted((data / "images/ants-bees/val/bees").glob("*.jpg"))[0])
    file = tmp_path / "a.png"
    photograph.convert("RGB").save(file, icc_profile=wide())
    expected = ImageCms.profileToProfile(
        photograph.convert("RGB"),
        ImageCms.ImageCmsProfile(io.BytesIO(wide())),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert expected is not None
    assert differ(read_rgb(file), np.asarray(expected)) <= 2


def test_the_profile_of_srgb_changes_nothing_and_a_broken_one_is_said(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    for profile, done in ((srgb(), ()), (b"broken" * 30, (IGNORED,)), (srgb()[:200], (IGNORED,))):
        Image.fromarray(EIGHT).save(file, icc_profile=profile)
        assert np.array_equal(read_rgb(file), EIGHT)
        assert look(file).done == done


def test_a_profile_of_other_colours_than_the_pictures_is_ignored(tmp_path: Path) -> None:
    Image.fromarray(EIGHT[..., 0]).save(tmp_path / "a.png", icc_profile=wide())
    assert np.array_equal(read_rgb(tmp_path / "a.png")[..., 0], EIGHT[..., 0])


def test_pillow_alone_would_refuse_what_goes_to_tifffile(tmp_path: Path) -> None:
    """And ordinary pictures are left to Pillow, which is faster."""
    for name, values, kind, wanted in (
        ("a.tif", EIGHT, "rgb", False),
        ("b.tif", DEEP[..., 0], "minisblack", False),
        ("c.tif", DEEP, "rgb", True),
    ):
        with written(tmp_path / name, values, photometric=kind).open("rb") as file:
            assert tiff.needs_more_than_pillow(file, None) == wanted
