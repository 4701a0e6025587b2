"""Owns the legend of the training curves, and its colours on light and on dark ground."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.gui.theme import TRAIN_BLUE, VAL_ORANGE

_SAMPLE = 28
_GAP = 6
_BETWEEN = 20


class Legend(QWidget):
    """Training solid with discs, validation dashed with squares, probe dotted: one line of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = (self.tr("Training"), self.tr("Validation"), self.tr("Probe"))
        self.setAccessibleName(
            self.tr("Legend: training solid blue, validation dashed orange, probe dotted")
        )
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        widths = [metrics.horizontalAdvance(name) for name in self._names]
        width = sum(widths) + len(widths) * (_SAMPLE + _GAP) + (len(widths) - 1) * _BETWEEN
        return QSize(width + 4, metrics.height() + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, x = self.height() / 2, 1.0
        for index, name in enumerate(self._names):
            self._sample(painter, index, x, middle)
            x += _SAMPLE + _GAP
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            width = self.fontMetrics().horizontalAdvance(name)
            painter.drawText(
                QRectF(x, 0, width + 4, self.height()), Qt.AlignmentFlag.AlignVCenter, name
            )
            x += width + _BETWEEN
        painter.end()

    def _sample(self, painter: QPainter, index: int, x: float, y: float) -> None:
        palette = self.palette()
        dark = palette.color(QPalette.ColorRole.Window).lightness() < 128
        training, validation = curve_colours(dark)
        colour = (training, validation, palette.color(QPalette.ColorRole.WindowText))[index]
        pen = QPen(colour, 1.5 if index == 2 else 2)
        pen.setStyle((Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)[index])
        painter.setPen(pen)
        painter.drawLine(QPointF(x, y), QPointF(x + _SAMPLE, y))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        centre = QPointF(x + _SAMPLE / 2, y)
        if index == 0:
            painter.drawEllipse(centre, 3.5, 3.5)
        elif index == 1:
            painter.drawRect(QRectF(centre.x() - 3.5, y - 3.5, 7, 7))


def curve_colours(dark: bool) -> tuple[QColor, QColor]:
    """Training blue and validation orange, lighter on a dark ground so that both keep contrast."""
    training, validation = QColor(TRAIN_BLUE), QColor(VAL_ORANGE)
    if dark:
        training, validation = QColor("#56B4E9"), QColor("#F0812E")
    return training, validation
