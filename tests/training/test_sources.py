"""Batches come in an order that follows from seed and epoch alone, whatever the threads do."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor
from training.made_jobs import CLASSES, UNFROZEN, Trained, job_for, nothing

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.jobs import HeadSpec, Recipe
from tlstudio.tasks import Step, drive
from tlstudio.training import features, inference, sources
from tlstudio.training.decoded import DecodedPictures
from tlstudio.training.features import Pictures
from tlstudio.training.inference import check_pictures
from tlstudio.training.sources import PictureSource, batch_bounds, epoch_order


@pytest.fixture
def source(pictures: Path) -> PictureSource:
    files = sorted(pictures.rglob("*.png"))
    labels = torch.tensor([CLASSES.index(file.parent.name) for file in files])
    every = Pictures(Path(), tuple(map(str, files)), labels)
    entry = backbone("squeezenet1_1")
    small = entry.variant().preprocessing.model_copy(update={"crop": 32, "resize": 36})
    network = build_network(entry, 3, HeadSpec())
    recipe = Recipe(batch_size=4)
    preprocessing = Preprocessing(small)
    shrunk = DecodedPictures(every, 40, None)
    return PictureSource(network, shrunk, every, preprocessing, recipe, 7, torch.device("cpu"))


def test_an_epoch_shows_every_picture_once_in_an_order_of_its_own() -> None:
    first, second = (epoch_order(50, 3, epoch) for epoch in (1, 2))
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first == epoch_order(50, 3, 1)
    assert first != epoch_order(50, 4, 1)


@pytest.mark.parametrize(
    ("count", "size", "bounds"),
    [
        (8, 4, [(0, 4), (4, 8)]),
        (10, 4, [(0, 4), (4, 8), (8, 10)]),
        (9, 4, [(0, 4), (4, 9)]),
        (3, 32, [(0, 3)]),
        (1, 4, [(0, 1)]),
        (3, 1, [(0, 1), (1, 3)]),
    ],
)
def test_a_last_batch_of_one_joins_its_neighbour(
    count: int, size: int, bounds: list[tuple[int, int]]
) -> None:
    assert batch_bounds(count, size) == bounds


def batches(source: PictureSource, epoch: int, first: int = 0) -> list[tuple[Tensor, Tensor]]:
    return [batch for batch in source.batches(epoch, first) if batch is not None]


def test_batches_do_not_depend_on_the_number_of_threads(
    source: PictureSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    for cores in (1, 5):
        monkeypatch.setattr(inference, "usable_cores", lambda cores=cores: cores)
        given.append(batches(source, 2))
    assert [len(labels) for _, labels in given[0]] == [4, 4, 4, 3]
    for (a, labels), (b, others) in zip(*given, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(labels, others)


def test_an_epoch_begun_in_its_middle_gives_what_is_left_of_it(source: PictureSource) -> None:
    whole, rest = batches(source, 3), batches(source, 3, 2)
    assert len(rest) == len(whole) - 2
    for (a, labels), (b, others) in zip(whole[2:], rest, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(labels, others)
    assert batches(source, 3, source.steps) == []


def test_a_picture_looks_different_in_every_epoch(source: PictureSource) -> None:
    views = []
    for epoch in (1, 2, 1):
        seen = torch.cat([inputs for inputs, _ in batches(source, epoch)])
        views.append(seen[epoch_order(len(source.pictures), source.seed, epoch).index(0)])
    assert not torch.equal(views[0], views[1])
    assert torch.equal(views[0], views[2])


@pytest.mark.parametrize("room", [0, 10**9])
def test_validation_says_the_same_whether_its_pictures_are_kept_or_read_again(
    source: PictureSource, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.network.eval()
    checked = check_pictures(
        source.val.files, source.preprocessing, source.network, torch.device("cpu")
    )
    expected = torch.from_numpy(drive(checked, nothing).values)
    monkeypatch.setattr(sources, "_KEPT", room)
    assert torch.equal(drive(source.validate(source.network), nothing), expected)
    read = Mock(wraps=features.read_picture)
    monkeypatch.setattr(features, "read_picture", read)
    assert torch.equal(drive(source.validate(source.network), nothing), expected)
    assert read.call_count == (0 if room else len(source.val))


def test_labels_stay_with_their_pictures(source: PictureSource) -> None:
    """Colour tells the classes apart: blue, green and red pictures have that channel brightest."""
    right = 0
    for inputs, labels in batches(source, 1):
        means = inputs * torch.tensor(source.preprocessing.spec.std).view(3, 1, 1)
        means = (means + torch.tensor(source.preprocessing.spec.mean).view(3, 1, 1)).mean((2, 3))
        right += int((2 - means.argmax(1) == labels).sum())
    assert right >= 13


@pytest.mark.parametrize(
    ("freeze", "size", "steps"),
    [("all", 4096, 1), ("all", 1, 11), (UNFROZEN, 4096, 1), (UNFROZEN, 11, 1)],
)
def test_batches_larger_than_the_set_and_of_one_picture_train(
    freeze: str, size: int, steps: int, pictures: Path, weights: Path, tmp_path: Path
) -> None:
    recipe = {"epochs": 1, "batch_size": size}
    run = Trained(job_for(pictures, weights, freeze=freeze, recipe=recipe), tmp_path / "run")
    assert len(run.of(Step)) == steps
