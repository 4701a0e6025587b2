"""Owns the sentence that says, for a paper, how pictures were split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tlstudio.datasets.item import Item
from tlstudio.datasets.split import Assignment, leaks
from tlstudio.jobs import Grouping, Part

_MOST = 5  # names of classes


def sentence(
    items: Sequence[Item],
    groups: Sequence[str],
    assignment: Assignment,
    grouping: Grouping,
    seed: int,
) -> str:
    """What `assign` did with `items`, `groups`, and this seed. One sentence, in the past tense."""
    given = {item.given for item in items}
    clauses = [_counts(items, assignment)]
    if "val" in given:
        clauses.append("this split came with the pictures and was kept as it was")
    else:
        drawn = "validation pictures were" if "test" in given else "the split was"
        clauses.append(f"{drawn} drawn at random within each class (stratified, seed {seed})")
        if "test" in given:
            clauses.append("the test pictures came as such")
        clauses.append(_together(items, groups, grouping))
    clauses += _exceptions(items, groups, assignment)
    return "; ".join(clauses) + "."


def _counts(items: Sequence[Item], assignment: Assignment) -> str:
    counts = Counter(assignment.parts.values())
    total = sum(counts.values())
    classes = len({item.label for item in items if item.id in assignment.parts})
    uses: dict[Part, str] = {
        "train": "for training",
        "val": "for validation",
        "test": "as a locked test set on which no decision was based",
    }
    shares = [
        f"{counts[part]:,} ({counts[part] / total:.0%}) {use}".replace("%", "\N{NO-BREAK SPACE}%")
        for part, use in uses.items()
        if counts[part]
    ]
    first, *others = shares
    were = first.replace(") ", ") were used ", 1)
    return f"Of {total:,} pictures in {classes} classes, {_listed([were, *others])}"


def _together(items: Sequence[Item], groups: Sequence[str], grouping: Grouping) -> str:
    """What was kept on one side of the split."""
    kinds = ["duplicates", "near-duplicates"]
    if any(item.group for item in items):
        kinds.append("pictures with the same entry in the table's group column")
    if grouping.pattern:
        kinds.append(f"pictures with the same {{group}} in their names (“{grouping.pattern}”)")
    if grouping.folder_level:
        levels = "1 level" if grouping.folder_level == 1 else f"{grouping.folder_level} levels"
        kinds.append(f"pictures in the same folder {levels} below their class")
    if grouping.burst:
        kinds.append(f"pictures that one camera took within {grouping.burst:g} s of each other")
    number = sum(count > 1 for group, count in Counter(groups).items() if group)
    found = "no such group was found" if not number else _counted(number, "such group")
    return f"{_listed(kinds)} were kept on one side ({found})"


def _exceptions(items: Sequence[Item], groups: Sequence[str], assignment: Assignment) -> list[str]:
    clauses = []
    leaking = len(leaks(items, groups, assignment.parts))
    if leaking:
        has = "has" if leaking == 1 else "have"
        clauses.append(
            f"{_counted(leaking, 'group')} of duplicate or related pictures {has} members in more"
            " than one part"
        )
    if assignment.aside:
        were = "was" if len(assignment.aside) == 1 else "were"
        number = _counted(len(assignment.aside), "further picture")
        clauses.append(f"{number} {were} set aside, being related to pictures in another part")
    if assignment.unchecked:
        names = _listed([f"“{name}”" for name in assignment.unchecked[:_MOST]])
        more = len(assignment.unchecked) - _MOST
        names += f" and {more} more" if more > 0 else ""
        clauses.append(f"no validation picture was available for {names}")
    return clauses


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
