"""Owns how the lines of several runs are told apart: colour, pattern and mark, also in grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from tlstudio.gui import theme


@dataclass(frozen=True)
class LineStyle:
    """`pattern` is in widths of the line, empty for a solid one; `mark` as pyqtgraph calls it."""

    light: str
    dark: str
    pattern: Sequence[float]
    mark: str

    def colour(self) -> QColor:
        return QColor(self.dark if theme.colours().dark else self.light)

    def pen(self, width: float) -> QPen:
        pen = QPen(self.colour(), width)
        pen.setCosmetic(True)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if self.pattern:
            pen.setDashPattern(list(self.pattern))
        return pen


LINES = (
    LineStyle("#0072B2", "#56B4E9", (), "o"),
    LineStyle("#D55E00", "#F0812E", (5, 2), "s"),
    LineStyle("#009E73", "#35C79B", (1, 1.5), "t1"),
    LineStyle("#A8487F", "#E59BC4", (6, 2, 1, 2), "d"),
    LineStyle("#6B5B00", "#E6C229", (10, 3), "t"),
    LineStyle("#444A55", "#C9CFD8", (2, 2), "+"),
)
"""Okabe and Ito's colours as far as they stand out on the ground; the order is that of ticking."""


class LineSample(QWidget):
    """A piece of a line with its mark, beside the name of its run."""

    def __init__(self, style: LineStyle, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._style = style
        self.setFixedSize(QSize(44, 16))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(self.width() / 2, self.height() / 2)
        painter.setPen(self._style.pen(2))
        painter.drawLine(QPointF(1, middle.y()), QPointF(self.width() - 1, middle.y()))
        painter.setPen(QPen(self._style.colour(), 1.5))
        painter.setBrush(self._style.colour())
        _draw_mark(painter, middle, self._style.mark)
        painter.end()


def _draw_mark(painter: QPainter, at: QPointF, mark: str) -> None:
    shapes = {
        "s": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "t": ((-1, -1), (1, -1), (0, 1)),
        "t1": ((-1, 1), (1, 1), (0, -1)),
        "d": ((0, -1.3), (1.1, 0), (0, 1.3), (-1.1, 0)),
    }
    reach = 3.5
    if mark == "o":
        painter.drawEllipse(at, reach, reach)
    elif mark == "+":
        painter.drawLine(at - QPointF(0, reach + 1), at + QPointF(0, reach + 1))
        painter.drawLine(at - QPointF(reach + 1, 0), at + QPointF(reach + 1, 0))
    else:
        points = [at + QPointF(reach * x, reach * y) for x, y in shapes[mark]]
        painter.drawPolygon(QPolygonF(points))
