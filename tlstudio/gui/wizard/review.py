"""Owns what the health page shows: findings with their pictures, in groups, and counts of all.

Plain Python, read in a thread.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log2
from pathlib import Path

from pydantic import ValidationError

from tlstudio.jobs import CloserLookResult, Finding, FindingKind, Severity
from tlstudio.projects.corrections import Corrections
from tlstudio.projects.index import Entry, Index, Place
from tlstudio.projects.project import Project
from tlstudio.tasks import Progress, Task

DISMISSED = "dismissed"
"""The project's setting with the keys of findings that the user has seen and lets stand."""
_CLOSER = "closer_look"
"""The project's setting with what a closer look found."""
_COPIES = {"exact_duplicate", "near_duplicate"}
_BREATH = 1000
"""Entries between two events."""
_SIZES = 400
"""More sizes than this are gathered into steps of an eighth of a doubling."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of a finding as it stands now. `key` is the class that it counts to by the name
    that it was found or made by, `label` the name that is shown; `out`: it is not used."""

    id: int
    file: str
    key: str
    label: str
    part: Place | None
    width: int
    height: int
    out: bool


@dataclass(frozen=True, slots=True)
class Case:
    """A finding, the pictures of it that are shown to the user, and what it is remembered by."""

    finding: Finding
    shots: tuple[Shot, ...]
    key: str

    @property
    def used(self) -> tuple[Shot, ...]:
        """Those that still count."""
        return tuple(shot for shot in self.shots if not shot.out)

    @property
    def resolved(self) -> bool:
        """Whether corrections have ended it, before the pictures were looked at again."""
        kind, used = self.finding.kind, self.used
        if not self.shots:
            return False
        if kind in _COPIES:
            return len(used) < 2
        if kind == "conflicting_labels":
            return len({shot.label for shot in used}) < 2
        if kind in {"blank", "odd_one_out"}:
            return not used
        if kind == "leak":
            return len({shot.part for shot in used}) < 2
        return False


@dataclass(frozen=True, slots=True)
class Section:
    """The findings of one kind, worst first."""

    kind: FindingKind
    cases: tuple[Case, ...]

    @property
    def severity(self) -> Severity:
        """That of the worst."""
        severities = {case.finding.severity for case in self.cases}
        order: tuple[Severity, ...] = ("error", "warn", "info")
        return next(each for each in order if each in severities)


@dataclass(frozen=True)
class Review:
    """All that the page shows. `classes` has how many used pictures of each class each part has,
    `keys` the names that the classes were found by; `sizes` counts (width, height) in px."""

    folder: str
    cases: tuple[Case, ...]
    classes: Mapping[str, Counter[Place]]
    keys: Mapping[str, tuple[str, ...]]
    sizes: Mapping[tuple[int, int], int]
    formats: Mapping[str, int]
    dismissed: frozenset[str] = field(default_factory=frozenset)

    @property
    def pictures(self) -> int:
        return sum(counts.total() for counts in self.classes.values())

    def open_cases(self) -> list[Case]:
        """What nobody has decided on yet."""
        return [case for case in self.cases if not (case.resolved or self.dismissals(case))]

    def dismissed_cases(self) -> list[Case]:
        return [case for case in self.cases if not case.resolved and self.dismissals(case)]

    def dismissals(self, case: Case) -> tuple[str, ...]:
        """The keys by which a finding was dismissed: its own, or those of findings of its kind that
        had all of its pictures and more, of which some are gone; empty where it was not."""
        kind, numbers = case.finding.kind, _numbers(case.key)
        among = self._dismissed_by_picture.get((kind, min(numbers)), ()) if numbers else ()
        covering = {key for key, others in among if numbers <= others}
        return (*covering, *({case.key} & self.dismissed - covering))

    @cached_property
    def _dismissed_by_picture(self) -> dict[tuple[str, int], list[tuple[str, frozenset[int]]]]:
        """What was dismissed of each kind, by each of its pictures."""
        found: dict[tuple[str, int], list[tuple[str, frozenset[int]]]] = defaultdict(list)
        for key in self.dismissed:
            numbers = _numbers(key)
            for number in numbers:
                found[key.split(":", maxsplit=1)[0], number].append((key, numbers))
        return found

    def with_dismissed(self, dismissed: Iterable[str]) -> Review:
        return replace(self, dismissed=frozenset(dismissed))


def sections(cases: Iterable[Case]) -> list[Section]:
    """Cases by kind; the kind with the worst of them comes first."""
    groups: dict[FindingKind, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.finding.kind, []).append(case)
    return [Section(kind, tuple(each)) for kind, each in groups.items()]


def read_review(project_folder: Path, folder: str) -> Task[Review]:
    """Everything about the pictures in `folder` from their project. Raises `StorageError`."""
    project = Project(project_folder)
    index, corrections = Index(project), Corrections(project)
    touched = corrections.pictures()
    findings = _with_closer(index.findings(), project.setting(_CLOSER))
    wanted = {file for finding in findings for file in finding.files}
    shots: dict[str, Shot] = {}
    counts: dict[str, Counter[Place]] = defaultdict(Counter)
    keys: dict[str, set[str]] = defaultdict(set)
    sizes, formats = Counter[tuple[int, int]](), Counter[str]()
    for number, entry in enumerate(index.entries()):
        if number % _BREATH == 0:
            yield Progress(phase="scan", done=number, total=0)
        key = touched.get(entry.id, (None, False))[0] or entry.found
        if entry.file in wanted:
            shots[entry.file] = _shot(entry, key)
        if entry.verdict == "left_out":
            continue
        keys[entry.label].add(key)
        if entry.part is not None and not entry.excluded:
            counts[entry.label][entry.part] += 1
            sizes[entry.width, entry.height] += 1
            formats[entry.format] += 1
    return Review(
        folder=folder,
        cases=_cases(findings, shots),
        classes=dict(counts),
        keys={label: tuple(sorted(found)) for label, found in keys.items()},
        sizes=_gathered(sizes),
        formats=formats,
        dismissed=frozenset(project.texts(DISMISSED)),
    )


def keep_closer_look(project_folder: Path, result: CloserLookResult) -> None:
    """Puts what a closer look found beside the other findings, in place of what one found before.
    Raises `StorageError`."""
    found = [finding.model_dump(mode="json") for finding in result.findings]
    Project(project_folder).set_setting(_CLOSER, found)


def _with_closer(findings: list[Finding], closer: object) -> list[Finding]:
    """With what a closer look found and the scan does not say as well, worst first."""
    told = [set(each.files) for each in findings if each.kind in _COPIES]
    for each in closer if isinstance(closer, list) else ():
        try:
            finding = Finding.model_validate(each)
        except ValidationError:  # a newer program, or somebody else, wrote it
            continue
        copies = finding.kind in _COPIES and any(files >= set(finding.files) for files in told)
        if not copies:
            findings.append(finding)
    return sorted(findings, key=lambda finding: -finding.weight)


def _shot(entry: Entry, key: str) -> Shot:
    return Shot(
        id=entry.id,
        file=entry.file,
        key=key,
        label=entry.label,
        part=entry.part,
        width=entry.width,
        height=entry.height,
        out=entry.excluded or entry.verdict == "left_out",
    )


def _cases(findings: Sequence[Finding], shots: Mapping[str, Shot]) -> tuple[Case, ...]:
    """Each with a key of its own, also where two say the same."""
    cases, taken = list[Case](), Counter[str]()
    for finding in findings:
        found = tuple(shots[file] for file in finding.files if file in shots)
        key = _key(finding, found)
        taken[key] += 1
        cases.append(Case(finding, found, key if taken[key] == 1 else f"{taken[key]}. {key}"))
    return tuple(cases)


def _key(finding: Finding, shots: Sequence[Shot]) -> str:
    """What a finding is remembered by: the numbers of its pictures, whatever they are called, or,
    where it is about classes, its words without the figures in them."""
    if not shots or finding.kind == "shortcut":
        words = re.sub(r"\d[\d.,]*", "#", finding.sentence)
        return f"{finding.kind}; {' '.join(sorted(finding.classes))}; {words}"
    return f"{finding.kind}: {' '.join(str(shot.id) for shot in shots)}"


def _numbers(key: str) -> frozenset[int]:
    """The pictures that a key names."""
    kind, _, rest = key.partition(": ")
    return frozenset(map(int, rest.split())) if kind.isidentifier() else frozenset()


def _gathered(sizes: Counter[tuple[int, int]]) -> Mapping[tuple[int, int], int]:
    """Sizes with their numbers: as they are, or in steps where there are very many."""
    if len(sizes) <= _SIZES:
        return sizes
    steps = Counter[tuple[int, int]]()
    for (width, height), number in sizes.items():
        steps[_step(width), _step(height)] += number
    return steps


def _step(pixels: int) -> int:
    return round(2 ** (round(8 * log2(max(pixels, 1))) / 8))
