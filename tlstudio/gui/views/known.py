"""Owns what the home screen reads of the projects, beside the window: what is remembered of each,
and what is true of it now."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from tlstudio.errors import TLStudioError, UsageError
from tlstudio.gui.wizard.replay import events_at_the_end
from tlstudio.projects.ownership import Ownership
from tlstudio.projects.project import Project
from tlstudio.projects.recent import KnownProject, known_projects, refreshed, remember
from tlstudio.projects.run_folder import RunFolder
from tlstudio.projects.runs import RunSummary, runs_of
from tlstudio.tasks import Epoch, Step


@dataclass(frozen=True)
class Offer:
    """The newest training of a project, where it was interrupted and can be carried on.

    `epoch` is the one in which that was, of `epochs`; None where it had not begun with them.
    """

    run: Path
    epoch: int | None
    epochs: int | None


@dataclass(frozen=True)
class Entry:
    """A project as the list shows it. `there`: the project; `pictures_there`: its pictures;
    `running`: somebody trains in it, in whichever window."""

    known: KnownProject
    there: bool = True
    pictures_there: bool = True
    offer: Offer | None = None
    running: bool = False

    @property
    def path(self) -> Path:
        return Path(self.known.path)


def remembered_entries() -> tuple[Entry, ...]:
    """What was true when each was last in use: quick."""
    return tuple(Entry(known) for known in known_projects())


def present_entries(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """What is true now: asks the disks."""
    return tuple(_present(entry) for entry in entries)


def _present(entry: Entry) -> Entry:
    known = entry.known
    if not known.there:
        return Entry(known, there=False, pictures_there=known.pictures_there)
    offer, running = None, False
    with contextlib.suppress(TLStudioError, OSError):  # opening it says what is wrong with it
        project = Project.open(entry.path, read_only=True)
        runs = runs_of(project)
        known = refreshed(project, known.opened, runs)
        running = any(run.standing == "running" for run in runs)
        offer = None if running else _offer(runs)
    return Entry(known, True, known.pictures_there, offer, running)


def _offer(runs: tuple[RunSummary, ...]) -> Offer | None:
    """An older one that was interrupted has been followed by others since: no longer offered."""
    if not runs or not runs[0].can_carry_on:
        return None
    run = Path(runs[0].path)
    epochs = [
        (event.epoch, event.epochs)
        for event in events_at_the_end(RunFolder(run).events_file)
        if isinstance(event, Step | Epoch)
    ]
    epoch, of = epochs[-1] if epochs else (None, None)
    return Offer(run, epoch, of)


def renamed(entry: Entry, title: str, held: bool) -> None:
    """Gives the project another title. `held`: this window has it open, else it must be free."""
    with contextlib.nullcontext() if held else Ownership(entry.path) as claim:
        if claim is not None and not claim.held:
            raise UsageError(
                _tr("“{0}” is open in another window.").format(entry.known.title),
                _tr("Rename it there."),
            )
        project = Project.open(entry.path)
        project.rename(title)
        remember(entry.known.model_copy(update={"title": project.title}))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Home", text)
