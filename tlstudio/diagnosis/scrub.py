"""Owns what is taken out of texts that are kept or handed on: whose they are, and what they show.

In the log a home folder is `~`. In a report, the folders of pictures are `<pictures>`, whatever is
named like a picture is `<picture>`, classes are `<class 1>`, `<class 2>`, and the user is `<user>`.
"""

from __future__ import annotations

import getpass
import platform
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tlstudio.jobs.sources import PICTURES

_WORD = 3
"""A name shorter than this is looked for in quotes alone: anything might be it."""
_ENDING = rf"(?:{'|'.join(map(re.escape, PICTURES))})(?!\w)"
_NAMED_LIKE_A_PICTURE = re.compile(
    # in quotes, as an absolute path with spaces, as one word
    rf"""(?<=')[^'\n]*{_ENDING}(?=')|(?<=")[^"\n]*{_ENDING}(?=")"""
    rf"""|(?<![\w.<>])(?:~|[A-Za-z]:)?[/\\][^'":;,()\n]*?{_ENDING}"""
    rf"""|[^\s'"()\[\]{{}},;:=<>]+{_ENDING}""",
    re.IGNORECASE,
)
_WORDS = re.compile(r"[^\s'\"/\\:,;()]+")
_ABSOLUTE = re.compile(r"(~|[A-Za-z]:)?[/\\]")


def without_home(text: str) -> str:
    """The text with `~` for the user's own folder."""
    homes = _homes()
    return text if homes is None else homes.sub("~", text)


class Scrubber:
    """Takes out of texts and of values what belongs to pictures in `folders`, to their `classes`,
    and to whoever uses this computer. `others` are names with what is written for them, `files`
    pictures as they are called below the folders."""

    def __init__(
        self,
        folders: Iterable[str] = (),
        classes: Iterable[str] = (),
        others: Mapping[str, str] | None = None,
        files: Iterable[str] = (),
    ) -> None:
        known = {way for folder in folders for way in _ways_to_write(folder)}
        self._folders = sorted(known, key=len, reverse=True)
        self._classes = {name: f"<class {n}>" for n, name in enumerate(classes, start=1)}
        # Runs and projects are called after the folder of their pictures.
        called = {re.split(r"[/\\]", folder)[-1]: "<pictures>" for folder in self._folders}
        others = {without_home(name): said for name, said in (others or {}).items()}
        self._replaced = {**_of_this_computer(), **called, **others, **self._classes}
        self._names = _any_of(self._replaced)
        self._files: dict[str, set[str]] = defaultdict(set)
        for file in files:
            name = re.split(r"[/\\]", file)[-1]
            if len(name) >= _WORD:
                self._files[_WORDS.findall(name)[-1]] |= {file, name}

    def text(self, text: str) -> str:
        """A text for people: what is known is replaced wherever it stands."""
        text = without_home(text)
        for folder in self._folders:
            below = rf"(?<!\w){re.escape(folder)}[/\\]+(?:[^\n'\"]*?{_ENDING}|[^\s'\":]+)"
            text = re.sub(below, "<pictures>/<picture>", text, flags=re.IGNORECASE)
            text = re.sub(rf"(?<!\w){re.escape(folder)}(?!\w)", "<pictures>", text)
        text = self._without_files(text)
        text = _NAMED_LIKE_A_PICTURE.sub("<picture>", text)
        if self._names is not None:
            text = self._names.sub(lambda found: self._replaced[found[0]], text)
        return text

    def _without_files(self, text: str) -> str:
        """There may be many thousands of names: only those are looked for whose last word occurs,
        which is enough where a name has spaces or does not end like a picture's."""
        words = self._files.keys() & set(_WORDS.findall(text))
        for name in sorted({name for word in words for name in self._files[word]}, key=len)[::-1]:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "<picture>", text)
        return text

    def value(self, value: Any) -> Any:
        """What JSON holds, of which every text is a name or a path of its own."""
        if isinstance(value, dict):
            return {self.value(key): self.value(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        if not isinstance(value, str):
            return value
        if value in self._classes:
            return self._classes[value]
        scrubbed = self.text(value)
        return "<path>" if _ABSOLUTE.match(scrubbed) else scrubbed


def hidden(value: Any) -> Any:
    """The same value with nothing of its texts: of interest is only where there are some."""
    if isinstance(value, dict):
        return {key: hidden(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(each) for each in value]
    return "<text>" if isinstance(value, str) else value


def _ways_to_write(folder: str) -> set[str]:
    """As it is, with the home folder replaced, and as a string in Python or JSON has it."""
    if len(folder.strip("/\\.")) < _WORD:
        return set()  # the root of a disk, which stands in every path
    plain = {folder.rstrip("/\\"), without_home(folder).rstrip("/\\")}
    return plain | {each.replace("\\", "\\\\") for each in plain}


def _any_of(names: Iterable[str]) -> re.Pattern[str] | None:
    """Finds each name as a word of its own; a short one only in quotes."""
    parts = [
        rf"(?<!\w){re.escape(name)}(?!\w)"
        if len(name) >= _WORD
        else rf"(?<=['\"]){re.escape(name)}(?=['\"])"
        for name in sorted(names, key=len, reverse=True)
        if name
    ]
    return re.compile("|".join(parts)) if parts else None


@cache
def _homes() -> re.Pattern[str] | None:
    try:
        home = Path.home()
    except RuntimeError:  # nobody in particular: nothing to hide
        return None
    names = {str(home), str(home.resolve()), home.as_posix()}
    names |= {name.replace("\\", "\\\\") for name in names}
    known = sorted((each for each in names if len(each) > 1), key=len, reverse=True)
    return re.compile(rf"(?:{'|'.join(map(re.escape, known))})(?![\w-])") if known else None


@cache
def _of_this_computer() -> dict[str, str]:
    names = {platform.node(): "<computer>"}
    try:
        names[getpass.getuser()] = "<user>"
    except (OSError, KeyError, ImportError):  # which of them depends on the system
        return {name: said for name, said in names.items() if len(name) >= _WORD}
    return {name: said for name, said in names.items() if len(name) >= _WORD}
