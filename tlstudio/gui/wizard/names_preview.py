"""Owns what a pattern of labels says of the names of pictures, for the dialog that asks for one.

Plain Python: no Qt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from tlstudio.errors import UsageError
from tlstudio.gui.wizard.wording import translate
from tlstudio.jobs.patterns import compiled
from tlstudio.tasks import Progress, Task

T = TypeVar("T")

_SHOWN = 100
_APART = 10
_SLICE = 1_000


@dataclass(frozen=True, slots=True)
class NamesPreview:
    """`examples` are names from everywhere with their labels, empty where they do not fit;
    `classes` is in the order of their sizes."""

    pattern: str
    examples: tuple[tuple[str, str], ...]
    classes: dict[str, int]
    names: int

    @property
    def fitting(self) -> int:
        return sum(self.classes.values())

    @property
    def problem(self) -> str:
        """Why the pattern can't be used; empty where it can."""
        if not self.classes:
            return translate("names", "It fits none of the names.")
        if len(self.classes) == 1:
            text = translate("names", "It finds only one class, “{0}”: nothing to tell apart.")
            return text.format(next(iter(self.classes)))
        if 2 * len(self.classes) > self.fitting:
            text = translate("names", "It finds {0} classes in {1} pictures: too few in each.")
            return text.format(f"{len(self.classes):,}", f"{self.fitting:,}")
        return ""

    @property
    def sentence(self) -> str:
        text = translate("names", "{0} classes in {1} pictures.")
        said = text.format(f"{len(self.classes):,}", f"{self.fitting:,}")
        unfitting = self.names - self.fitting
        if unfitting == 1:
            return f"{said} {translate('names', '1 file does not fit and is left out.')}"
        if unfitting:
            text = translate("names", "{0} files do not fit and are left out.")
            return f"{said} {text.format(f'{unfitting:,}')}"
        return said


def why_no_pattern(text: str) -> str:
    """What is wrong with a pattern as it is written; empty where it can be tried."""
    if not text:
        return translate("names", "Write {label} where the name says the class.")
    try:
        if "label" in compiled(text).fields:
            return ""
    except UsageError as error:
        return str(error)
    return translate("names", "Write {label} where the name says the class.")


def preview_names(names: Sequence[str], pattern: str) -> Task[NamesPreview]:
    """Tries a good pattern on all names."""
    rule = compiled(pattern)
    classes: Counter[str] = Counter()
    labels: list[str] = []
    for number, name in enumerate(names):
        label = rule.label(name)
        if label:
            classes[label] += 1
        labels.append(label)
        if number % _SLICE == 0:
            yield Progress(phase="scan", done=number, total=len(names))
    ordered = dict(sorted(classes.items(), key=lambda pair: (-pair[1], pair[0])))
    examples = tuple(some_of(list(zip(names, labels, strict=True))))
    return NamesPreview(pattern, examples, ordered, len(names))


def some_of(names: Sequence[T]) -> list[T]:
    """A few from everywhere, such that the first of them already come from everywhere."""
    few = names[:: max(len(names) // _SHOWN, 1)][:_SHOWN]
    return [each for start in range(_APART) for each in few[start::_APART]]
