"""Owns the solver of logistic regression, for several weightings of one set of pictures at once.

The folds of a cross-validation differ only in which pictures count. Solving them together reads the
features once for all of them, and gives the answers to the pictures that were held out on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

_HISTORY = 10
_STEPS, _TRIALS = 500, 12
_FLATTER = 0.5
"""A step is long enough when the slope at its end is no more than this share of the first one."""

_LEAST = 1e-3
"""A cross-entropy a picture, in nats, from which on there is nothing left to gain."""

_SAMPLE = 512
"""Rows that the curvature is estimated from, at most: what bounds its cost for any width."""

_RIDGE = 2.0
"""Curvature that is assumed along every axis beside the sample's, as a share of the mean one. A
sample does not show all directions; half or twice as much hardly matters, none at all does."""

_BLOCK_ROWS, _BLOCK_LOGITS = 8192, 1 << 20
"""What is worked on between two yields, at most: for the time, and for the memory in between."""

R = TypeVar("R")
Work = Generator[None, None, R]
"""Yields between pieces of work that are well below a tenth of a second each."""


class Sketch:
    """The curvature of a penalised loss along the features, from an even sample of the rows.

    With the sampled rows S (m, D) it is c (S'S / m + ridge) + penalty. Its inverse needs that of an
    (m, m) matrix only (Woodbury's identity).
    """

    def __init__(self, x: Tensor) -> None:
        """`x` is (N, D + 1), standardised, with a last column that is not a feature."""
        count, width = x.shape[0], x.shape[1] - 1
        self._size = min(count, width, _SAMPLE)
        self._rows = x[torch.arange(self._size) * count // self._size, :-1].contiguous()
        self._products = self._rows @ self._rows.T

    def inverted(self, curvature: float, penalty: float) -> Callable[[Tensor], Tensor]:
        """A function from gradients (K, D) to the steps that would undo them.

        `curvature` is c: the loss's second derivative by a logit, summed over the pictures.
        """
        flat = penalty + _RIDGE * curvature
        inner = self._products * (curvature / self._size)
        inner.diagonal().add_(flat)
        inner = torch.cholesky_inverse(torch.linalg.cholesky(inner)) * (curvature / self._size)

        def solve(gradients: Tensor) -> Tensor:
            return (gradients - gradients @ self._rows.T @ inner @ self._rows) / flat

        return solve


@dataclass(frozen=True)
class _Point:
    """The objective of each fit somewhere along a line, (F,) each: value and derivatives.

    `whole` is the cross-entropy of all pictures that count in any fit.
    """

    loss: Tensor
    slope: Tensor
    curvature: Tensor
    whole: Tensor


class Fits:
    """F logistic regressions on the same pictures, each with weights of its own.

    Each minimises sum_i w_i CE_i + |W|^2 / (2 strength), the bias without a penalty, where |W|^2
    counts twice for two classes: `strength` is scikit-learn's `C` for any number of classes.

    `coefficients` (F, C, D + 1), the bias last, are where `minimise` starts and what it leaves;
    `logits` (F, C, N) are those of the coefficients.
    """

    def __init__(
        self, x: Tensor, labels: Tensor, weights: Tensor, classes: int, sketch: Sketch
    ) -> None:
        """`x` (N, D + 1) is float32 with a last column of ones; `weights` is (F, N)."""
        self._x, self._labels, self._weights, self._sketch = x, labels, weights, sketch
        fits = len(weights)
        self._totals = weights.sum(1, dtype=torch.float64)
        self._counted = weights.amax(0)
        shares = torch.zeros(fits, classes).index_add_(1, labels, weights)
        self.coefficients = torch.zeros(fits, classes, x.shape[1])
        # A class that a fold lacks starts as a rare one.
        self.coefficients[:, :, -1] = shares.clamp_min(0.5).log()
        self.logits = self.coefficients[:, :, -1:].repeat(1, 1, len(x))
        rows = max(256, min(_BLOCK_ROWS, _BLOCK_LOGITS // (fits * classes)))
        self._blocks = [slice(start, start + rows) for start in range(0, len(x), rows)]

    def start_from(self, coefficients: Tensor) -> Work[None]:
        """Takes the coefficients (C, D + 1) of a similar problem for each fit."""
        self.coefficients = coefficients.repeat(len(self.coefficients), 1, 1)
        self.logits = yield from self._times(self.coefficients)

    def cross_entropies(self, weights: Tensor) -> Tensor:
        """The sum over the pictures with other weights (F, N), for each fit: (F,)."""
        total = torch.zeros_like(self._totals)
        for rows in self._blocks:
            losses, _ = _cross_entropy(self.logits[:, :, rows], self._labels[rows])
            total += (losses * weights[:, rows]).sum(1, dtype=torch.float64)
        return total

    def minimise(self, strength: float, tolerance: float) -> Work[None]:
        """L-BFGS with the sketch as its first guess of the curvature.

        (Nocedal and Wright, "Numerical optimization", 2006, algorithm 7.4.)
        Ends where the next step promises less than `tolerance` of the cross-entropy of all pictures
        that count in any fit.
        """
        # Two classes have one set of coefficients in scikit-learn; ours are its halves, of half the
        # square together.
        pull = (2 if self.coefficients.shape[1] == 2 else 1) / strength
        penalty = torch.full((self._x.shape[1],), pull)
        penalty[-1] = 0
        precondition, history = self._preconditioner(pull), _History()
        yield
        gradient = yield from self._gradient(penalty)
        solved = precondition(gradient)
        here = yield from self._start(penalty)
        running = torch.ones_like(self._totals, dtype=torch.bool)
        for _ in range(_STEPS):
            step = -history.solve(gradient, solved) * running[:, None, None]
            here = replace(here, slope=_dots(gradient, step))
            running &= -here.slope / 2 > tolerance * here.whole.clamp_min(_LEAST * self._totals)
            if not running.any():
                return
            step *= running[:, None, None]
            change = yield from self._times(step)
            length, here, found = yield from self._search(step, change, penalty, here)
            running &= found
            step *= length
            self.coefficients += step
            self.logits += change.mul_(length)
            before = gradient, solved
            gradient = yield from self._gradient(penalty)
            solved = precondition(gradient)
            history.add(step, gradient - before[0], solved - before[1])

    def _preconditioner(self, penalty: float) -> Callable[[Tensor], Tensor]:
        """The inverse curvature, as it is at the current logits on average, times a gradient."""
        fits, classes, width = self.coefficients.shape
        spread = torch.zeros(fits, classes, dtype=torch.float64)
        for rows in self._blocks:
            shares = torch.softmax(self.logits[:, :, rows], 1)
            spread += ((shares - shares.square()) * self._weights[:, None, rows]).sum(2)
        spread *= classes / (classes - 1)
        curvature = float(spread.mean())
        solve = self._sketch.inverted(curvature, penalty)
        bias = spread.clamp_min(1e-3 * curvature).float()

        def precondition(gradient: Tensor) -> Tensor:
            features = gradient[:, :, :-1].reshape(fits * classes, width - 1)
            steps = solve(features).view(fits, classes, width - 1)
            return torch.cat([steps, (gradient[:, :, -1] / bias)[:, :, None]], 2)

        return precondition

    # --- passes over the pictures ---------------------------------------------------------------

    def _times(self, coefficients: Tensor) -> Work[Tensor]:
        """The logits (F, C, N) of all pictures."""
        fits, classes, width = coefficients.shape
        matrix = coefficients.view(fits * classes, width)
        logits = torch.empty(fits * classes, len(self._x))
        for rows in self._blocks:
            logits[:, rows] = matrix @ self._x[rows].T
            yield
        return logits.view(fits, classes, -1)

    def _gradient(self, penalty: Tensor) -> Work[Tensor]:
        """By the coefficients (F, C, D + 1), at the current logits."""
        total = torch.zeros_like(self.coefficients, dtype=torch.float64)
        for rows in self._blocks:
            errors = torch.softmax(self.logits[:, :, rows], 1)
            own = _places(self._labels[rows], errors)
            errors.scatter_add_(1, own, torch.full((1, 1, 1), -1.0).expand_as(own))
            errors *= self._weights[:, None, rows]
            total += (errors.flatten(0, 1) @ self._x[rows]).view_as(total)
            yield
        return (total + penalty * self.coefficients).float()

    def _start(self, penalty: Tensor) -> Work[_Point]:
        """Where the fits are now, before there is a direction."""
        nothing, zero = torch.zeros(1, 1, 1).expand_as(self.logits), torch.zeros_like(self._totals)
        pull = _dots(self.coefficients * penalty, self.coefficients) / 2
        return (yield from self._at(nothing, zero, torch.stack([pull, zero, zero])))

    def _at(self, change: Tensor, length: Tensor, quadratic: Tensor) -> Work[_Point]:
        """The objective at `length` (F,) along `change`, the logits that a step adds.

        `quadratic` (3, F) is the penalty's part of it: value and derivatives at length 0.
        """
        sums = torch.zeros(4, len(length), dtype=torch.float64)
        far = length.float()[:, None, None]
        for rows in self._blocks:
            labels, weights, moved = self._labels[rows], self._weights[:, rows], change[:, :, rows]
            losses, shares = _cross_entropy(self.logits[:, :, rows] + far * moved, labels)
            own = moved.gather(1, _places(labels, moved)).squeeze(1)
            mean = (shares * moved).sum(1)
            spread = shares.mul_((moved - mean[:, None]).square_()).sum(1)
            terms = [losses * weights, (mean - own) * weights, spread * weights]
            terms.append(losses * self._counted[rows])
            sums += torch.stack([term.sum(1, dtype=torch.float64) for term in terms])
            yield
        value, slope, curvature = quadratic
        return _Point(
            sums[0] + value + length * slope + length.square() * curvature / 2,
            sums[1] + slope + length * curvature,
            sums[2] + curvature,
            sums[3],
        )

    def _search(
        self, step: Tensor, change: Tensor, penalty: Tensor, start: _Point
    ) -> Work[tuple[Tensor, _Point, Tensor]]:
        """How far to go along `step`: lengths as (F, 1, 1), the point there, and in which fits it
        will do.

        The objective is convex, so Newton's method on the line, kept in its bracket, finds one.
        """
        pull = self.coefficients * penalty
        parts = (_dots(pull, self.coefficients) / 2, _dots(pull, step), _dots(step * penalty, step))
        quadratic = torch.stack(parts)
        length, low = torch.ones_like(self._totals), torch.zeros_like(self._totals)
        high = torch.full_like(length, float("inf"))
        for trial in range(_TRIALS):
            point = yield from self._at(change, length, quadratic)
            # Equal up to rounding counts as no higher: the last steps are that small.
            good = point.loss <= start.loss * (1 + 1e-7)
            good &= point.slope.abs() <= _FLATTER * start.slope.abs()
            if good.all() or trial == _TRIALS - 1:
                break
            rising = point.slope > 0
            low, high = torch.where(rising, low, length), torch.where(rising, length, high)
            wanted = length - point.slope / point.curvature
            middle = torch.where(high.isfinite(), (low + high) / 2, 4 * length)
            inside = (wanted > low) & (wanted < torch.minimum(high, 8 * length))
            length = torch.where(good, length, torch.where(inside, wanted, middle))
        return length.float()[:, None, None], point, good


class _History:
    """The last steps and what they did to the gradient, for each fit by itself."""

    def __init__(self) -> None:
        self._entries: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []

    def add(self, step: Tensor, change: Tensor, solved: Tensor) -> None:
        """`solved` is the preconditioned `change`; all are (F, C, D + 1)."""
        along = _dots(step, change).float()[:, None, None]
        inverse = torch.where(along > 0, 1 / along, 0.0)  # a fit that stood still says nothing
        self._entries = [*self._entries[1 - _HISTORY :], (step, change, solved, inverse)]

    def solve(self, gradient: Tensor, solved: Tensor) -> Tensor:
        """The inverse curvature times `gradient`, by the two loops of L-BFGS.

        `solved` is the preconditioned gradient. The preconditioner is linear, so that it need not
        be applied to what the first loop leaves.
        """
        rest, result, shares = gradient.clone(), solved.clone(), []
        for step, change, changed, inverse in reversed(self._entries):
            shares.append(inverse * (step * rest).sum((1, 2), keepdim=True))
            rest -= shares[-1] * change
            result -= shares[-1] * changed
        if self._entries:
            _, change, changed, inverse = self._entries[-1]
            size = inverse * (change * changed).sum((1, 2), keepdim=True)
            result /= torch.where(size > 0, size, 1.0)
        for step, change, _, inverse in self._entries:
            share = shares.pop() - inverse * (change * result).sum((1, 2), keepdim=True)
            result += share * step
        return result


def _dots(a: Tensor, b: Tensor) -> Tensor:
    """One inner product for each fit, (F,), summed in double precision."""
    return (a * b).sum((1, 2), dtype=torch.float64)


def _places(labels: Tensor, logits: Tensor) -> Tensor:
    """Where the entry of the label is, as indices (F, 1, N) of `logits` (F, C, N)."""
    return labels.expand(len(logits), 1, -1)


def _cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """(F, N) in nats, and the probabilities (F, C, N)."""
    logs = torch.log_softmax(logits, 1)
    return -logs.gather(1, _places(labels, logits)).squeeze(1), logs.exp_()
