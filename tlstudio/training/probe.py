"""Owns the linear probe: a regularised linear classifier on the features of the frozen network."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tlstudio.tasks import Meter, Progress

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse regularisation strengths that cross-validation chooses from (scikit-learn's `C`)."""

FOLDS = 5
LARGE = 2_000_000
"""Numbers in a matrix from which on several cores pay."""

LARGEST_SEARCH = 4000
"""Pictures that cross-validation looks at, at most: its choice hardly changes beyond."""


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

    `features` is (N, D), `labels` (N,) in [0, classes), `class_weights` (classes,). Features are
    standardised first; the result applies to the raw ones. Bias is not penalised. The strength with
    the lowest mean held-out cross-entropy wins; ties go to the stronger penalty.
    """
    mean, scale = features.mean(0), features.std(0, correction=0)
    scale = torch.where(scale > 1e-6 * scale.max().clamp_min(1e-30), scale, torch.ones_like(scale))
    x = ((features - mean) / scale).double()
    basis = _principal_axes(x)
    x = x @ basis
    threads = torch.get_num_threads()
    try:
        # Matrices this small are faster on one core, many times so when the others are busy.
        torch.set_num_threads(threads if x.numel() > LARGE else 1)
        weight, bias, strength = yield from _fit(x, labels, classes, class_weights.double(), seed)
    finally:
        torch.set_num_threads(threads)
    weight = (weight @ basis.T) / scale.double()
    bias = bias - weight @ mean.double()
    return Probe(weight.float(), bias.float(), strength)


def _fit(
    x: Tensor, labels: Tensor, classes: int, class_weights: Tensor, seed: int
) -> Generator[Progress, None, tuple[Tensor, Tensor, float]]:
    weights = class_weights[labels]
    meter = Meter("probe", len(STRENGTHS) * FOLDS + 1, "steps")
    losses = yield from _search(x, labels, classes, weights, _folds(labels, seed), meter)
    strength = STRENGTHS[int(np.argmin(losses))]
    searched = len(STRENGTHS) * FOLDS
    weight, bias = yield from _solve(x, labels, classes, weights, strength, meter, searched)
    yield from meter.at(searched + 1)
    return weight, bias, strength


def _principal_axes(x: Tensor) -> Tensor:
    """An orthonormal basis (D, R) of what the rows of `x` span, R <= min(N, D).

    The penalty does not see a rotation, so the problem stays the same with fewer unknowns; and
    along these axes the curvature is nearly diagonal, which is what makes the solver quick.
    """
    if x.shape[0] >= x.shape[1]:
        whole: Tensor = torch.linalg.eigh(x.T @ x).eigenvectors
        return whole
    values, vectors = torch.linalg.eigh(x @ x.T)
    kept = values > values.max() * 1e-12
    basis: Tensor = x.T @ vectors[:, kept] / values[kept].sqrt()
    return basis


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


def _search(
    x: Tensor, labels: Tensor, classes: int, weights: Tensor, folds: Tensor, meter: Meter
) -> Generator[Progress, None, list[float]]:
    """The mean held-out cross-entropy for each strength, over the folds."""
    losses = [0.0] * len(STRENGTHS)
    x = x.float()  # ranks strengths as well as double does, in half the time
    for fold in range(FOLDS):
        learn, check = (folds >= 0) & (folds != fold), folds == fold
        if not (learn.any() and check.any()):
            continue
        start: tuple[Tensor, Tensor] | None = None
        for i, strength in enumerate(STRENGTHS):
            done = fold * len(STRENGTHS) + i
            start = yield from _solve(
                x[learn],
                labels[learn],
                classes,
                weights[learn],
                strength,
                meter,
                done,
                start,
                tolerance=1e-4,
            )
            logits = x[check] @ start[0].T + start[1]
            loss = torch.nn.functional.cross_entropy(logits, labels[check], reduction="none")
            losses[i] += float((loss * weights[check]).sum())
    return losses


def _solve(
    x: Tensor,
    labels: Tensor,
    classes: int,
    weights: Tensor,
    strength: float,
    meter: Meter,
    done: int,
    start: tuple[Tensor, Tensor] | None = None,
    tolerance: float = 1e-8,
) -> Generator[Progress, None, tuple[Tensor, Tensor]]:
    """Minimises sum_i w_i CE_i + |W|^2 / (2 strength) by L-BFGS; weight (C, D) and bias (C,)."""
    # Unit curvature at zero along every axis: a Newton step for the first iterate.
    scale = (x.square().sum(0) / (2 * classes) + 1 / strength).rsqrt()
    x = x * scale
    weight = torch.zeros(classes, x.shape[1], dtype=x.dtype)
    bias = torch.zeros(classes, dtype=x.dtype)
    if start is not None:
        weight.copy_(start[0] / scale)
        bias.copy_(start[1])
    weight.requires_grad_(True)
    bias.requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=10,
        tolerance_grad=1e-9,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        errors = torch.nn.functional.cross_entropy(x @ weight.T + bias, labels, reduction="none")
        loss = (errors * weights).sum() + (weight * scale).square().sum() / (2 * strength)
        loss = loss / len(labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    last = float("inf")
    for _ in range(50):
        loss = float(optimizer.step(objective).detach())  # type: ignore[no-untyped-call]
        if last - loss < tolerance * max(1e-3, loss):
            break
        last = loss
        yield from meter.at(done)
    return weight.detach() * scale, bias.detach()
