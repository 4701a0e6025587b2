"""Owns one run from Start to its end: which job the engine gets next, and what may be asked."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QObject, Signal

from tlstudio.errors import UsageError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.wizard.state import WizardState
from tlstudio.gui.wizard.training_model import RUNNING, Stage, TrainingModel
from tlstudio.jobs import FinishRun, Job, ResumeRun, TrainingJob, TrainResult, TrainRun
from tlstudio.projects.preferences import preferences
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Event


class TrainingSession(QObject):
    """Start, pause, stop and keep, cancel, carry on. The page shows it and forwards clicks."""

    changed = Signal()
    """The stage is another one."""
    began = Signal(bool)
    """A run begins to send events; True where they carry on an earlier run's."""
    happened = Signal(object)
    """One event of the run."""

    def __init__(self, state: WizardState, room: EngineRoom, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state, self._room = state, room
        self._thread: TaskThread | None = None
        self._after: Literal["keep", "leave"] = "leave"
        self.stage: Stage = "ready"
        self.model = TrainingModel()
        self.job: TrainingJob | None = None
        self.run: RunFolder | None = None
        self.result: TrainResult | None = None
        self.error: tuple[str, str] = ("", "")

    @property
    def read_only(self) -> str:
        """Why this window may train nothing here; empty where it may."""
        return self._state.read_only

    @property
    def running(self) -> bool:
        return self.stage in RUNNING

    @property
    def can_carry_on(self) -> bool:
        """Whether an interrupted run left something to carry on from."""
        if self.run is None or self.stage not in {"interrupted", "failed"}:
            return False
        return self.run.can_be_carried_on()

    @property
    def can_keep(self) -> bool:
        """Whether a model can be made of what was learned so far."""
        if self.stage in {"running", "paused"}:
            return self.model.can_be_finished
        return not self.read_only and self.can_carry_on and self.model.can_be_finished

    # --- what the user asks for -----------------------------------------------------------------

    def start(self) -> None:
        """A new run with the choices of now. Raises `UsageError` where there are no pictures.

        Weights that are not here are fetched: the button says so.
        """
        self._refuse_read_only()
        self.job = self._state.job()
        self.run = RunFolder(self._state.new_run_folder())
        self.model, self.result = TrainingModel(), None
        self.began.emit(False)
        fetch = self._state.to_download() is not None
        run, awake = str(self.run.path), preferences().keep_awake
        request = TrainRun(job=self.job, run=run, download=fetch, keep_awake=awake)
        self._begin(self.run, request)

    def carry_on(self) -> None:
        """The interrupted run, from its last checkpoint. Raises `UsageError` where the project is
        only looked at."""
        self._refuse_read_only()
        if self.run is not None:
            self.began.emit(True)
            run, awake = str(self.run.path), preferences().keep_awake
            self._begin(self.run, ResumeRun(run=run, keep_awake=awake))

    def pause(self) -> None:
        if self.stage == "running" and self._thread is not None:
            self._thread.pause()
            self._enter("paused")

    def resume(self) -> None:
        if self.stage == "paused" and self._thread is not None:
            self._thread.resume()
            self._enter("running")

    def keep_best(self) -> None:
        """Ends the run and makes the model of its best epoch so far."""
        if not self.can_keep:
            return
        if self._thread is None:
            self._finish()
            return
        self._after = "keep"
        self._enter("stopping")
        self._thread.cancel()

    def cancel(self) -> None:
        """Ends the run; its checkpoint stays."""
        if self._thread is not None:
            self._after = "leave"
            self._enter("cancelling")
            self._thread.cancel()

    def forget(self) -> None:
        """Another project is opened: its page begins anew."""
        self.stage, self.model = "ready", TrainingModel()
        self.job, self.run, self.result, self.error = None, None, None, ("", "")
        self.began.emit(False)
        self.changed.emit()

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise UsageError(self.read_only)

    # --- what the engine answers ----------------------------------------------------------------

    def _begin(self, run: RunFolder, job: Job, stage: Stage = "running") -> None:
        self._after, self.error = "leave", ("", "")
        self._thread = thread = self._room.start(job)
        thread.progressed.connect(self._on_event)
        thread.succeeded.connect(self._on_success)
        thread.failed.connect(self._on_failure)
        thread.cancelled.connect(self._on_cancel)
        self.stage = stage
        self._state.set_training(run.path)
        self.changed.emit()

    def _finish(self) -> None:
        if self.run is not None:
            self._begin(self.run, FinishRun(run=str(self.run.path)), "stopping")

    def _on_event(self, event: Event) -> None:
        self.model.add(event)
        self.happened.emit(event)

    def _on_success(self, result: TrainResult) -> None:
        self._thread, self.result, self.stage = None, result, "finished"
        if self.job is not None:
            self._state.set_trained(self.job, result)
        self.changed.emit()

    def _on_failure(self, message: str, hint: str) -> None:
        self._thread, self.error, self.stage = None, (message, hint), "failed"
        self._state.set_training(None)
        self.changed.emit()

    def _on_cancel(self) -> None:
        self._thread = None
        if self._after == "keep":
            self._finish()
            return
        self.stage = "interrupted"
        self._state.set_training(None)
        self.changed.emit()

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self.changed.emit()
