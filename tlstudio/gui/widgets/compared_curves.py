"""Owns the plots in which several runs lie over one another: validation loss and accuracy.

Importing this module imports pyqtgraph (a third of a second): do so when the plots are needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QEvent
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QWidget

from tlstudio.gui.widgets.curves import MARKED_POINTS, plain_plot, style_axes, style_span
from tlstudio.gui.widgets.line_styles import LINES
from tlstudio.gui.widgets.series import CurveData, Series


class ComparedCurves(QWidget):
    """One line a run in each plot, in the order of `LINES`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runs: Sequence[tuple[str, CurveData]] = ()
        self._titles = (self.tr("Accuracy (%)"), self.tr("Loss"))
        self.accuracy, self.loss = (plain_plot(title) for title in self._titles)
        self.accuracy.setXLink(self.loss)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        row.addWidget(self.accuracy, 1)
        row.addWidget(self.loss, 1)
        self._draw()

    def show_runs(self, runs: Sequence[tuple[str, CurveData]]) -> None:
        """Titles and numbers, at most as many as there are `LINES`."""
        self._runs = runs
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in {QEvent.Type.PaletteChange, QEvent.Type.StyleChange}:
            self._draw()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._draw()
        return bool(super().event(event))

    def _draw(self) -> None:
        palette, ratio = self.palette(), self.devicePixelRatioF()
        accuracies = [data.accuracy.val for _, data in self._runs]
        losses = [data.loss.val for _, data in self._runs]
        plots = ((self.accuracy, accuracies, 100.0), (self.loss, losses, None))
        for (widget, lines, ceiling), title in zip(plots, self._titles, strict=True):
            style_axes(widget, title, self.tr("Epoch"), palette)
            widget.clear()
            for line, style in zip(lines, LINES, strict=False):
                few = len(line) <= MARKED_POINTS
                curve = widget.plot(line.x, line.y, pen=style.pen(2 * ratio))
                if few:
                    curve.setSymbol(style.mark)
                    curve.setSymbolSize(8)
                    curve.setSymbolBrush(style.colour())
                    curve.setSymbolPen(pg.mkPen(palette.color(QPalette.ColorRole.Base)))
            style_span(widget, _span(lines), floor=0.0, ceiling=ceiling)
        furthest = max((line.x[-1] for line in accuracies if line.x), default=1.0)
        self.loss.setXRange(0, furthest, padding=0.03)
        self.setAccessibleName(self.tr("Validation accuracy and loss by epoch, run over run"))
        self.setAccessibleDescription("; ".join(self._said()))

    def _said(self) -> list[str]:
        text = self.tr("{title}: {percent:.1f} % after epoch {epoch:.0f}")
        return [
            text.format(title=title, percent=data.accuracy.val.y[-1], epoch=data.accuracy.val.x[-1])
            for title, data in self._runs
            if data.accuracy.val.x
        ]


def _span(lines: Sequence[Series]) -> tuple[float, float] | None:
    values = [value for line in lines for value in line.y]
    return (min(values), max(values)) if values else None
