"""Owns how a folder of pictures becomes a labelled index, and says why it can't where it can't."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from tlstudio.datasets.judging import looks
from tlstudio.datasets.listing import Found, Listing, list_files, vanished
from tlstudio.datasets.split import validation_files
from tlstudio.errors import DatasetError, UsageError
from tlstudio.jobs import LeftOut, Part, Picture, ScanJob, ScanResult, Split
from tlstudio.tasks import Meter, Task

_ORDER: dict[Part, int] = {"train": 0, "val": 1, "test": 2}
_NEEDED = "Add pictures to it, or take the folder of this class away."


def scan(job: ScanJob, cache: Path | None = None) -> Task[ScanResult]:
    """Looks through a folder: which pictures can be used, with which label, in which part.

    Every file is decoded once, in disposable children; what was said of it is remembered in the
    folder `cache` (the user's cache folder by default) until its size or time of change differ.
    Files that are no readable pictures are left out, each with its reason.

    Classes are in the order of their folders' names, by code points, also where `class_names`
    gives them others; `files` are in the order train, val, test, then by class, then by path. The
    result depends on neither the file system nor on which child looked at what.

    Where the folder brings no validation pictures, they are drawn from the training pictures (see
    `split`), and `split.given` is false; a `test` folder is kept for testing either way.

    Raises `DatasetError` or `UsageError` where the folder or the request can't be used.
    """
    root = _absolute(job.dataset.folder)
    listing = yield from list_files(root)
    labels = _labels(root, listing, job.dataset.class_names)
    names = [found.file for found in listing.files]
    seen = yield from looks(root, names, job.dataset.reading, cache)
    reasons = {file: look.reason for file, look in seen.items()}
    if not os.path.isdir(root):  # noqa: PTH112
        raise vanished(root)
    usable = [found for found in listing.files if not reasons[found.file]]
    _check_usable(root, listing, usable, reasons)
    whole = Meter("scan", len(reasons))  # what follows takes a moment where there are many
    yield from whole.at(len(reasons))
    given = "val" in listing.part_folders
    parts: dict[str, Part] = {found.file: found.part for found in usable}
    if not given:
        drawn = _drawn(usable, labels, job.dataset.validation_fraction, job.seed)
        parts.update(dict.fromkeys(drawn, "val"))
    yield from whole.at(len(reasons))
    order = {folder: index for index, folder in enumerate(labels)}
    usable.sort(key=lambda found: (_ORDER[parts[found.file]], order[found.folder], found.file))
    left_out = [LeftOut(file=file, reason=reason) for file, reason in reasons.items() if reason]
    yield from whole.at(len(reasons))
    by_class = Counter(found.folder for found in usable)
    by_part = Counter(parts.values())
    return ScanResult(
        folder=root,
        pictures=len(usable),
        classes={label: by_class[folder] for folder, label in labels.items()},
        split=Split(given=given, train=by_part["train"], val=by_part["val"], test=by_part["test"]),
        left_out=tuple(sorted((*listing.left_out, *left_out), key=lambda entry: entry.file)),
        files=tuple(
            Picture(file=found.file, label=labels[found.folder], part=parts[found.file])
            for found in usable
        ),
    )


def _absolute(folder: str) -> str:
    root = os.path.abspath(folder)  # noqa: PTH100  (Path.resolve would follow links)
    try:
        root.encode()
    except UnicodeEncodeError as error:
        raise DatasetError(
            f"The path of the folder {folder} is not valid text on this system.",
            "Rename the folders in it that have odd characters in their names.",
        ) from error
    return root


# --- which classes there are ---------------------------------------------------------------------


def _labels(root: str, listing: Listing, class_names: Mapping[str, str]) -> dict[str, str]:
    """Each class folder's shown name, in label order. Raises where they make no set of classes."""
    _check_parts(listing)
    folders = listing.classes["train"]
    if len(folders) < 2:
        raise _too_few_classes(root, listing)
    unknown = sorted(set(class_names) - set(folders))
    if unknown:
        raise UsageError(
            f"The class “{unknown[0]}” was to be renamed, but there is no such folder.",
            f"The classes are {_named(folders)}.",
        )
    labels = {folder: class_names.get(folder, folder) for folder in folders}
    for label, count in Counter(labels.values()).items():
        if count > 1:
            same = [folder for folder in folders if labels[folder] == label]
            raise UsageError(
                f"The folders {_named(same)} would both be the class “{label}”.",
                "Give each class a name of its own, or put their pictures into one folder.",
            )
        if not label.strip():
            raise UsageError("A class can't have an empty name.", "Give it a name.")
    return labels


def _check_parts(listing: Listing) -> None:
    """Raises where the parts of a given split do not hold the same classes."""
    train = set(listing.classes["train"])
    for part, folders in listing.classes.items():
        here = set(folders)
        extra, missing = sorted(here - train), sorted(train - here) if part == "val" else []
        if not extra and not missing:
            continue
        first, second = listing.part_folders["train"], listing.part_folders[part]
        only = [f"{_named(missing)} only in “{first}”"] if missing else []
        only += [f"{_named(extra)} only in “{second}”"] if extra else []
        raise DatasetError(
            f"The folders “{first}” and “{second}” do not hold the same classes:"
            f" {' and '.join(only)}.",
            "Give each class a folder of the same name in both.",
        )


def _too_few_classes(root: str, listing: Listing) -> DatasetError:
    folders = listing.classes["train"]
    inside = "/".join([root, *listing.part_folders.values()][:2])
    if not folders:
        return DatasetError(
            f"The folder {inside} holds no sub-folders, so nothing says which class a picture"
            " belongs to.",
            "Put the pictures of each class into a sub-folder that is named after the class.",
        )
    return DatasetError(
        f"The folder {inside} holds only one class, “{folders[0]}”: nothing to tell apart.",
        "Add a folder with pictures of another class; if the classes lie further inside, choose the"
        " folder that holds them.",
    )


def _named(names: Iterable[str], most: int = 5) -> str:
    """Names for a sentence, the first few where there are many."""
    quoted = [f"“{name}”" for name in names]
    if len(quoted) > most:
        return f"{', '.join(quoted[:most])} and {len(quoted) - most} more"
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


# --- whether they are enough ---------------------------------------------------------------------


def _check_usable(
    root: str, listing: Listing, usable: list[Found], reasons: Mapping[str, str]
) -> None:
    """Raises `DatasetError` where a class has too few pictures to learn or to validate."""
    counts = Counter((found.part, found.folder) for found in usable)
    if not any(found.part == "train" for found in usable):
        raise DatasetError(
            f"There are no pictures to learn from in {root}."
            f"{_first_reason(listing, reasons, 'train', None)}",
            "Choose the folder that holds one sub-folder with pictures for each class.",
        )
    given = "val" in listing.part_folders
    for part in ("train", "val") if given else ("train",):
        for folder in listing.classes[part]:
            count = counts[part, folder]
            if count >= (1 if given else 2):
                continue
            where = f" in “{listing.part_folders[part]}”" if given else ""
            has = "no usable picture" if count == 0 else "only one usable picture"
            why = "" if given else "; two are needed, one to learn from and one to check with"
            raise DatasetError(
                f"The class “{folder}” has {has}{where}{why}."
                f"{_first_reason(listing, reasons, part, folder)}",
                _NEEDED,
            )


def _first_reason(
    listing: Listing, reasons: Mapping[str, str], part: Part, folder: str | None
) -> str:
    """A further sentence about the first file that was left out there; empty where none was."""
    for found in listing.files:
        if found.part == part and folder in (None, found.folder) and reasons[found.file]:
            return f" {found.file} was left out: {reasons[found.file]}"
    return ""


def _drawn(
    usable: list[Found], labels: Mapping[str, str], fraction: float, seed: int
) -> frozenset[str]:
    classes: dict[str, list[str]] = {folder: [] for folder in labels}
    for found in usable:
        if found.part == "train":
            classes[found.folder].append(found.file)
    return validation_files(classes, fraction, seed)
