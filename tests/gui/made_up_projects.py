"""Owns made-up projects: an index with pictures, verdicts and findings, as a look leaves it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tlstudio.jobs import Finding, Part, ScanResult, Split
from tlstudio.projects.index import Index, Place, Seen
from tlstudio.projects.project import Project


def made_up_project(
    project: Path,
    seen: Sequence[Seen],
    findings: Sequence[Finding] = (),
    places: dict[str, Place] | None = None,
) -> ScanResult:
    """A project with this index, and the result that goes with it. Every fifth picture that is
    used is for validation unless `places` says otherwise."""
    index = Index(Project(project))
    numbers, _ = index.update(seen)
    used = [
        (number, each)
        for number, each in zip(numbers, seen, strict=True)
        if each.verdict != "left_out"
    ]
    where: dict[int, Place] = {}
    for at, (number, each) in enumerate(used):
        where[number] = (places or {}).get(each.file, "val" if at % 5 == 4 else "train")
    index.save_outcome(where, {}, findings, {})
    classes = Counter(each.found for _, each in used)
    parts: dict[str, dict[Part, int]] = {
        name: {"train": 0, "val": 0, "test": 0} for name in classes
    }
    total = Counter(where.values())
    for number, each in used:
        place = where[number]
        if place != "aside":
            parts[each.found][place] += 1
    return ScanResult(
        folder=str(project.parent),
        project=str(project),
        pictures=len(used),
        classes=dict(classes),
        parts=parts,
        split=Split(given=False, train=total["train"], val=total["val"], test=total["test"]),
    )


def picture(file: str, content: bytes | None = None, **values: object) -> Seen:
    """A used picture of 64 x 48 px in the class of its first folder."""
    facts: dict[str, object] = {
        "file": file,
        "digest": content or file.encode(),
        "found": file.split("/", maxsplit=1)[0],
        "given": None,
        "verdict": "used",
        "reason": "",
        "width": 64,
        "height": 48,
        "format": "PNG",
        **values,
    }
    return Seen(**facts)  # type: ignore[arg-type]
