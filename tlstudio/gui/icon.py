"""Owns the program's icon, drawn in code so that it is sharp at every size."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

from tlstudio.gui.theme import TRAIN_BLUE, VAL_ORANGE


def app_icon() -> QIcon:
    """Three blocks of a network: two frozen, the last one learning."""
    icon = QIcon()
    for side in (16, 24, 32, 48, 64, 128, 256):
        icon.addPixmap(_drawn(side))
    return icon


def _drawn(side: int) -> QPixmap:
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(side / 32, side / 32)
    painter.setPen(Qt.PenStyle.NoPen)
    for left, height, colour in (
        (3, 26, TRAIN_BLUE),
        (12.5, 18, TRAIN_BLUE),
        (22, 10, VAL_ORANGE),
    ):
        painter.setBrush(QColor(colour))
        painter.drawRoundedRect(QRectF(left, 16 - height / 2, 7, height), 2, 2)
    painter.end()
    return pixmap
