"""Owns the linear probe: a regularised linear classifier on the features of the frozen network."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from tlstudio.tasks import Meter, Progress
from tlstudio.training.devices import one_thread
from tlstudio.training.logistic import Fits, Sketch, Work

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse regularisation strengths that cross-validation chooses from (scikit-learn's `C`)."""

STEPS = len(STRENGTHS) + 1
"""Steps that the progress counts: each strength, and the fit to all pictures."""

FOLDS = 5
ENOUGH = 2
"""Strengths in a row that are worse than an earlier one end the search: once a weaker penalty lets
the probe learn its pictures by heart, weaker ones still cost the most time and help no more."""

LARGEST_SEARCH = 4000
"""Pictures that cross-validation looks at, at most: its choice hardly changes beyond."""

ROUGHLY, EXACTLY = 1e-4, 1e-10
"""Tolerances of the solver: what ranks the strengths, and what is kept."""

_BLOCK = 1024
"""Rows that are in double precision at a time."""

R = TypeVar("R")


@dataclass(frozen=True)
class Probe:
    """A linear classifier on raw features: logits = features @ weight.T + bias.

    `weight` is (C, D) and `bias` (C,), both float32; `strength` is the chosen inverse strength.
    """

    weight: Tensor
    bias: Tensor
    strength: float


def fit_probe(
    features: Tensor, labels: Tensor, classes: int, class_weights: Tensor, seed: int
) -> Generator[Progress, None, Probe]:
    """Fits multinomial logistic regression with an L2 penalty, its strength by cross-validation.

    `features` is (N, D) in single or half precision, `labels` (N,) in [0, classes),
    `class_weights` (classes,). Features are standardised first; the result applies to the raw ones.
    Bias is not penalised. The strength with the lowest mean held-out cross-entropy wins; ties go to
    the stronger penalty. One standardised copy of the features is all that needs much memory.
    """
    meter = Meter("probe", STEPS, "steps")
    # Products this small gain little from several cores, and lose many times as much where one of
    # them is busy: after each the others wait for it.
    with one_thread():
        mean, scale = yield from _metered(_mean_and_scale(features), meter, 0)
        x = yield from _metered(_standardised(features, mean, scale), meter, 0)
        weights = class_weights.float()[labels]
        coefficients, strength = yield from _fit(x, labels, classes, weights, seed, meter)
    weight = coefficients[:, :-1] / scale
    bias = coefficients[:, -1] - weight @ mean
    return Probe(weight.float(), bias.float(), strength)


def _metered(work: Work[R], meter: Meter, done: int) -> Generator[Progress, None, R]:
    """Runs `work`, giving progress between its pieces."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: R = stop.value
            return result
        yield from meter.at(done)


def _mean_and_scale(features: Tensor) -> Work[tuple[Tensor, Tensor]]:
    """Of each feature, (D,) each in double precision; the scale is 1 where nothing varies."""
    total = torch.zeros(features.shape[1], dtype=torch.float64)
    for block in torch.split(features, _BLOCK):
        total += block.double().sum(0)
        yield
    mean, squares = total / len(features), torch.zeros_like(total)
    for block in torch.split(features, _BLOCK):
        squares += (block.double() - mean).square_().sum(0)
        yield
    scale = (squares / len(features)).sqrt()
    varies = scale > 1e-6 * scale.max().clamp_min(1e-30)
    return mean, torch.where(varies, scale, torch.ones_like(scale))


def _standardised(features: Tensor, mean: Tensor, scale: Tensor) -> Work[Tensor]:
    """(N, D + 1) in single precision, the last column ones: what the bias is multiplied with."""
    count, width = features.shape
    x = torch.empty(count, width + 1)
    x[:, -1] = 1
    for start in range(0, count, _BLOCK):
        block = features[start : start + _BLOCK].double()
        x[start : start + _BLOCK, :-1] = block.sub_(mean).div_(scale)
        yield
    return x


def _fit(
    x: Tensor, labels: Tensor, classes: int, weights: Tensor, seed: int, meter: Meter
) -> Generator[Progress, None, tuple[Tensor, float]]:
    """The coefficients (C, D + 1) in double precision, and the strength that was chosen."""
    sketch = Sketch(x)
    yield from meter.at(0)
    starts, strength = yield from _search(x, labels, classes, weights, seed, sketch, meter)
    fit = Fits(x, labels, weights[None], classes, sketch)
    done = len(STRENGTHS)
    if starts is not None:
        yield from _metered(fit.start_from(starts), meter, done)
    yield from _metered(fit.minimise(strength, EXACTLY), meter, done)
    yield from meter.at(done + 1)
    return fit.coefficients[0].double(), strength


def _search(
    x: Tensor,
    labels: Tensor,
    classes: int,
    weights: Tensor,
    seed: int,
    sketch: Sketch,
    meter: Meter,
) -> Generator[Progress, None, tuple[Tensor | None, float]]:
    """The strength with the lowest held-out cross-entropy, and coefficients close to its solution.

    Where there are too few pictures to hold any out it is the first one, and no coefficients.
    """
    folds = _folds(labels, seed)
    searched = folds >= 0
    if not searched.all():
        x, labels, weights = x[searched], labels[searched], weights[searched]
        folds = folds[searched]
    held_out = folds == torch.arange(FOLDS)[:, None]
    held_out = held_out[held_out.any(1) & ~held_out.all(1)]
    best, strength, lowest, worse = None, STRENGTHS[0], float("inf"), 0
    if not len(held_out):
        return best, strength
    fits = Fits(x, labels, weights * ~held_out, classes, sketch)
    for done, candidate in enumerate(STRENGTHS):
        yield from _metered(fits.minimise(candidate, ROUGHLY), meter, done)
        loss = float(fits.cross_entropies(weights * held_out).sum())
        worse = worse + 1 if loss >= lowest else 0
        if not worse:
            best, strength, lowest = fits.coefficients.mean(0), candidate, loss
        elif worse == ENOUGH:
            break
    return best, strength


def _folds(labels: Tensor, seed: int) -> Tensor:
    """The fold of each picture, stratified; -1 for those that the search leaves out."""
    random = np.random.default_rng([seed, 1])
    folds = torch.full((len(labels),), -1)
    share = min(1.0, LARGEST_SEARCH / len(labels))
    for label in range(int(labels.max()) + 1):
        members = (labels == label).nonzero().squeeze(1)
        order = members[torch.from_numpy(random.permutation(len(members)))]
        kept = order[: max(FOLDS, round(share * len(order)))]
        folds[kept] = torch.arange(len(kept)) % FOLDS
    return folds
