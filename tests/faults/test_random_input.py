"""Random clicks, keys and drops on the real window raise nothing, hang nothing, and touch nothing
of the user's."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

TESTS = Path(__file__).parents[1]
USER = TESTS / "faults" / "random_user.py"
QUICK, LONG = (1, 150), (20, 2000)
"""How many seeds, and how many actions of each."""


def snapshot(folder: Path) -> dict[str, tuple[str, int]]:
    """What every file below holds, and when it was changed."""
    return {
        str(file.relative_to(folder)): (
            hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "",
            file.stat().st_mtime_ns,
        )
        for file in sorted(folder.rglob("*"))
    }


def furnish(place: Path) -> None:
    """The user's pictures, some of them odd, and documents that are no pictures."""
    numbers = np.random.default_rng(0)
    for name, count in (("hole", 12), ("stain", 10), ("good", 8)):
        (place / "pictures" / name).mkdir(parents=True)
        for n in range(count):
            pixels = numbers.integers(0, 255, (30, 40, 3), np.uint8)
            Image.fromarray(pixels).save(place / "pictures" / name / f"{n:05}.png")
    copy = place / "pictures" / "stain" / "copy.png"
    copy.write_bytes((place / "pictures" / "hole" / "00000.png").read_bytes())
    (place / "pictures" / "good" / "broken.png").write_bytes(b"\x89PNG, but no more of it")
    documents = place / "documents"
    documents.mkdir()
    (documents / "table.csv").write_text("file,label\nhole/00000.png,hole\nx.png,stain\n")
    (documents / "empty.xlsx").write_bytes(b"")
    (documents / "weights.pth").write_bytes(b"PK\x03\x04 not really")
    (documents / "weights.safetensors").write_bytes(b"\xff" * 64)
    (documents / "letter ä.txt").write_text("Dear Sir")
    (documents / "empty folder").mkdir()
    (documents / ("n" * 200)).write_text("a long name")
    (place / "out").mkdir()


def let_loose(seed: int, actions: int, place: Path) -> dict[str, Any]:
    """What was noticed while a random user acted; nothing of the user's was changed."""
    furnish(place)
    before = {name: snapshot(place / name) for name in ("pictures", "documents")}
    home = {name: str(place / "home") for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME")}
    ended = subprocess.run(
        [sys.executable, str(USER), str(seed), str(actions), str(place)],
        cwd=place / "out",
        env={
            **os.environ,
            **home,
            "PYTHONPATH": os.pathsep.join(map(str, (TESTS.parent, TESTS / "gui"))),
            "TLSTUDIO_HOME": str(place / "program"),
            "QT_QPA_PLATFORM": "offscreen",
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120 + actions,
    )
    assert ended.returncode == 0, f"seed {seed}: {ended.stderr[-4000:]}"
    assert {name: snapshot(place / name) for name in before} == before, f"seed {seed}"
    noticed: dict[str, Any] = json.loads((place / "noticed.json").read_text())
    assert not noticed["errors"], f"seed {seed}: {noticed['errors'][0]}"
    assert not noticed["qt"], f"seed {seed}: {noticed['qt'][0]}"
    return noticed


@pytest.mark.parametrize("seed", range(QUICK[0]))
def test_a_few_random_clicks_raise_nothing_and_change_nothing(seed: int, tmp_path: Path) -> None:
    noticed = let_loose(seed, QUICK[1], tmp_path)
    assert sum(noticed["actions"].values()) == QUICK[1]


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", range(LONG[0]))
def test_many_random_clicks_raise_nothing_and_change_nothing(seed: int, tmp_path: Path) -> None:
    noticed = let_loose(seed, LONG[1], tmp_path)
    assert sum(noticed["actions"].values()) == LONG[1]
    print(json.dumps({"seed": seed, **noticed}))  # noqa: T201  (the figures of the note)
