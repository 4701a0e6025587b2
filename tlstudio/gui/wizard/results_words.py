"""Owns what the results page says: the headline, what it rests on, and the cells in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from tlstudio.jobs import EvaluationResult, TrainResult


def _tr(text: str) -> str:
    return QCoreApplication.translate("ResultsPage", text)


def headline(result: EvaluationResult) -> str:
    """The figure to expect, with its interval, as one sentence."""
    text = _tr("Expect about {0}\u00a0% on new pictures like these (between {1} and {2}\u00a0%).")
    return text.format(
        round(100 * result.accuracy),
        round(100 * result.accuracy_low),
        round(100 * result.accuracy_high),
    )


def basis(result: EvaluationResult, trained: TrainResult | None) -> str:
    """What the headline rests on, and why it may be a little too good."""
    right = sum(row[i] for i, row in enumerate(result.confusion))
    text = _tr(
        "This rests on {n:,} pictures that it did not learn from: {right:,} of them got the right "
        "answer. Nineteen times in twenty, the true figure lies within the bounds."
    )
    parts = [text.format(n=result.n, right=right)]
    if trained is not None and trained.kept == "trained":
        parts.append(
            _tr("The same pictures chose the best epoch, so the figure may be a little optimistic.")
        )
    elif trained is not None and trained.epochs:
        parts.append(
            _tr(
                "The same pictures decided which of the two models is kept, so the figure may be a "
                "little optimistic."
            )
        )
    if result.left_out:
        text = _tr("{n:,} files could not be read and are not counted.")
        parts.append(text.format(n=len(result.left_out)))
    return " ".join(parts)


def comparison(trained: TrainResult | None) -> str:
    """The probe against the trained model."""
    if trained is None:
        return ""
    probe = f"{100 * trained.probe_accuracy:.1f} %"
    if trained.trained_accuracy is None:
        return _tr("This is the probe ({probe}): training had not finished an epoch.").format(
            probe=probe
        )
    text = (
        _tr("The probe reached {probe}, training {trained} in epoch {epoch}: the probe is kept.")
        if trained.kept == "probe"
        else _tr("The probe reached {probe}, training {trained} in epoch {epoch}: it is kept.")
    )
    return text.format(
        probe=probe,
        trained=f"{100 * trained.trained_accuracy:.1f} %",
        epoch=trained.best_epoch,
    )


def cell(truth: str, answer: str, n: int) -> str:
    """One cell of the matrix."""
    if truth == answer:
        text = _tr("{n:,} × really {truth}, and called so")
    else:
        text = _tr("{n:,} × really {truth}, but called {answer}")
    if n == 0:
        text = _tr("No picture that is really {truth} was called {answer}.")
    return text.format(n=n, truth=truth, answer=answer)
