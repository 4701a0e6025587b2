"""Owns which project the window has open: who may change it, and its choices, kept in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

from tlstudio.gui.errands import Errands
from tlstudio.gui.when import clock_words
from tlstudio.gui.wizard.choices import SETTING, Choices, read_choices
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import DatasetSpec, ScanResult
from tlstudio.projects.ownership import Ownership
from tlstudio.projects.project import Project, is_project
from tlstudio.projects.recent import now, refreshed, remember

logger = logging.getLogger(__name__)

KEEP_MS = 500
"""Choices are kept when none was made for so long."""


class _Asked(NamedTuple):
    """A project, where what was to be opened is one."""

    project: Path | None


@dataclass(frozen=True, eq=False)
class Opened:
    """What was read of a project as it was opened."""

    path: Path
    title: str
    dataset: DatasetSpec | None
    choices: Choices | None
    claim: Ownership


class OpenProject(QObject):
    """Follows the wizard: the project whose pictures it shows is claimed, and let go for the next.

    Where somebody else holds it, the state is read-only. The choices are kept in the project soon
    after each change, and the home screen's memory of it whenever something came of it.
    """

    opened = Signal(object)
    """A project that was asked for is open: `Opened`. The wizard shows none of its pictures yet."""
    pictures_wanted = Signal(list)
    """What was to be opened is no project but, perhaps, pictures."""
    failed = Signal(str, str)
    changed = Signal()
    """Another project, or another claim to it."""

    def __init__(self, state: WizardState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.path: Path | None = None
        self.title = ""
        self._claim: Ownership | None = None
        self._following: Path | None = None
        self._kept: Choices | None = None
        self._seen: tuple[ScanResult | None, bool] = None, False
        self._errands = Errands(self)
        self._errands.failed.connect(self._log)
        self._soon = QTimer(self, singleShot=True, interval=KEEP_MS)
        self._soon.timeout.connect(self._keep)
        state.observe(self._state_changed)

    @property
    def held(self) -> bool:
        """Whether this window may change it."""
        return self._claim is not None and self._claim.held

    @property
    def unwritable(self) -> bool:
        """Whether no window may change it, because its disk may not be written to."""
        return self._claim is not None and self._claim.reason == "read_only"

    # --- opening --------------------------------------------------------------------------------

    def open_paths(self, paths: Sequence[str]) -> None:
        """Opens the folder of a project; whatever else it is goes to `pictures_wanted`."""
        self._errands.do(
            partial(_find, tuple(paths)),
            lambda asked: self._found(asked, list(paths)),
            self.failed.emit,
        )

    def open(self, path: Path) -> None:
        claim = self._claim if path == self.path and self.held else None
        self._errands.do(partial(_open, path, claim), self._enter, self.failed.emit)

    def claim_again(self) -> None:
        """Tries once more to become the one who may change it."""
        if self.path is not None and not self.held:
            self._errands.do(partial(_open, self.path), self._claimed, self.failed.emit)

    def _found(self, asked: _Asked, paths: list[str]) -> None:
        if asked.project is None:
            self.pictures_wanted.emit(paths)
        else:
            self.open(asked.project)

    def _enter(self, opened: Opened) -> None:
        """A project that the user asked for: its pictures are still to be looked at."""
        if self._state.training:  # which began while the project was being opened
            if opened.claim is not self._claim:
                self._errands.do(opened.claim.release)
            self.failed.emit(
                self.tr("Training has begun meanwhile, so the project was not opened."),
                self.tr("Open it again once the training is done."),
            )
            return
        self._soon.stop()
        self._keep()
        self._take(opened)
        self._state.forget_pictures()
        self._state.begin_project(opened.choices)
        self._kept = self._state.choices()
        self.opened.emit(opened)

    def _follow(self, path: Path) -> None:
        """Other pictures were chosen in the wizard: theirs is the project now."""
        self._soon.stop()
        self._keep()
        first, before = self.path is None, self._state.choices()
        self._following = path
        if not first:
            self._state.begin_project(None)
            before = self._state.choices()
        self._errands.do(
            partial(_open, path),
            lambda opened: self._followed(opened, before),
            lambda *why: self._not_followed(path, *why),
        )

    def _followed(self, opened: Opened, before: Choices) -> None:
        """What was chosen while it was opened counts more than what was chosen long ago."""
        self._take(opened)
        untouched = self._state.choices() == before
        if opened.choices is not None and untouched and not self._state.training:
            self._state.begin_project(opened.choices)
        self._kept = self._state.choices()

    def _not_followed(self, path: Path, message: str, hint: str) -> None:
        """It can't be claimed, such as on a disk that was taken away: nothing may be kept in it."""
        self._let_go()
        self.path, self.title = path, ""
        self._state.set_read_only(message)
        self.changed.emit()
        self.failed.emit(message, hint)

    def _claimed(self, opened: Opened) -> None:
        if opened.path == self.path:
            self._take(opened)
        else:
            self._errands.do(opened.claim.release)

    def _take(self, opened: Opened) -> None:
        if opened.claim is not self._claim:
            self._let_go()
        self._kept = None
        self.path, self.title, self._claim = opened.path, opened.title, opened.claim
        self._following = None
        self._state.set_read_only(_why_read_only(opened.claim))
        self.changed.emit()

    def _let_go(self) -> None:
        if self._claim is not None:
            self._errands.do(self._claim.release)
            self._claim = None

    # --- keeping --------------------------------------------------------------------------------

    def _state_changed(self) -> None:
        scan, training = self._state.scan, self._state.training
        project = Path(scan.project) if scan is not None and scan.project else None
        if project is not None and project not in {self.path, self._following}:
            self._follow(project)
            return
        if self._kept is not None and self._state.choices() != self._kept:
            self._soon.start()
        if self._seen != (scan, training):
            self._seen = scan, training
            self.note()

    def _keep(self) -> None:
        choices, path = self._state.choices(), self.path
        if path is not None and self.held and self._kept not in {None, choices}:
            self._kept = choices
            kept = choices.model_dump(mode="json")
            self._errands.do(lambda: Project(path).set_setting(SETTING, kept))

    def note(self) -> None:
        """Lets the home screen know what there is in the project now."""
        if self.path is not None and self._following is None:
            self._errands.do(partial(_note, self.path))

    def close(self, path: Path, then: Callable[[], object]) -> None:
        """Lets the project go, if it is this one, and nothing of it is shown any more. `then` comes
        when it is free."""
        if path != self.path or self._claim is None:
            then()
            return
        self._soon.stop()
        claim, self._claim = self._claim, None
        self.path, self.title, self._kept = None, "", None
        self._state.forget_pictures()
        self._state.begin_project(None)
        self.changed.emit()
        self._errands.do(claim.release, lambda _: then())

    def leave(self) -> None:
        """The window closes: the last choices are kept, and the project is let go."""
        self._state.forget(self._state_changed)
        self._soon.stop()
        self._keep()
        self._let_go()
        self._errands.finish()

    def _log(self, message: str, hint: str) -> None:
        logger.warning("Not kept in the project: %s %s", message, hint)


def _find(paths: tuple[str, ...]) -> _Asked:
    only = Path(paths[0]) if len(paths) == 1 else None
    return _Asked(only if only is not None and is_project(only) else None)


def _open(path: Path, claim: Ownership | None = None) -> Opened:
    """`claim` is the one that this window has already, if it has."""
    claim = claim or Ownership(path)
    try:
        project = Project.open(path, read_only=not claim.held)
        known = refreshed(project, opened=now())
        remember(known)
        return Opened(
            path=path,
            title=known.title,
            dataset=known.dataset,
            choices=read_choices(project.setting(SETTING)),
            claim=claim,
        )
    except BaseException:
        claim.release()
        raise


def _note(path: Path) -> None:
    remember(refreshed(Project.open(path, read_only=True)))


def _why_read_only(claim: Ownership) -> str:
    """One sentence; empty where it may be changed."""
    if claim.held:
        return ""
    owner = claim.owner
    if owner is not None:
        text = _tr("Open in another window since {0} on {1} ({2}).")
        return text.format(clock_words(owner.since), owner.computer, owner.user or "?")
    if claim.reason == "read_only":
        return _tr("This project lies on a disk that may not be written to.")
    return _tr("This project is open in another window.")


def _tr(text: str) -> str:
    return QCoreApplication.translate("OpenProject", text)
