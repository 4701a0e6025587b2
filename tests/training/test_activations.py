"""Rows are the same bits from the cache, beside it, and without it; and nothing is run twice."""

from __future__ import annotations

import errno
import functools
import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from training.made_jobs import CLASSES, made_pictures, nothing

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.errors import DatasetError, StorageError
from tlstudio.jobs import Augmentation, HeadSpec
from tlstudio.tasks import Event, Logged, Meter, Progress, Warned, drive
from tlstudio.training import activation_store, activations, caching
from tlstudio.training.activations import Activations, chunks_of
from tlstudio.training.caching import Caching
from tlstudio.training.features import Pictures
from tlstudio.training.phases import Phases
from tlstudio.training.probe import fit_probe
from tlstudio.training.views import PLAIN, views_of

CROP = 48
VARIED = Augmentation()
VIEWS = views_of(VARIED, 3)


class Bench:
    """A frozen network over a folder of pictures, with a cache of its own."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root
        self.backbone, self.precision, self.exact = "squeezenet1_1", "float32", False
        self.events: list[Event] = []
        self.opened: list[Activations] = []
        self.runs = 0

    def caching(self, cache: str = "cache") -> Caching:
        entry = backbone(self.backbone)
        torch.manual_seed(5)
        spec = entry.variant().preprocessing.model_copy(update={"crop": CROP, "resize": CROP})
        return Caching(
            network=build_network(entry, 3, HeadSpec()).eval(),
            preprocessing=Preprocessing(spec),
            augmentation=VARIED,
            precision=self.precision,
            device=torch.device("cpu"),
            cache=self.root / cache,
            phases=Phases(),
        )

    def opening(
        self,
        depths: Sequence[int],
        names: Sequence[str] | None = None,
        within: Caching | None = None,
    ) -> Activations:
        """The activations of these pictures with a shelf at each of `depths`."""
        held = within or self.caching()
        names = self.names() if names is None else names
        pictures = Pictures(self.folder, tuple(names), torch.zeros(len(names)).long())
        found = drive(held.activations(pictures, exact=self.exact), nothing)
        self.opened.append(found)
        self._count(found)
        wanted = everything(found)
        for depth in depths:
            drive(held.open(found, depth, wanted), self.events.append)
        return found

    def names(self) -> list[str]:
        files = self.folder.rglob("*.png")
        return sorted(file.relative_to(self.folder).as_posix() for file in files)

    def _count(self, found: Activations) -> None:
        part, call = found.part, type(found.part).__call__

        class Counted(type(part)):  # type: ignore[misc]
            def __call__(counted, pictures: Tensor, depths: Sequence[int]) -> dict[int, Tensor]:
                self.runs += len(pictures)
                return call(counted, pictures, depths)

        part.__class__ = Counted

    def said(self, kind: type[Any]) -> list[str]:
        return [event.message for event in self.events if isinstance(event, kind)]

    @property
    def files(self) -> list[Path]:
        return sorted((self.root / "cache").rglob("*.rows"))


def everything(found: Activations) -> list[Any]:
    return [(number, view) for number in range(len(found.pictures)) for view in VIEWS]


def rows(found: Activations, depths: Sequence[int], size: int = 7) -> dict[int, Tensor]:
    """All rows, as an epoch reads them: in chunks of `size`."""
    parts = [each for each in found.stream(chunks_of(everything(found), size), depths) if each]
    return {depth: torch.cat([each[depth] for each in parts]) for depth in depths}


def same(first: dict[int, Tensor], second: dict[int, Tensor]) -> bool:
    return all(torch.equal(first[depth], second[depth]) for depth in first)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(made_pictures(tmp_path / "set", per_class=3), tmp_path)
    yield bench
    for each in bench.opened:
        each.close()


FULL = len(backbone("squeezenet1_1").stages)
DEPTHS = [4, FULL]


# --- the same bits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "depths", "precision", "exact"),
    [
        ("squeezenet1_1", DEPTHS, "float32", True),
        ("squeezenet1_1", DEPTHS, "bfloat16", False),
        ("mobilenet_v3_small", [5, 13], "bfloat16", False),
        ("shufflenet_v2_x0_5", [3], "float32", False),
    ],
)
def test_rows_are_the_same_bits_however_they_come(
    identifier: str, depths: list[int], precision: str, exact: bool, bench: Bench
) -> None:
    bench.backbone, bench.precision, bench.exact = identifier, precision, exact
    without = rows(bench.opening([]), depths)
    runs = bench.runs
    assert runs == 9 * len(VIEWS)
    at_once = bench.opening(depths)
    drive(at_once.prepare(everything(at_once), depths), nothing)
    assert bench.runs == 2 * runs
    assert same(rows(at_once, depths), without)
    assert same(rows(bench.opening(depths), depths, size=2), without)
    assert bench.runs == 2 * runs, "nothing is run twice"


def test_a_cache_that_grew_bit_by_bit_holds_the_same_bits(bench: Bench) -> None:
    without = rows(bench.opening([]), DEPTHS)
    names = bench.names()
    bench.runs = 0
    for chosen in (names[4:5], names[:3], [names[8], names[0], names[6]], names):
        found = bench.opening(DEPTHS, chosen)
        order = everything(found)
        order = order[1::2] + order[::2]
        drive(found.prepare(order, DEPTHS), nothing)
        found.close()
    assert bench.runs == 9 * len(VIEWS)
    assert same(rows(bench.opening(DEPTHS), DEPTHS), without)


def test_features_keep_the_boundary_in_the_same_pass(bench: Bench) -> None:
    bench.exact = True
    alone = drive(bench.opening([]).features(), nothing)
    bench.runs = 0
    found = bench.opening(DEPTHS)
    assert torch.equal(drive(found.features(), nothing), alone)
    assert bench.runs == 9
    plain = [(number, PLAIN) for number in range(9)]
    drive(found.prepare(plain, DEPTHS), nothing)
    assert torch.equal(drive(bench.opening([FULL]).features(), nothing), alone)
    assert bench.runs == 9


def test_the_probe_on_cached_features_is_scikit_learns(bench: Bench) -> None:
    drive(bench.opening([FULL]).features(), nothing)
    bench.runs = 0
    found = bench.opening([FULL])
    features = drive(found.features(), nothing)[:, 0]
    assert bench.runs == 0
    labels = torch.tensor([CLASSES.index(name.split("/")[0]) for name in bench.names()])
    probe = drive(fit_probe(features, labels, 3, torch.ones(3), 0), nothing)
    scaled = StandardScaler().fit_transform(features.double().numpy())
    model = LogisticRegression(C=probe.strength, tol=1e-10, max_iter=20_000)
    expected = model.fit(scaled, labels.numpy()).predict_proba(scaled)
    found_by_us = torch.softmax(features @ probe.weight.T + probe.bias, 1)
    np.testing.assert_allclose(found_by_us.numpy(), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("factor", [1e7, 1e-9])
def test_what_half_precision_would_not_hold_is_not_rounded(factor: float, bench: Bench) -> None:
    held = bench.caching()
    first = next(each for each in held.network.modules() if isinstance(each, nn.Conv2d))
    with torch.no_grad():
        first.weight *= factor
        assert first.bias is not None
        first.bias *= factor
    found = bench.opening([1], within=held)
    drive(found.prepare(everything(found), [1]), nothing)
    kept = rows(found, [1])[1]
    bench.exact = True
    computed = rows(bench.opening([], within=held), [1])[1]
    assert kept.abs().max() > 65504 or kept.abs().max() < 6e-5
    assert torch.equal(kept, computed)
    assert same(rows(bench.opening([], within=held), [1]), {1: kept})


# --- nothing is run twice -------------------------------------------------------------------------


def filled(bench: Bench) -> dict[int, Tensor]:
    """Fills the cache and forgets how often the network ran for it."""
    found = bench.opening(DEPTHS)
    drive(found.prepare(everything(found), DEPTHS), nothing)
    kept = rows(found, DEPTHS)
    found.close()
    bench.runs = 0
    bench.events.clear()
    return kept


def test_renamed_moved_and_relabelled_pictures_cost_nothing(bench: Bench) -> None:
    before = filled(bench)
    names = bench.names()
    (bench.folder / names[0]).rename(bench.folder / "blue" / "another name.png")
    (bench.folder / names[4]).rename(bench.folder / "red" / "relabelled.png")
    shutil.copytree(bench.folder, bench.root / "elsewhere")
    names[0], names[4] = "blue/another name.png", "red/relabelled.png"
    assert same(rows(bench.opening(DEPTHS, names), DEPTHS), before)
    bench.folder = bench.root / "elsewhere"
    assert same(rows(bench.opening(DEPTHS, names), DEPTHS), before)
    assert bench.runs == 0


def test_an_added_picture_costs_itself(bench: Bench) -> None:
    filled(bench)
    shutil.copy(bench.folder / "red" / "0.png", bench.folder / "red" / "the same.png")
    with (bench.folder / "red" / "the same.png").open("ab") as file:
        file.write(b"content of its own")
    found = bench.opening(DEPTHS)
    drive(found.prepare(everything(found), DEPTHS), nothing)
    assert bench.runs == len(VIEWS)


def test_pictures_of_one_content_have_one_row(bench: Bench) -> None:
    for number in range(3):
        shutil.copy(bench.folder / "red" / "0.png", bench.folder / "blue" / f"copy{number}.png")
    held = filled(bench)[4].unflatten(0, (-1, len(VIEWS)))
    names = bench.names()
    original = held[names.index("red/0.png")]
    for number in range(3):
        assert torch.equal(held[names.index(f"blue/copy{number}.png")], original)
    size = sum(file.stat().st_size for file in bench.files if file.parent == bench.files[0].parent)
    assert size % (9 * len(VIEWS)) == 0


def test_rows_of_figures_and_rows_to_learn_from_are_not_mixed_up(bench: Bench) -> None:
    """One picture may be in both parts of a data set."""
    rounded = filled(bench)
    bench.exact = True
    exact = rows(bench.opening(DEPTHS), DEPTHS)
    assert bench.runs == 9 * len(VIEWS)
    for depth in DEPTHS:
        assert not torch.equal(exact[depth], rounded[depth])
        assert torch.equal(exact[depth].half().float(), rounded[depth])


# --- pictures that change -------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["changed", "deleted", "broken"])
def test_a_picture_that_changes_after_it_was_looked_at_is_named(change: str, bench: Bench) -> None:
    found = bench.opening(DEPTHS)
    file = bench.folder / "green" / "1.png"
    if change == "deleted":
        file.unlink()
    elif change == "changed":
        file.write_bytes((bench.folder / "red" / "1.png").read_bytes() + b"x")
    else:
        file.write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"green/1\.png can't be read any more"):
        drive(found.prepare(everything(found), DEPTHS), nothing)
    found.close()
    others = bench.opening(DEPTHS, [name for name in bench.names() if name != "green/1.png"])
    bench.exact = False
    assert same(
        rows(others, DEPTHS),
        rows(bench.opening([], [name for name in bench.names() if name != "green/1.png"]), DEPTHS),
    )


def test_a_picture_deleted_while_it_is_looked_at_is_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = bench.opening(DEPTHS)
    make = found.maker.make

    def deleting(file: Path, *rest: Any) -> Tensor:
        made = make(file, *rest)
        if file.name == "1.png":
            file.unlink()
        return made

    monkeypatch.setattr(found.maker, "make", deleting)
    with pytest.raises(DatasetError, match=r"1\.png can't be read any more"):
        drive(found.prepare(everything(found), DEPTHS), nothing)


# --- a cache that is no use -----------------------------------------------------------------------


def test_flipped_bits_are_told_and_never_read(bench: Bench) -> None:
    right = filled(bench)
    random = np.random.default_rng(1)
    for file in bench.files:
        content = bytearray(file.read_bytes())
        for bit in random.choice(len(content) * 8, 5, replace=False):
            content[bit // 8] ^= 1 << (bit % 8)
        file.write_bytes(content)
    found = bench.opening(DEPTHS)
    assert same(rows(found, DEPTHS), right)
    assert 0 < bench.runs <= 10
    (warned,) = found.said()
    assert isinstance(warned, Warned)
    assert "damaged" in warned.message
    assert warned.hint
    assert list(found.said()) == []
    found.close()
    bench.runs = 0
    assert same(rows(bench.opening(DEPTHS), DEPTHS), right)
    assert bench.runs == 0, "what was damaged was kept anew"


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_cache_that_is_deleted_is_told_and_filled_anew(when: str, bench: Bench) -> None:
    right = filled(bench)
    found = bench.opening(DEPTHS) if when == "meanwhile" else None
    shutil.rmtree(bench.root / "cache")
    found = found or bench.opening(DEPTHS)
    assert same(rows(found, DEPTHS), right)
    bench.events.extend(found.said())
    told = bench.said(Logged)
    assert [each for each in told if "taken away" in each or "0 of 27 views" in each]
    assert not bench.said(Warned)
    found.close()
    bench.runs = 0
    assert same(rows(bench.opening(DEPTHS), DEPTHS), right)
    assert bench.runs == 0


def test_a_disk_that_fills_up_is_said_once_and_nothing_is_run_in_vain(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = filled(bench)
    shutil.rmtree(bench.root / "cache")
    monkeypatch.setattr(activations, "CHUNK", 1)
    found = bench.opening(DEPTHS)
    found.part.batch = 4

    def full(*_: object, **__: object) -> None:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(activation_store._Writer, "__init__", full)
        drive(found.prepare(everything(found), DEPTHS), bench.events.append)
        assert bench.runs == 4
        assert [each for each in bench.said(Logged) if "disk is full" in each]
        assert len([each for each in bench.said(Logged) if "Nothing more is kept" in each]) == 1
        drive(found.prepare(everything(found), DEPTHS), bench.events.append)
        assert bench.runs == 4
        found.part.batch = 28
        assert same(rows(found, DEPTHS), right)
        found.close()
    assert not [file for file in bench.files if not file.with_suffix(".index").exists()]


def test_a_disk_that_fills_up_at_the_very_end_does_not_fail_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = bench.opening(DEPTHS)
    rows(found, DEPTHS)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tlstudio.projects.atomic.put_in_place", full)
    found.close()
    assert not bench.files


@pytest.mark.parametrize("why", ["large", "refused"])
def test_where_there_is_no_room_it_is_said_and_nothing_is_run_beforehand(
    why: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*_: object) -> bool:
        if why == "refused":
            raise StorageError("The folder can't be written.")
        return False

    right = filled(bench)
    shutil.rmtree(bench.root / "cache")
    found = bench.opening([FULL])
    bench.events.clear()
    monkeypatch.setattr(caching, "make_room", answer)
    drive(bench.caching().open(found, 4, everything(found)), bench.events.append)
    assert "more than the cache may" in str(bench.said(Logged)) or why == "refused"
    assert "can't be written" in str(bench.said(Logged)) or why == "large"
    drive(found.prepare(everything(found), [4]), nothing)
    assert bench.runs == 0
    assert same(rows(found, DEPTHS), right)


def test_room_for_the_whole_run_is_looked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is promised to one depth is not promised to the next as well; what is there needs no
    room, and is not dropped for the rest."""
    asked: list[tuple[int, int]] = []

    def answer(_root: Path, needed: int, used: Sequence[Path]) -> bool:
        asked.append((needed, len(set(used))))
        return True

    monkeypatch.setattr(caching, "make_room", answer)
    held = bench.caching()
    found = bench.opening(DEPTHS, within=held)
    first, second = (np.prod(found.part.shape(depth)) * 2 * 27 for depth in DEPTHS)
    assert asked == [(first, 1), (first + second, 2)]
    drive(found.prepare(everything(found), [4]), nothing)
    drive(held.open(found, 8, everything(found)), nothing)
    third = np.prod(found.part.shape(8)) * 2 * 27
    assert asked[2] == (second + third, 3)
    found.close()
    bench.opening([4])
    assert len(asked) == 3


# --- stopping -------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["prepare", "features"])
def test_what_was_computed_before_a_job_is_closed_is_kept(
    way: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations, "CHUNK", 1)
    every = functools.partial(Meter, clock=itertools.count().__next__)
    monkeypatch.setattr(activations, "Meter", every)
    right = rows(bench.opening([]), DEPTHS)
    bench.runs = 0
    found = bench.opening(DEPTHS)
    found.part.batch = 4
    jobs: dict[str, Callable[[], Any]] = {
        "prepare": lambda: found.prepare(everything(found), DEPTHS),
        "features": found.features,
    }
    task = jobs[way]()
    for event in task:
        if isinstance(event, Progress) and event.done >= 4:
            break
    task.close()
    found.close()
    kept = bench.runs
    assert 4 <= kept < 9
    again = bench.opening(DEPTHS)
    again.part.batch = 4
    bench.runs = 0
    drive(again.prepare(everything(again), DEPTHS), nothing)
    assert bench.runs == 27 - kept
    for depth in DEPTHS:
        assert torch.allclose(rows(again, DEPTHS)[depth], right[depth], rtol=1e-2, atol=1e-3)
