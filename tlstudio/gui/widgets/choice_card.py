"""Owns a large card that is one of a few choices."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from tlstudio.gui import theme

_PAD = 14


class ChoiceCard(QAbstractButton):
    """A ring, a name and a note beside it, a sentence. Put the cards of one question into an
    exclusive group."""

    def __init__(self, name: str, sentence: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sentence, self._note = sentence, ""
        self.setText(name)
        self.setCheckable(True)
        self.setAccessibleName(name.replace("&", ""))
        self.setAccessibleDescription(sentence)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_note(self, note: str) -> None:
        """A few words beside the name, such as a figure that is only known later."""
        if note != self._note:
            self._note = note
            said = f"{self._sentence} {note[:1].upper()}{note[1:]}.".removesuffix(" .")
            self.setAccessibleDescription(said)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(220, self.heightForWidth(220))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.heightForWidth(220))

    def heightForWidth(self, width: int) -> int:
        bold = QFontMetrics(theme.text_font("body", bold=True))
        return 2 * _PAD + bold.height() + 6 + self._sentence_box(width).height()

    def _sentence_box(self, width: int) -> QRect:
        metrics = QFontMetrics(theme.text_font("small"))
        room = QRect(0, 0, width - 2 * _PAD, 1000)
        return metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, self._sentence)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        chosen, ready = self.isChecked(), self.isEnabled()
        frame = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        hot = ready and self.underMouse()
        painter.setPen(QPen(QColor(c.accent if chosen or hot else c.line), 2 if chosen else 1))
        painter.setBrush(QColor(c.accent_soft if chosen else c.surface))
        painter.drawRoundedRect(frame, theme.RADIUS, theme.RADIUS)
        if self.hasFocus():
            painter.setPen(QPen(QColor(c.text), 1, Qt.PenStyle.DotLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(frame.adjusted(3, 3, -3, -3), 4, 4)
        bold = theme.text_font("body", bold=True)
        height = QFontMetrics(bold).height()
        ring = QRectF(_PAD, _PAD + (height - 14) / 2, 14, 14)
        painter.setPen(QPen(QColor(c.accent if chosen else c.edge), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(ring.adjusted(1, 1, -1, -1))
        if chosen:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(c.accent))
            painter.drawEllipse(ring.adjusted(4, 4, -4, -4))
        painter.setFont(bold)
        painter.setPen(QColor(c.text if ready else c.disabled))
        line = QRectF(_PAD + 22, _PAD, self.width() - _PAD * 2 - 22, height)
        painter.drawText(line, Qt.TextFlag.TextShowMnemonic, self.text())
        painter.setFont(theme.text_font("small"))
        painter.setPen(QColor(c.muted if ready else c.disabled))
        name = QFontMetrics(bold).horizontalAdvance(self.text().replace("&", ""))
        beside = line.adjusted(name + theme.NORMAL, 0, 0, 0)
        if QFontMetrics(painter.font()).horizontalAdvance(self._note) <= beside.width():
            vertical = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(beside, Qt.AlignmentFlag.AlignRight | vertical, self._note)
        top = _PAD + height + 6
        box = QRectF(_PAD, top, self.width() - 2 * _PAD, self.height() - top)
        painter.drawText(box, Qt.TextFlag.TextWordWrap, self._sentence)
