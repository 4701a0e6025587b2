"""Owns how the parts of a split look in every bar: a colour, a pattern and a name for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import count
from tlstudio.gui.widgets.legend import curve_colours
from tlstudio.projects.index import Place

PLACES: tuple[Place, ...] = ("train", "val", "test", "aside")
"""In the order in which bars show them."""
_HATCH = 5.0
"""Pixels between the lines of a pattern."""
_ROW_PAD = 10
_NUMBER_GAP = 18


def place_name(place: Place) -> str:
    """What a part is called on screen."""
    names: dict[Place, str] = {
        "train": QCoreApplication.translate("parts", "Training"),
        "val": QCoreApplication.translate("parts", "Validation"),
        "test": QCoreApplication.translate("parts", "Locked test"),
        "aside": QCoreApplication.translate("parts", "Set aside"),
    }
    return names[place]


def place_colour(place: Place) -> QColor:
    """Training and validation as in the curves; the test set in the third colour of the same
    palette (Okabe and Ito's, which people with any colour vision tell apart)."""
    c = theme.colours()
    training, validation = curve_colours(c.dark)
    if place == "train":
        return training
    if place == "val":
        return validation
    if place == "test":
        return QColor("#35C79B" if c.dark else "#009E73")
    return QColor(c.edge)


def paint_place(painter: QPainter, box: QRectF, place: Place) -> None:
    """Fills `box`: training plain, validation hatched, the test set crossed, what is set aside as
    an empty frame."""
    colour = place_colour(place)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if place == "aside":
        painter.setPen(QPen(colour, 1, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
    else:
        painter.fillRect(box, colour)
        painter.setClipRect(box, Qt.ClipOperation.IntersectClip)
        line = QColor(theme.colours().surface)
        line.setAlphaF(0.6)
        painter.setPen(QPen(line, 1.2))
        if place in {"val", "test"}:
            _hatch(painter, box, rising=True)
        if place == "test":
            _hatch(painter, box, rising=False)
    painter.restore()


def _hatch(painter: QPainter, box: QRectF, rising: bool) -> None:
    """Lines at 45 degrees over all of `box`."""
    height = box.height()
    for number in range(int((box.width() + height) / _HATCH) + 2):
        x = box.left() - height + number * _HATCH
        low, high = box.bottom(), box.top()
        start, end = (low, high) if rising else (high, low)
        painter.drawLine(QPointF(x, start), QPointF(x + height, end))


def paint_stack(painter: QPainter, box: QRectF, counts: Mapping[Place, int]) -> None:
    """A bar of all parts, as long as `box`, with rounded ends; what is there is never invisible."""
    shown = [(place, counts.get(place, 0)) for place in PLACES if counts.get(place, 0)]
    total = sum(number for _, number in shown)
    if not total:
        return
    least = 3.0
    room = max(0.0, box.width() - least * len(shown))
    outline = QPainterPath()
    radius = min(4.0, box.height() / 2)
    outline.addRoundedRect(box, radius, radius)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setClipPath(outline, Qt.ClipOperation.IntersectClip)
    left = box.left()
    for place, number in shown:
        width = least + room * number / total
        gap = 1.0 if place != shown[-1][0] else 0.0
        paint_place(painter, QRectF(left, box.top(), width - gap, box.height()), place)
        left += width
    painter.restore()


class Swatch(QWidget):
    """A small sample of a part's look, beside its name."""

    def __init__(self, place: Place, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._place = place
        self.setFixedSize(18, 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_place(painter, QRectF(self.rect()), self._place)
        painter.end()


class StackBar(QWidget):
    """One bar over all pictures. A screen reader hears the numbers."""

    def __init__(self, height: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._counts: dict[Place, int] = {}
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_counts(self, counts: Mapping[Place, int]) -> None:
        self._counts = dict(counts)
        self.setAccessibleName(
            ", ".join(f"{place_name(p)} {count(n)}" for p, n in self._counts.items() if n)
        )
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_stack(painter, QRectF(self.rect()), self._counts)
        painter.end()


@dataclass(frozen=True)
class ClassRow:
    """A class and how many of its pictures each part has."""

    name: str
    counts: Mapping[Place, int]


class ClassStacks(QWidget):
    """A row a class: its name, a bar of the same length for all, and the numbers in columns.

    The bars show shares, so that a small class is seen to get what a large one gets.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[ClassRow, ...] = ()
        self._places: tuple[Place, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_rows(self, rows: Sequence[ClassRow]) -> None:
        self._rows = tuple(rows)
        self._places = tuple(
            place
            for place in PLACES[:3]
            if place != "test" or any(row.counts.get("test", 0) for row in rows)
        )
        self.setAccessibleName(
            "; ".join(
                f"{row.name}: "
                + ", ".join(f"{place_name(p)} {count(row.counts.get(p, 0))}" for p in self._places)
                for row in self._rows
            )
        )
        self.updateGeometry()
        self.update()

    def rows(self) -> tuple[ClassRow, ...]:
        return self._rows

    def sizeHint(self) -> QSize:
        return QSize(400, self._row_height() * (len(self._rows) + 1))

    def minimumSizeHint(self) -> QSize:
        return QSize(320, self.sizeHint().height())

    def _row_height(self) -> int:
        return QFontMetrics(theme.text_font("body")).height() + _ROW_PAD

    def _columns(self) -> tuple[dict[Place, float], float]:
        """The right edge of each column of numbers, and where the bars end."""
        small = QFontMetrics(theme.text_font("small"))
        body = QFontMetrics(theme.text_font("body"))
        right, edges = float(self.width()), dict[Place, float]()
        for place in reversed(self._places):
            edges[place] = right
            most = max((row.counts.get(place, 0) for row in self._rows), default=0)
            wide = max(
                small.horizontalAdvance(place_name(place)), body.horizontalAdvance(count(most))
            )
            right -= wide + _NUMBER_GAP
        return edges, right

    def _name_width(self) -> int:
        """Of the longest name, up to a third of the row."""
        metrics = QFontMetrics(theme.text_font("body"))
        longest = max((metrics.horizontalAdvance(row.name) for row in self._rows), default=0)
        return min(longest + 2, self.width() // 3)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        c, height = theme.colours(), self._row_height()
        (edges, end), names = self._columns(), self._name_width()
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(theme.text_font("small"))
        painter.setPen(QColor(c.muted))
        for place, right in edges.items():
            painter.drawText(QRectF(0, 0, right, height), flags, place_name(place))
        painter.setFont(theme.text_font("body"))
        metrics = painter.fontMetrics()
        seen = event.rect()
        for number in range(
            max(0, seen.top() // height - 1), min(len(self._rows), seen.bottom() // height + 1)
        ):
            row, top = self._rows[number], height * (number + 1)
            painter.setPen(QColor(c.text))
            name = metrics.elidedText(row.name, Qt.TextElideMode.ElideMiddle, names)
            line = QRectF(0, top, names + 4, height)
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, name)
            for place, right in edges.items():
                painter.drawText(
                    QRectF(0, top, right, height), flags, count(row.counts.get(place, 0))
                )
            left = names + 16.0
            bar = QRectF(left, top + height / 2 - 4, end - left, 8)
            paint_stack(painter, bar, row.counts)
        painter.end()
