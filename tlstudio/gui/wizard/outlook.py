"""Owns what the settings page says of time, memory and disk, and for which choices it holds.

Plain Python: no Qt, no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tlstudio.gui.wizard.wording import translate
from tlstudio.jobs import Estimate, EstimateResult, Recipe, ScanResult

MINUTE = 50
"""Seconds from which on it is no longer "under a minute": an estimate is not exact."""
_WORTH_SAYING = 1_000_000_000
"""Bytes on the disk from which on they are mentioned."""


@dataclass(frozen=True)
class Question:
    """What has to be measured anew when it changes; all else is computed from the answer."""

    scan: ScanResult = field(compare=False)
    pictures: int
    backbone: str
    size: int
    scratch: bool
    device: str
    precision: str
    after: str
    """The latest run, which may have left something in the cache."""

    def same(self, other: Question | None) -> bool:
        """Compares pictures by which scan they come from: there may be many thousands."""
        return other is not None and self.scan is other.scan and self == other


@dataclass
class Outlook:
    """The latest answer, and the question that it answers."""

    question: Question | None = None
    answer: EstimateResult | None = None
    failed: bool = False

    def ask(self, question: Question) -> None:
        self.question, self.answer, self.failed = question, None, False

    def estimate(self, recipe: Recipe, frozen: int) -> Estimate | None:
        """What training takes with this recipe; None while nobody knows."""
        if self.answer is None or self.question is None:
            return None
        return self.answer.of(recipe, frozen, scratch=self.question.scratch)

    def sentence(self, recipe: Recipe, frozen: int, memory: int | None) -> str:
        """ "About 3 minutes, 1.2 GB of memory."; `memory` is what the device has, in bytes."""
        if self.failed:
            return translate("state", "How long it takes could not be measured.")
        estimate = self.estimate(recipe, frozen)
        if estimate is None:
            return translate("state", "Measuring this computer…")
        time = time_words(estimate.seconds)
        early = recipe.patience is not None and recipe.patience < recipe.epochs
        if early and estimate.seconds >= MINUTE:
            time = translate("state", "{0} at most").format(time)
        said = [time, translate("state", "{0} of memory").format(gigabytes(estimate.memory_bytes))]
        if estimate.disk_bytes >= _WORTH_SAYING:
            disk = gigabytes(estimate.disk_bytes)
            said.append(translate("state", "{0} on the disk").format(disk))
        text = ", ".join(said)
        text = f"{text[0].upper()}{text[1:]}."
        if memory is not None and estimate.memory_bytes > memory:
            more = translate(
                "state",
                "That is more memory than there is: freeze more blocks or take smaller batches.",
            )
            text = f"{text} {more}"
        return text


def time_words(seconds: float) -> str:
    """ "under a minute", "about 3 minutes", "about 2 hours": as exact as an estimate is."""
    if seconds < MINUTE:
        return translate("state", "under a minute")
    if seconds < 90:
        return translate("state", "about a minute")
    if seconds < 90 * 60:
        return translate("state", "about {0} minutes").format(round(seconds / 60))
    hours = round(seconds / 3600)
    if hours < 48:
        return translate("state", "about {0} hours").format(hours)
    return translate("state", "about {0} days").format(round(hours / 24))


def gigabytes(number: float) -> str:
    """ "1.2 GB", never 0."""
    return f"{max(0.1, number / 1e9):,.1f} GB"
