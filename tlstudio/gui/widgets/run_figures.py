"""Owns the large figures of a run: how good, how fast, with how much memory."""

from __future__ import annotations

import math

from PySide6.QtCore import QCoreApplication

from tlstudio.gui.widgets.figures import Figure, FigureRow
from tlstudio.gui.wizard.training_model import TrainingModel

_GIB = 2**30


class RunFigures(FigureRow):
    """Five in a row; a dash where nothing is known yet."""

    def __init__(self) -> None:
        self.best = Figure(_tr("Best accuracy"))
        self.loss = Figure(_tr("Loss now"))
        self.speed = Figure(_tr("Pictures a second"))
        self.memory = Figure(_tr("Device memory"))
        self.rate = Figure(_tr("Learning rate"))
        super().__init__([self.best, self.loss, self.speed, self.memory, self.rate])

    def show_model(self, model: TrainingModel) -> None:
        percent = None if model.best_accuracy is None else f"{100 * model.best_accuracy:.1f} %"
        epoch = _tr("epoch {0}").format(model.best_epoch) if percent else ""
        self.best.show_value(percent, epoch)
        loss = None if model.loss is None else f"{model.loss:.3f}"
        self.loss.show_value(loss, _tr("training, this epoch"))
        speed = model.pictures_per_second
        self.speed.show_value(None if speed is None else f"{speed:,.0f}", _tr("in training"))
        memory = None if model.device_memory is None else f"{model.device_memory / _GIB:.1f} GB"
        self.memory.show_value(memory, _tr("in use by the run"))
        rate = None if model.learning_rate is None else _plain(model.learning_rate)
        self.rate.show_value(rate, _tr("of the head"))


def _plain(rate: float) -> str:
    """Two digits without an exponent: 0.00078."""
    digits = 1 - math.floor(math.log10(rate)) if rate > 0 else 0
    return f"{rate:.{max(digits, 0)}f}"


def _tr(text: str) -> str:
    return QCoreApplication.translate("TrainPage", text)
