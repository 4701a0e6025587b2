"""Owns the made-up folders of pictures that the tests look through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlstudio.datasets import judging
from tlstudio.datasets.scan import scan
from tlstudio.images.first_look import first_looks
from tlstudio.jobs import DatasetSpec, Reading, ScanJob, ScanResult
from tlstudio.tasks import drive

Pictures = Callable[..., None]
Scanned = Callable[..., ScanResult]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def pictures(root: Path) -> Pictures:
    """`pictures("cats", 3)` puts three small pictures into the class folder `cats` of the root."""
    rng = np.random.default_rng(0)

    def add(folder: str, count: int, start: int = 0) -> None:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for index in range(start, start + count):
            pixels = rng.integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{index:03d}.png")

    return add


@pytest.fixture
def scanned(root: Path, tmp_path: Path) -> Scanned:
    """The result of a scan of the root; keywords go into the `DatasetSpec`, `seed` and `usual_test`
    into the job."""

    def run(seed: int = 0, usual_test: bool = False, **options: object) -> ScanResult:
        spec = DatasetSpec.model_validate({"folder": str(root), **options})
        task = scan(ScanJob(dataset=spec, seed=seed, usual_test=usual_test), tmp_path / "cache")
        return drive(task, lambda _: None)

    return run


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were given to children, as they are."""
    names: list[str] = []

    def counted(files: Iterable[tuple[int, str]], reading: Reading | None) -> object:
        listed = list(files)
        names.extend(Path(path).name for _, path in listed)
        return first_looks(listed, reading)

    monkeypatch.setattr(judging, "first_looks", counted)
    return names
