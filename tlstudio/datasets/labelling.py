"""Owns which class each picture counts to: as it was found, as the user corrected it, as the job
says; and which pictures count at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlstudio.datasets.refusals import named
from tlstudio.errors import UsageError
from tlstudio.projects.corrections import ClassName, Corrections
from tlstudio.projects.project import Project

LEFT_OUT_BY_YOU = "You left it out."
CLASS_LEFT_OUT_BY_YOU = "You left its class out."


@dataclass(frozen=True, slots=True)
class Labelling:
    """`order` has the classes as they were found, then those that the user made; `names` how each
    is shown; `touched` the corrections of single pictures, by number."""

    order: tuple[str, ...]
    names: Mapping[str, ClassName]
    touched: Mapping[int, tuple[str | None, bool]]

    @classmethod
    def of(
        cls, found: Sequence[str], class_names: Mapping[str, str], project: Project
    ) -> Labelling:
        """With the corrections in `project`, over which the job's `class_names` go.

        Raises `UsageError` where these name a class that there is not, or give an empty name.
        """
        corrections = Corrections(project)
        names, touched = corrections.classes(), corrections.pictures()
        made = {label for label, _ in touched.values() if label is not None} - set(found)
        order = (*found, *sorted(made))
        unknown = sorted(set(class_names) - set(order))
        if unknown:
            raise UsageError(
                f"The class “{unknown[0]}” was to be renamed, but there is no such folder.",
                f"The classes are {named(found)}.",
            )
        if not all(name.strip() for name in class_names.values()):
            raise UsageError("A class can't have an empty name.", "Give it a name.")
        for each, name in class_names.items():
            names[each] = ClassName(name, names.get(each, ClassName(each)).excluded)
        return cls(order, {each: names.get(each, ClassName(each)) for each in order}, touched)

    @property
    def shown(self) -> tuple[str, ...]:
        """The classes that count, in label order; several that were found may be one."""
        counting = (name.shown for name in self.names.values() if not name.excluded)
        return tuple(dict.fromkeys(counting))

    @property
    def renamed(self) -> dict[str, str]:
        """The shown name of each class whose name differs from the one that was found."""
        return {
            each: name.shown
            for each, name in self.names.items()
            if name.shown != each and not name.excluded
        }

    def label(self, picture: int, found: str) -> str | None:
        """The class of a picture that was found as one of `found`; None where it does not count."""
        return None if self.why_left_out(picture, found) else self._name(picture, found).shown

    def why_left_out(self, picture: int, found: str) -> str:
        """Why the picture does not count; empty where it does."""
        if self.touched.get(picture, (None, False))[1]:
            return LEFT_OUT_BY_YOU
        return CLASS_LEFT_OUT_BY_YOU if self._name(picture, found).excluded else ""

    def _name(self, picture: int, found: str) -> ClassName:
        return self.names[self.touched.get(picture, (None, False))[0] or found]
