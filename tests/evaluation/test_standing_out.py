"""What would call an ordinary picture a stranger, or let one pass."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from tlstudio.evaluation import standing_out
from tlstudio.evaluation.standing_out import odd_ones, twins

T = TypeVar("T")
WIDTH = 64


def done(work: Generator[int, None, T]) -> T:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: T = stop.value
            return result


def features(count: int, seed: int = 0) -> Tensor:
    """Like those of a network: not negative, a few of them large, two classes apart."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(count, WIDTH, generator=generator) ** 4
    values[count // 2 :, : WIDTH // 4] += 0.5
    return values


def halves(count: int) -> list[int]:
    return [int(row >= count // 2) for row in range(count)]


def test_strangers_in_a_class_are_found_and_nobody_else() -> None:
    values, labels = features(200), halves(200)
    strangers = features(6, seed=1)[3:]
    strangers[:, : WIDTH // 2] = 0
    strangers[:, WIDTH // 2 :] += 1
    found = done(odd_ones(torch.cat([values, strangers]), [*labels, 1, 1, 1]))
    assert sorted(row for row, _ in found) == [200, 201, 202]
    assert [far for _, far in found] == sorted((far for _, far in found), reverse=True)


def test_ordinary_pictures_are_no_strangers() -> None:
    for seed in range(5):
        assert done(odd_ones(features(300, seed), halves(300))) == []


def test_a_small_class_has_no_strangers() -> None:
    values = features(19)
    values[3, WIDTH // 2 :] += 5
    assert done(odd_ones(values, [0] * 19)) == []
    assert done(odd_ones(torch.zeros(0, WIDTH), [])) == []


def test_how_far_a_picture_lies_agrees_with_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_out, "_ODD", -np.inf)
    values = features(150)
    found = dict(done(odd_ones(values, [0] * 150)))
    rooted = np.sqrt(values.numpy().astype(np.float64))
    rooted /= np.linalg.norm(rooted, axis=1, keepdims=True)
    rooted = (rooted - rooted.mean(0)) / rooted.std(0)
    distances = NearestNeighbors(n_neighbors=11).fit(rooted).kneighbors(rooted)[0][:, 1:].mean(1)
    middle = np.median(distances)
    far = (distances - middle) / (1.4826 * np.median(np.abs(distances - middle)))
    np.testing.assert_allclose([found[row] for row in range(150)], far, atol=2e-3)


def test_pictures_that_are_nearly_the_same_are_a_pair() -> None:
    values = features(200)
    noise = torch.rand(4, WIDTH, generator=torch.Generator().manual_seed(2)) * 0.02
    assert done(twins(torch.cat([values, values[:4] + noise]))) == [
        (row, 200 + row) for row in range(4)
    ]


def test_pictures_of_one_texture_are_no_pairs() -> None:
    generator = torch.Generator().manual_seed(3)
    texture = features(1, seed=9) + 0.05 * torch.rand(40, WIDTH, generator=generator)
    assert done(twins(torch.cat([features(200), texture]))) == []


def test_too_few_pictures_have_no_pairs() -> None:
    values = features(8)
    assert done(twins(torch.cat([values, values]))) == []
