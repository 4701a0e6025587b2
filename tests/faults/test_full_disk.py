"""A disk that fills up while a run is written gives a sentence; the last good state is kept, and
once there is room the run ends as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.real_command import Ended, run_command
from training.made_jobs import made_pictures, made_weights

from tlstudio.projects.run_folder import RunFolder
from tlstudio.training.checkpoint import Checkpoint

POSITIONS = 50
QUICK = (4, 15, 24, 35, 46)
SIZE = 64_000_000
"""Bytes of the small disk."""


class Bench:
    """A training by the real command, and a small disk for what it writes."""

    def __init__(self, folder: Path, disk: Path) -> None:
        self.folder = folder
        self.disk, self.filler = disk, disk / "filler"
        self.home = folder / "home"
        self.pictures = made_pictures(folder / "set")
        self.weights = made_weights(folder, "squeezenet1_1")
        self.recipe = folder / "recipe.json"
        self.recipe.write_text('{"epochs": 3, "batch_size": 5, "precision": "float32"}')
        self.whole = folder / "whole"
        assert self.train("--run", str(self.whole), home=self.home).status == 0
        # What lies there at the end, and the network as it was at the start; not the checkpoints.
        there = (each.stat().st_size for each in self.whole.rglob("*") if each.is_file())
        self.needed = sum(there) + self.weights.stat().st_size

    def train(self, *where: str, home: Path) -> Ended:
        job = [str(self.pictures), "--backbone", "squeezenet1_1", "--weights", str(self.weights)]
        job += ["--freeze", "features.11", "--recipe", str(self.recipe), "--device", "cpu"]
        arguments = ["train", *(job if "--run" in where else []), *where, "--let-sleep"]
        return run_command(arguments, self.folder, home=home, has_room=True)

    def leave(self, room: int) -> None:
        """Fills the disk until `room` bytes are left."""
        with self.filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(self.disk).free - room)

    def clear(self) -> None:
        for each in self.disk.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("full")
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be made by the superuser of a Linux system only")
    try:
        yield Bench(folder, disk)
    finally:
        subprocess.run([shutil.which("umount") or "umount", str(disk)], check=True)


def assert_told(ended: Ended) -> None:
    assert ended.status == 1, ended.err
    assert "Traceback" not in ended.err
    assert "Error:" in ended.err
    assert "full" in ended.err


@pytest.mark.parametrize(
    "position",
    [
        pytest.param(each, marks=() if each in QUICK else pytest.mark.slow)
        for each in range(1, POSITIONS + 1)
    ],
)
def test_a_full_disk_costs_nothing_but_what_did_not_fit(position: int, bench: Bench) -> None:
    """The disk is full at so many fiftieths of what the run writes; at every other position the
    program's own folder, with caches and projects, lies on it as well."""
    bench.clear()
    home = bench.disk / "home" if position % 2 else bench.home
    run = RunFolder(bench.disk / "run")
    bench.leave(bench.needed * position // (POSITIONS + 1))
    assert_told(bench.train("--run", str(run.path), home=home))
    begun = run.job_file.exists()
    for checkpoint in run.checkpoints.newest_first():
        Checkpoint.load(checkpoint)
    bench.filler.unlink()
    again = ("--resume", str(run.path)) if begun else ("--run", str(run.path))
    ended = bench.train(*again, home=home)
    assert ended.status == 0, ended.err
    for name in ("model.safetensors", "last.safetensors"):
        assert (run.model / name).read_bytes() == (bench.whole / "model" / name).read_bytes()
