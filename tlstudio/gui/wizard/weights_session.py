"""Owns the jobs of the backbone page: whose weights a file holds, and fetching published ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from tlstudio.backbones.catalogue import Backbone, Weights
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.wizard.network_choice import weights_spec
from tlstudio.gui.wizard.state import WizardState
from tlstudio.gui.wizard.wording import translate
from tlstudio.jobs import (
    BackboneSpec,
    DownloadWeights,
    IdentifiedWeights,
    IdentifyWeights,
    Job,
    WeightsName,
    WeightsSpec,
)
from tlstudio.tasks import Event, Logged, Progress


@dataclass(frozen=True)
class Outcome:
    """How the last job went, as a sentence and what to do; `again` says that it may be repeated."""

    kind: Literal["ok", "warn", "error"]
    message: str
    hint: str = ""
    again: bool = False


class WeightsSession(QObject):
    """One job at a time; the page shows it and forwards clicks."""

    changed = Signal()
    """A job began or ended; `outcome` and `words` say how and which."""
    progressed = Signal(object)
    told = Signal(str)
    """What the job does meanwhile, such as trying again."""
    fetched = Signal()
    """More weights are on this computer."""

    def __init__(self, state: WizardState, room: EngineRoom, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state, self._room = state, room
        self._thread: TaskThread | None = None
        self._wanted: tuple[Backbone, Weights] | None = None
        self._before = state.backbone_spec
        self.words = ""
        self.outcome: Outcome | None = None

    @property
    def running(self) -> bool:
        return self._thread is not None

    def identify(self, file: str) -> None:
        """Finds out whose weights are in the file and starts from them."""
        if self.running:
            return
        self._wanted = None
        name = Path(file).name
        words = translate("weights", "Looking whose weights are in {0}").format(name)
        waiting = translate("weights", "The weights file is still being looked at.")
        job = IdentifyWeights(file=file, backbone=self._state.backbone_id)
        self._begin(job, words, waiting)

    def download(self, entry: Backbone, weights: Weights) -> None:
        """Fetches these weights, because the user pressed what says so, and starts from them."""
        if self.running:
            return
        self._wanted = entry, weights
        name = WeightsName(backbone=entry.id, variant=weights.name)
        words = translate("weights", "Downloading the weights of {0}").format(entry.name)
        waiting = translate("weights", "The weights of {0} are still being downloaded.")
        self._begin(DownloadWeights(weights=(name,)), words, waiting.format(entry.name))

    def repeat(self) -> None:
        """The download that failed once more."""
        if self._wanted is not None:
            self.download(*self._wanted)

    def cancel(self) -> None:
        if self._thread is not None:
            self._thread.cancel()

    def forget(self) -> None:
        """The user chose something else: what was said counts no longer, and nobody waits for what
        a file holds. A download goes on."""
        if self._wanted is None:
            self.cancel()
        if not self.running:
            self._wanted = None
            self.say(None)

    def say(self, outcome: Outcome | None) -> None:
        """Something else is to be said, or what was said counts no longer."""
        if outcome != self.outcome:
            self.outcome = outcome
            self.changed.emit()

    # --- what the engine answers ----------------------------------------------------------------

    def _begin(self, job: Job, words: str, waiting: str) -> None:
        self._thread = thread = self._room.start(job)
        thread.progressed.connect(self._on_event)
        thread.succeeded.connect(self._on_success)
        thread.failed.connect(self._on_failure)
        thread.cancelled.connect(lambda: self._end(None))
        self.words, self.outcome = words, None
        self._before = self._state.backbone_spec
        self._state.set_fetching(waiting)
        self.changed.emit()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progressed.emit(event)
        elif isinstance(event, Logged):
            self.told.emit(event.message)

    def _on_success(self, result: object) -> None:
        if isinstance(result, IdentifiedWeights):
            if self._thread is not None and self._thread.cancelling:
                self._end(None)  # the answer was faster than the request
                return
            self._end(self._start_from_file(result))
        elif self._wanted is not None:
            self._end(self._start_from_download(*self._wanted))
            self.fetched.emit()

    def _on_failure(self, message: str, hint: str) -> None:
        self._end(Outcome("error", message, hint, again=self._wanted is not None))

    def _end(self, outcome: Outcome | None) -> None:
        self._thread, self.outcome = None, outcome
        if outcome is None or outcome.kind != "error":
            self._wanted = None
        self._state.set_fetching("")
        self.changed.emit()

    # --- what follows from it -------------------------------------------------------------------

    def _start_from_file(self, found: IdentifiedWeights) -> Outcome:
        same = found.backbone == self._state.backbone_id
        weights = WeightsSpec(source="file", file=found.file, variant=found.variant)
        self._state.start_from(BackboneSpec(id=found.backbone, weights=weights))
        if same:
            text = translate("weights", "These are weights of {0}, and it starts from them.")
        else:
            text = translate("weights", "These are weights of {0}; it is now chosen.")
        hint = ""
        if found.classes is not None:
            hint = translate(
                "weights",
                "They were made for {0} classes; the answers for yours are learned anew.",
            ).format(f"{found.classes:,}")
        return Outcome("ok", text.format(found.name), hint)

    def _start_from_download(self, entry: Backbone, weights: Weights) -> Outcome:
        """A choice that the user made meanwhile is left alone."""
        now = self._state.backbone_spec
        if now == self._before and now.id != entry.id:
            spec = BackboneSpec(id=entry.id, weights=weights_spec(entry, weights))
            self._state.start_from(spec)
        text = translate("weights", "The weights of {0} are on this computer now.")
        return Outcome("ok", text.format(entry.name))
