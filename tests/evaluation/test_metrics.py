"""Figures against scikit-learn, published values and a closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score
from sklearn.metrics import confusion_matrix as reference_confusion

from tlstudio.evaluation.metrics import accuracy, confusion_matrix, wilson_interval


def test_accuracy_and_confusion_are_scikit_learns() -> None:
    random = np.random.default_rng(0)
    for classes in (2, 5, 300):
        truth, answers = random.integers(0, classes, (2, 400))
        expected = reference_confusion(truth, answers, labels=range(classes))
        assert np.array_equal(confusion_matrix(truth, answers, classes), expected)
        assert accuracy(truth, answers) == pytest.approx(accuracy_score(truth, answers))


def test_confusion_keeps_classes_without_pictures() -> None:
    only = np.array([2])
    assert confusion_matrix(only, only, 4).shape == (4, 4)


def test_wilson_gives_the_published_values() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3.
    for successes, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_is_scipys_at_every_count_and_confidence() -> None:
    for n in (1, 7, 153):
        for successes in range(n + 1):
            for confidence in (0.9, 0.95, 0.99):
                expected = binomtest(successes, n).proportion_ci(confidence, method="wilson")
                found = wilson_interval(successes, n, confidence)
                assert found == pytest.approx((expected.low, expected.high), abs=1e-12)
                assert 0 <= found[0] <= successes / n <= found[1] <= 1


def test_no_pictures_give_no_figure() -> None:
    nothing = np.array([], dtype=np.int64)
    with pytest.raises(ValueError, match="at least one"):
        accuracy(nothing, nothing)
    with pytest.raises(ValueError, match="0 successes of 0"):
        wilson_interval(0, 0)
