"""Owns made-up scan results: what a look would say of files that need not exist, and the project
that it would leave."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

from tlstudio.jobs import DatasetSpec, Job, Part, Picture, Result, ScanJob, ScanResult, Split
from tlstudio.projects.corrections import ClassName, Corrections
from tlstudio.projects.index import Index, Seen
from tlstudio.projects.project import Project, default_folder
from tlstudio.tasks import Event, Progress

Script = Callable[[Job], Generator[Event, None, Result]]


def made_up_pictures(classes: dict[str, int]) -> list[Picture]:
    """The files of such a scan: every fifth of a class is for validation."""
    return [
        Picture(file=f"{name}/{i:05}.png", label=name, part="val" if i % 5 == 4 else "train")
        for name, n in classes.items()
        for i in range(n)
    ]


def made_up_scan(
    classes: dict[str, int],
    folder: str = "/pictures",
    given: bool = False,
    kept: bool = False,
    **values: object,
) -> ScanResult:
    """A scan result of files that need not exist: a fifth of each class is for validation.

    As the window has it: what there may be many thousands of stands in the project alone, where
    `kept` says that there is one.
    """
    pictures = made_up_pictures(classes)
    parts: dict[str, dict[Part, int]] = {
        name: {"train": n - n // 5, "val": n // 5, "test": 0} for name, n in classes.items()
    }
    val = sum(part["val"] for part in parts.values())
    return ScanResult.model_validate(
        {
            "folder": folder,
            "project": str(keep(pictures, folder).path) if kept else "",
            "pictures": len(pictures),
            "classes": classes,
            "parts": parts,
            "split": Split(given=given, train=len(pictures) - val, val=val, test=0),
            "fingerprint": f"{folder} {classes}",
            **values,
        }
    )


def keep(pictures: list[Picture], folder: str) -> Project:
    """The project of the folder, with these pictures in its index."""
    project = Project(default_folder(DatasetSpec(folder=folder)))
    index = Index(project)
    numbers, _ = index.update(
        [
            Seen(each.file, each.file.encode(), each.label, None, "used", "", 40, 30, "PNG")
            for each in pictures
        ]
    )
    places = {number: each.part for number, each in zip(numbers, pictures, strict=True)}
    index.save_outcome(places, {}, (), {})
    return project


def looking_again(scan: ScanResult) -> Script:
    """What the engine does where it is asked for a scan: it follows the project's corrections."""

    def script(job: Job) -> Generator[Event, None, Result]:
        assert isinstance(job, ScanJob)
        yield Progress(phase="scan", done=1, total=1)
        project = Project(Path(scan.project))
        counts, names = Index(project).counts(), Corrections(project).classes()
        classes: dict[str, int] = {}
        for key, (counting, _) in sorted(counts.items()):
            name = names.get(key, ClassName(key))
            if not name.excluded:
                classes[name.shown] = classes.get(name.shown, 0) + counting
        renamed = {key: name.shown for key, name in names.items() if not name.excluded}
        values = {"names": renamed, "project": scan.project}
        return made_up_scan(classes, scan.folder, **values)

    return script
