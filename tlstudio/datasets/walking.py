"""Owns the way through folders: each real folder once, and what is left out on it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from tlstudio.datasets.found import vanished
from tlstudio.datasets.patience import is_there
from tlstudio.errors import DatasetError
from tlstudio.jobs import LeftOut

_IGNORED = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir"}

_BAD_NAME = "Its name is not valid text on this system. Give it another name."
NO_CLASS = "It lies beside the class folders, so its class is not known."
_VISITED = "This link leads to a folder that is looked through anyway."


@dataclass(frozen=True, slots=True)
class Entries:
    """What lies directly in a folder, by path relative to the root; links are links to folders."""

    folders: list[str]
    links: list[str]
    files: list[str]


class Walk:
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

    def top(self, relative: str = "") -> Entries:
        """What lies in the root, or in a chosen folder, with the links among its folders.

        Raises `DatasetError` where it can't be opened or holds nothing.
        """
        entries = self.entries(relative)
        if not entries.folders and not entries.files:
            raise DatasetError(
                f"The folder {self._path(relative)} is empty.",
                "Choose the folder that holds one sub-folder for each class.",
            )
        return entries

    def entries(self, relative: str = "") -> Entries:
        """As `top`, but an empty folder is nothing to complain of."""
        root = self._path(relative)
        try:
            entries = self._entries(relative)
            self.is_new(relative)
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
        return Entries(sorted(entries.folders + entries.links), [], entries.files)

    def class_folders(self, part_folder: str) -> list[str]:
        """The class folders in the folder of a part; files beside them are left out."""
        try:
            entries = self._entries(part_folder)
            self.is_new(part_folder)
        except OSError as error:
            raise self._closed(part_folder, error) from error
        for file in entries.files:
            self.leave_out(file, NO_CLASS)
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
                if not is_there(self._root):
                    raise vanished(self._root) from error
                self.leave_out(folder, f"The folder can't be opened ({error.strerror}).")
                continue
            folders += reversed(entries.folders)
            links += entries.links
            yield entries.files

    def _closed(self, folder: str, error: OSError) -> DatasetError:
        if not is_there(self._root):
            return vanished(self._root)
        return DatasetError(
            f"The folder {folder or '.'} in {self._root} can't be opened ({error.strerror}).",
            "Ask for the right to read it, or take it out of the folder.",
        )

    def _entries(self, folder: str) -> Entries:
        found = Entries([], [], [])
        with os.scandir(self._path(folder)) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in _IGNORED:
                continue
            relative = f"{folder}/{entry.name}" if folder else entry.name
            if not is_text(entry.name):
                self.leave_out(_readable(relative), _BAD_NAME)
            elif not is_folder(entry):
                found.files.append(relative)
            elif entry.is_symlink():
                found.links.append(relative)
            else:
                found.folders.append(relative)
        return found

    def _path(self, relative: str) -> str:
        return os.path.join(self._root, relative) if relative else self._root  # noqa: PTH118


def is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself: the reader will say so
        return False


def is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _readable(name: str) -> str:
    """A name that can't be written as UTF-8, with its odd bytes as backslash escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
