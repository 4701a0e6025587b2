"""Owns text beside plots and tables: upright titles, and headers that wrap or stand upright."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHeaderView, QSizePolicy, QWidget


class VerticalLabel(QWidget):
    """One line of text, read from below."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = text
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.height() + 4, metrics.horizontalAdvance(self._text) + 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.translate(0, self.height())
        painter.rotate(-90)
        painter.drawText(
            QRect(0, 0, self.height(), self.width()), Qt.AlignmentFlag.AlignCenter, self._text
        )
        painter.end()


def in_lines(metrics: QFontMetrics, text: str, room: int, most: int) -> tuple[str, ...]:
    """The text in up to `most` lines of `room` pixels, broken at spaces; elided where too long."""
    lines: list[str] = []
    for word in text.split():
        together = f"{lines[-1]} {word}" if lines else word
        if lines and (metrics.horizontalAdvance(together) <= room or len(lines) == most):
            lines[-1] = together
        else:
            lines.append(word)
    return tuple(metrics.elidedText(line, Qt.TextElideMode.ElideMiddle, room) for line in lines)


def fits_in_lines(metrics: QFontMetrics, text: str, room: int, most: int) -> bool:
    """Whether nothing of the text is elided."""
    return " ".join(in_lines(metrics, text, room, most)) == " ".join(text.split())


class SlantedHeader(QHeaderView):
    """A header of class names, in two lines where they need it; a horizontal one can be told to
    write them upright."""

    LINES = 2

    def __init__(self, orientation: Qt.Orientation, parent: QWidget) -> None:
        super().__init__(orientation, parent)
        self._slanted = False

    def lines_for(self, names: Iterable[str], width: int) -> int:
        """How many lines the longest name needs in a section this wide; 0 where it does not fit."""
        metrics, names = self.fontMetrics(), tuple(names)
        for lines in range(1, self.LINES + 1):
            if all(fits_in_lines(metrics, name, width - 10, lines) for name in names):
                return lines
        return 0

    def set_slanted(self, slanted: bool) -> None:
        if slanted != self._slanted:
            self._slanted = slanted
            self.viewport().update()

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        palette = self.palette()
        text = str(self.model().headerData(section, self.orientation()))
        painter.save()
        painter.fillRect(rect, palette.color(QPalette.ColorRole.Base))
        painter.setPen(palette.color(QPalette.ColorRole.WindowText))
        room = rect.height() if self._slanted else rect.width()
        lines = (
            1 if self._slanted else min(self.LINES, rect.height() // self.fontMetrics().height())
        )
        text = "\n".join(in_lines(painter.fontMetrics(), text, room - 10, max(lines, 1)))
        if self._slanted:
            painter.translate(rect.left(), rect.bottom())
            painter.rotate(-90)
            box = QRect(6, 0, rect.height() - 6, rect.width())
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        elif self.orientation() == Qt.Orientation.Horizontal:
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
        else:
            box = rect.adjusted(0, 0, -8, 0)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, text)
        painter.restore()
