"""Owns which projects this computer knows, and what the home screen says of each."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from tlstudio.bounded import record
from tlstudio.errors import UsageError
from tlstudio.jobs import DatasetSpec, Record
from tlstudio.projects.atomic import write_text
from tlstudio.projects.bin import to_bin
from tlstudio.projects.corrections import Corrections
from tlstudio.projects.index import Index
from tlstudio.projects.ownership import Ownership
from tlstudio.projects.places import projects_folder, recent_folder
from tlstudio.projects.project import FILE, Project, is_project, usual_title
from tlstudio.projects.runs import RunSummary, runs_of


class KnownProject(Record):
    """A project as it was when it was last in use.

    `accuracy` is that of its best run, a fraction of the validation pictures; `interrupted` counts
    runs that can be carried on. `dataset` is None where nobody has looked through its pictures yet.
    `listed` is False where the user took it off the list.
    """

    path: str
    title: str
    opened: datetime
    dataset: DatasetSpec | None = None
    pictures: int = 0
    classes: tuple[str, ...] = ()
    runs: int = 0
    accuracy: float | None = None
    interrupted: int = 0
    listed: bool = True

    @property
    def there(self) -> bool:
        """Whether the project can be opened. Asks the disk, which may take its time."""
        return is_project(Path(self.path))

    @property
    def pictures_there(self) -> bool:
        """Whether its pictures are where they were. Asks the disk, which may take its time."""
        return self.dataset is None or os.path.isdir(self.dataset.folder)  # noqa: PTH112


def known_projects() -> tuple[KnownProject, ...]:
    """The one that was opened last comes first; what can't be read is left out.

    What is said of each was true when it was last remembered: `refreshed` says what is now.
    """
    known = {each.path: each for each in _remembered()}
    for path in _in_projects_folder():
        if str(path) not in known:
            changed = datetime.fromtimestamp((path / FILE).stat().st_mtime, UTC)
            known[str(path)] = KnownProject(path=str(path), title=usual_title(path), opened=changed)
    listed = [each for each in known.values() if each.listed]
    return tuple(sorted(listed, key=lambda each: each.opened, reverse=True))


def project_folders() -> tuple[Path, ...]:
    """Every project of this computer that is there, also those that were taken off the list."""
    noted = (Path(each.path) for each in _remembered())
    folders = dict.fromkeys([*_in_projects_folder(), *noted])
    return tuple(path for path in folders if is_project(path))


def refreshed(
    project: Project, opened: datetime | None = None, runs: Sequence[RunSummary] | None = None
) -> KnownProject:
    """What the home screen says of it now. Without `opened` it counts as opened when it was.
    `runs` are those of the project, where they have been read already."""
    runs = runs_of(project) if runs is None else runs
    path = str(project.path)
    before = _read(_file(path))
    if opened is None:
        changed = datetime.fromtimestamp(project.file.stat().st_mtime, UTC)
        opened = before.opened if before else changed
    names = Corrections(project).classes()
    counts = {
        found: count
        for found, (count, _) in Index(project).counts().items()
        if count and not (found in names and names[found].excluded)
    }
    return KnownProject(
        path=path,
        title=project.title,
        opened=opened,
        dataset=project.dataset or _trained_with(project, runs),
        pictures=sum(counts.values()),
        classes=tuple(
            dict.fromkeys(names[found].shown if found in names else found for found in counts)
        ),
        runs=len(runs),
        accuracy=max((run.result.val_accuracy for run in runs if run.result), default=None),
        interrupted=sum(run.can_carry_on for run in runs),
    )


def remember(known: KnownProject) -> None:
    """Keeps what the home screen says of it. One file a project: windows do not overwrite each
    other's."""
    write_text(_file(known.path), known.model_dump_json(indent=2) + "\n")


def forget(path: str) -> None:
    """Takes a project off the list; the project itself stays, and comes back when it is opened."""
    unread = KnownProject(path=path, title=usual_title(Path(path)), opened=now())
    known = _read(_file(path)) or unread
    remember(known.model_copy(update={"listed": False}))


def delete(path: Path) -> None:
    """Moves a project, with the runs in it, to the system's bin. Raises `UsageError` while a window
    has it open or trains in it, and `StorageError` where there is no bin."""
    project = Project.open(path)
    if any(run.standing == "running" for run in runs_of(project)):
        raise UsageError(f"A training is running in {project.title}.", "Stop it first.")
    with Ownership(path) as ownership:
        if ownership.reason == "taken":
            raise UsageError(f"{project.title} is open in a window.", "Close it there first.")
    to_bin(project.path)
    _file(str(project.path)).unlink(missing_ok=True)


def now() -> datetime:
    return datetime.now(UTC)


def _trained_with(project: Project, runs: Sequence[RunSummary]) -> DatasetSpec | None:
    """The pictures of the newest run: the first version noted them nowhere else."""
    specs = (run.job.dataset for run in runs if run.job is not None)
    spec = next(specs, None)
    return spec and project.as_its_own(spec)


def _remembered() -> Iterator[KnownProject]:
    for file in recent_folder().glob("*.json"):
        known = _read(file)
        if known is not None:
            yield known


def _in_projects_folder() -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in projects_folder().iterdir() if is_project(path)]
    return []


def _read(file: Path) -> KnownProject | None:
    try:
        return record(KnownProject, file)
    except (OSError, ValidationError):
        return None


def _file(path: str) -> Path:
    return recent_folder() / f"{hashlib.sha256(path.encode()).hexdigest()[:24]}.json"
