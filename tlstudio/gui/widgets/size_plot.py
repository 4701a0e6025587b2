"""Owns the plot of picture sizes: a disc for each size, the larger the more pictures have it."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2, sqrt

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import count
from tlstudio.gui.widgets.ink import mixed

Size = tuple[int, int]
_SMALLEST, _LARGEST = 2.5, 13.0
"""Radii of discs, in px."""
_AIR = 0.35
"""Beyond the outermost sizes, in doublings."""


def size_text(size: Size) -> str:
    return f"{size[0]:,} × {size[1]:,}"


class SizePlot(QWidget):
    """Width to the right and height upwards, in doublings; sizes are in px."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sizes: dict[Size, int] = {}
        self.setMinimumHeight(116)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_sizes(self, sizes: Mapping[Size, int]) -> None:
        self._sizes = dict(sorted(sizes.items(), key=lambda item: -item[1]))
        self.setAccessibleName(self.tr("Sizes of the pictures. {0}").format(self.sentence()))
        self.update()

    def sentence(self) -> str:
        """What the plot shows, in words."""
        if not self._sizes:
            return ""
        most = next(iter(self._sizes))
        if len(self._sizes) == 1:
            return self.tr("All are {0} px.").format(size_text(most))
        ordered = sorted(self._sizes, key=lambda size: size[0] * size[1])
        text = self.tr("{0} sizes, from {1} to {2} px, most often {3} px.")
        ends = size_text(ordered[0]), size_text(ordered[-1])
        return text.format(count(len(self._sizes)), *ends, size_text(most))

    def sizeHint(self) -> QSize:
        return QSize(260, 116)

    def _span(self, axis: int) -> tuple[float, float]:
        """Both axes reach over the same number of doublings, so that a square looks like one."""
        ends = []
        for which in (0, 1):
            values = [log2(max(size[which], 1)) for size in self._sizes]
            ends.append((min(values), max(values)))
        reach = max(2.0, *(high - low for low, high in ends)) / 2 + _AIR
        middle = sum(ends[axis]) / 2
        return middle - reach, middle + reach

    def _frame(self) -> QRectF:
        metrics = QFontMetrics(theme.text_font("small"))
        left = metrics.horizontalAdvance("16,384") + metrics.height() + 10
        bottom = 2 * metrics.height() + 8
        return QRectF(left, 4, self.width() - left - 8, self.height() - bottom - 4)

    def _place(self, size: Size) -> tuple[QPointF, float]:
        """Middle and radius of a size's disc."""
        frame = self._frame()
        (left, right), (low, high) = self._span(0), self._span(1)
        x = frame.left() + frame.width() * (log2(max(size[0], 1)) - left) / (right - left)
        y = frame.bottom() - frame.height() * (log2(max(size[1], 1)) - low) / (high - low)
        most = max(self._sizes.values())
        radius = max(_SMALLEST, _LARGEST * sqrt(self._sizes[size] / most))
        return QPointF(x, y), radius

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._sizes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_axes(painter)
        c = theme.colours()
        fill = QColor(c.accent)
        fill.setAlphaF(0.45)
        painter.setPen(QPen(QColor(c.accent), 1))
        painter.setBrush(fill)
        painter.setClipRect(self._frame().adjusted(-_LARGEST, -_LARGEST, _LARGEST, 0))
        for size in self._sizes:
            middle, radius = self._place(size)
            painter.drawEllipse(middle, radius, radius)
        painter.end()

    def _paint_axes(self, painter: QPainter) -> None:
        c, frame = theme.colours(), self._frame()
        quiet = mixed(QColor(c.text), QColor(c.surface), 0.7)
        grid = QPen(mixed(QColor(c.text), QColor(c.surface), 0.12), 1)
        painter.setFont(theme.text_font("small"))
        line = painter.fontMetrics().height()
        flags = Qt.AlignmentFlag.AlignCenter
        for axis in (0, 1):
            low, high = self._span(axis)
            length = frame.width() if axis == 0 else frame.height()
            for tick in _ticks(low, high, length, room=(44, 22)[axis]):
                share = (log2(tick) - low) / (high - low)
                painter.setPen(grid)
                if axis == 0:
                    x = frame.left() + share * frame.width()
                    painter.drawLine(QPointF(x, frame.top()), QPointF(x, frame.bottom()))
                    wide = painter.fontMetrics().horizontalAdvance(f"{tick:,}") + 2
                    box = QRectF(x - wide / 2, frame.bottom() + 2, wide, line)
                    box.moveRight(min(box.right(), self.width()))
                else:
                    y = frame.bottom() - share * frame.height()
                    painter.drawLine(QPointF(frame.left(), y), QPointF(frame.right(), y))
                    box = QRectF(line, y - line / 2, frame.left() - line - 6, line)
                painter.setPen(quiet)
                painter.drawText(
                    box, flags if axis == 0 else Qt.AlignmentFlag.AlignRight, f"{tick:,}"
                )
        painter.setPen(QPen(mixed(QColor(c.text), QColor(c.surface), 0.35), 1))
        painter.drawLine(frame.bottomLeft(), frame.bottomRight())
        painter.drawLine(frame.bottomLeft(), frame.topLeft())
        painter.setPen(quiet)
        below = QRectF(frame.left(), frame.bottom() + line + 4, frame.width(), line)
        painter.drawText(below, flags, self.tr("Width (px)"))
        painter.translate(0, frame.bottom())
        painter.rotate(-90)
        painter.drawText(QRectF(0, 0, frame.height(), line), flags, self.tr("Height (px)"))
        painter.resetTransform()

    def event(self, event: QEvent) -> bool:
        """Pointed at, a disc says its size and how many pictures have it."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.said_at(QPointF(event.pos())), self)
            return True
        return bool(super().event(event))

    def said_at(self, at: QPointF) -> str:
        """The words on the disc there; the smaller of two that overlap."""
        for size in reversed(self._sizes):
            middle, radius = self._place(size)
            away = at - middle
            if sqrt(away.x() ** 2 + away.y() ** 2) <= radius + 2:
                text = self.tr("{0} px: {1} pictures")
                return text.format(size_text(size), count(self._sizes[size]))
        return ""


def _ticks(low: float, high: float, length: float, room: int) -> list[int]:
    """Powers of two inside of the axis, as many as have `room` px each."""
    powers = list(range(max(0, int(low) - 1), int(high) + 2))
    inside = [2**power for power in powers if low <= power <= high]
    while len(inside) > 2 and length / len(inside) < room:
        inside = inside[::2]
    return inside
