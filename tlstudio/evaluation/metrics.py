"""Owns the figures that a model is judged by: plain numbers from true and given classes."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]


def accuracy(truth: Labels, answers: Labels) -> float:
    """The fraction of answers (N,) that are the truth (N,). Raises `ValueError` for none."""
    if len(truth) == 0:
        raise ValueError("an accuracy needs at least one picture")
    return float(np.mean(truth == answers))


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a proportion, within [0, 1]. Raises `ValueError` for n < 1.

    Unlike the textbook interval it has a width where all or none succeed, and keeps its promise for
    few pictures. E. B. Wilson, JASA 22 (1927) 209; recommended in Brown, Cai and DasGupta,
    Statistical Science 16 (2001) 101.
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    shrink = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the interval touches 0 or 1 exactly; rounding would leave it beside.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return low, high


def confusion_matrix(truth: Labels, answers: Labels, classes: int) -> Labels:
    """(classes, classes) counts: row i, column j counts the pictures of class i called class j."""
    counts = np.bincount(truth * classes + answers, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)
