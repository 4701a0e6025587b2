"""Owns how what a user points to, folders or a table, becomes the specification of a data set."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tlstudio.errors import UsageError
from tlstudio.jobs.dataset import DatasetSpec, TableSource

_TABLES = (".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".xls")
PICTURES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
    *(".avif", ".heic", ".heif", ".hif", ".jp2", ".j2k", ".jpx", ".pbm", ".pgm", ".ppm", ".pnm"),
    *(".dcm", ".dicom"),
)
"""How the files of pictures end, usually. What a file is does not follow from it."""


def is_table(file: str) -> bool:
    """Whether a file's name says that it may be a table."""
    return file.lower().endswith(_TABLES)


def source_of(paths: Sequence[str]) -> DatasetSpec:
    """One folder, several folders, or one table; paths become absolute.

    Several folders are taken together, from the innermost folder that holds all of them. A table's
    paths begin in its own folder, or in one that comes with it. Raises `UsageError` for anything
    else.
    """
    whole = list(dict.fromkeys(os.path.abspath(path) for path in paths))  # noqa: PTH100
    files = [path for path in whole if os.path.isfile(path)]  # noqa: PTH113
    if not whole:
        raise UsageError("No pictures were named.", "Name a folder, several, or a table.")
    if not files and len(whole) == 1:
        return DatasetSpec(folder=whole[0])
    if not files:
        return DatasetSpec(folder=_above(whole), roots=tuple(sorted(whole)))
    folders = [path for path in whole if path not in files]
    if len(files) > 1 or len(folders) > 1:
        raise UsageError(
            f"{files[0]} is a file, and there is more beside it.",
            "Take one or several folders, or one table, with at most the folder of its pictures.",
        )
    if not is_table(files[0]):
        raise UsageError(
            f"{files[0]} is neither a folder nor a table.",
            "Take a folder of pictures, or a table (.csv, .tsv, .xlsx) that names them.",
        )
    folder = folders[0] if folders else os.path.dirname(files[0])  # noqa: PTH120
    return DatasetSpec(folder=folder, table=TableSource(file=files[0]))


def _above(folders: Sequence[str]) -> str:
    try:
        return os.path.commonpath(folders)
    except ValueError:  # on different drives of Windows: the others keep their whole paths
        return os.path.dirname(folders[0])  # noqa: PTH120
