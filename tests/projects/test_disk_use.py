"""What the program's own files take, and what may be taken away."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tlstudio.jobs import BackboneSpec, DatasetSpec, TrainingJob
from tlstudio.projects import disk_use, places
from tlstudio.projects.disk_use import Cleanable, DiskUse, clean, measure
from tlstudio.projects.project import Project
from tlstudio.projects.recent import refreshed, remember
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import drive


def written(path: Path, size: int, age: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    changed = time.time() - age
    os.utime(path, (changed, changed))
    return path


@pytest.fixture
def home(tmp_path: Path) -> dict[str, Path]:
    """Files of every kind, each of another power of two, in kilobytes."""
    project = Project(tmp_path / "project")
    job = TrainingJob(dataset=DatasetSpec(folder="/p"), backbone=BackboneSpec(id="resnet18"))
    run = RunFolder.create(project.runs_folder / "one", job).path
    cache, old = places.cache_folder(), 2 * disk_use.ABANDONED_S
    files = {
        "activations": written(cache / "activations" / "shelf" / "1.rows", 1_000),
        "decoded": written(cache / "decoded" / "1.pixels", 2_000),
        "verdicts": written(cache / "verdicts.sqlite", 4_000),
        "compared": written(project.cache / "compared", 8_000),
        "weights": written(places.weights_folder() / "a.safetensors", 16_000),
        "download": written(places.weights_folder() / ".b.safetensors.part", 32_000, old),
        "fresh": written(places.weights_folder() / ".c.safetensors.part", 1),
        "log": written(places.logs_folder() / "2026-01-01_10-00-00_99999999.log", 64_000),
        "own log": written(places.logs_folder() / f"2026-01-01_10-00-00_{os.getpid()}.log", 10),
        "model": written(run / "model" / "model.safetensors", 128_000),
        "checkpoint": written(run / "checkpoints" / "00000001.safetensors", 256_000),
        "begun": written(project.runs_folder / ".two.new" / "start.safetensors", 1, old),
    }
    (cache / "activations" / "empty shelf").mkdir()
    remember(refreshed(project))
    return files


def measured() -> DiskUse:
    return drive(measure(), lambda _: None)


def cleaned(kind: Cleanable) -> int:
    return drive(clean(kind), lambda _: None)


def there(home: dict[str, Path]) -> set[str]:
    return {name for name, file in home.items() if file.exists()}


def test_everything_is_counted_once_as_what_it_is(home: dict[str, Path]) -> None:
    found = measured()
    sizes = {use.what: use.bytes for use in found.uses}
    assert sizes["activations"] == 1_000
    assert sizes["decoded"] == 2_000
    assert sizes["other_cache"] == 12_000
    assert sizes["weights"] == 16_001
    assert sizes["leftovers"] == 32_001
    assert sizes["logs"] == 64_010
    assert sizes["models"] == 128_000
    assert sizes["checkpoints"] == 256_000
    (project,) = found.projects
    assert (project.models, project.checkpoints) == (128_000, 256_000)
    assert project.bytes == 128_000 + 256_000 + 8_000 + 1 + sizes["projects"] - len(
        next(places.recent_folder().iterdir()).read_bytes()
    )
    assert found.bytes == sum(sizes.values())


def test_what_the_system_counts_is_what_is_counted(home: dict[str, Path], tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("needs du")
    own = os.environ["TLSTUDIO_HOME"]
    command = ["/usr/bin/du", "--apparent-size", "--bytes", "--summarize", "--total"]
    done = subprocess.run([*command, own, str(tmp_path)], capture_output=True, check=True)
    folders = [each for root in (own, tmp_path) for each in (Path(root), *Path(root).rglob("*"))]
    entries = sum(each.stat().st_size for each in folders if each.is_dir())
    assert measured().bytes == int(done.stdout.split()[-2]) - entries


@pytest.mark.parametrize(
    ("kind", "gone", "freed"),
    [
        ("cache", {"activations", "decoded", "verdicts", "compared"}, 15_000),
        ("leftovers", {"download", "begun"}, 32_001),
        ("logs", {"log"}, 64_000),
    ],
)
def test_cleaning_takes_that_and_nothing_else(
    home: dict[str, Path], kind: Cleanable, gone: set[str], freed: int
) -> None:
    assert cleaned(kind) == freed
    assert there(home) == home.keys() - gone
    assert cleaned(kind) == 0


def test_folders_that_hold_nothing_any_more_go_too(home: dict[str, Path]) -> None:
    shelf = places.cache_folder() / "activations" / "empty shelf"
    cleaned("leftovers")
    assert not shelf.exists()
    assert not home["begun"].parent.exists()
    assert home["activations"].exists()
    cleaned("cache")
    assert list(places.cache_folder().iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_nothing_that_a_link_leads_to_is_counted_or_taken_away(tmp_path: Path) -> None:
    pictures = written(tmp_path / "pictures" / "a" / "1.jpg", 1_000).parents[1]
    project = Project(places.projects_folder() / "hostile")
    project.cache.symlink_to(pictures, target_is_directory=True)
    cache = places.cache_folder()
    cache.mkdir()
    (cache / "activations").symlink_to(pictures, target_is_directory=True)
    (cache / "file").symlink_to(pictures / "a" / "1.jpg")
    before = measured()
    assert {use.bytes for use in before.uses if use.clean} == {0}
    assert [cleaned(kind) for kind in ("cache", "leftovers")] == [0, 0]
    assert (pictures / "a" / "1.jpg").exists()


def test_there_is_nothing_to_count_before_anything_was_done() -> None:
    found = measured()
    assert found.bytes == 0
    assert found.projects == ()
    assert [cleaned(kind) for kind in ("cache", "leftovers", "logs")] == [0, 0, 0]
