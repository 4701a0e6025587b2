"""Owns the search for shortcuts: what predicts the class and should not.

A rule about one trait ("is 512 px wide", "has a red border") is told where pictures of some classes
follow it much more often than those of the others, by more than chance can explain. How much more
often is Youden's index of the rule as a test for those classes (Youden, 1950): what it would add to
guessing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tlstudio.datasets.item import Item
from tlstudio.datasets.traits import TRAITS, Rule, Trait, Value
from tlstudio.datasets.wording import quoted
from tlstudio.jobs import Finding
from tlstudio.tasks import Meter, Task

_LEAST_PICTURES = 5
"""In a class with fewer, everything is alike by chance."""
_CHANCE = 0.001
"""How likely a finding may be by chance where there is nothing, all rules of a data set taken
together (Bonferroni)."""
_CUTS, _VALUES = 48, 12
"""At most so many thresholds, and so many values of their own, are tried of a trait."""
_AS_GOOD = 0.02
"""A rule about one value is easier to understand than a threshold, and preferred if as good."""
_EXAMPLES = 3

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Shortcut:
    """A rule that `classes` follow more often than the others, by `strength` in 0..1."""

    trait: Trait
    rule: Rule
    follows: Mask
    classes: tuple[int, ...]
    strength: float


def shortcuts(items: Sequence[Item]) -> Task[list[Finding]]:
    """What predicts the class and should not, each with a few pictures of both sides."""
    counts = Counter(item.label for item in items)
    names = [name for name, count in sorted(counts.items()) if count >= _LEAST_PICTURES]
    if len(names) < 2:
        return []
    number = {name: index for index, name in enumerate(names)}
    here = [item for item in items if item.label in number]
    labels = np.array([number[item.label] for item in here], np.intp)
    meter, found = Meter("compare", len(TRAITS), "steps"), list[_Shortcut]()
    for index, trait in enumerate(TRAITS):
        yield from meter.at(index)
        rules = list(_rules([trait.of(item) for item in here]))
        best = _best(trait, rules, labels, len(names))
        if best is not None:
            found.append(best)
    told = _told(found)
    return [_finding(each, here, labels, names, len(items)) for each in told]


def _told(found: list[_Shortcut]) -> list[_Shortcut]:
    """Of each family the strongest."""
    best: dict[str, _Shortcut] = {}
    for each in found:
        other = best.get(each.trait.family)
        if other is None or each.strength > other.strength:
            best[each.trait.family] = each
    # A border of one colour is also much of that colour at the edge.
    if "border" in best:
        best.pop("edge", None)
    return list(best.values())


# --- rules ---------------------------------------------------------------------------------------


def _rules(values: list[Value]) -> Iterator[tuple[Rule, Mask]]:
    """What could be said of these values, and of whom it holds. Values of their own come first."""
    missing = np.array([value is None for value in values])
    if missing.any() and not missing.all():
        yield Rule("missing"), missing
    common = Counter(value for value in values if value is not None).most_common(_VALUES)
    if len(common) < 2 and not missing.any():
        return
    if isinstance(common[0][0] if common else None, str):
        for value, _ in sorted(common, key=lambda pair: not pair[0]):  # what there is not, last
            yield Rule("is", value), np.array([each == value for each in values])
        return
    numbers = np.array([np.nan if value is None else value for value in values], np.float64)
    for value, _ in common:
        yield Rule("is", value), numbers == value
    present = numbers[~missing]
    if present.size:
        cuts = np.quantile(present, np.linspace(0.02, 0.98, _CUTS), method="higher")
        for cut in np.unique(cuts).tolist():
            yield Rule("least", cut), numbers >= cut
            yield Rule("below", cut), numbers < cut


def _best(
    trait: Trait, rules: list[tuple[Rule, Mask]], labels: Codes, classes: int
) -> _Shortcut | None:
    """The first of the rules that are about as strong as the strongest; None where that is too
    weak, or may be chance."""
    if not rules:
        return None
    sizes = np.bincount(labels, minlength=classes)
    counts = np.stack([np.bincount(labels[mask], minlength=classes) for _, mask in rules])
    shares = counts / sizes
    order = np.argsort(-shares, axis=1, kind="stable")
    ranked = np.take_along_axis(shares, order, axis=1)
    above = np.cumsum(ranked, axis=1)[:, :-1]
    many = np.arange(1, classes)
    gaps = above / many - (ranked.sum(1, keepdims=True) - above) / (classes - many)
    strength = gaps.max(1)
    chosen = int(np.argmax(strength >= strength.max() - _AS_GOOD))
    if strength[chosen] < trait.least:
        return None
    within = order[chosen][: int(gaps[chosen].argmax()) + 1]
    followers, members = int(counts[chosen].sum()), int(sizes[within].sum())
    chance = log_chance(int(counts[chosen][within].sum()), followers, members, len(labels))
    tried = len(rules) * classes * len(TRAITS)
    if chance + math.log(tried) > math.log(_CHANCE):
        return None
    rule, follows = rules[chosen]
    group = tuple(sorted(within.tolist()))
    return _Shortcut(trait, rule, follows, group, float(strength[chosen]))


def log_chance(both: int, followers: int, members: int, everyone: int) -> float:
    """The natural logarithm of the chance that, of `followers` drawn out of `everyone`, `both` or
    more are among the `members`: Fisher's exact test, one-sided."""

    def ways(chosen: int, of: int) -> float:
        return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)

    others = everyone - members
    terms = [
        ways(k, members) + ways(followers - k, others)
        for k in range(both, min(followers, members) + 1)
        if followers - k <= others
    ]
    if not terms:
        return -math.inf
    most = max(terms)
    total = most + math.log(sum(math.exp(term - most) for term in terms))
    return total - ways(followers, everyone)


# --- sentences -----------------------------------------------------------------------------------


def _finding(
    shortcut: _Shortcut, items: list[Item], labels: Codes, names: list[str], everyone: int
) -> Finding:
    within = np.isin(labels, shortcut.classes)
    inside = within & shortcut.follows
    outside = ~within & ~shortcut.follows
    trait, both = shortcut.trait, int(inside.sum())
    others = [name for index, name in enumerate(names) if index not in shortcut.classes]
    own = [names[index] for index in shortcut.classes]
    exceptions = int((~within & shortcut.follows).sum())
    sentence = (
        f"{_share(both, int(within.sum()))} of {quoted(own)} {trait.said(shortcut.rule)},"
        f" {_against(exceptions, int((~within).sum()), others)}."
    )
    examples = [*np.flatnonzero(inside)[:_EXAMPLES], *np.flatnonzero(outside)[:_EXAMPLES]]
    return Finding(
        kind="shortcut",
        severity="warn" if trait.badness >= 0.5 else "info",
        sentence=sentence,
        hint=trait.hint,
        files=tuple(items[index].file for index in examples),
        classes=tuple(own),
        weight=round(shortcut.strength * trait.badness * both / everyone, 4),
    )


def _share(count: int, of: int) -> str:
    if count == of:
        return f"All {of:,} pictures"
    return f"{_per_cent(count, of)} % of the {of:,} pictures"


def _against(count: int, of: int, names: list[str]) -> str:
    which = quoted(names) if len(names) <= 3 else "the other classes"
    if count == 0:
        return f"and none of {which}"
    return f"but only {_per_cent(count, of)} % of {which}"


def _per_cent(count: int, of: int) -> str:
    """Never 0 or 100 where it is not all or none."""
    whole = round(100 * count / of)
    return f"{whole}" if 0 < whole < 100 else f"{100 * count / of:.1f}"
