"""Owns which files of a folder belong to which class and part, by where they lie."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from tlstudio.errors import DatasetError
from tlstudio.jobs import LeftOut, Part
from tlstudio.tasks import Meter, Task

PARTS: dict[str, Part] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
"""What a folder of a split may be called, in any case of letters."""

_IGNORED = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir"}

_BAD_NAME = "Its name is not valid text on this system. Give it another name."
_NO_CLASS = "It lies beside the class folders, so its class is not known."
_NO_PART = "It lies beside the folders of the split and belongs to none of them."
_VISITED = "This link leads to a folder that is looked through anyway."


@dataclass(frozen=True, slots=True)
class Found:
    """A file below a class folder; `file` is relative to the root, with forward slashes."""

    file: str
    part: Part
    folder: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in a folder. `classes` maps each part to the names of its class folders, sorted.

    `part_folders` maps each part to its folder's name; empty where the root holds the classes.
    """

    part_folders: dict[Part, str]
    classes: dict[Part, tuple[str, ...]]
    files: tuple[Found, ...]
    left_out: tuple[LeftOut, ...]


def list_files(root: str) -> Task[Listing]:
    """Looks for classes in `root` and for files below them, following links but never in circles.

    A folder is a split where it has a `train` folder and, beside it, a `val` or `test` folder or no
    other folder at all. Otherwise each of its folders is a class, and all files count as training
    files. Below a class folder, folders of any depth belong to the class.

    Raises `DatasetError` where the folder can't be opened or says nothing about classes.
    """
    walk = _Walk(root)
    top = walk.top()
    part_folders = _part_folders(root, top.folders)
    for file in top.files:
        walk.leave_out(file, _NO_PART if part_folders else _NO_CLASS)
    if part_folders:
        for folder in sorted(set(top.folders) - set(part_folders.values())):
            walk.leave_out(folder, _NO_PART)
        class_folders = {part: walk.class_folders(folder) for part, folder in part_folders.items()}
    else:
        class_folders = {"train": top.folders}
    # All class folders are known before any is entered: a link from one to another does not put
    # the same pictures into both.
    for folders in class_folders.values():
        for folder in folders:
            walk.is_new(folder)
    meter = Meter("scan", 0)
    found: list[Found] = []
    for part, folders in class_folders.items():
        for folder in folders:
            for files in walk.below(folder):
                found.extend(Found(file, part, folder.rpartition("/")[2]) for file in files)
                yield from meter.at(len(found))
    return Listing(
        part_folders=part_folders,
        classes={
            part: tuple(folder.rpartition("/")[2] for folder in folders)
            for part, folders in class_folders.items()
        },
        files=tuple(found),
        left_out=tuple(walk.left_out),
    )


def vanished(root: str) -> DatasetError:
    return DatasetError(
        f"The folder {root} disappeared while it was being looked through.",
        "Check that its disk is still connected, then try again.",
    )


def _part_folders(root: str, folders: list[str]) -> dict[Part, str]:
    """The folders of a split by their part; empty where `folders` are classes."""
    named = [(PARTS[folder.lower()], folder) for folder in folders if folder.lower() in PARTS]
    parts = dict(sorted(named, key=lambda pair: list(PARTS.values()).index(pair[0])))
    if "train" not in parts:
        if named and len(named) == len(folders):
            names = " and ".join(f"“{folder}”" for _, folder in named)
            raise DatasetError(
                f"The folder {root} holds {names} but no “train” folder, so there is nothing to"
                " learn from.",
                "Add a “train” folder, or choose a folder with one sub-folder a class.",
            )
        return {}
    if len(parts) == 1 and len(folders) > len(named):
        return {}  # a class that happens to be called "train"
    if len(parts) < len(named):
        names = ", ".join(f"“{folder}”" for _, folder in named)
        raise DatasetError(
            f"The folder {root} holds {names}, so it is not clear which are the training and which"
            " the validation pictures.",
            "Keep one folder for each and move the other away.",
        )
    return parts


@dataclass(frozen=True, slots=True)
class _Entries:
    """What lies directly in a folder, by path relative to the root; links are links to folders."""

    folders: list[str]
    links: list[str]
    files: list[str]


class _Walk:
    """Goes through folders, each real folder once, and notes what it leaves out."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._seen: set[tuple[int, int]] = set()
        self.left_out: list[LeftOut] = []

    def leave_out(self, relative: str, reason: str) -> None:
        self.left_out.append(LeftOut(file=relative, reason=reason))

    def is_new(self, relative: str) -> bool:
        """Whether this folder is met for the first time; links to it count as it."""
        status = os.stat(self._path(relative))  # noqa: PTH116
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True

    def top(self) -> _Entries:
        """The root's entries, links among its folders. Raises `DatasetError` where it has none."""
        root = self._root
        try:
            entries = self._entries("")
            self.is_new("")
        except FileNotFoundError as error:
            raise DatasetError(
                f"The folder {root} does not exist.",
                "Check the path, and that the disk it is on is connected.",
            ) from error
        except NotADirectoryError as error:
            raise DatasetError(
                f"{root} is a file, not a folder.",
                "Choose the folder that holds one sub-folder for each class.",
            ) from error
        except OSError as error:
            raise DatasetError(
                f"The folder {root} can't be opened ({error.strerror}).",
                "Ask for the right to read it, or copy the pictures to a folder of your own.",
            ) from error
        folders = sorted(entries.folders + entries.links)
        if not folders and not entries.files:
            raise DatasetError(
                f"The folder {root} is empty.",
                "Choose the folder that holds one sub-folder for each class.",
            )
        if not folders:
            raise DatasetError(
                f"The folder {root} holds files but no sub-folders, so nothing says which class a"
                " picture belongs to.",
                "Put the pictures of each class into a sub-folder that is named after the class.",
            )
        return _Entries(folders, [], entries.files)

    def class_folders(self, part_folder: str) -> list[str]:
        """The class folders in the folder of a part; files beside them are left out."""
        try:
            entries = self._entries(part_folder)
            self.is_new(part_folder)
        except OSError as error:
            raise self._closed(part_folder, error) from error
        for file in entries.files:
            self.leave_out(file, _NO_CLASS)
        return sorted(entries.folders + entries.links)

    def below(self, class_folder: str) -> Iterator[list[str]]:
        """The files below a class folder, one folder's after the other's.

        Real folders come before links to folders, so that it does not depend on the order of the
        names which of the two a file is found through.
        """
        folders, links = [class_folder], deque[str]()
        while folders or links:
            folder = folders.pop() if folders else links.popleft()
            try:
                if folder != class_folder and not self.is_new(folder):
                    self.leave_out(folder, _VISITED)
                    continue
                entries = self._entries(folder)
            except OSError as error:
                if folder == class_folder:
                    raise self._closed(folder, error) from error
                self.leave_out(folder, f"The folder can't be opened ({error.strerror}).")
                continue
            folders += reversed(entries.folders)
            links += entries.links
            yield entries.files

    def _closed(self, folder: str, error: OSError) -> DatasetError:
        if not os.path.isdir(self._root):  # noqa: PTH112
            return vanished(self._root)
        return DatasetError(
            f"The folder {folder} in {self._root} can't be opened ({error.strerror}).",
            "Ask for the right to read it, or take it out of the folder.",
        )

    def _entries(self, folder: str) -> _Entries:
        found = _Entries([], [], [])
        with os.scandir(self._path(folder)) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in _IGNORED:
                continue
            relative = f"{folder}/{entry.name}" if folder else entry.name
            if not _is_text(entry.name):
                self.leave_out(_readable(relative), _BAD_NAME)
            elif not _is_folder(entry):
                found.files.append(relative)
            elif entry.is_symlink():
                found.links.append(relative)
            else:
                found.folders.append(relative)
        return found

    def _path(self, relative: str) -> str:
        return f"{self._root}/{relative}" if relative else self._root


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself: the reader will say so
        return False


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _readable(name: str) -> str:
    """A name that can't be written as UTF-8, with its odd bytes as backslash escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
