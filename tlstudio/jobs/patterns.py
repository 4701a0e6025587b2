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
_MOST_WILD = 3
"""Wild cards with which a regular expression comes to its end soon."""
_PARTING = " _-.,"
_MOST = 200
"""Characters of a pattern, and the part of a name that is looked at."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was found good."""

    text: str
    fields: tuple[str, ...]
    _pieces: tuple[_Piece, ...]
    _regex: re.Pattern[str]
    _folders: int

    def match(self, file: str) -> dict[str, str] | None:
        """What the fields are in the name of `file`, a path with forward slashes; None where the
        name does not fit."""
        *folders, name = file.split("/")
        stem = name.rsplit(".", 1)[0] if "." in name[1:] else name
        shown = "/".join([*folders[len(folders) - self._folders :], stem])
        shown = shown[-_MOST:]
        if sum(piece.field is None and piece.repeated for piece in self._pieces) > _MOST_WILD:
            return _patient_match(self._pieces, shown)
        found = self._regex.fullmatch(shown)
        return found.groupdict() if found else None

    def label(self, file: str) -> str:
        """The `{label}` without what parts words at its ends: `{label}#` of "bull_dog_7" is
        "bull_dog"; empty where the name does not fit or nothing is left."""
        fields = self.match(file)
        return fields["label"].strip(_PARTING) if fields else ""


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
    pieces: list[_Piece] = []
    for number, (field, wild, literal, _) in enumerate(parts):
        if field is not None:
            before = parts[number - 1] if number else None
            after = parts[number + 1] if number + 1 < len(parts) else None
            within = f"[^/{_outside(before, -1)}{_outside(after, 0)}]"
            pieces.append(_Piece(within, 1, repeated=True, field=field))
        elif wild:
            pieces.append(_Piece(*("[^/]", 0) if wild == "*" else ("[0-9]", 1), repeated=True))
        else:
            pieces.append(_Piece(re.escape(literal), len(literal)))
    whole = re.compile("".join(piece.regex for piece in pieces))
    return Pattern(text, tuple(fields), tuple(pieces), whole, text.count("/"))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a pattern: the text `within`, or `least` and more characters such as `within`."""

    within: str
    least: int
    repeated: bool = False
    field: str | None = None

    @property
    def regex(self) -> str:
        repeated = f"{self.within}{'*' if self.least == 0 else '+'}"
        if self.field is not None:
            return f"(?P<{self.field}>{repeated})"
        return repeated if self.repeated else self.within


def _patient_match(pieces: tuple[_Piece, ...], text: str) -> dict[str, str] | None:
    """What the regular expression finds. That one tries again and again what has failed, for ever
    with many wild cards; here nothing is tried twice."""
    failed: set[tuple[int, int]] = set()
    runs = [re.compile(piece.regex) for piece in pieces]

    def ends(number: int, start: int) -> list[int] | None:
        """Where the pieces from `number` on end, the longest first ones that fit."""
        if number == len(pieces):
            return [] if start == len(text) else None
        if (number, start) in failed:
            return None
        piece, run = pieces[number], runs[number].match(text, start)
        longest = run.end() if run else -1
        shortest = start + piece.least if piece.repeated else longest
        for end in range(longest, shortest - 1, -1) if run else ():
            rest = ends(number + 1, end)
            if rest is not None:
                return [end, *rest]
        failed.add((number, start))
        return None

    found = ends(0, 0)
    if found is None:
        return None
    spans = zip(pieces, [0, *found], found, strict=False)
    return {piece.field: text[start:end] for piece, start, end in spans if piece.field}


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
