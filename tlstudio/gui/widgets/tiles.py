"""Owns single pictures among words: a tile with its name below, and the store of what they show."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QImage,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.answers import draw_picture
from tlstudio.gui.widgets.thumbnails import ThumbnailLoader

SIDE = 104
PAD = 8
"""Left and right of a picture, for its name."""
_KEPT = 1500
"""Pictures in memory; each has some forty kilobytes."""
_AT_ONCE = 6
"""The loader forgets what was asked for long ago: it is never given more than this."""


class TilePictures(QObject):
    """The pictures of all tiles of a page, read in threads when a tile is painted."""

    arrived = Signal(str)

    def __init__(self, loader: ThumbnailLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._loader = loader
        self._images: OrderedDict[str, QImage] = OrderedDict()
        self._wanted: dict[str, int] = {}
        self._reading: set[str] = set()
        loader.loaded.connect(self._loaded)

    def image(self, path: str, side: int) -> QImage | None:
        """The picture, null where it can't be read; None until it is there."""
        image = self._images.get(path)
        if image is not None:
            self._images.move_to_end(path)
            return image
        self._wanted.pop(path, None)
        self._wanted[path] = side
        self._feed()
        return None

    def resume(self) -> None:
        """The tiles are shown again: what the loader forgot meanwhile is asked for again."""
        self._reading.clear()
        self._feed()

    def _feed(self) -> None:
        """What was wanted last comes first."""
        while self._wanted and len(self._reading) < _AT_ONCE:
            path, side = self._wanted.popitem()
            self._reading.add(path)
            self._loader.request(path, side)

    def _loaded(self, path: str, _side: int, image: QImage) -> None:
        if path not in self._reading:
            return
        self._reading.discard(path)
        self._wanted.pop(path, None)
        self._images[path] = image
        while len(self._images) > _KEPT:
            self._images.popitem(last=False)
        self._feed()
        self.arrived.emit(path)


class Tile(QAbstractButton):
    """A picture, its name and what is said of it below. Pressed, it asks to be shown larger."""

    def __init__(
        self,
        pictures: TilePictures,
        path: str,
        lines: Sequence[str],
        out: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._pictures, self._path, self._lines, self._out = pictures, path, lines, out
        self.setAccessibleName(", ".join(lines))
        self.setToolTip(path)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        pictures.arrived.connect(self._arrived)

    def sizeHint(self) -> QSize:
        line = self._line_height()
        return QSize(SIDE + 2 * PAD, SIDE + len(self._lines) * line + 8)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _line_height(self) -> int:
        return QFontMetrics(theme.text_font("small")).height()

    def _arrived(self, path: str) -> None:
        if path == self._path:
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        side = round(SIDE * self.devicePixelRatioF())
        image = self._pictures.image(self._path, side)
        c = theme.colours()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        frame = QRect((self.width() - SIDE) // 2, 2, SIDE, SIDE)
        outline = QPainterPath()
        outline.addRoundedRect(frame, 4, 4)
        painter.save()
        painter.setClipPath(outline)
        painter.fillRect(frame, QColor(c.sunken))
        if image is not None and image.isNull():
            painter.setPen(QColor(c.muted))
            painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, "✕")
        elif image is not None:
            painter.setOpacity(0.35 if self._out else 1)
            draw_picture(painter, frame, image, fill=False)
        painter.restore()
        if self.hasFocus() or self.underMouse():
            painter.setPen(QPen(QColor(c.accent), 2 if self.hasFocus() else 1))
            painter.drawRoundedRect(frame.adjusted(-1, -1, 1, 1), 5, 5)
        self._write(painter)
        painter.end()

    def _write(self, painter: QPainter) -> None:
        c, height = theme.colours(), self._line_height()
        painter.setFont(theme.text_font("small"))
        elide = Qt.TextElideMode.ElideMiddle
        for number, text in enumerate(self._lines):
            painter.setPen(QColor(c.muted if number else c.text))
            line = QRect(0, SIDE + 6 + number * height, self.width(), height)
            shown = painter.fontMetrics().elidedText(text, elide, self.width() - 4)
            painter.drawText(line, Qt.AlignmentFlag.AlignCenter, shown)
