"""Owns what the user's wishes for labels come to: what is said of each, and the correction itself.

Plain Python: no Qt. Corrections are made in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tlstudio.gui.wizard.findings import pictures
from tlstudio.gui.wizard.label_sheet import LabelSheet, ShownClass
from tlstudio.gui.wizard.wording import translate
from tlstudio.projects.corrections import ClassName, Correction, Corrections


@dataclass(frozen=True)
class Wish:
    """`words` say it as done: "3 pictures left out"."""

    words: str
    make: Callable[[Corrections], Correction]


def rename(shown: ShownClass, name: str) -> Wish:
    """Shows a class under another name."""
    words = translate("labels", "“{0}” is called “{1}”").format(shown.name, name)
    names = {key: ClassName(name, shown.excluded) for key in shown.keys}
    return Wish(words, lambda corrections: corrections.set_classes(names))


def merge(shown: ShownClass, other: ShownClass) -> Wish:
    """Makes one class of two, under the name of the other."""
    words = translate("labels", "“{0}” is merged into “{1}”").format(shown.name, other.name)
    names = {key: ClassName(other.name) for key in (*shown.keys, *other.keys)}
    return Wish(words, lambda corrections: corrections.set_classes(names))


def leave_out_class(shown: ShownClass, *, out: bool) -> Wish:
    """Takes a class out of the data set, or back in."""
    text = "The class “{0}” is left out" if out else "The class “{0}” is back"
    words = translate("labels", text).format(shown.name)
    names = {key: ClassName(shown.name, out) for key in shown.keys}
    return Wish(words, lambda corrections: corrections.set_classes(names))


def leave_out(numbers: Sequence[int], *, out: bool) -> Wish:
    """Takes pictures out of the data set, or back in."""
    text = "{0} left out" if out else "{0} put back"
    words = translate("labels", text).format(pictures(len(numbers)))
    return Wish(words, lambda corrections: corrections.exclude(numbers, out))


def relabel(numbers: Sequence[int], shown: ShownClass) -> Wish:
    """Puts pictures into a class that there is."""
    words = translate("labels", "{0} moved to “{1}”").format(pictures(len(numbers)), shown.name)
    return Wish(words, lambda corrections: corrections.relabel(numbers, shown.keys[0]))


def relabel_new(numbers: Sequence[int], name: str, sheet: LabelSheet) -> Wish:
    """Puts pictures into a class that there is not yet."""
    key = sheet.new_key(name)
    words = translate("labels", "{0} moved to the new class “{1}”")

    def make(corrections: Corrections) -> Correction:
        undoing = corrections.relabel(numbers, key)
        if key == name:
            return undoing
        named = corrections.set_classes({key: ClassName(name)})
        return Correction(undoing.pictures, named.classes, named.untouched)

    return Wish(words.format(pictures(len(numbers)), name), make)
