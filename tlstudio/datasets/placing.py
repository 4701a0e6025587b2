"""Owns where the files lie that a table names: as it says, or nearly."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tlstudio.bounded import on_network
from tlstudio.datasets.folders import looks_like_picture, relative_to
from tlstudio.datasets.walking import is_folder, is_text

NOT_THERE = "The table names it, but there is no such file."
DISTANT = "It lies on another computer than the table and its folder, and is not opened."
AMBIGUOUS = "Several files could be meant by what the table says."
_MOST_FOLDERS = 200
_DEEPEST = 2
_MOST_DROPPED = 8


@dataclass(frozen=True, slots=True)
class Placed:
    """A file that was found, or the reason why none was."""

    file: str = ""
    reason: str = ""


@dataclass(slots=True)
class _Folder:
    """The files in a folder: by name, by name in small letters, by name without ending."""

    names: set[str] = field(default_factory=set)
    folded: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    stems: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


class Placing:
    """Finds files by the names in a table, which are absolute or relative to `folder`.

    Slashes may be the ones of another system, an ending may be missing, and letters may be small
    or capital where that leaves no choice. Where names lead nowhere as they are, `settle` looks
    whether they do behind some of their first folders, from `folder` or a folder up to two levels
    below it; one named like the table goes before the others. Another computer on the network is
    not asked, unless the table or its folder lies there.
    """

    def __init__(self, folder: str, table: str) -> None:
        self._root, self._near = folder, (folder, table)
        self._table = os.path.splitext(os.path.basename(table))[0].lower()  # noqa: PTH119, PTH122
        self._folders: dict[str, _Folder | None] = {}
        self._elsewhere: dict[int, list[str]] = {}
        self._below: list[str] | None = None

    def settle(self, names: Sequence[str]) -> int:
        """Finds out from some of the names where they lie; gives how many lead to files, be it to
        several."""
        self._elsewhere = {}
        lost = [name for name in names if not self.find(name).file]
        if 2 * len(lost) > len(names):
            self._look_elsewhere(lost[:100])
        return sum(self.find(name).reason not in (NOT_THERE, DISTANT) for name in names)

    def find(self, name: str) -> Placed:
        """The file that is meant by `name`, called as a data set's files are."""
        distant = on_network(name, near=self._near)
        places = set[str]() if distant else self._files(name.replace("\\", "/"))
        for dropped, folders in self._elsewhere.items():
            if places:
                break
            rest = "/".join(_pieces(name)[dropped:])
            places = {
                file for folder in folders for file in self._files(_joined(folder, rest)) if rest
            }
        if len(places) > 1:
            return Placed(reason=AMBIGUOUS)
        if places:
            return Placed(file=next(iter(places)))
        return Placed(reason=DISTANT if distant else NOT_THERE)

    def _look_elsewhere(self, names: Sequence[str]) -> None:
        if self._below is None:
            self._below = [folder for folder in self._folders_below() if folder]
        below = self._below
        for dropped in range(_MOST_DROPPED):
            rests = ["/".join(each[dropped:]) for each in map(_pieces, names)]
            hit = [
                folder
                for folder in (["", *below] if dropped else below)
                if any(self._files(_joined(folder, rest)) for rest in rests if rest)
            ]
            if hit:
                like = [folder for folder in hit if self._is_like_table(folder)]
                self._elsewhere[dropped] = like or hit

    def _is_like_table(self, folder: str) -> bool:
        name = folder.rpartition("/")[2].lower()
        return bool(name) and (name in self._table or self._table in name)

    def _folders_below(self) -> Iterator[str]:
        """The first folders below the root, level by level."""
        level, count = [""], 0
        for _ in range(_DEEPEST + 1):
            deeper: list[str] = []
            for folder in level:
                yield folder
                count += 1
                if count > _MOST_FOLDERS:
                    return
                deeper += self._sub_folders(folder)
            level = deeper

    def _sub_folders(self, folder: str) -> list[str]:
        try:
            with os.scandir(os.path.join(self._root, folder)) as entries:  # noqa: PTH118
                return sorted(
                    _joined(folder, entry.name)
                    for entry in entries
                    if is_folder(entry) and is_text(entry.name) and not entry.name.startswith(".")
                )
        except OSError:
            return []

    def _files(self, path: str) -> set[str]:
        """The files that `path` may mean, none, one or several."""
        if ".." in path or "//" in path or "./" in path:
            path = os.path.normpath(path).replace(os.sep, "/")
        parent, name = os.path.split(path)
        if not name or "\0" in path:
            return set()
        folder = self._folder(parent)
        if folder is None:
            return set()
        if name in folder.names:
            meant = [name]
        else:
            meant = folder.folded.get(name.lower(), []) or _pictures(folder.stems.get(name, []))
        return {self._called(os.path.join(parent, each)) for each in meant}  # noqa: PTH118

    def _called(self, path: str) -> str:
        outside = path.startswith("..") or os.path.isabs(path)  # noqa: PTH117
        if outside:
            return relative_to(self._root, os.path.join(self._root, path))  # noqa: PTH118
        return path.replace(os.sep, "/")

    def _folder(self, folder: str) -> _Folder | None:
        if folder not in self._folders:
            self._folders[folder] = _read(os.path.join(self._root, folder))  # noqa: PTH118
        return self._folders[folder]


def _read(folder: str) -> _Folder | None:
    found = _Folder()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_text(entry.name) and not is_folder(entry):
                    found.names.add(entry.name)
    except (OSError, ValueError):
        return None
    for name in found.names:
        found.folded[name.lower()].append(name)
        found.stems[os.path.splitext(name)[0]].append(name)  # noqa: PTH122
    return found


def _pictures(names: list[str]) -> list[str]:
    """Of files that differ in their endings those that are pictures by it, if any is."""
    return [name for name in names if looks_like_picture(name)] or names


def _pieces(name: str) -> list[str]:
    return [piece for piece in name.replace("\\", "/").split("/") if piece not in ("", ".")]


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
