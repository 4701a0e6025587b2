"""The main job in the real window with the real engine: real clicks, from a folder to an ONNX file.

It runs in a process of its own, because the window's must never have imported torch.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PROGRAM = """
import dataclasses, json, sys
from pathlib import Path
from tlstudio.gui.tour import tour
from tlstudio.jobs import WeightsSpec

out, pictures = Path(sys.argv[1]), Path(sys.argv[2])
report = tour(
    out, weights=WeightsSpec(source="scratch"), epochs=2, timeout_s=200, pictures=pictures,
    keep=out / "model",
)
print(json.dumps({**dataclasses.asdict(report), "torch": "torch" in sys.modules}))
"""

PAGES = (
    "home-empty.png",
    "images.png",
    "images-health.png",
    "images-split.png",
    "images-files.png",
    "backbone.png",
    "settings.png",
    "train-running.png",
    "train.png",
    "results.png",
    "export.png",
    "runs.png",
    "home.png",
)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve reddish and twelve bluish pictures of 72 by 64 pixels, with noise."""
    random = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        folder = tmp_path / "tiny" / name
        folder.mkdir(parents=True)
        for n in range(12):
            pixels = random.integers(0, 120, (64, 72, 3), dtype=np.uint8)
            pixels[..., channel] += 110
            Image.fromarray(pixels).save(folder / f"{n:02}.png")
    return tmp_path / "tiny"


def command(display: str) -> list[str]:
    if display == "offscreen":
        return [sys.executable]
    xvfb = shutil.which("xvfb-run")
    if xvfb is None:
        pytest.skip("xvfb-run is not installed")
    return [xvfb, "-a", sys.executable]


@pytest.mark.parametrize("display", [pytest.param("offscreen", marks=pytest.mark.slow), "xvfb"])
def test_from_a_folder_to_a_checked_onnx_file(pictures: Path, tmp_path: Path, display: str) -> None:
    out = tmp_path / "tour"
    environment = {**os.environ, "TLSTUDIO_THEME": "light"}
    environment["QT_QPA_PLATFORM"] = "offscreen" if display == "offscreen" else "xcb"
    ended = subprocess.run(
        [*command(display), "-c", PROGRAM, str(out), str(pictures)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout.splitlines()[-1])
    assert report["torch"] is False
    assert report["pages"] == list(PAGES)
    for page in PAGES:
        with Image.open(out / page) as picture:
            assert picture.width >= 1000
            assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 50
    exported = [Path(file) for file in report["exported"]]
    assert any(file.suffix == ".onnx" and file.stat().st_size > 10_000 for file in exported)
