"""Owns what follows from labelled pictures: what belongs together, the split, findings, proposals.

Where nothing has changed since the last time, it is read from the project again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tlstudio import __version__
from tlstudio.bounded import LARGE, content
from tlstudio.datasets.duplicates import Compared, exact, near
from tlstudio.datasets.groups import groups_of
from tlstudio.datasets.health import findings
from tlstudio.datasets.item import Item
from tlstudio.datasets.proposals import proposals
from tlstudio.datasets.remembered import (
    DRAWS,
    GROUPING,
    OUTCOME,
    TEST_FRACTION,
    Draw,
    Summary,
)
from tlstudio.datasets.split import Assignment, Drawn, assign
from tlstudio.datasets.split_sentence import sentence
from tlstudio.errors import StorageError
from tlstudio.jobs import Finding, Grouping, LeftOut, Part, Proposal, ScanJob, Split
from tlstudio.jobs.dataset import usual_test_fraction
from tlstudio.projects.atomic import replacing
from tlstudio.projects.index import Index, Place
from tlstudio.projects.project import Project
from tlstudio.tasks import Meter, Task, beside

_RULES = 1
"""Raised whenever the same pictures would come to something else."""
_COMPARED = "compared"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user decided of the split, now or before; `column` is the table's group column,
    `anew`: the pictures brought a split that was given up."""

    grouping: Grouping
    column: str
    validation_fraction: float
    test_fraction: float
    seed: int
    anew: bool = False

    @classmethod
    def of(cls, job: ScanJob, project: Project, data: Labelled) -> Choices:
        """What the job leaves open is as the project remembers; what it says is remembered, and so
        is a test set that it has drawn because that is usual for so many pictures. Beside a
        split that they bring no test set is drawn, whatever is remembered."""
        spec = job.dataset
        grouping = spec.grouping
        if grouping is None:
            grouping = GROUPING.of(project) or Grouping()
        else:
            GROUPING.keep(project, grouping)
        share = spec.test_fraction
        if share is None:
            share = TEST_FRACTION.of(project)
        if share is None and job.usual_test:
            share = _usual_test_fraction(data.items) or None
        if share is not None:
            TEST_FRACTION.keep(project, share)
        if any(item.given for item in data.items):
            share = 0
        column = (spec.table.group if spec.table else None) or ""
        fractions = spec.validation_fraction, share or 0
        return cls(grouping, column, *fractions, job.seed, data.anew)

    @property
    def rules(self) -> dict[str, Any]:
        """What belongs together, as the user says."""
        return {"grouping": self.grouping.model_dump(), "column": self.column}

    @property
    def draws(self) -> dict[str, float]:
        """The draws that make the split, by name, each with the share that it is to give: test
        pictures are the same for every seed. Who was where in a split of the user's own has no
        say in one that is drawn in its place, nor the other way round."""
        which = " anew" if self.anew else ""
        return {
            f"test{which}": self.test_fraction,
            f"validation {self.seed}{which}": self.validation_fraction,
        }


def _usual_test_fraction(items: Sequence[Item]) -> float:
    classes = Counter(item.label for item in items)
    return usual_test_fraction(classes.values(), any(item.given for item in items))


@dataclass(frozen=True, slots=True)
class Labelled:
    """The pictures that count, the class that each was found in, as its folder is called, and what
    can't be used. `anew`: a split that they brought was given up."""

    items: Sequence[Item]
    folders: Sequence[str]
    left_out: Sequence[LeftOut]
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """`places` and `groups` are by the pictures' numbers; `aside` says why a picture counts
    nowhere."""

    places: Mapping[int, Place]
    groups: Mapping[int, str]
    aside: Mapping[int, str]
    split: Split
    findings: Sequence[Finding]
    proposals: Sequence[Proposal]


def outcome(data: Labelled, choices: Choices, index: Index) -> Task[Outcome]:
    """What the pictures come to; kept in the index."""
    meter = Meter("compare", len(data.items))
    key = yield from beside(lambda: _key(data, choices), meter, 0)
    known = yield from beside(lambda: _recalled(key, index), meter, 0)
    if known is not None:
        return known
    found = yield from _worked_out(data, choices, index, meter)
    yield from beside(lambda: _keep(found, key, choices, index), meter, len(data.items))
    return found


def _worked_out(data: Labelled, choices: Choices, index: Index, meter: Meter) -> Task[Outcome]:
    items, done = data.items, len(data.items)
    alike = yield from _near(items, index.project)
    drawn = yield from beside(lambda: _drawn(data, alike, choices, index), meter, done)
    assignment = drawn.assignment
    found = yield from findings(
        items,
        data.left_out,
        near=alike,
        groups=drawn.groups,
        parts=[assignment.parts.get(item.id) for item in items],
        aside=assignment.aside,
        proposed=drawn.proposed,
    )
    return Outcome(
        places={**assignment.parts, **dict.fromkeys(assignment.aside, "aside")},
        groups={item.id: group for item, group in zip(items, drawn.groups, strict=True) if group},
        aside=assignment.aside,
        split=_split(items, drawn.groups, assignment, choices),
        findings=found,
        proposals=[proposal for proposal, _ in drawn.proposed],
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Groups by item, who went where, and what is proposed, each with the groups it would make."""

    groups: Sequence[str]
    assignment: Assignment
    proposed: Sequence[tuple[Proposal, Sequence[str]]]


def _drawn(
    data: Labelled, alike: Sequence[Sequence[int]], choices: Choices, index: Index
) -> _Drawn:
    items = data.items
    groups = groups_of(items, [*exact(items), *alike], choices.grouping, data.folders)
    tested, validated = (_earlier(draw, choices, index) for draw in choices.draws)
    assignment = assign(
        items,
        groups,
        val_fraction=choices.validation_fraction,
        test_fraction=choices.test_fraction,
        seed=choices.seed,
        tested=tested,
        validated=validated,
    )
    proposed = [
        (each, groups_of(items, (), each.grouping, data.folders))
        for each in proposals(items, data.folders)
    ]
    return _Drawn(groups, assignment, proposed)


def _split(
    items: Sequence[Item], groups: Sequence[str], assignment: Assignment, choices: Choices
) -> Split:
    counts = dict.fromkeys(("train", "val", "test"), 0)
    for part in assignment.parts.values():
        counts[part] += 1
    return Split(
        given=any(item.given == "val" for item in items),
        **counts,
        aside=len(assignment.aside),
        groups=len({group for group in groups if group}),
        sentence=sentence(items, groups, assignment, choices.grouping, choices.seed),
    )


def _near(items: Sequence[Item], project: Project) -> Task[list[tuple[int, ...]]]:
    """Near copies; what was compared before is remembered in the project's cache."""
    file = project.cache / _COMPARED
    try:
        before = content(file, LARGE, follow=False)
    except OSError:
        before = b""
    known = Compared.unpacked(before)
    found = yield from near(items, known)
    if found.compared != known:
        # What lies there may be taken away at any time, also while it is written.
        with contextlib.suppress(StorageError), replacing(file) as temporary:
            temporary.write_bytes(found.compared.packed())
    return found.groups


# --- what is remembered --------------------------------------------------------------------------


def _key(data: Labelled, choices: Choices) -> str:
    """Changes with everything that the outcome rests on but the draws of before, which are part of
    it."""
    said = [__version__, _RULES, choices.rules, choices.draws]
    digest = hashlib.sha256(json.dumps(said).encode())
    for item, folder in zip(data.items, data.folders, strict=True):
        values = (item.id, item.file, item.label, item.given, item.group, item.modified, folder)
        digest.update(repr(values).encode() + item.digest + item.facts.thumb)
    for each in data.left_out:
        digest.update(repr((each.file, each.reason)).encode())
    return digest.hexdigest()


def _recalled(key: str, index: Index) -> Outcome | None:
    """What is kept under this key; None where that is something else."""
    known = OUTCOME.of(index.project)
    if known is None or known.key != key:
        return None
    entries, found = list(index.entries()), index.findings()
    if OUTCOME.of(index.project) != known:  # another program has just come to something else
        return None
    return Outcome(
        places={each.id: each.part for each in entries if each.part is not None},
        groups={each.id: each.group for each in entries if each.group},
        aside=known.aside,
        split=known.split,
        findings=found,
        proposals=known.proposals,
    )


def _keep(found: Outcome, key: str, choices: Choices, index: Index) -> None:
    """All of it at once: what is kept must belong together whenever the program ends."""
    parts: dict[int, Part] = {n: part for n, part in found.places.items() if part != "aside"}
    test, validation = choices.draws
    made = DRAWS.of(index.project) or {}
    made |= {draw: Draw(fraction=f, rules=choices.rules) for draw, f in choices.draws.items()}
    summary = Summary(
        key=key, aside=dict(found.aside), split=found.split, proposals=tuple(found.proposals)
    )
    index.save_outcome(
        found.places,
        found.groups,
        found.findings,
        draws={
            test: {n: "test" if part == "test" else "train" for n, part in parts.items()},
            validation: {n: part for n, part in parts.items() if part != "test"},
        },
        settings={DRAWS.name: DRAWS.plain(made), OUTCOME.name: OUTCOME.plain(summary)},
    )


def _earlier(draw: str, choices: Choices, index: Index) -> Drawn | None:
    made = (DRAWS.of(index.project) or {}).get(draw)
    if made is None:
        return None
    return Drawn(index.assignments(draw), made.fraction, made.rules != choices.rules)
