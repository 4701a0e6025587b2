"""Owns what a freeze plan means: which of a network's named stages it freezes."""

from __future__ import annotations

from collections.abc import Sequence

from tlstudio.errors import UsageError
from tlstudio.jobs import Freeze


def frozen_count(freeze: Freeze, names: Sequence[str]) -> int:
    """How many of the stages called `names` a freeze plan freezes. Raises `UsageError`."""
    text = str(freeze).strip()
    if text == "all":
        return len(names)
    if text == "none":
        return 0
    if text.isdecimal():
        if int(text) <= len(names):
            return int(text)
        raise UsageError(
            f"{text} stages can't be frozen: this backbone has {len(names)}.",
            f"Give a number from 0 to {len(names)}, `all`, or `none`.",
        )
    if text in names:
        return names.index(text) + 1
    raise UsageError(
        f"This backbone has no stage called {text!r}.",
        f"Its stages are: {', '.join(names)}.",
    )
