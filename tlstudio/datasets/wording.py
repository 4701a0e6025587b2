"""Owns how counts and names are put into the sentences of findings."""

from __future__ import annotations

from collections.abc import Iterable


def pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"


def pictures_are(count: int) -> str:
    return f"{pictures(count)} {'is' if count == 1 else 'are'}"


def quoted(names: Iterable[str], most: int = 3) -> str:
    """Names for a sentence, the first few where there are many."""
    marked = [f"“{name}”" for name in names]
    if len(marked) > most:
        return f"{', '.join(marked[:most])} and {len(marked) - most:,} more"
    return " and ".join([", ".join(marked[:-1]), marked[-1]] if len(marked) > 1 else marked)
