"""Owns what can be chosen about a split, and what is known of it, without a window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tlstudio.gui.wizard.wording import translate
from tlstudio.jobs import FindingKind, Grouping, ScanResult
from tlstudio.jobs.patterns import compiled
from tlstudio.projects.index import Index, Place
from tlstudio.projects.project import Project
from tlstudio.tasks import Progress, Task

_EXAMPLES = 4
_COPIES: tuple[FindingKind, ...] = ("exact_duplicate", "near_duplicate", "conflicting_labels")
_STEP = 1000
"""Files between two looks at whether somebody still wants to know."""


# --- what is kept together ----------------------------------------------------------------------


def _said(rule: Grouping) -> dict[str, object]:
    return rule.model_dump(exclude_none=True)


def applies(grouping: Grouping, rule: Grouping) -> bool:
    """Whether all that `rule` asks for is part of `grouping`."""
    said = _said(grouping)
    return all(said.get(name) == value for name, value in _said(rule).items())


def with_rule(grouping: Grouping, rule: Grouping) -> Grouping:
    """Both together; of two patterns (or levels, or times) the new one."""
    return Grouping.model_validate({**_said(grouping), **_said(rule)})


def without_rule(grouping: Grouping, rule: Grouping) -> Grouping:
    """What is left once nothing that `rule` asks for counts any more."""
    dropped = _said(rule)
    return Grouping.model_validate(
        {name: value for name, value in _said(grouping).items() if name not in dropped}
    )


# --- what a pattern would do --------------------------------------------------------------------


@dataclass(frozen=True)
class Preview:
    """What a pattern makes of file names: how many of them fit, into how many groups of more than
    one picture, and a few names with their group."""

    files: int
    fitting: int
    groups: int
    largest: int
    examples: tuple[tuple[str, str], ...]

    def sentence(self) -> str:
        """What it would mean for the split, in one or two sentences."""
        if not self.fitting:
            return translate("state", "No file name fits this pattern.")
        if self.largest == self.files:
            return translate("state", "All pictures would be one group: none could be checked.")
        if not self.groups:
            text = "Each picture would be a group of its own: that changes nothing."
            return translate("state", text)
        text = translate("state", "{0} groups, the largest with {1} pictures.")
        said = text.format(f"{self.groups:,}", f"{self.largest:,}")
        if self.fitting < self.files:
            text = translate("state", "{0} of {1} names do not fit and stand alone.")
            rest = self.files - self.fitting
            said += " " + text.format(f"{rest:,}", f"{self.files:,}")
        return said

    @property
    def useful(self) -> bool:
        """Whether splitting by it would change anything and still leave something to check."""
        return bool(self.groups) and self.largest < self.files


def preview(files: Sequence[str], pattern: str) -> Task[Preview]:
    """Tries a pattern with `{group}` in it. Raises `UsageError` for what is no such pattern."""
    found = compiled(pattern)
    groups: Counter[str] = Counter()
    examples: list[tuple[str, str]] = []
    for number, file in enumerate(files):
        if number % _STEP == 0:
            yield Progress(phase="scan", done=number, total=len(files))
        fields = found.match(file)
        if fields is None or "group" not in fields:
            continue
        group = fields["group"]
        groups[group] += 1
        # One name a group shows best what is taken out of it.
        if len(examples) < _EXAMPLES and groups[group] == 1:
            examples.append((file.rsplit("/", 1)[-1], group))
    return Preview(
        files=len(files),
        fitting=groups.total(),
        groups=sum(n > 1 for n in groups.values()),
        largest=max(groups.values(), default=0),
        examples=tuple(examples),
    )


# --- what the index knows -----------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """Of the last look: the files that are used, how many findings there are of each kind, whether
    leaks are only suspected among them, and the groups of copies with the pictures in them."""

    files: tuple[str, ...] = ()
    findings: Mapping[FindingKind, int] = field(default_factory=dict)
    suspicion: bool = False
    copies: tuple[int, int] = (0, 0)


def read_known(project: str) -> Task[Known]:
    """Reads the index of a project. Raises `StorageError`."""
    index = Index(Project(Path(project)))
    files: list[str] = []
    for number, entry in enumerate(index.entries()):
        if number % _STEP == 0:
            yield Progress(phase="scan", done=number, total=0)
        if entry.part is not None:
            files.append(entry.file)
    findings = index.findings()
    suspected = [each for each in findings if each.kind == "leak" and each.severity != "error"]
    kinds = Counter(each.kind for each in findings)
    kinds["leak"] -= len(suspected)
    copies = [each.files for each in findings if each.kind in _COPIES]
    return Known(tuple(files), kinds, bool(suspected), _joined(copies))


def _joined(groups: Iterable[Sequence[str]]) -> tuple[int, int]:
    """How many groups are left, and of how many files, once those that share a file are one."""
    group_of: dict[str, list[str]] = {}
    for files in groups:
        together = [*files]
        for other in {
            id(group_of[file]): group_of[file] for file in files if file in group_of
        }.values():
            together += other
        group_of.update(dict.fromkeys(together, together))
    return len({id(group) for group in group_of.values()}), len(group_of)


# --- in words -----------------------------------------------------------------------------------


def counts(scan: ScanResult) -> dict[Place, int]:
    """How many pictures are where."""
    split = scan.split
    return {"train": split.train, "val": split.val, "test": split.test, "aside": split.aside}


def has_own_test(scan: ScanResult) -> bool:
    """Whether the pictures came with test pictures: there are some, and nobody asked for any."""
    return bool(scan.split.test) and not scan.test_fraction


def percent(part: int, whole: int) -> str:
    """ "80 %", "0.4 %", "under 0.1 %"."""
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return translate("state", "under {0} %").format("0.1")
    return f"{share:.0f} %" if share >= 9.95 or share == round(share) else f"{share:.1f} %"


def duplicates_sentence(known: Known, given: bool) -> str:
    """What becomes of pictures that are the same, or nearly, without being asked."""
    if given:
        text = "Identical and nearly identical pictures on two sides of your split are reported."
        return translate("state", text)
    always = translate("state", "Identical and nearly identical pictures always stay on one side.")
    groups, named = known.copies
    if not groups:
        return always
    text = "{0} groups of them were found, with {1} pictures."
    if groups == 1:
        text = "{0} group of them was found, with {1} pictures."
    return f"{always} {translate('state', text).format(f'{groups:,}', f'{named:,}')}"


def noteworthy(known: Known, aside: int) -> list[str]:
    """What a reader of the number should know of the split, worst first."""
    said: list[str] = []
    leaks = known.findings.get("leak", 0)
    if leaks:
        text = "{0} groups of pictures that belong together are on two sides of your folder's "
        text += "own split: the accuracy will look better than it is."
        if leaks == 1:
            text = "{0} group of pictures that belong together is on two sides of your folder's "
            text += "own split: the accuracy will look better than it is."
        said.append(translate("state", text).format(f"{leaks:,}"))
    if known.suspicion:
        text = (
            "What the pictures suggest belongs together is on two sides of your folder's own split."
        )
        said.append(translate("state", text))
    if aside:
        text = "{0} pictures are set aside: newer ones tie them to pictures that are learned from."
        if aside == 1:
            text = "{0} picture is set aside: a newer one ties it to one that is learned from."
        said.append(translate("state", text).format(f"{aside:,}"))
    unchecked = known.findings.get("unchecked_class", 0)
    if unchecked:
        text = "{0} classes have no picture to check the answers on."
        if unchecked == 1:
            text = "{0} class has no picture to check the answers on."
        said.append(translate("state", text).format(f"{unchecked:,}"))
    return said
