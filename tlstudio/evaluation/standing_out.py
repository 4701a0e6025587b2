"""Owns which pictures stand out by what a network sees in them: the odd ones of a class, and pairs
that show the same though their pixels differ.

Features are standardised over all pictures, so that each counts by how much it varies here.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor

NEIGHBOURS = 10
"""Of so many the distances count, so that a handful of strangers is not at home among itself."""
LEAST_PICTURES = 20
"""A class with fewer has no usual distance."""
_ODD = 7.0
"""Robust standard deviations (1.4826 times the median absolute deviation) above the median."""
_ALIKE, _CLOSER = 0.8, 0.35
"""Least correlation of a pair, and how much nearer the two must be than the tenth neighbour of
either: pictures of one texture are all alike, and no pair among them is a copy (Lowe, 2004)."""
_ROWS = 128

Steps = Generator[int, None, list[tuple[int, float]]]


def odd_ones(features: Tensor, labels: Sequence[int]) -> Steps:
    """Rows of `features` (N, D) that lie far from the others of their class, the farthest first,
    each with how far: in robust standard deviations. Yields how many rows were looked at."""
    if not len(features):
        return []
    values, classes = _standardised(features), torch.tensor(labels)
    found: list[tuple[int, float]] = []
    done = 0
    for label in range(int(classes.max()) + 1):
        members = torch.nonzero(classes == label).flatten()
        if len(members) < LEAST_PICTURES:
            continue
        own = values[members]
        distances = np.zeros(len(own))
        for begin in range(0, len(own), _ROWS):
            near = torch.cdist(own[begin : begin + _ROWS], own).topk(NEIGHBOURS + 1, largest=False)
            # Each row's nearest is itself.
            distances[begin : begin + _ROWS] = near.values[:, 1:].mean(1).numpy()
            done += min(_ROWS, len(own) - begin)
            yield done
        middle = np.median(distances)
        scale = 1.4826 * np.median(np.abs(distances - middle))
        far = (distances - middle) / max(float(scale), 1e-9)
        found += [(int(members[row]), float(far[row])) for row in np.flatnonzero(far >= _ODD)]
    return sorted(found, key=lambda each: -each[1])


def twins(features: Tensor) -> Generator[int, None, list[tuple[int, int]]]:
    """Pairs of rows of `features` (N, D) that are nearly the same and far from all others. Yields
    how many rows were looked at."""
    if len(features) < 2 * NEIGHBOURS:
        return []
    values = torch.nn.functional.normalize(_standardised(features))
    nearest, usual = torch.zeros(len(values), 3), torch.zeros(len(values))
    who = torch.zeros(len(values), 3, dtype=torch.long)
    for begin in range(0, len(values), _ROWS):
        rows = slice(begin, begin + _ROWS)
        apart = 1 - values[rows] @ values.T
        apart.diagonal(begin).fill_(torch.inf)
        near = apart.topk(NEIGHBOURS, largest=False)
        nearest[rows], who[rows] = near.values[:, :3], near.indices[:, :3]
        usual[rows] = near.values[:, -1]
        yield min(begin + _ROWS, len(values))
    limit = torch.minimum(usual[:, None], usual[who]) * _CLOSER
    one, which = torch.nonzero((nearest <= 1 - _ALIKE) & (nearest <= limit), as_tuple=True)
    pairs = zip(one.tolist(), who[one, which].tolist(), strict=True)
    return sorted({(min(pair), max(pair)) for pair in pairs})


def _standardised(features: Tensor) -> Tensor:
    """Each row's length taken away and its largest values damped: the square root of a unit vector
    (Arandjelovic and Zisserman, 2012), signed; then each column brought to one spread."""
    rows = torch.nn.functional.normalize(features.sign() * features.abs().sqrt())
    spread = rows.std(0, unbiased=False)
    return (rows - rows.mean(0)) / torch.where(spread > 1e-6, spread, 1.0)
