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


def pictures(n: int) -> str:
    return "1 picture" if n == 1 else f"{n:,} pictures"


def why_unusable(scan: ScanResult) -> str | None:
    """What keeps these pictures from being learned from, or None."""
    if len(scan.classes) < 2:
        return "At least two classes are needed, each in a folder of its own."
    for name, n in scan.classes.items():
        if n < 2:
            return f"The class “{name}” has {pictures(n)}: at least 2 are needed."
    learned = Counter(picture.label for picture in scan.files if picture.part == "train")
    for name in scan.classes if scan.files else ():
        if not learned[name]:
            return f"The class “{name}” has no picture to learn from."
    if scan.split.val == 0:
        return "No picture is left to check the answers on."
    return None


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


def findings(scan: ScanResult) -> list[Finding]:
    """What the user should know about these pictures, worst first."""
    found = [*_unchecked(scan), *_left_out(scan.left_out), *_small(scan), *_unequal(scan)]
    problem = why_unusable(scan)
    if problem is not None:
        found.append(Finding("error", problem, "Add pictures, or choose another folder."))
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


def _unchecked(scan: ScanResult) -> list[Finding]:
    checked = Counter(picture.label for picture in scan.files if picture.part == "val")
    missing = [name for name in scan.classes if scan.files and not checked[name]]
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
