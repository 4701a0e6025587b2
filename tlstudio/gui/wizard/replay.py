"""Owns reading a run back from its folder: how it stands, its figures and curves, what came since.

Plain Python. Whatever reads is a task, for a thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tlstudio.bounded import LINE, opened
from tlstudio.errors import RunError
from tlstudio.gui.widgets.series import CurveData
from tlstudio.gui.wizard.training_model import TrainingModel
from tlstudio.jobs import EvaluationResult
from tlstudio.projects.run_folder import RunFolder
from tlstudio.projects.runs import RunSummary, summary
from tlstudio.tasks import Event, Progress, Task, event_from_dict

_END = 2**17
"""Bytes of a run's events that surely hold its last steps."""
_AT_ONCE = 500
"""Events that are folded in before others get their turn."""


class EventTail:
    """Reads the events of a run piece by piece, from where it was before."""

    def __init__(self, file: Path, begin: int = 0) -> None:
        """`begin` is where to begin, in bytes; what is cut off there is left out."""
        self._file = file
        self._at = begin

    def cut_back(self) -> bool:
        """Whether events that were read are gone: the run was carried on from before them."""
        return _length(self._file) < self._at

    def new(self) -> Iterator[Event]:
        """The events that are there and were not read yet; a line that is cut off comes later.
        Nothing comes of a file that is none of ours, or can't be read."""
        with (
            suppress(OSError, ValueError, RecursionError),
            opened(self._file, follow=False) as file,
        ):
            file.seek(max(0, self._at - 1))
            if self._at > 0:
                file.readline(LINE)  # the line before, or the rest of one
            while (line := file.readline(LINE)).endswith(b"\n"):
                event = event_from_dict(json.loads(line))
                self._at = file.tell()
                yield event


def events_at_the_end(file: Path) -> tuple[Event, ...]:
    """The last events of a run: enough to say how far it is, however long it was."""
    return tuple(EventTail(file, max(0, _length(file) - _END)).new())


def _length(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


@dataclass
class Replay:
    """A run as it was read. `learnt_from` is the fingerprint of its pictures, empty where nobody
    knows any more; `tested` what its locked test pictures said, if they were asked."""

    summary: RunSummary
    learnt_from: str
    tested: EvaluationResult | None
    tail: EventTail
    model: TrainingModel = field(default_factory=TrainingModel)
    curves: CurveData = field(default_factory=CurveData)

    @property
    def path(self) -> Path:
        return Path(self.summary.path)

    def add(self, event: Event) -> None:
        self.model.add(event)
        self.curves.add(event)


@dataclass(frozen=True)
class News:
    """What came since a run was read: `replay` is a whole new reading where it was carried on from
    before what was known."""

    summary: RunSummary
    events: tuple[Event, ...] = ()
    replay: Replay | None = None


def replay(run: Path, title: str = "") -> Task[Replay]:
    """Reads a run. What was damaged of its events is left out; what else is, says the summary."""
    try:
        found = summary(run, title)
    except OSError as error:
        raise RunError(f"{run} holds no run any more.", "It was moved or deleted.") from error
    read = Replay(found, _fingerprint(run), _tested(run), EventTail(RunFolder(run).events_file))
    for number, event in enumerate(read.tail.new()):
        read.add(event)
        if number % _AT_ONCE == 0:
            yield Progress(phase="scan", done=number, total=0)
    if found.standing == "completed":
        read.curves.finish()
    return read


def replay_to_draw(run: Path, title: str = "") -> Task[Replay]:
    """With the plots' library, which takes its time and is needed next."""
    import tlstudio.gui.widgets.curves  # noqa: F401

    return (yield from replay(run, title))


def news(known: Replay) -> Task[News]:
    """Reads what came to a run since. The events are not folded in: that is for whoever shows
    them."""
    if known.tail.cut_back():
        whole = yield from replay(known.path, known.summary.title)
        return News(whole.summary, replay=whole)
    # First how it stands: once it has ended no event follows.
    try:
        now = summary(known.path, known.summary.title)
    except OSError as error:
        raise RunError(f"{known.path} holds no run any more.", "It was moved.") from error
    return News(now, tuple(known.tail.new()))


def _fingerprint(run: Path) -> str:
    try:
        return RunFolder(run).split().fingerprint
    except RunError:
        return ""


def _tested(run: Path) -> EvaluationResult | None:
    try:
        score = RunFolder(run).locked_score()
    except RunError:
        return None
    return score.result if score is not None else None
