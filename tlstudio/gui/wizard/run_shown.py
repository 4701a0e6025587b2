"""Owns which run the wizard shows, and what came of it: its result, what it answered, exports."""

from __future__ import annotations

from pathlib import Path

from tlstudio.gui.wizard.observed import Observed
from tlstudio.jobs import EvaluationResult, ExportResult, TrainingJob, TrainResult


class RunShown(Observed):
    """`run` is its folder, None where none is shown. `trained` is its result once it has ended, by
    the choices of `trained_job`; `tested` is what the locked test pictures said."""

    def __init__(self) -> None:
        super().__init__()
        self._forget_run()

    def _forget_run(self) -> None:
        self.run: Path | None = None
        self.trained: TrainResult | None = None
        self.trained_job: TrainingJob | None = None
        self._trained_on = ""
        self.evaluation: EvaluationResult | None = None
        self.tested: EvaluationResult | None = None
        self.exports: list[ExportResult] = []

    def set_training(self, run: Path | None) -> None:
        """A run begins in this folder, or, with None, has ended. A finished run stays known."""
        self.training = run is not None
        if run is not None:
            self.run = run
        self._changed()

    def set_evaluation(self, evaluation: EvaluationResult) -> None:
        self.evaluation = evaluation
        self._changed()

    def set_tested(self, tested: EvaluationResult) -> None:
        """What the locked test pictures said."""
        self.tested = tested
        self._changed()

    def add_export(self, export: ExportResult) -> None:
        self.exports = [*self.exports, export]
        self._changed()
