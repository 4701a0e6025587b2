"""Owns when what a folder holds is no data set, and says in a sentence why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tlstudio.datasets.found import Found, Listing
from tlstudio.errors import DatasetError
from tlstudio.jobs import Part, ScanResult

_NEEDED = "Add pictures to it, or take the folder of this class away."


def check_classes(root: str, listing: Listing) -> None:
    """Raises `DatasetError` where the folders make no set of classes."""
    _check_parts(listing)
    if len(listing.classes["train"]) < 2:
        raise _too_few_classes(root, listing)


def _check_parts(listing: Listing) -> None:
    """Raises where the parts of a given split do not hold the same classes."""
    train = set(listing.classes["train"])
    for part, folders in listing.classes.items():
        here = set(folders)
        extra, missing = sorted(here - train), sorted(train - here) if part == "val" else []
        if not extra and not missing:
            continue
        first, second = listing.part_folders["train"], listing.part_folders[part]
        only = [f"{named(missing)} only in “{first}”"] if missing else []
        only += [f"{named(extra)} only in “{second}”"] if extra else []
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


def named(names: Iterable[str], most: int = 5) -> str:
    """Names for a sentence, the first few where there are many."""
    quoted = [f"“{name}”" for name in names]
    if len(quoted) > most:
        return f"{', '.join(quoted[:most])} and {len(quoted) - most} more"
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def check_usable(
    root: str, listing: Listing, usable: Sequence[Found], reasons: Mapping[str, str]
) -> None:
    """Raises `DatasetError` where nothing can be learned, or a class folder has too few pictures to
    learn or to validate."""
    counts = Counter((found.part, found.folder) for found in usable)
    if not any(found.part == "train" for found in usable):
        raise DatasetError(
            f"There are no pictures to learn from in {root}."
            f"{_first_reason(listing, reasons, 'train', None)}",
            "Choose the folder that holds one sub-folder with pictures for each class.",
        )
    if listing.source != "folders":
        return  # a rare class is a finding: nobody could leave it out of a table that is refused
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


def check_learnable(result: ScanResult) -> None:
    """Raises `DatasetError` where what is left after the user's corrections and the split can't be
    learned from."""
    if len(result.classes) < 2:
        raise DatasetError(
            f"Of the pictures in {result.folder} only {len(result.classes)} class is left.",
            "Put a class back, or relabel some pictures: two classes are needed.",
        )
    for label, parts in result.parts.items():
        if not parts.get("train"):
            raise DatasetError(
                f"The class “{label}” has no picture to learn from.",
                "Put pictures back, add some, or leave the class out.",
            )
    if not result.split.val:
        raise DatasetError(
            "No picture is left to check the answers on: everything belongs together with the"
            " pictures to learn from.",
            "Add pictures, or let fewer of them belong together.",
        )
