"""Owns what a look at a data set gives back: pictures, verdicts, findings, proposals, the split."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tlstudio.jobs.base import Record
from tlstudio.jobs.dataset import Grouping

Part = Literal["train", "val", "test"]

FindingKind = Literal[
    "unreadable",
    "conflicting_labels",
    "leak",
    "shortcut",
    "exact_duplicate",
    "near_duplicate",
    "set_aside",
    "blank",
    "odd_one_out",
    "imbalance",
    "small_class",
    "unchecked_class",
]
"""What can be wrong with pictures. `leak`: a split that the user brought has the same picture, or
the same group, on two sides; `set_aside`: a picture that counts nowhere because new ones tie it to
pictures of another part; `unchecked_class`: no validation picture of a class."""

Severity = Literal["error", "warn", "info"]


class LeftOut(Record):
    """A file that is not used, and why; `file` is relative to the folder, with forward slashes."""

    file: str
    reason: str


class Converted(Record):
    """A file that is used, and what had to be done to it first."""

    file: str
    reason: str


class Picture(Record):
    """A picture that is used; `file` is relative to the folder, with forward slashes, or absolute
    where it lies elsewhere. `group` names what it belongs together with; empty for nothing.
    `digest` is how the SHA-256 of its content begins, in hex; empty in what was written before
    there was one."""

    file: str
    label: str
    part: Part
    group: str = ""
    digest: str = ""


class Finding(Record):
    """Something about the pictures that the user should know: one group of files, or one fact.

    `weight` says how much it would hurt, and orders findings: the share of all pictures that it
    spoils, from 0 to 1, times how bad that is. `classes` are those it is about.
    """

    kind: FindingKind
    severity: Severity
    sentence: str
    hint: str = ""
    files: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    weight: float = 0


class Proposal(Record):
    """A grouping that the pictures suggest; it applies once it was confirmed.

    `sentence` explains it with an example. `groups` is how many there would be.
    """

    grouping: Grouping
    sentence: str
    groups: int
    examples: tuple[str, ...] = ()


class Split(Record):
    """How many pictures each part has. `given` is true where the folder brought its own split.

    `aside` pictures count nowhere. `groups` is the number of groups of more than one picture.
    `sentence` says what was done, for a paper.
    """

    given: bool
    train: int
    val: int
    test: int
    aside: int = 0
    groups: int = 0
    sentence: str = ""


class Changes(Record):
    """What became of the pictures since the data set was looked at last, by content."""

    added: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0


class ScanResult(Record):
    """What was found. `classes` maps each class, in label order, to its number of pictures over all
    parts, `parts` to its number in each. `names` maps classes as they were found to the names that
    are shown, where these differ. `fingerprint` changes with whatever a training would learn from.

    `findings` are in the order of how much they would hurt. Where the scan was not to list them
    (`ScanJob.listed`), `files`, `left_out`, `converted` and `findings` are empty and stand in the
    index of `project` alone.
    """

    kind: Literal["scan"] = "scan"
    folder: str
    pictures: int
    classes: dict[str, int]
    split: Split
    parts: dict[str, dict[Part, int]] = Field(default_factory=dict)
    names: dict[str, str] = Field(default_factory=dict)
    project: str = ""
    fingerprint: str = ""
    left_out: tuple[LeftOut, ...] = ()
    converted: tuple[Converted, ...] = ()
    findings: tuple[Finding, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    grouping: Grouping = Grouping()
    test_fraction: float = 0
    changes: Changes | None = None
    files: tuple[Picture, ...] = ()
