"""A probe that was fitted before is read, and never a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tlstudio.tasks import Event, Logged, drive
from tlstudio.training import remembered_probe
from tlstudio.training.probe import Probe, fit_probe
from tlstudio.training.remembered_probe import probe_of

CLASSES = 3


@pytest.fixture
def features() -> Tensor:
    return torch.randn(40, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one entry for each probe that is solved."""
    solved: list[int] = []

    def counting(*arguments: object) -> object:
        solved.append(1)
        return fit_probe(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(remembered_probe, "fit_probe", counting)
    return solved


def probe(
    features: Tensor,
    cache: Path,
    labels: Tensor | None = None,
    weights: Tensor | None = None,
    seed: int = 0,
    events: list[Event] | None = None,
) -> Probe:
    labels = torch.arange(len(features)) % CLASSES if labels is None else labels
    weights = torch.ones(CLASSES) if weights is None else weights
    task = probe_of(features, labels, CLASSES, weights, seed, cache)
    return drive(task, (events if events is not None else []).append)


def same(first: Probe, second: Probe) -> bool:
    return (
        torch.equal(first.weight, second.weight)
        and torch.equal(first.bias, second.bias)
        and first.strength == second.strength
    )


def only_file(cache: Path) -> Path:
    (file,) = (cache / "probes").iterdir()
    return file


def test_the_second_time_it_is_read(features: Tensor, tmp_path: Path, fits: list[int]) -> None:
    first = probe(features, tmp_path)
    events: list[Event] = []
    second = probe(features, tmp_path, events=events)
    assert len(fits) == 1
    assert same(first, second)
    assert any(isinstance(event, Logged) and "before" in event.message for event in events)


def test_whatever_decides_it_has_a_probe_of_its_own(
    features: Tensor, tmp_path: Path, fits: list[int]
) -> None:
    labels = torch.arange(40) % CLASSES
    other = features.clone()
    other[3, 2] = torch.nextafter(other[3, 2], torch.tensor(9.0))
    probe(features, tmp_path)
    probe(other, tmp_path)
    probe(features.half(), tmp_path)
    probe(features, tmp_path, labels=labels.flip(0))
    probe(features, tmp_path, weights=torch.tensor([1.0, 2.0, 1.0]))
    probe(features, tmp_path, seed=1)
    assert len(fits) == 6


def _flip(file: Path) -> None:
    values = bytearray(file.read_bytes())
    values[-5] ^= 4
    file.write_bytes(values)


@pytest.mark.parametrize(
    "damage",
    [
        _flip,
        lambda file: file.write_bytes(file.read_bytes()[:-7]),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"something else altogether"),
        lambda file: (file.unlink(), file.mkdir()),
    ],
)
def test_a_damaged_file_is_solved_anew(
    features: Tensor, tmp_path: Path, fits: list[int], damage: Callable[[Path], object]
) -> None:
    first = probe(features, tmp_path)
    damage(only_file(tmp_path))
    assert same(probe(features, tmp_path), first)
    assert len(fits) == 2


def test_the_file_of_another_probe_is_not_taken_for_this_one(
    features: Tensor, tmp_path: Path, fits: list[int]
) -> None:
    probe(features, tmp_path / "one")
    right = probe(features * 2, tmp_path / "two")
    file = only_file(tmp_path / "two")
    file.write_bytes(only_file(tmp_path / "one").read_bytes())
    assert same(probe(features * 2, tmp_path / "two"), right)
    assert len(fits) == 3


def test_where_nothing_can_be_written_it_is_solved_and_said(
    features: Tensor, tmp_path: Path
) -> None:
    (tmp_path / "probes").write_text("in the way")
    events: list[Event] = []
    found = probe(features, tmp_path, events=events)
    assert found.weight.shape == (CLASSES, 6)
    assert any(isinstance(event, Logged) and "not remembered" in event.message for event in events)


def test_the_ones_not_used_for_longest_go_first(
    features: Tensor, tmp_path: Path, fits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000, 2000))
    utime = remembered_probe.os.utime
    monkeypatch.setattr(remembered_probe, "_MOST_FILES", 2)
    for seed in (0, 1):
        probe(features, tmp_path, seed=seed)
    for file in (tmp_path / "probes").iterdir():
        utime(file, (next(clock),) * 2)  # both are old
    probe(features, tmp_path, seed=0)  # used again
    probe(features, tmp_path, seed=2)
    fits.clear()
    probe(features, tmp_path, seed=0)
    assert not fits
    probe(features, tmp_path, seed=1)
    assert fits


def test_a_fit_that_is_stopped_leaves_nothing(features: Tensor, tmp_path: Path) -> None:
    labels = torch.arange(40) % CLASSES
    task = probe_of(features, labels, CLASSES, torch.ones(CLASSES), 0, tmp_path)
    next(task)
    task.close()
    assert not (tmp_path / "probes").exists()
