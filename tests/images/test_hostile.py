"""Odd, rare, broken and hostile files by the thousand: none takes the program along, and each gets
a verdict."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image
from pydicom.data import get_testdata_file

from tlstudio.images.facts import Look
from tlstudio.images.first_look import ENDED, TOO_LONG, Limits, first_looks
from tlstudio.images.looking import TOO_MUCH_MEMORY

pytestmark = pytest.mark.slow

_EACH = 500
_TOO_MUCH = (ENDED, TOO_LONG, TOO_MUCH_MEMORY)


def looked_at(files: list[Path]) -> tuple[list[Look], int]:
    """What is said of the files, and the most memory in bytes that a child was seen to take."""
    found: dict[int, Look] = {}
    most = 0
    for answers in first_looks((index, str(file)) for index, file in enumerate(files)):
        found.update(answers)
        for process in psutil.Process().children():
            try:
                most = max(most, process.memory_info().rss)
            except psutil.Error:  # it has just ended
                continue
    return [found[index] for index in range(len(files))], most


def test_all_odd_files_get_a_verdict_and_none_is_too_much(data: Path) -> None:
    files = sorted(path for path in (data / "odd").rglob("*") if path.is_file())
    assert len(files) == 1462
    looks, most = looked_at(files)
    reasons = Counter(each.reason or "used" for each in looks)
    conversions = Counter(done for each in looks for done in each.done)
    print(*reasons.most_common(), *conversions.most_common(), f"{most:,} bytes", sep="\n")  # noqa: T201
    assert reasons["used"] >= 1236
    assert not [each for each in looks if each.reason in _TOO_MUCH]
    assert most < Limits().memory


def originals() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 256, (12, 16, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    made: dict[str, bytes] = {}
    for kind in ("jpeg", "png", "webp", "gif"):
        written = io.BytesIO()
        Image.fromarray(pixels).save(written, kind)
        made[kind] = written.getvalue()
    written = io.BytesIO()
    tifffile.imwrite(written, pixels.astype(np.uint16) * 257, photometric="rgb", compression="lzw")
    made["tiff"] = written.getvalue()
    dicom = get_testdata_file("MR_small_RLE.dcm", download=False)
    assert isinstance(dicom, str)
    made["dicom"] = Path(dicom).read_bytes()
    return made


def damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    """Cut off, or with a few bytes changed; half of those near the start, where most is decided."""
    if rng.random() < 0.25:
        return whole[: int(rng.integers(len(whole)))]
    content = np.frombuffer(whole, np.uint8).copy()
    reach = len(content) if rng.random() < 0.5 else min(len(content), 400)
    for _ in range(int(rng.integers(1, 9))):
        content[rng.integers(reach)] = rng.integers(256)
    return content.tobytes()


def test_three_thousand_damaged_files_of_six_kinds_end_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    files: list[Path] = []
    for kind, whole in originals().items():
        for number in range(_EACH):
            file = tmp_path / f"{kind} {number}"
            file.write_bytes(damaged(whole, rng))
            files.append(file)
    assert len(files) == 3000
    looks, most = looked_at(files)
    verdicts = Counter(
        (file.name.split()[0], each.reason) for file, each in zip(files, looks, strict=True)
    )
    print(*sorted(verdicts.items()), f"{most:,} bytes", sep="\n")  # noqa: T201
    assert not [each for each in looks if each.reason in _TOO_MUCH]
    for kind in originals():  # both outcomes were met, so that something was tested
        assert verdicts[kind, ""]
        assert sum(count for (each, reason), count in verdicts.items() if each == kind and reason)
    assert most < Limits().memory
