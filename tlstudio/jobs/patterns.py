"""Owns patterns of file names: how `{label}` and `{group}` are taken out of a name.

In a pattern `{label}` and `{group}` stand for what is wanted, `*` for anything, also nothing, `#`
for digits, at least one, and every other character for itself. A field never contains the character
that stands before or after it in the pattern, so `{group}_*` of "p12_a_3" is "p12"; beside `#` it
contains no digit. What is matched is the name without its ending; a pattern with "/" is matched
against as many folders above it as it names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from tlstudio.errors import UsageError

_FIELDS = ("label", "group")
_PARTS = re.compile(r"\{(\w*)\}|([*#])|([^{}*#]+)|([{}])")
_MOST = 200
"""Characters of a pattern, and the part of a name that is looked at."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was found good."""

    text: str
    fields: tuple[str, ...]
    _regex: re.Pattern[str]
    _folders: int

    def match(self, file: str) -> dict[str, str] | None:
        """What the fields are in the name of `file`, a path with forward slashes; None where the
        name does not fit."""
        *folders, name = file.split("/")
        stem = name.rsplit(".", 1)[0] if "." in name[1:] else name
        shown = "/".join([*folders[len(folders) - self._folders :], stem])
        found = self._regex.fullmatch(shown[-_MOST:])
        return found.groupdict() if found else None


@lru_cache(maxsize=64)
def compiled(text: str) -> Pattern:
    """Raises `UsageError` for what is no pattern."""
    parts = [match.groups() for match in _PARTS.finditer(text)]
    fields = [field for field, *_ in parts if field is not None]
    if not fields or len(text) > _MOST:
        raise _refused(text, "has neither {label} nor {group} in it")
    for field, *_, brace in parts:
        if brace or (field is not None and field not in _FIELDS):
            raise _refused(text, "has braces around something else than label and group")
    if len(set(fields)) < len(fields):
        raise _refused(text, "names a field twice")
    pieces = []
    for number, (field, wild, literal, _) in enumerate(parts):
        if field is not None:
            before = parts[number - 1] if number else None
            after = parts[number + 1] if number + 1 < len(parts) else None
            pieces.append(f"(?P<{field}>[^/{_outside(before, -1)}{_outside(after, 0)}]+)")
        elif wild:
            pieces.append("[^/]*" if wild == "*" else "[0-9]+")
        else:
            pieces.append(re.escape(literal))
    return Pattern(text, tuple(fields), re.compile("".join(pieces)), text.count("/"))


def _outside(neighbour: tuple[str | None, ...] | None, end: int) -> str:
    """Which characters a field does not contain because of what stands beside it."""
    if neighbour is None:
        return ""
    _, wild, literal, _ = neighbour
    if wild == "#":
        return "0-9"
    return re.escape(literal[end]) if literal else ""


def _refused(text: str, why: str) -> UsageError:
    return UsageError(
        f"The pattern “{text[:60]}” {why}.",
        "Write for example {label}_* for names like daisy_012.jpg, or {group}-* for p7-left.png.",
    )
