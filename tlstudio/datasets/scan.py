"""Owns how a data set becomes a labelled, split index, and says why it can't where it can't."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlstudio.datasets.contents import short_digest
from tlstudio.datasets.found import Found, Listing, vanished
from tlstudio.datasets.item import Item
from tlstudio.datasets.judging import judged, some_unreachable
from tlstudio.datasets.labelling import Labelling
from tlstudio.datasets.listing import list_dataset
from tlstudio.datasets.outcome import Choices, Labelled, Outcome, outcome
from tlstudio.datasets.patience import Patience, places_of
from tlstudio.datasets.refusals import check_classes, check_usable
from tlstudio.datasets.verdicts import Verdict
from tlstudio.errors import DatasetError
from tlstudio.jobs import (
    Changes,
    Converted,
    DatasetSpec,
    LeftOut,
    Part,
    Picture,
    ScanJob,
    ScanResult,
)
from tlstudio.projects.index import Index, Seen
from tlstudio.projects.project import Project
from tlstudio.tasks import Meter, Task, beside

_ORDER: dict[Part, int] = {"train": 0, "val": 1, "test": 2}


def scan(job: ScanJob, cache: Path | None = None) -> Task[ScanResult]:
    """Looks through a data set: which pictures can be used, with which label, in which part.

    Every file is looked at once, in children that can be done without; what was said of it is
    remembered in the folder `cache` (the user's cache folder by default) until its size or time of
    change differ. What can't be used is left out, each file with its reason. The project's index is
    brought up to date, and the user's corrections in it are followed.

    Classes are in the order of their folders' names, by code points, also where they are shown by
    others, classes that the user made after them; `files` are in the order train, val, test, then
    by class, then by path. The result depends on neither the file system nor the threads.

    Where the data set brings no validation pictures, they are drawn (see `split`), and
    `split.given` is false; pictures that it keeps for testing are kept for it either way. A split
    that the user has given up (`DatasetSpec.own_split`) is as good as none.

    Where the folder can't be reached on the way, the task waits until it is back.

    Raises `DatasetError` or `UsageError` where the data set or the request can't be used, and
    `StorageError` where the project can't be written.
    """
    spec = _absolute(job.dataset)
    root = spec.folder
    patience = yield from Patience.of(places_of(spec), "The look through the pictures")
    listing = yield from patience.through(lambda: _listed(spec, patience))
    check_classes(root, listing)
    names = [found.file for found in listing.files]
    seen = yield from patience.through(
        lambda: judged(root, names, spec.reading, cache), some_unreachable
    )
    reasons = {file: verdict.look.reason for file, verdict in seen.items()}
    usable = [found for found in listing.files if not reasons[found.file]]
    check_usable(root, listing, usable, reasons)
    index, meter = Index(Project.of(spec)), Meter("compare", len(listing.files))
    data = yield from beside(lambda: _gathered(spec, listing, seen, index), meter, 0)
    labelled = yield from beside(data.labelled, meter, 0)
    choices = Choices.of(job, index.project, labelled)
    found = yield from outcome(labelled, choices, index)
    result = yield from beside(
        lambda: data.result(spec, found, choices, index.project), meter, len(listing.files)
    )
    yield from meter.at(len(listing.files))
    lists = () if job.listed else ("files", "left_out", "converted", "findings")
    return result.model_copy(update=dict.fromkeys(lists, ()))


def _listed(spec: DatasetSpec, patience: Patience) -> Task[Listing]:
    """Raises `PicturesAwayError` where a folder went on the way: files would be missing."""
    listing = yield from list_dataset(spec)
    missing = yield from patience.missing()
    if missing:
        raise vanished(missing)
    return listing


def _absolute(spec: DatasetSpec) -> DatasetSpec:
    root = os.path.abspath(spec.folder)  # noqa: PTH100  (Path.resolve would follow links)
    try:
        root.encode()
    except UnicodeEncodeError as error:
        raise DatasetError(
            f"The path of the folder {spec.folder} is not valid text on this system.",
            "Rename the folders in it that have odd characters in their names.",
        ) from error
    return spec.model_copy(update={"folder": root})


def _gathered(
    spec: DatasetSpec, listing: Listing, seen: Mapping[str, Verdict], index: Index
) -> _Data:
    """What was seen, with the index brought up to it and the corrections that are kept there."""
    index.project.keep_dataset(spec)
    rows = _rows(listing, seen)
    numbers, changes = index.update(rows)
    labelling = Labelling.of(listing.classes["train"], spec.class_names, index.project)
    named = dict(zip((row.file for row in rows), numbers, strict=True))
    return _Data(listing, seen, named, labelling, changes)


def _rows(listing: Listing, seen: Mapping[str, Verdict]) -> list[Seen]:
    """What the index keeps of every file, those that are no pictures of a class included."""
    rows = [Seen(each.file, b"", "", None, "left_out", each.reason) for each in listing.left_out]
    for found in listing.files:
        look = seen[found.file].look
        facts = look.facts
        rows.append(
            Seen(
                file=found.file,
                digest=look.digest,
                found=found.folder,
                given=_given(listing, found),
                verdict="left_out" if look.reason else "converted" if look.done else "used",
                reason=look.reason or _sentence(look.done),
                width=facts.width if facts else 0,
                height=facts.height if facts else 0,
                format=facts.format if facts else "",
            )
        )
    return rows


def _given(listing: Listing, found: Found) -> Part | None:
    """The part that the user's own split puts a file into. Where it keeps only test pictures apart,
    the others are still to be split."""
    if "val" in listing.part_folders or found.part == "test":
        return found.part
    return None


def _sentence(done: Sequence[str]) -> str:
    text = ", ".join(done)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


@dataclass(frozen=True, slots=True)
class _Data:
    """What was listed and looked at, with each file's number in the project, and the labels."""

    listing: Listing
    seen: Mapping[str, Verdict]
    numbers: Mapping[str, int]
    labelling: Labelling
    changes: Changes | None

    def labelled(self) -> Labelled:
        """The pictures that count, and what can't be used; what the user left out is neither."""
        items, folders = list[Item](), list[str]()
        for found in self.listing.files:
            verdict, number = self.seen[found.file], self.numbers[found.file]
            facts, label = verdict.look.facts, self.labelling.label(number, found.folder)
            if facts is None or label is None:
                continue
            folders.append(found.folder)
            items.append(
                Item(
                    id=number,
                    file=found.file,
                    label=label,
                    digest=verdict.look.digest,
                    facts=facts,
                    modified=verdict.stamp.mtime_ns / 1e9,
                    given=_given(self.listing, found),
                    group=found.group,
                )
            )
        return Labelled(items, folders, self._unusable(), self.listing.anew)

    def _unusable(self) -> list[LeftOut]:
        reasons = ((file, verdict.look.reason) for file, verdict in self.seen.items())
        lost = [LeftOut(file=file, reason=reason) for file, reason in reasons if reason]
        return [*self.listing.left_out, *lost]

    def result(
        self, spec: DatasetSpec, found: Outcome, choices: Choices, project: Project
    ) -> ScanResult:
        order = {label: number for number, label in enumerate(self.labelling.shown)}
        pictures, out = list[Picture](), self._unusable()
        for each in self.listing.files:
            if self.seen[each.file].look.reason:
                continue
            number = self.numbers[each.file]
            label, part = self.labelling.label(number, each.folder), found.places.get(number)
            if label is None:
                why = self.labelling.why_left_out(number, each.folder)
                out.append(LeftOut(file=each.file, reason=why))
            elif part is None or part == "aside":
                out.append(LeftOut(file=each.file, reason=found.aside.get(number, "")))
            else:
                group = found.groups.get(number, "")
                digest = short_digest(self.seen[each.file].look.digest)
                pictures.append(
                    Picture(file=each.file, label=label, part=part, group=group, digest=digest)
                )
        pictures.sort(key=lambda each: (_ORDER[each.part], order[each.label], each.file))
        counts = Counter((each.label, each.part) for each in pictures)
        parts = {label: {part: counts[label, part] for part in _ORDER} for label in order}
        return ScanResult(
            folder=spec.folder,
            pictures=len(pictures),
            classes={label: sum(parts[label].values()) for label in order},
            parts=parts,
            names=self.labelling.renamed,
            split=found.split,
            project=str(project.path),
            fingerprint=self._fingerprint(pictures),
            left_out=tuple(sorted(out, key=lambda each: each.file)),
            converted=tuple(
                Converted(file=each.file, reason=_sentence(self.seen[each.file].look.done))
                for each in pictures
                if self.seen[each.file].look.done
            ),
            findings=tuple(found.findings),
            proposals=tuple(found.proposals),
            grouping=choices.grouping,
            test_fraction=choices.test_fraction,
            changes=self.changes,
            files=tuple(pictures),
        )

    def _fingerprint(self, pictures: Sequence[Picture]) -> str:
        digest = hashlib.sha256()
        for each in pictures:
            digest.update(repr((each.label, each.part)).encode() + self.seen[each.file].look.digest)
        return digest.hexdigest()
