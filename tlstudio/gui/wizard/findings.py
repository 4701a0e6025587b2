"""Owns what a scan means for the user: its findings in words, worst first, and what stops them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from tlstudio.jobs import LeftOut, ScanResult

Severity = Literal["error", "warn", "info"]

SMALL_CLASS = 10
"""Fewer pictures than this in a class is too little to say how good the answers are."""
UNEQUAL = 5
"""A class that is this many times larger than another is preferred when in doubt."""


@dataclass(frozen=True)
class Finding:
    """A sentence about the pictures and what to do; `details` unfold."""

    severity: Severity
    message: str
    hint: str = ""
    details: tuple[str, ...] = ()


class Overview:
    """A scan, gone through once: `files` of each class, and how many of them have which part."""

    def __init__(self, scan: ScanResult) -> None:
        self.scan = scan
        self.files: dict[str, list[str]] = {name: [] for name in scan.classes}
        self.learned: Counter[str] = Counter()
        self.checked: Counter[str] = Counter()
        for picture in scan.files:
            self.files.setdefault(picture.label, []).append(picture.file)
            if picture.part == "train":
                self.learned[picture.label] += 1
            elif picture.part == "val":
                self.checked[picture.label] += 1
        self.problem = self._why_unusable()

    def _why_unusable(self) -> str | None:
        """What keeps these pictures from being learned from, or None."""
        classes = self.scan.classes
        if len(classes) < 2:
            return "At least two classes are needed, each in a folder of its own."
        for name, n in classes.items():
            if n < 2:
                return f"The class “{name}” has {pictures(n)}: at least 2 are needed."
        for name in classes if self.scan.files else ():
            if not self.learned[name]:
                return f"The class “{name}” has no picture to learn from."
        if self.scan.split.val == 0:
            return "No picture is left to check the answers on."
        return None


def pictures(n: int) -> str:
    return "1 picture" if n == 1 else f"{n:,} pictures"


def split_sentence(scan: ScanResult) -> str:
    """The one sentence at the foot of the images page."""
    split = scan.split
    text = (
        f"It will learn from {pictures(split.train)} and be checked on {split.val:,} "
        "that it never sees."
    )
    if split.test:
        text += f" Another {split.test:,} are kept aside for a last test."
    return text


def findings(overview: Overview) -> list[Finding]:
    """What the user should know about these pictures, worst first."""
    scan = overview.scan
    found = [*_unchecked(overview), *_left_out(scan.left_out), *_small(scan), *_unequal(scan)]
    if overview.problem is not None:
        hint = "Add pictures, or choose another folder."
        found.append(Finding("error", overview.problem, hint))
    order = {"error": 0, "warn": 1, "info": 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def _left_out(files: tuple[LeftOut, ...]) -> list[Finding]:
    if not files:
        return []
    details = tuple(f"{file.file}: {file.reason}" for file in files)
    what = "1 file is" if len(files) == 1 else f"{len(files):,} files are"
    hint = "Everything else is used. The list says why."
    return [Finding("warn", f"{what} left out.", hint, details)]


def _small(scan: ScanResult) -> list[Finding]:
    small = {name: n for name, n in scan.classes.items() if 2 <= n < SMALL_CLASS}
    if not small:
        return []
    if len(small) == 1:
        name, n = next(iter(small.items()))
        message = f"The class “{name}” has only {pictures(n)}."
    else:
        message = f"{len(small)} classes have fewer than {SMALL_CLASS} pictures."
    details = tuple(f"{name}: {pictures(n)}" for name, n in small.items())
    hint = "Expect more mistakes there, and a less certain number."
    return [Finding("warn", message, hint, details if len(small) > 1 else ())]


def _unequal(scan: ScanResult) -> list[Finding]:
    if len(scan.classes) < 2:
        return []
    least = min(scan.classes, key=lambda name: scan.classes[name])
    most = max(scan.classes, key=lambda name: scan.classes[name])
    few, many = scan.classes[least], scan.classes[most]
    if few == 0 or many < UNEQUAL * few:
        return []
    message = f"“{most}” has {round(many / few)} times as many pictures as “{least}”."
    hint = "Class balance, under Advanced on the settings page, makes up for it."
    return [Finding("warn", message, hint)]


def _unchecked(overview: Overview) -> list[Finding]:
    scan = overview.scan
    missing = [name for name in scan.classes if scan.files and not overview.checked[name]]
    if not missing or scan.split.val == 0:
        return []
    which = f"“{missing[0]}”" if len(missing) == 1 else f"{len(missing)} classes"
    return [
        Finding(
            "warn",
            f"No picture of {which} is there to check the answers on.",
            "The accuracy will say nothing about it.",
            tuple(missing) if len(missing) > 1 else (),
        )
    ]
