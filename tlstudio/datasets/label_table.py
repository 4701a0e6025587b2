"""Owns the table that labels are given away as: what the user corrected, and the split."""

from __future__ import annotations

import csv
from pathlib import Path

from tlstudio.datasets.scan import scan
from tlstudio.jobs import LabelsJob, LabelsResult, ScanJob
from tlstudio.projects.atomic import replacing
from tlstudio.projects.index import Entry, Index
from tlstudio.projects.project import Project
from tlstudio.projects.spreadsheet import cell, path_cell
from tlstudio.tasks import Meter, Task

COLUMNS = ("file", "label", "found", "part", "group", "excluded")


def write_labels(job: LabelsJob, cache: Path | None = None) -> Task[LabelsResult]:
    """Looks through the data set and writes a row for each of its files (RFC 4180, UTF-8).

    `found` is the class that a file was found in, `label` the one it counts to, empty where it
    counts to none: then `excluded` says why. Paths are relative to the table's own folder where the
    picture lies in it, else whole. Read as a table, it is the same data set: labels, split and,
    where its column is named, groups.

    Raises what `scan` raises, and `StorageError`.
    """
    scanned = yield from scan(
        ScanJob(dataset=job.dataset, seed=job.seed, listed=False), *([cache] if cache else [])
    )
    out, folder = Path(job.out), Path(scanned.folder)
    meter = Meter("scan", 0)
    pictures = 0
    with replacing(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, entry in enumerate(Index(Project(Path(scanned.project))).entries()):
            why = _excluded(entry)
            label, part = ("", "") if why else (entry.label, entry.part or "")
            where = path_cell(_path(folder / entry.file, out.parent))
            texts = map(cell, (label, entry.found, part, entry.group, why))
            writer.writerow([where, *texts])
            pictures += not why
            yield from meter.at(number)
    return LabelsResult(file=str(out), pictures=pictures)


def _excluded(entry: Entry) -> str:
    if entry.verdict == "left_out":
        return entry.reason
    return "left out by you" if entry.excluded else ""


def _path(picture: Path, folder: Path) -> str:
    inside = picture.is_relative_to(folder)
    return (picture.relative_to(folder) if inside else picture).as_posix()
