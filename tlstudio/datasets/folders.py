"""Owns which files of folders belong to which class and part, by where they lie."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence

from tlstudio.datasets.found import PARTS, Found, Listing
from tlstudio.datasets.walking import NO_CLASS, Walk
from tlstudio.errors import DatasetError
from tlstudio.jobs import Part
from tlstudio.jobs.sources import PICTURES
from tlstudio.tasks import Meter, Task

_NO_PART = "It lies beside the folders of the split and belongs to none of them."


def looks_like_picture(name: str) -> bool:
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122
    return ending != "" and ending in PICTURES


def list_files(root: str) -> Task[Listing]:
    """Looks for classes in `root` and for files below them, following links but never in circles.

    A folder is a split where it has a `train` folder and, beside it, a `val` or `test` folder or no
    other folder at all. Otherwise each of its folders is a class, and all files count as training
    files. Below a class folder, folders of any depth belong to the class.

    Raises `DatasetError` where the folder can't be opened or says nothing about classes.
    """
    walk = Walk(root)
    chosen = _Chosen(walk)
    chosen.add(root, "")
    return (yield from chosen.listing())


def list_roots(folder: str, roots: Sequence[str]) -> Task[Listing]:
    """The classes of several folders as one set; paths are relative to `folder` where they lie in
    it.

    A root with pictures directly in it is a class; any other holds classes, or a split, as in
    `list_files`. Classes of one name are one class. Roots that are called train, val and test are
    the parts of a split themselves.

    Raises `DatasetError` as `list_files` does, and where a root lies in another one.
    """
    check_apart(roots)
    walk = Walk(folder)
    chosen = _Chosen(walk)
    parts = _roots_of_a_split(roots)
    for root in roots:
        relative = relative_to(folder, root)
        if root in parts:
            chosen.add_part(parts[root], relative)
        else:
            chosen.add(root, relative, maybe_class=True)
    return (yield from chosen.listing())


def relative_to(folder: str, path: str) -> str:
    """`path` as a data set's files are named: relative where it lies in `folder`."""
    inside, whole = os.path.abspath(path), os.path.abspath(folder)  # noqa: PTH100
    if inside == whole:
        return ""
    below = whole if whole.endswith(os.sep) else whole + os.sep
    return (inside[len(below) :] if inside.startswith(below) else inside).replace(os.sep, "/")


class _Chosen:
    """The class folders of each part, gathered from one or several folders."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._part_folders: dict[Part, str] = {}
        self._classes: dict[Part, list[str]] = defaultdict(list)

    def add(self, root: str, relative: str, *, maybe_class: bool = False) -> None:
        """The folder `root`, by its path relative to where the walk began."""
        top = self._walk.top(relative)
        if maybe_class and any(map(looks_like_picture, top.files)):
            self._classes["train"].append(relative)
            return
        if not top.folders:
            raise DatasetError(
                f"The folder {root} holds files but no sub-folders, so nothing says which class a"
                " picture belongs to.",
                "Put the pictures of each class into a sub-folder that is named after the class.",
            )
        part_folders = _part_folders(root, [_name(folder) for folder in top.folders])
        for file in top.files:
            self._walk.leave_out(file, _NO_PART if part_folders else NO_CLASS)
        if not part_folders:
            self._classes["train"] += top.folders
            return
        for folder in sorted(top.folders):
            if _name(folder) not in part_folders.values():
                self._walk.leave_out(folder, _NO_PART)
        for part, name in part_folders.items():
            self.add_part(part, f"{relative}/{name}" if relative else name)

    def add_part(self, part: Part, folder: str) -> None:
        """A folder that holds the classes of one part."""
        self._part_folders.setdefault(part, _name(folder))
        self._classes[part] += self._walk.class_folders(folder)

    def listing(self) -> Task[Listing]:
        walk = self._walk
        # All class folders are known before any is entered: a link from one to another does not
        # put the same pictures into both.
        for folders in self._classes.values():
            for folder in folders:
                walk.is_new(folder)
        meter = Meter("scan", 0)
        found: list[Found] = []
        for part, folders in self._classes.items():
            for folder in folders:
                label = _name(folder)
                for files in walk.below(folder):
                    found.extend(Found(file, part, label) for file in files)
                    yield from meter.at(len(found))
        return Listing(
            part_folders=self._part_folders,
            classes={
                part: tuple(sorted({_name(folder) for folder in folders}))
                for part, folders in self._classes.items()
            },
            files=tuple(found),
            left_out=tuple(walk.left_out),
        )


def _name(folder: str) -> str:
    return folder.rpartition("/")[2]


def check_apart(roots: Sequence[str]) -> None:
    """Raises where one of the folders lies in another: its pictures would count twice."""
    real = {os.path.realpath(root): root for root in roots}
    for path, root in real.items():
        outer = path
        while (above := os.path.dirname(outer)) != outer:  # noqa: PTH120
            if above in real:
                raise DatasetError(
                    f"The folder {root} lies in {real[above]}, which was chosen as well.",
                    "Choose only one of the two.",
                )
            outer = above


def _roots_of_a_split(roots: Sequence[str]) -> Mapping[str, Part]:
    """The part of each root, where they are called like the parts of one split; else empty."""
    names = {root: os.path.basename(os.path.abspath(root)).lower() for root in roots}  # noqa: PTH100, PTH119
    parts = {root: PARTS[name] for root, name in names.items() if name in PARTS}
    whole = len(parts) == len(roots) == len(set(parts.values())) and "train" in parts.values()
    return parts if whole and len(roots) > 1 else {}


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
