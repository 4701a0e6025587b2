"""An installed program has all that it needs beside its code."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]

WHERE = """
import tlstudio
from tlstudio.backbones.catalogue import catalogue
from tlstudio.backbones.weights import default_backbone, present_at

entry = default_backbone()
print(entry.id, entry.bundled, present_at(entry.weights[0]))
"""


def test_the_bundled_backbone_is_in_the_wheel_and_found_there(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed), "TORCH_HOME": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-c", WHERE],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    identifier, bundled, path = found.stdout.split(maxsplit=2)
    assert (identifier, bundled) == ("compact_resnet", "True")
    assert installed in Path(path.strip()).parents
