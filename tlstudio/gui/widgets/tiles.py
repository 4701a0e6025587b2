"""Owns single pictures among words: tiles with their names below, in a row that shows as many as
have room, and the store of what they show."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import QObject, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QImage,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.answers import draw_picture
from tlstudio.gui.widgets.basics import count, small_label
from tlstudio.gui.widgets.thumbnails import ThumbnailLoader

SIDE = 112
PAD = 8
"""Left and right of a picture, for its name."""
_BETWEEN = 24
"""Between two groups, in px."""
_CACHE_BYTES = 64 * 2**20
_AT_ONCE = 6
"""The loader forgets what was asked for long ago: it is never given more than this."""


class TilePictures(QObject):
    """The pictures of all tiles of a page, read in threads when a tile is painted."""

    arrived = Signal(str)

    def __init__(self, loader: ThumbnailLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._loader = loader
        self._images: OrderedDict[str, QImage] = OrderedDict()
        self._bytes = 0
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
        self._bytes += image.sizeInBytes()
        while self._bytes > _CACHE_BYTES:
            _, old = self._images.popitem(last=False)
            self._bytes -= old.sizeInBytes()
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


class TileStrip(QWidget):
    """Groups of tiles in one row, each under its title where it has one. Of what has no room, as
    many are shown of each group, and the rest of `number` is counted at the end."""

    def __init__(
        self,
        groups: Sequence[tuple[str, Sequence[Tile]]],
        number: int,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._groups, self._number = groups, number
        self._titles = [small_label(title) for title, _ in groups]
        self._more = small_label("")
        for child in (*self._titles, self._more, *self.tiles()):
            child.setParent(self)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def tiles(self) -> list[Tile]:
        return [tile for _, tiles in self._groups for tile in tiles]

    def sizeHint(self) -> QSize:
        high = max(tile.sizeHint().height() for tile in self.tiles())
        tiles = len(self.tiles())
        return QSize(self._width(tiles, len(self._groups)), self._title_height() + high)

    def minimumSizeHint(self) -> QSize:
        few = min(2, len(self.tiles()))
        return QSize(self._width(few, min(few, len(self._groups))), self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _width(self, tiles: int, groups: int) -> int:
        return tiles * (SIDE + 2 * PAD) + max(0, groups - 1) * _BETWEEN

    def _title_height(self) -> int:
        titled = any(title for title, _ in self._groups)
        return QFontMetrics(theme.text_font("small")).height() + 4 if titled else 0

    def _arrange(self) -> None:
        """Shows as many of each group as fit, at least one."""
        room = self.width()
        each = max(len(tiles) for _, tiles in self._groups)
        while each > 1 and self._needed(each) > room:
            each -= 1
        left, top = 0, self._title_height()
        for (title, tiles), label in zip(self._groups, self._titles, strict=True):
            label.setGeometry(left + PAD, 0, max(1, room - left - PAD), top)
            label.setVisible(bool(title))
            for number, tile in enumerate(tiles):
                tile.setVisible(number < each)
                if number < each:
                    tile.setGeometry(QRect(QPoint(left, top), tile.sizeHint()))
                    left += SIDE + 2 * PAD
            left += _BETWEEN
        self._say_more(self._shown(each), left - _BETWEEN)

    def _shown(self, each: int) -> int:
        return sum(min(each, len(tiles)) for _, tiles in self._groups)

    def _needed(self, each: int) -> int:
        """The width of so many of each group, and of the words on the rest."""
        shown = self._shown(each)
        wide = self._width(shown, len(self._groups))
        return wide if shown == self._number else wide + PAD + self._more_size(shown).width()

    def _more_size(self, shown: int) -> QSize:
        self._more.setText(self.tr("and {0} more").format(count(self._number - shown)))
        return self._more.sizeHint()

    def _say_more(self, shown: int, left: int) -> None:
        size = self._more_size(shown)
        middle = self._title_height() + SIDE // 2
        self._more.setGeometry(QRect(QPoint(left + PAD, middle - size.height() // 2), size))
        self._more.setVisible(self._number > shown)
