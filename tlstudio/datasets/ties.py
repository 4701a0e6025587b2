"""Owns who hangs together with whom, once it is known who is tied to whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


class Ties:
    """Who is tied to whom, over any number of others (union-find)."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def join(self, members: Iterable[int]) -> None:
        """The smallest number stands for all, so that the order of joining plays no part."""
        tops = {self._top(member) for member in members}
        for top in tops:
            self._above[top] = min(tops)

    def groups(self) -> list[list[int]]:
        """In the order of their first members."""
        groups: dict[int, list[int]] = defaultdict(list)
        for index in range(len(self._above)):
            groups[self._top(index)].append(index)
        return list(groups.values())

    def _top(self, index: int) -> int:
        while self._above[index] != index:
            self._above[index] = self._above[self._above[index]]
            index = self._above[index]
        return index
