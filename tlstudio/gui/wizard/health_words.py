"""Owns what the health page says: headings by kind, and what was looked for."""

from __future__ import annotations

from tlstudio.gui.wizard.review import Section
from tlstudio.gui.wizard.wording import translate

_ONE_MANY = {
    "unreadable": ("1 file left out", "{0} files left out"),
    "blank": ("1 blank picture", "{0} blank pictures"),
    "odd_one_out": (
        "1 picture unlike the others of its class",
        "{0} pictures unlike the others of their classes",
    ),
    "set_aside": ("1 picture set aside", "{0} pictures set aside"),
}
"""Kinds of which files are counted."""
_PAIRS = {
    "exact_duplicate": (
        "1 pair of identical pictures",
        "{0} pairs of identical pictures",
        "1 group of identical pictures",
        "{0} groups of identical pictures",
    ),
    "near_duplicate": (
        "1 pair of nearly identical pictures",
        "{0} pairs of nearly identical pictures",
        "1 group of nearly identical pictures",
        "{0} groups of nearly identical pictures",
    ),
}
_CASES = {
    "conflicting_labels": (
        "The same picture in different classes",
        "{0} times the same picture in different classes",
    ),
    "leak": (
        "Pictures on both sides of your split",
        "{0} groups of pictures on both sides of your split",
    ),
    "shortcut": (
        "Something else gives the class away",
        "{0} other things give the class away",
    ),
    "imbalance": ("Classes of unequal size", "Classes of unequal size"),
}
"""Kinds of which findings are counted."""
_CLASSES = {
    "small_class": ("A small class", "{0} small classes"),
    "unchecked_class": (
        "A class that nothing is checked on",
        "{0} classes that nothing is checked on",
    ),
}
"""Kinds of which classes are counted."""


def counted(section: Section) -> int:
    """How many there are of what the heading counts."""
    if section.kind in _ONE_MANY:
        return sum(len(case.finding.files) for case in section.cases)
    if section.kind in _CLASSES:
        return sum(len(case.finding.classes) for case in section.cases)
    return len(section.cases)


def heading(section: Section) -> str:
    """What a group of findings is about, with how many there are."""
    kind, cases, number = section.kind, section.cases, counted(section)
    forms = {**_ONE_MANY, **_CLASSES, **_CASES}.get(kind, ())
    if kind in _PAIRS:
        pairs = all(len(case.finding.files) == 2 for case in cases)
        forms = _PAIRS[kind][:2] if pairs else _PAIRS[kind][2:]
    return translate("health", forms[0 if number == 1 else 1]).format(f"{number:,}")


def common_hint(section: Section) -> str:
    """What all findings of the group advise; empty where they differ or there is one only."""
    hints = {case.finding.hint for case in section.cases}
    return hints.pop() if len(hints) == 1 and len(section.cases) > 1 else ""


def nothing_found(pictures: int) -> str:
    return translate("health", "Nothing wrong was found in {0} pictures.").format(f"{pictures:,}")


def looked_for() -> str:
    return translate(
        "health",
        "Looked for: files that can't be read, blank pictures, identical and nearly identical ones,"
        " the same picture in two classes, classes of very unequal size, and anything that gives"
        " the class away without being in the picture's subject: size, format, camera, date,"
        " border, written text.",
    )
