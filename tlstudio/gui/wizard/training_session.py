"""Owns one run from Start to its end: which job the engine gets next, and what may be asked.

It may be a run of now, or an earlier one that is read back from its folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from tlstudio.errors import UsageError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.errands import Errands
from tlstudio.gui.latest import Latest
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.wizard.replay import News, Replay, news, replay_to_draw
from tlstudio.gui.wizard.state import WizardState
from tlstudio.gui.wizard.training_model import RUNNING, Stage, TrainingModel
from tlstudio.jobs import FinishRun, Job, ResumeRun, TrainingJob, TrainResult, TrainRun
from tlstudio.projects.preferences import preferences
from tlstudio.projects.run_folder import RunFolder
from tlstudio.projects.runs import delete
from tlstudio.tasks import Event

WATCH_MS = 1000
"""A run that another program trains is looked at so often."""


class TrainingSession(QObject):
    """Start, pause, stop and keep, cancel, carry on. The page shows it and forwards clicks."""

    changed = Signal()
    """The stage is another one."""
    began = Signal(bool)
    """A run begins to send events; True where they carry on an earlier run's."""
    happened = Signal(object)
    """One event of the run."""
    adopted = Signal(object)
    """An earlier run stands here as it was read, a `Replay`; None where it is the one that runs."""
    not_adopted = Signal(str, str)
    """Why not, or why it can't be discarded."""

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
        self.cancelled = False
        self._replay: Replay | None = None
        self._reader = Latest(self)
        self._reader.failed.connect(self.not_adopted)
        self._watch = QTimer(self, singleShot=True, interval=WATCH_MS)
        self._watch.timeout.connect(self._look_again)
        self._errands = Errands(self)
        self._errands.failed.connect(self.not_adopted)
        state.observe(self._follow_state)

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
        self._let_go()
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

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise UsageError(self.read_only)

    # --- earlier runs ---------------------------------------------------------------------------

    def adopt(self, run: Path, *, carry_on: bool = False) -> None:
        """Reads an earlier run and shows it as it stands: finished, to be carried on, or being
        trained elsewhere. `adopted` or `not_adopted` follows. With `carry_on` it goes on at once,
        if it can."""
        if self.running:
            self._refuse_another(run)
            return
        self._watch.stop()
        self._reader.ask(
            lambda: replay_to_draw(run), lambda read: self._take(read, carry_on=carry_on)
        )

    def put_away(self) -> None:
        """Shows no run any more: Start begins a new one with the choices of the moment."""
        if not self.running:
            self._state.close_run()

    def discard(self) -> None:
        """Moves the run that was interrupted to the bin."""
        self._refuse_read_only()
        if self.run is not None and not self.running:
            path = self.run.path
            self._errands.do(lambda: delete(path), lambda _: self.put_away())

    def leave(self) -> None:
        """The window closes."""
        self._state.forget(self._follow_state)
        self._let_go()
        self._reader.stop()
        self._errands.finish()

    def _refuse_another(self, run: Path) -> None:
        if self.run is not None and self.run.path == run:
            self.adopted.emit(None)
        else:
            error = UsageError(
                self.tr("Another run is being trained in this window."),
                self.tr("Wait for its end, or stop it first."),
            )
            self.not_adopted.emit(error.message, error.hint)

    def _take(self, read: Replay, *, carry_on: bool) -> None:
        found = read.summary
        if self.running or found.job is None:
            self.not_adopted.emit(found.trouble, "")
            return
        self._state.open_run(read.path, found.job, found.result, read.learnt_from)
        if read.tested is not None and found.result is not None:
            self._state.set_tested(read.tested)
        self._replay, self.run, self.job = read, RunFolder(read.path), found.job
        self.model, self.error = read.model, (found.trouble, "")
        self._stand(read)
        self.adopted.emit(read)
        self.changed.emit()
        if carry_on and self.can_carry_on and not self.read_only:
            self.carry_on()

    def _stand(self, read: Replay) -> None:
        stages: dict[str, Stage] = {
            "running": "elsewhere",
            "completed": "finished",
            "interrupted": "interrupted",
            "failed": "failed",
        }
        self.stage, self.result = stages[read.summary.standing], self._state.trained
        self.cancelled = False
        if self.stage == "elsewhere":
            self._watch.start()

    def _look_again(self) -> None:
        read = self._replay
        if self.stage == "elsewhere" and read is not None:
            self._reader.ask(lambda: news(read), self._hear)

    def _hear(self, heard: News) -> None:
        """What came to a run that is trained elsewhere."""
        read = self._replay
        if self.stage != "elsewhere" or read is None:
            return
        if heard.replay is not None or heard.summary.standing != "running":
            self.adopt(read.path)
            return
        for event in heard.events:
            self._on_event(event)
        self._watch.start()

    def _let_go(self) -> None:
        self._replay, self.cancelled = None, False
        self._watch.stop()
        self._reader.forget()

    def _follow_state(self) -> None:
        """Whoever closes the run in the state closes it here."""
        if self._state.run is None and self.run is not None and not self.running:
            self._let_go()
            self.stage, self.run, self.job, self.result = "ready", None, None, None
            self.model, self.error = TrainingModel(), ("", "")
            self.began.emit(False)
            self.changed.emit()

    # --- what the engine answers ----------------------------------------------------------------

    def _begin(self, run: RunFolder, job: Job, stage: Stage = "running") -> None:
        self._after, self.error, self.cancelled = "leave", ("", ""), False
        self._watch.stop()
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
            learnt_from = self._replay.learnt_from if self._replay is not None else None
            self._state.set_trained(self.job, result, learnt_from)
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
        self.stage, self.cancelled = "interrupted", True
        self._state.set_training(None)
        self.changed.emit()

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        self.changed.emit()
