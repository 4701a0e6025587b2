"""Owns classes that stand in the names of files: what a pattern says of a folder, and which
patterns its names suggest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tlstudio.datasets.folders import check_apart, relative_to
from tlstudio.datasets.found import Found, Listing
from tlstudio.datasets.walking import Walk
from tlstudio.errors import DatasetError, UsageError
from tlstudio.jobs import PatternGuess
from tlstudio.jobs.patterns import compiled
from tlstudio.tasks import Meter, Task

_NO_FIT = "Its name does not fit the pattern."
_CANDIDATES = (
    "{label} (#)",
    "{label}_#",
    "{label}-#",
    "{label} #",
    "{label}.#",
    "{label}#",
    "{label}_*",
    "{label}-*",
    "{label}.*",
    "{label} *",
    "*_{label}",
    "*-{label}",
    "*.{label}",
    "* {label}",
)
_BETWEEN = ("*_{label}_*", "*-{label}-*")
_FITTING = 0.9
"""Share of names that a pattern fits that is proposed, and share of these whose class has more."""
_MOST_CLASSES = 200


def list_named(folder: str, pattern: str, roots: Sequence[str] = ()) -> Task[Listing]:
    """All files below `folder`, or below its `roots`, whose names fit `pattern`, with the `{label}`
    in it as their class and the `{group}`, where it has one, as their group; the others are left
    out.

    Raises `DatasetError` where the folder can't be used or no two classes come out, and
    `UsageError` for what is no pattern for labels.
    """
    rule = compiled(pattern)
    if "label" not in rule.fields:
        raise UsageError(
            f"The pattern “{pattern}” does not say where the class stands.",
            "Write {label} where the name of the class is, for example {label}_*.",
        )
    check_apart(roots)
    walk = Walk(folder)
    meter = Meter("scan", 0)
    found: list[Found] = []
    for root in roots or [folder]:
        top = relative_to(folder, root)
        walk.top(top)
        for files in walk.below(top):
            for number, file in enumerate(files):
                label = rule.label(file)
                if label:
                    group = (rule.match(file) or {}).get("group", "")
                    found.append(Found(file, "train", label, group))
                else:
                    walk.leave_out(file, _NO_FIT)
                if number % 512 == 0:
                    yield from meter.at(len(found))
    classes = tuple(sorted({each.folder for each in found}))
    if len(classes) < 2:
        raise _too_few(folder, pattern, classes)
    return Listing({}, {"train": classes}, tuple(found), tuple(walk.left_out), "names")


def _too_few(folder: str, pattern: str, classes: tuple[str, ...]) -> DatasetError:
    found = f"finds only one class, “{classes[0]}”," if classes else "fits none of the names"
    return DatasetError(
        f"The pattern “{pattern}” {found} in {folder}.",
        "Look at the names and write {label} where they differ by class.",
    )


def proposed_patterns(files: Sequence[str]) -> tuple[str, ...]:
    """Patterns that find classes in the names of `files`, the likeliest first.

    A class has several pictures, and nearly every name has one; where a name has a word and a
    number, the word is the likelier class. Of patterns that put the same names together the more
    exact one stays.
    """
    guesses: dict[tuple[int, ...], PatternGuess] = {}
    three = all(len(re.split("[_-]", _stem(file))) == 3 for file in files)
    for text in (*_CANDIDATES, *(_BETWEEN if three else ())):
        labels = _labels(text, files)
        guess = _guess(text, labels)
        first: dict[str, int] = {}
        together = tuple(first.setdefault(label, number) for number, label in enumerate(labels))
        if together not in guesses and _plausible(guess, len(files)):
            guesses[together] = guess
    return tuple(guess.pattern for guess in sorted(guesses.values(), key=_unlikely))


def guess_of(pattern: str, files: Sequence[str]) -> PatternGuess:
    """What a pattern says of `files`."""
    return _guess(pattern, _labels(pattern, files))


def _labels(pattern: str, files: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(compiled(pattern).label, files))


def _guess(pattern: str, labels: Sequence[str]) -> PatternGuess:
    classes = Counter(label for label in labels if label)
    return PatternGuess(
        pattern=pattern,
        classes=dict(sorted(classes.items())),
        unfitting=len(labels) - classes.total(),
    )


def _plausible(guess: PatternGuess, names: int) -> bool:
    fitting = names - guess.unfitting
    several = sum(count for count in guess.classes.values() if count > 1)
    return (
        2 <= len(guess.classes) <= _MOST_CLASSES
        and fitting >= _FITTING * names
        and several >= _FITTING * fitting
    )


def _unlikely(guess: PatternGuess) -> tuple[bool, int, int]:
    numbered = any(char.isdigit() for label in guess.classes for char in label)
    return numbered, guess.unfitting, len(guess.classes)


def _stem(file: str) -> str:
    return file.rpartition("/")[2].rpartition(".")[0]
