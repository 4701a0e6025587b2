"""Owns the job that measures this computer for the settings page, and is never in the way."""

from __future__ import annotations

from PySide6.QtCore import QObject

from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import EstimateJob, EstimateResult


class EstimateSession(QObject):
    """Asks for what the choices of the moment need measured, and gives the answer to the state."""

    def __init__(self, state: WizardState, room: EngineRoom, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state, self._room = state, room
        self._thread: TaskThread | None = None

    def want(self) -> None:
        """Measures unless that was done, or is being done, for the same question."""
        state = self._state
        question = state.question()
        if question is None or state.training or question.same(state.outlook.question):
            return
        self.stop()
        state.outlook.ask(question)
        self._thread = thread = self._room.start(EstimateJob(job=state.job()))
        thread.succeeded.connect(lambda result: self._answered(thread, result))
        thread.failed.connect(lambda *_: self._answered(thread, None))
        thread.cancelled.connect(lambda: self._cancelled(thread))

    def stop(self) -> None:
        """Nobody looks any more: the engine is free for what is asked next."""
        if self._thread is not None:
            self._thread.cancel()
            self._thread, self._state.outlook.question = None, None

    def _answered(self, thread: TaskThread, result: object) -> None:
        if thread is self._thread:
            self._thread = None
            self._state.set_measured(result if isinstance(result, EstimateResult) else None)

    def _cancelled(self, thread: TaskThread) -> None:
        """By somebody else than `stop`, such as a window that closes."""
        if thread is self._thread:
            self._thread, self._state.outlook.question = None, None
