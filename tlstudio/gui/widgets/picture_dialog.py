"""Owns the larger view of one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QKeyEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import hint_label, small_label
from tlstudio.gui.widgets.thumbnails import ThumbnailLoader

_SIDE = 1400


class Pictures(Protocol):
    """What is looked at one by one."""

    def path(self, row: int) -> Path: ...
    def rowCount(self) -> int: ...


class PictureDialog(QDialog):
    """Shows one picture as large as the dialog; the arrow keys go to its neighbours."""

    def __init__(self, model: Pictures, row: int, loader: ThumbnailLoader, parent: QWidget) -> None:
        super().__init__(parent)
        self._model, self._row, self._loader = model, row, loader
        self._pixmap = QPixmap()
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._picture.setMinimumSize(200, 200)
        self._caption = small_label("")
        self._caption.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._more = hint_label("")
        self._more.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._more.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, 12)
        column.addWidget(self._picture, 1)
        column.addWidget(self._caption)
        column.addWidget(self._more)
        self.resize(820, 720)
        loader.loaded.connect(self._arrived)
        self._go(0)

    @property
    def path(self) -> str:
        return str(self._model.path(self._row))

    @property
    def said(self) -> str:
        """What is said of the picture beside its name."""
        return self._more.text()

    def say(self, text: str, more: str = "") -> None:
        """What else there is to say of the picture."""
        self._more.setText(f"{text}\n{more}".strip())
        self._more.show()

    def _go(self, by: int) -> None:
        self._row = (self._row + by) % self._model.rowCount()
        path = self._model.path(self._row)
        self.setWindowTitle(path.name)
        text = self.tr("{0}, {1} of {2}. Arrow keys show the others.")
        self._caption.setText(text.format(path.name, self._row + 1, self._model.rowCount()))
        self._picture.setAccessibleName(path.name)
        self._loader.request(str(path), _SIDE)

    def _arrived(self, path: str, side: int, image: QImage) -> None:
        if side == _SIDE and path == self.path:
            self._pixmap = QPixmap.fromImage(image)
            self._fit()

    def _fit(self) -> None:
        if self._pixmap.isNull():
            self._picture.setText(self.tr("This picture can't be shown."))
            return
        ratio = self.devicePixelRatioF()
        room = QSize(self._picture.size() * ratio)
        # A small picture is enlarged, but not beyond what can still be recognised as pixels.
        room = room.boundedTo(self._pixmap.size() * 4 * ratio)
        scaled = self._pixmap.scaled(
            room, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        scaled.setDevicePixelRatio(ratio)
        self._picture.setPixmap(scaled)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self._pixmap.isNull():
            self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self._go(step)
