"""Owns the user's corrections: pictures relabelled or left out, classes renamed, merged, left out.

They lie in the project and never in the user's folder. Each one gives back what undoes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tlstudio.errors import UsageError
from tlstudio.projects.project import Project

LONGEST = 100
"""Characters of a class's name."""


@dataclass(frozen=True, slots=True)
class Correction:
    """The state of some pictures (number, class or None as found, taken out) and of some classes
    (as found, shown name, taken out); classes that are `untouched` are shown as they were found."""

    pictures: tuple[tuple[int, str | None, bool], ...] = ()
    classes: tuple[tuple[str, str, bool], ...] = ()
    untouched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassName:
    """How a class, as it was found or as the user made it, is shown, and whether it counts."""

    shown: str
    excluded: bool = False


class Corrections:
    """Everything raises `StorageError` where the project can't be used."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def classes(self) -> dict[str, ClassName]:
        """Those that the user renamed, merged or took out, by the name that they were found by."""
        with self.project.reading() as database:
            rows = database.execute("SELECT found, shown, excluded FROM classes").fetchall()
        return {found: ClassName(shown, bool(excluded)) for found, shown, excluded in rows}

    def pictures(self) -> dict[int, tuple[str | None, bool]]:
        """Class, None as found, and whether it was taken out, of every picture that the user
        touched, by number."""
        with self.project.reading() as database:
            rows = database.execute(
                "SELECT id, relabelled, excluded FROM pictures"
                " WHERE relabelled IS NOT NULL OR excluded"
            ).fetchall()
        return {number: (label, bool(excluded)) for number, label, excluded in rows}

    def relabel(self, pictures: Iterable[int], label: str | None) -> Correction:
        """Puts pictures into the class that was found, or made, as `label`; None: as found."""
        if label is not None:
            label = checked_name(label)
        return self._changed(pictures, label=(label,))

    def exclude(self, pictures: Iterable[int], excluded: bool) -> Correction:
        """Takes pictures out of the data set, or back in."""
        return self._changed(pictures, excluded=excluded)

    def set_classes(self, names: Mapping[str, ClassName]) -> Correction:
        """Shows classes, by the name that they were found by, under other names; several of one
        name are one class."""
        classes = tuple(
            (found, checked_name(name.shown), name.excluded) for found, name in names.items()
        )
        return self.apply(Correction(classes=classes))

    def apply(self, correction: Correction) -> Correction:
        """Brings pictures and classes into that state; gives the state of before, which undoes it:
        `apply(apply(x))` changes nothing."""
        numbers = [number for number, *_ in correction.pictures]
        touched = [*(found for found, *_ in correction.classes), *correction.untouched]
        with self.project.writing() as database:
            pictures = tuple(
                (
                    number,
                    *database.execute(
                        "SELECT relabelled, excluded FROM pictures WHERE id = ?", (number,)
                    ).fetchone(),
                )
                for number in numbers
            )
            classes = []
            for found in touched:
                row = database.execute("SELECT * FROM classes WHERE found = ?", (found,)).fetchone()
                classes.append((found, row))
            database.executemany(
                "UPDATE pictures SET relabelled = ?, excluded = ? WHERE id = ?",
                [(label, excluded, number) for number, label, excluded in correction.pictures],
            )
            database.executemany(
                "INSERT OR REPLACE INTO classes VALUES (?, ?, ?)", correction.classes
            )
            database.executemany(
                "DELETE FROM classes WHERE found = ?",
                [(found,) for found in correction.untouched],
            )
        return Correction(
            pictures=tuple((number, label, bool(out)) for number, label, out in pictures),
            classes=tuple((row[0], row[1], bool(row[2])) for _, row in classes if row),
            untouched=tuple(found for found, row in classes if row is None),
        )

    def _changed(
        self,
        pictures: Iterable[int],
        label: tuple[str | None] | None = None,
        excluded: bool | None = None,
    ) -> Correction:
        now = self.pictures()
        states: list[tuple[int, str | None, bool]] = []
        for number in pictures:
            old_label, old_excluded = now.get(number, (None, False))
            states.append(
                (
                    number,
                    old_label if label is None else label[0],
                    old_excluded if excluded is None else excluded,
                )
            )
        return self.apply(Correction(pictures=tuple(states)))


def checked_name(name: str) -> str:
    """The name of a class without blanks around it. Raises `UsageError` for one that can't be."""
    name = name.strip()
    if not name or len(name) > LONGEST or not name.isprintable():
        raise UsageError(
            "A class needs a name of printable characters.", f"Use between 1 and {LONGEST}."
        )
    return name
