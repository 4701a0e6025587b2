"""Owns which files a data set has, with the class, part and group of each as they are found."""

from __future__ import annotations

from dataclasses import replace

from tlstudio.datasets.folders import list_files, list_roots
from tlstudio.datasets.found import PARTS, Found, Listing, vanished
from tlstudio.datasets.named import list_named
from tlstudio.datasets.tabled import list_table
from tlstudio.jobs import DatasetSpec
from tlstudio.tasks import Task

__all__ = ["PARTS", "Found", "Listing", "list_dataset", "list_files", "vanished"]


def list_dataset(spec: DatasetSpec) -> Task[Listing]:
    """The files that `spec` is about: of its table, of its pattern, or in its folders.

    Raises `DatasetError` or `UsageError` where these can't be read or say nothing about classes.
    """
    if spec.table is not None:
        return (yield from list_table(spec.folder, spec.table, own_split=spec.own_split))
    if spec.pattern is not None:
        return (yield from list_named(spec.folder, spec.pattern, spec.roots))
    if spec.roots:
        listing = yield from list_roots(spec.folder, spec.roots)
    else:
        listing = yield from list_files(spec.folder)
    return listing if spec.own_split else _without_parts(listing)


def _without_parts(listing: Listing) -> Listing:
    """The same files and classes with nothing said about a split."""
    if not listing.part_folders.keys() - {"train"}:
        return listing
    classes = {name for names in listing.classes.values() for name in names}
    return replace(
        listing,
        part_folders={},
        classes={"train": tuple(sorted(classes))},
        files=tuple(replace(found, part="train") for found in listing.files),
        anew=True,
    )
