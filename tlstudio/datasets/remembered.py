"""Owns what a project remembers of how its pictures were split, and in which form.

What is not there, or was written in a form that this program does not know, is None.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from tlstudio.jobs import Grouping, Proposal, Record, Split
from tlstudio.projects.project import Project

T = TypeVar("T")


class Draw(Record):
    """The share that a draw gave, and what belonged together then, as the user said."""

    fraction: float
    rules: dict[str, Any]


class Summary(Record):
    """What the pictures came to, beside what stands in the index. `key` changes with everything
    that it rests on; `aside` says why some count nowhere, by their numbers."""

    key: str
    aside: dict[int, str]
    split: Split
    proposals: tuple[Proposal, ...]


class Memory(Generic[T]):
    """One thing that is remembered."""

    def __init__(self, name: str, kind: type[T]) -> None:
        self.name, self._adapter = name, TypeAdapter(kind)

    def of(self, project: Project) -> T | None:
        try:
            return self._adapter.validate_python(project.setting(self.name))
        except ValidationError:
            return None

    def keep(self, project: Project, value: T) -> None:
        plain = self.plain(value)
        if project.setting(self.name) != plain:
            project.set_setting(self.name, plain)

    def plain(self, value: T) -> Any:
        """The value as the project keeps it under `name`."""
        return self._adapter.dump_python(value, mode="json")


GROUPING = Memory("grouping", Grouping)
TEST_FRACTION = Memory("test_fraction", float)
DRAWS = Memory("draws", dict[str, Draw])
OUTCOME = Memory("outcome", Summary)
