"""Owns text that stands upright: a title beside a plot, and table headers too narrow to be read."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
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


class SlantedHeader(QHeaderView):
    """A header of class names; a horizontal one can be told to write them upright."""

    def __init__(self, orientation: Qt.Orientation, parent: QWidget) -> None:
        super().__init__(orientation, parent)
        self._slanted = False

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
        text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, room - 10)
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
