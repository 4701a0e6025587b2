"""Regressions that are solved together are those that are solved alone."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from tlstudio.training.logistic import Fits, Sketch


def made(count: int, width: int, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Standardised features with a column of ones, labels, and three weightings of the pictures."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % classes
    features = (
        torch.randn(count, width, generator=random)
        + torch.randn(classes, width, generator=random)[labels]
    )
    features = (features - features.mean(0)) / features.std(0, correction=0)
    folds = torch.arange(count) // classes % 3
    weights = torch.stack([(folds != fold) * (1.0 + fold) for fold in range(3)])
    return torch.cat([features, torch.ones(count, 1)], 1), labels, weights


def ran(work: Generator[None, None, None]) -> int:
    return sum(1 for _ in work)


def test_each_weighting_gives_what_scikit_learn_gives_for_it() -> None:
    x, labels, weights = made(150, 40, 4)
    fits = Fits(x, labels, weights, 4, Sketch(x))
    assert ran(fits.minimise(0.1, 1e-11)) > 0
    for fit, weight in enumerate(weights):
        model = LogisticRegression(C=0.1, tol=1e-10, max_iter=20_000)
        model.fit(x[:, :-1].numpy(), labels.numpy(), sample_weight=weight.numpy())
        expected = model.predict_proba(x[:, :-1].numpy())
        found = torch.softmax(fits.logits[fit], 0).T.numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_a_later_strength_may_start_from_an_earlier_one() -> None:
    x, labels, weights = made(90, 10, 3)
    onward, fresh = (Fits(x, labels, weights, 3, Sketch(x)) for _ in range(2))
    ran(onward.minimise(1e-3, 1e-4))
    ran(onward.minimise(1.0, 1e-11))
    ran(fresh.minimise(1.0, 1e-11))
    torch.testing.assert_close(
        torch.softmax(onward.logits, 1), torch.softmax(fresh.logits, 1), rtol=0, atol=1e-4
    )


def test_the_logits_are_those_of_the_coefficients() -> None:
    x, labels, weights = made(90, 10, 3)
    fits = Fits(x, labels, weights, 3, Sketch(x))
    ran(fits.minimise(1.0, 1e-9))
    torch.testing.assert_close(fits.logits, fits.coefficients @ x.T, rtol=1e-4, atol=1e-4)


def test_many_pictures_give_way_between_pieces_of_work() -> None:
    x, labels, weights = made(30_000, 4, 3)
    fits = Fits(x, labels, weights, 3, Sketch(x))
    ran(fits.minimise(0.1, 1e-6))
    one = fits.minimise(1e-3, 1e-6)
    next(one)
    before = fits.coefficients.clone()
    next(one)  # a part of the first gradient only
    assert torch.equal(fits.coefficients, before)
