"""Owns first glances that the engine takes while a dialog is open: only the newest counts."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, SignalInstance

from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.jobs import DatasetSpec, PreviewJob


class Glances(QObject):
    """`answered` brings the `PreviewResult` of the newest question, `failed` why there is none."""

    answered = Signal(object)
    failed = Signal(str, str)

    def __init__(self, engine: EngineRoom, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._thread: TaskThread | None = None

    def ask(self, dataset: DatasetSpec) -> None:
        self.stop()
        self._thread = thread = self._engine.start(PreviewJob(dataset=dataset))
        thread.succeeded.connect(lambda result: self._end(thread, self.answered, result))
        thread.failed.connect(lambda *why: self._end(thread, self.failed, *why))

    def stop(self) -> None:
        """Nobody wants the answer any more."""
        if self._thread is not None:
            self._thread.cancel()
            self._thread = None

    def _end(self, thread: TaskThread, outcome: SignalInstance, *values: object) -> None:
        if thread is self._thread:
            self._thread = None
            outcome.emit(*values)
