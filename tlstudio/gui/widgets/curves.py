"""Owns the live plots of a run: loss and accuracy over the epochs, side by side.

Importing this module imports pyqtgraph (a third of a second): do so when the plots are needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer
from PySide6.QtGui import QColor, QPalette, QPen, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.gui.widgets.basics import small_label
from tlstudio.gui.widgets.ink import mixed
from tlstudio.gui.widgets.legend import Legend, curve_colours
from tlstudio.gui.widgets.series import Chart, CurveData, free_height
from tlstudio.tasks import Event

REDRAW_MS = 60
MARKED_POINTS = 60
_WORDS = 0.4
"""How much of the width the words beside the best epoch may take."""


class EpochAxis(pg.AxisItem):  # type: ignore[misc]
    """Epochs are whole: no tick at 2.5."""

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:
        levels = super().tickSpacing(low, high, size)
        return [level for level in levels if level[0] >= 1] or [(1, 0)]


class Plot:
    """One quantity in one pyqtgraph plot; knows how to draw a chart and nothing of events."""

    def __init__(
        self, widget: pg.PlotWidget, title: str, epoch_text: str, best_text: str, probe_text: str
    ) -> None:
        self.widget = widget
        self._title, self._epoch_text, self._best_text = title, epoch_text, best_text
        self.running = widget.plot()
        self.train = widget.plot(symbol="o", symbolSize=6)
        self.val = widget.plot(symbol="s", symbolSize=7)
        self.best_point = widget.plot(symbol="star", symbolSize=16)
        self.best = pg.InfiniteLine(angle=90, label=" ", labelOpts={"position": 0.5})
        self.probe = pg.InfiniteLine(angle=0, label=probe_text, labelOpts={"position": 0.01})
        self.probe.label.anchors = [(0, 1), (0, 1)]
        for line in (self.best, self.probe):
            widget.addItem(line, ignoreBounds=True)
            line.hide()

    def draw(self, chart: Chart, furthest: float) -> None:
        self.running.setData(chart.running.x, chart.running.y)
        few = len(chart.train) <= MARKED_POINTS
        self.train.setData(chart.train.x, chart.train.y, symbol="o" if few else None)
        self.val.setData(chart.val.x, chart.val.y, symbol="s" if few else None)
        self.widget.setXRange(0, furthest, padding=0.03)

    def draw_best(self, epoch: int | None, value: float | None, furthest: float) -> None:
        known = epoch is not None and value is not None
        self.best.setVisible(known)
        self.best_point.setData([epoch], [value]) if known else self.best_point.setData([], [])
        if known:
            self.best.setValue(epoch)
            self.best.label.setFormat(self._best_text.replace("%1", str(epoch)))
            # The words stand on the side of the line that has more room.
            anchor = (0, 0.5) if float(epoch or 0) < furthest / 2 else (1, 0.5)
            self.best.label.anchors = [anchor, anchor]
            self.best.label.updatePosition()

    def place_words(self, chart: Chart, epoch: int, furthest: float, probe: float | None) -> None:
        """Names the best epoch where no curve is. Comes after the range of y is set."""
        reach = furthest * _WORDS
        left_of = epoch >= furthest / 2
        across = (epoch - reach, float(epoch)) if left_of else (float(epoch), epoch + reach)
        _, span = self.widget.getViewBox().viewRange()
        self.best.label.setPosition(free_height(chart, across, (span[0], span[1]), probe))

    def draw_probe(self, value: float | None) -> None:
        self.probe.setVisible(value is not None)
        if value is not None:
            self.probe.setValue(value)

    def restyle(self, palette: QPalette, ratio: float) -> None:
        """`ratio` is the pixels of the screen in one of ours: pyqtgraph's pens count the former."""
        text = palette.color(QPalette.ColorRole.Text)
        quiet = style_axes(self.widget, self._title, self._epoch_text, palette)
        dark = palette.color(QPalette.ColorRole.Base).lightness() < 128
        training, validation = curve_colours(dark)
        faint = QColor(training)
        faint.setAlpha(95)
        self.running.setPen(pg.mkPen(faint, width=ratio))
        self.train.setPen(pg.mkPen(training, width=2 * ratio))
        self.val.setPen(pg.mkPen(validation, width=2 * ratio, style=Qt.PenStyle.DashLine))
        for curve, colour in ((self.train, training), (self.val, validation)):
            curve.setSymbolBrush(colour)
            curve.setSymbolPen(pg.mkPen(colour))
        self.best_point.setSymbolBrush(validation)
        self.best_point.setSymbolPen(pg.mkPen(text))
        veil = palette.color(QPalette.ColorRole.Base)
        veil.setAlpha(170)
        self.best.setPen(pg.mkPen(quiet, width=ratio))
        self.probe.setPen(_dotted(quiet, 1.5 * ratio))
        for line in (self.best, self.probe):
            line.label.setColor(text)
            line.label.fill = pg.mkBrush(veil)


def _dotted(colour: QColor, width: float) -> QPen:
    pen: QPen = pg.mkPen(colour, width=width)
    pen.setDashPattern([1, 3])
    return pen


class Curves(QWidget):
    """Loss and accuracy of a run. `add` is cheap; the screen follows a few times a second."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.data = CurveData()
        self._stale: list[Callable[[], None]] = []
        self.setAccessibleName(self.tr("Loss and accuracy by epoch"))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw_next)
        self.loss = self._plot(self.tr("Loss"))
        self.accuracy = self._plot(self.tr("Accuracy (%)"))
        self.accuracy.widget.setXLink(self.loss.widget)
        self._resting = self.tr("Probe: the network as it came, with the simplest classifier.")
        self._said = self._resting
        self._readout = small_label("")
        self._readout.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._lay_out()
        self._restyle()

    def add(self, event: Event) -> None:
        if not self.data.add(event):
            return
        for draw in (self._draw_loss, self._draw_accuracy):
            if draw not in self._stale:
                self._stale.append(draw)
        if not self._timer.isActive():
            self._timer.start()

    def clear(self) -> None:
        self.data = CurveData()
        self._redraw()

    def finish(self) -> None:
        """The run is over: the last values are drawn and the axis ends where the run did."""
        self.data.finish()
        self._redraw()

    def show_data(self, data: CurveData) -> None:
        """Draws an old run, and from now on what is added to it."""
        self.data = data
        self._redraw()

    # --- putting it together --------------------------------------------------------------------

    def _plot(self, title: str) -> Plot:
        widget = plain_plot(title)
        best, probe = self.tr("best: epoch %1"), self.tr("probe")
        plot = Plot(widget, title, self.tr("Epoch"), best, probe)
        widget.scene().sigMouseMoved.connect(lambda at: self._point_at(plot, at))
        return plot

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(Legend(), 0)
        top.addWidget(self._readout, 1)
        plots = QHBoxLayout()
        plots.setSpacing(16)
        plots.addWidget(self.loss.widget, 1)
        plots.addWidget(self.accuracy.widget, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addLayout(plots, 1)

    # --- drawing --------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._redraw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in {QEvent.Type.PaletteChange, QEvent.Type.StyleChange}:
            self._restyle()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._restyle()
        return bool(super().event(event))

    def _redraw_next(self) -> None:
        """Draws the plot that waits longest: two in one frame would hold the window up.

        A hidden plot costs nothing; it catches up when it is shown.
        """
        if not (self._stale and self.isVisible()):
            return
        self._stale.pop(0)()
        if self._stale:
            self._timer.start()

    def _redraw(self) -> None:
        self._timer.stop()
        self._stale = []
        self._draw_loss()
        self._draw_accuracy()

    def _draw_loss(self) -> None:
        data = self.data
        self.loss.draw(data.loss, data.furthest)
        self.loss.draw_best(data.best_epoch, data.best_loss, data.furthest)
        style_span(self.loss.widget, data.loss.span(), floor=0.0, ceiling=None)
        if data.best_epoch is not None:
            self.loss.place_words(data.loss, data.best_epoch, data.furthest, None)

    def _draw_accuracy(self) -> None:
        data = self.data
        self.accuracy.draw(data.accuracy, data.furthest)
        self.accuracy.draw_best(data.best_epoch, data.best_accuracy, data.furthest)
        self.accuracy.draw_probe(data.probe)
        span = data.accuracy.span(data.probe)
        style_span(self.accuracy.widget, span, floor=0.0, ceiling=100.0)
        if data.best_epoch is not None:
            self.accuracy.place_words(data.accuracy, data.best_epoch, data.furthest, data.probe)
        self._describe()

    def _restyle(self) -> None:
        for plot in (self.loss, self.accuracy):
            plot.restyle(self.palette(), self.devicePixelRatioF())

    def _describe(self) -> None:
        last = self.data.last_epoch
        self.setAccessibleDescription(self._values(last.epoch) if last else "")

    # --- reading values off ---------------------------------------------------------------------

    def _point_at(self, plot: Plot, at: QPointF) -> None:
        view = plot.widget.getPlotItem().vb
        inside = view.sceneBoundingRect().contains(at)
        values = self._values(view.mapSceneToView(at).x()) if inside else ""
        self._said = values or self._resting
        self._say()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        QTimer.singleShot(0, self, self._say)  # once the label has its room

    def _say(self) -> None:
        """What has no room ends in dots."""
        room = self._readout.width()
        metrics = self._readout.fontMetrics()
        self._readout.setText(metrics.elidedText(self._said, Qt.TextElideMode.ElideRight, room))

    def _values(self, x: float) -> str:
        """The values of the epoch nearest to `x`, in words."""
        accuracy, loss = self.data.accuracy, self.data.loss
        if not len(accuracy.val):
            return ""
        at = min(range(len(accuracy.val)), key=lambda index: abs(accuracy.val.x[index] - x))
        return self.tr("Epoch {epoch}: {val:.1f} % validation, {train:.1f} % training").format(
            epoch=round(accuracy.val.x[at]), val=accuracy.val.y[at], train=accuracy.train.y[at]
        ) + self.tr("; loss {val:.3f} and {train:.3f}").format(
            val=loss.val.y[at], train=loss.train.y[at]
        )


def plain_plot(title: str) -> pg.PlotWidget:
    """An empty plot over epochs that nobody can drag about."""
    pg.setConfigOptions(antialias=True)
    widget = pg.PlotWidget(axisItems={"bottom": EpochAxis("bottom")})
    widget.setFrameShape(pg.PlotWidget.Shape.NoFrame)
    widget.setAccessibleName(title)
    widget.setMinimumHeight(140)
    # pyqtgraph would like 640 by 480 pixels; here the plots take what the page has left.
    widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
    widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    widget.showGrid(x=False, y=True, alpha=0.15)
    item = widget.getPlotItem()
    item.setMouseEnabled(False, False)
    item.setMenuEnabled(False)
    item.hideButtons()
    item.layout.setContentsMargins(4, 8, 16, 4)
    widget.getAxis("left").enableAutoSIPrefix(False)
    widget.getAxis("bottom").setStyle(hideOverlappingLabels=False)
    return widget


def style_axes(widget: pg.PlotWidget, left: str, bottom: str, palette: QPalette) -> QColor:
    """Titles and colours for the theme of the moment; returns the quiet colour of its texts."""
    text, base = palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.Base)
    widget.setBackground(base)
    quiet = mixed(text, base, 0.7)
    for name, title in (("left", left), ("bottom", bottom)):
        axis = widget.getAxis(name)
        axis.setPen(pg.mkPen(mixed(text, base, 0.35)))
        axis.setTextPen(quiet)
        widget.setLabel(name, title, color=quiet.name())
    return quiet


def style_span(
    widget: Any, span: tuple[float, float] | None, floor: float, ceiling: float | None
) -> None:
    """Sets the y range with a little air, and never outside of what the quantity can be."""
    low, high = span or (0.0, 1.0 if ceiling is None else ceiling)
    air = max((high - low) * 0.08, 0.02 * max(abs(high), 0.5))
    top = high + air if ceiling is None else min(high + air, ceiling + 0.5 * air)
    widget.setYRange(max(low - air, floor), top, padding=0)
