"""Owns a line of a name and what is said of it, where the name gives way to the room."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from tlstudio.gui import theme


class ElidedLabel(QWidget):
    """ "a very long na…e: 3 pictures", in the small size."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._said = "", ""

    def show_text(self, name: str, said: str) -> None:
        if (name, said) != (self._name, self._said):
            self._name, self._said = name, said
            self.setAccessibleName(self.text())
            self.updateGeometry()
            self.update()

    def text(self) -> str:
        return f"{self._name}: {self._said}"

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.text_font("small"))
        return QSize(metrics.horizontalAdvance(self.text()) + 1, metrics.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        font = theme.text_font("small")
        metrics = QFontMetrics(font)
        said = f": {self._said}"
        room = self.width() - metrics.horizontalAdvance(said)
        name = metrics.elidedText(self._name, Qt.TextElideMode.ElideMiddle, room)
        painter = QPainter(self)
        painter.setFont(font)
        painter.setPen(QColor(theme.colours().muted))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, name + said)
