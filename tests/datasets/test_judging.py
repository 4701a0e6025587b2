"""What a job hears of files: in order, at a pace at which it can be stopped, and from memory where
nothing has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

from tlstudio.datasets import judging
from tlstudio.datasets.judging import looks
from tlstudio.images.child import nursery
from tlstudio.images.facts import Look
from tlstudio.images.first_look import first_looks
from tlstudio.images.look import look
from tlstudio.jobs import Reading
from tlstudio.tasks import Event, Progress, drive

Pictures = Callable[..., None]


def said(root: str, files: list[str], cache: Path, reading: Reading | None = None) -> list[Look]:
    found = drive(looks(root, files, reading, cache), lambda _: None)
    assert list(found) == files
    return list(found.values())


def names(root: Path) -> list[str]:
    return sorted(file.relative_to(root).as_posix() for file in root.rglob("*.png"))


def test_looks_are_in_the_order_of_the_files_and_remembered_whole(
    root: Path, pictures: Pictures, looked_at: list[str], tmp_path: Path
) -> None:
    pictures("a", 30)
    pictures("b", 30)
    (root / "b/010.png").write_bytes(b"no picture")
    files = names(root)[::-1]
    first = said(str(root), files, tmp_path / "cache")
    assert first == [look(root / file) for file in files]
    assert len(looked_at) == 60
    assert said(str(root), files, tmp_path / "cache") == first
    assert len(looked_at) == 60


def test_files_elsewhere_are_remembered_by_their_path(
    root: Path, pictures: Pictures, looked_at: list[str], tmp_path: Path
) -> None:
    """As a table may name them, and `predict` is given them."""
    pictures("a", 3)
    absolute = [str(root / file) for file in names(root)]
    first = said(str(tmp_path / "other"), absolute, tmp_path / "cache")
    assert [each.reason for each in first] == ["", "", ""]
    assert said("", absolute, tmp_path / "cache") == first
    assert said(str(root), names(root), tmp_path / "cache") == first
    assert len(looked_at) == 3


def test_another_way_of_reading_is_another_look(
    root: Path, looked_at: list[str], tmp_path: Path
) -> None:
    five = np.random.default_rng(0).integers(0, 256, (9, 9, 5), np.uint8)
    tifffile.imwrite(root / "a.tif", five, photometric="minisblack", planarconfig="contig")
    cache, chosen = tmp_path / "cache", Reading(channels=(5,))
    (usual,) = said(str(root), ["a.tif"], cache)
    (other,) = said(str(root), ["a.tif"], cache, chosen)
    assert usual.facts is not None
    assert other.facts is not None
    assert other.facts.mean == pytest.approx(five[..., 4].mean(), abs=0.5)
    assert usual.facts.mean != other.facts.mean
    assert said(str(root), ["a.tif"], cache) == [usual]
    assert said(str(root), ["a.tif"], cache, chosen) == [other]
    assert len(looked_at) == 2


def test_a_file_that_is_gone_is_said_and_not_remembered(
    root: Path, pictures: Pictures, tmp_path: Path
) -> None:
    pictures("a", 1)
    gone, there = said(str(root), ["a/gone.png", "a/000.png"], tmp_path / "cache")
    assert (gone.reason, gone.lasting, there.reason) == (
        "The file can no longer be found.",
        False,
        "",
    )
    (root / "a/000.png").rename(root / "a/gone.png")
    there, gone = said(str(root), ["a/gone.png", "a/000.png"], tmp_path / "cache")
    assert (there.reason, gone.lasting) == ("", False)


def test_events_come_while_no_file_is_finished_and_stopping_ends_all(
    root: Path, pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures("a", 40)

    def slow(files: Iterable[tuple[int, str]], reading: Reading | None) -> Iterator[object]:
        for some in first_looks(files, reading):
            yield []
            yield from [[]] * 20
            yield some

    monkeypatch.setattr(judging, "first_looks", slow)
    nursery.end_all()
    before = set(psutil.Process().children())
    task = looks(str(root), names(root), None, tmp_path / "cache")
    events: list[Event] = [next(task) for _ in range(2)]
    assert isinstance(events[-1], Progress)
    assert (events[-1].phase, events[-1].total) == ("scan", 40)
    task.close()
    nursery.end_all()
    assert set(psutil.Process().children()) <= before


def test_what_was_seen_before_a_stop_is_remembered(
    root: Path, pictures: Pictures, looked_at: list[str], tmp_path: Path
) -> None:
    pictures("a", 300)
    task = looks(str(root), names(root), None, tmp_path / "cache")
    for event in task:
        if isinstance(event, Progress) and event.done:
            break
    task.close()
    looked_at.clear()
    said(str(root), names(root), tmp_path / "cache")
    assert len(looked_at) < 300


def test_nothing_to_look_at_is_nothing_to_say(tmp_path: Path) -> None:
    assert said(str(tmp_path), [], tmp_path / "cache") == []
