"""Owns what a scan means for the user: its findings in words, worst first, and what stops them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tlstudio.gui.wizard.wording import translate
from tlstudio.jobs import Changes, LeftOut, ScanResult

Severity = Literal["error", "warn", "info"]
Names = Callable[[str], str]
"""The name that is shown for a class, from its folder's name."""

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
        self._flaw = self._find_flaw()

    @property
    def usable(self) -> bool:
        return self._flaw is None

    def why_unusable(self, names: Names = str) -> str | None:
        """What keeps these pictures from being learned from, or None."""
        if self._flaw is None:
            return None
        text, key = self._flaw
        return text.format(names(key), pictures(self.scan.classes.get(key, 0)))

    def _find_flaw(self) -> tuple[str, str] | None:
        """A sentence with places for a class's name and count, and that class."""
        classes = self.scan.classes
        if len(classes) < 2:
            text = "At least two classes are needed, each in a folder of its own."
            return translate("state", text), ""
        for key, n in classes.items():
            if n < 2:
                return translate("state", "The class “{0}” has {1}: at least 2 are needed."), key
        for key in classes if self.scan.files else ():
            if not self.learned[key]:
                return translate("state", "The class “{0}” has no picture to learn from."), key
        if self.scan.split.val == 0:
            return translate("state", "No picture is left to check the answers on."), ""
        return None


def pictures(n: int) -> str:
    if n == 1:
        return translate("state", "1 picture")
    return translate("state", "{0} pictures").format(f"{n:,}")


def split_sentence(scan: ScanResult) -> str:
    """The one sentence at the foot of the images page."""
    split = scan.split
    text = translate("state", "It will learn from {0} and be checked on {1} that it never sees.")
    sentences = [text.format(pictures(split.train), f"{split.val:,}")]
    if split.test:
        text = translate("state", "Another {0} are kept aside for a last test.")
        sentences.append(text.format(f"{split.test:,}"))
    return " ".join(sentences)


def changes_sentence(changes: Changes | None) -> str:
    """What became of the pictures since they were looked at last; empty at the first look."""
    if changes is None:
        return ""
    numbers = (
        (changes.added, translate("state", "{0} added")),
        (changes.changed, translate("state", "{0} changed")),
        (changes.moved, translate("state", "{0} moved")),
        (changes.removed, translate("state", "{0} gone")),
    )
    said = [text.format(f"{n:,}") for n, text in numbers if n]
    if not said:
        return translate("state", "The files are as they were.")
    return translate("state", "Since the last look: {0}.").format(", ".join(said))


def findings(overview: Overview, names: Names = str) -> list[Finding]:
    """What the user should know about these pictures, worst first."""
    scan = overview.scan
    found = [
        *_unchecked(overview, names),
        *_left_out(scan.left_out),
        *_small(scan, names),
        *_unequal(scan, names),
    ]
    problem = overview.why_unusable(names)
    if problem is not None:
        hint = translate("state", "Add pictures, or choose another folder.")
        found.append(Finding("error", problem, hint))
    order = {"error": 0, "warn": 1, "info": 2}
    return sorted(found, key=lambda finding: order[finding.severity])


def _left_out(files: tuple[LeftOut, ...]) -> list[Finding]:
    if not files:
        return []
    details = tuple(f"{file.file}: {file.reason}" for file in files)
    message = translate("state", "1 file is left out.")
    if len(files) > 1:
        message = translate("state", "{0} files are left out.").format(f"{len(files):,}")
    hint = translate("state", "Everything else is used. The list says why.")
    return [Finding("warn", message, hint, details)]


def _small(scan: ScanResult, names: Names) -> list[Finding]:
    small = {names(key): n for key, n in scan.classes.items() if 2 <= n < SMALL_CLASS}
    if not small:
        return []
    if len(small) == 1:
        name, n = next(iter(small.items()))
        text = translate("state", "The class “{0}” has only {1}.")
        message = text.format(name, pictures(n))
    else:
        text = translate("state", "{0} classes have fewer than {1} pictures.")
        message = text.format(len(small), SMALL_CLASS)
    details = tuple(f"{name}: {pictures(n)}" for name, n in small.items())
    hint = translate("state", "Expect more mistakes there, and a less certain number.")
    return [Finding("warn", message, hint, details if len(small) > 1 else ())]


def _unequal(scan: ScanResult, names: Names) -> list[Finding]:
    if len(scan.classes) < 2:
        return []
    least = min(scan.classes, key=lambda key: scan.classes[key])
    most = max(scan.classes, key=lambda key: scan.classes[key])
    few, many = scan.classes[least], scan.classes[most]
    if few == 0 or many < UNEQUAL * few:
        return []
    text = translate("state", "“{0}” has {1} times as many pictures as “{2}”.")
    message = text.format(names(most), round(many / few), names(least))
    text = "Class balance, under Advanced on the settings page, makes up for it."
    return [Finding("warn", message, translate("state", text))]


def _unchecked(overview: Overview, names: Names) -> list[Finding]:
    scan = overview.scan
    missing = [names(key) for key in scan.classes if scan.files and not overview.checked[key]]
    if not missing or scan.split.val == 0:
        return []
    message = translate("state", "No picture of “{0}” is there to check the answers on.")
    if len(missing) > 1:
        text = "No picture of {0} classes is there to check the answers on."
        message = translate("state", text)
    hint = translate("state", "The accuracy will say nothing about it.")
    details = tuple(missing) if len(missing) > 1 else ()
    which = missing[0] if len(missing) == 1 else len(missing)
    return [Finding("warn", message.format(which), hint, details)]
