"""Owns the bars that show how many pictures each class has, and in which part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import count
from tlstudio.gui.widgets.parts import PLACES, paint_stack, place_name
from tlstudio.projects.index import Place

FEW = 7
"""Rows without unfolding: with more classes, the largest and the smallest."""
_ENDS = (3, 3)
_HIGHEST = 52
"""Of a row, in px: where there are few classes, they share the room."""

Row = tuple[str, Mapping[Place, int]]


def outer_rows(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The largest and the smallest classes where there are many; else all of them, and none."""
    if len(rows) <= FEW:
        return list(rows), []
    ordered = sorted(rows, key=lambda row: -sum(row[1].values()))
    return ordered[: _ENDS[0]], ordered[-_ENDS[1] :]


class ClassBalance(QWidget):
    """A bar a class, as long as its share of the largest; its parts in their colours and patterns.

    With many classes, those in the middle are counted until `set_whole`.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._whole = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.MinimumExpanding)

    def show_classes(self, rows: Sequence[Row]) -> None:
        self._rows = list(rows)
        spoken = (
            f"{name}: {count(sum(counts.values()))}"
            + "".join(f", {place_name(p)} {count(counts[p])}" for p in PLACES if counts.get(p))
            for name, counts in rows
        )
        self.setAccessibleName(self.tr("Pictures of each class: {0}").format("; ".join(spoken)))
        self.updateGeometry()
        self.update()

    def set_whole(self, whole: bool) -> None:
        self._whole = whole
        self.updateGeometry()
        self.update()

    @property
    def folded(self) -> bool:
        """Whether there are more classes than are shown without unfolding."""
        return len(self._rows) > FEW

    def lines(self) -> list[Row | str]:
        """What stands below each other: classes, and a sentence for those that are not shown."""
        first, last = outer_rows(self._rows)
        if self._whole or not last:
            return [*(first if not last else sorted(self._rows, key=_largest_first))]
        hidden = sorted(self._rows, key=_largest_first)[len(first) : -len(last)]
        totals = [sum(counts.values()) for _, counts in hidden]
        text = self.tr("{0} more classes of {1} to {2} pictures").format(
            len(hidden), count(min(totals)), count(max(totals))
        )
        if min(totals) == max(totals):
            text = self.tr("{0} more classes of {1} pictures").format(len(hidden), count(totals[0]))
        return [*first, text, *last]

    def sizeHint(self) -> QSize:
        return QSize(320, self._lowest() * max(2, len(self.lines())))

    def minimumSizeHint(self) -> QSize:
        return QSize(220, self.sizeHint().height())

    def _lowest(self) -> int:
        return QFontMetrics(theme.text_font("body")).height() + 5

    def paintEvent(self, event: QPaintEvent) -> None:
        lines = self.lines()
        height = min(_HIGHEST, max(self._lowest(), self.height() // max(1, len(lines))))
        shown = [line for line in lines if not isinstance(line, str)]
        totals = [sum(counts.values()) for _, counts in shown]
        most = max(totals, default=1)
        metrics = QFontMetrics(theme.text_font("body"))
        widest = max((metrics.horizontalAdvance(name) for name, _ in shown), default=0)
        names = min(widest + 4, self.width() * 2 // 5)
        numbers = metrics.horizontalAdvance(count(most)) + 8
        room = max(20, self.width() - names - 12 - numbers)
        painter = QPainter(self)
        for number, line in enumerate(lines):
            box = QRectF(0, number * height, self.width(), height)
            if not isinstance(line, str):
                self._paint_row(painter, box, line, (names, room), most)
                continue
            painter.setFont(theme.text_font("small"))
            painter.setPen(QColor(theme.colours().muted))
            painter.drawText(box.adjusted(names + 12, 0, 0, 0), _MIDDLE, line)
        painter.end()

    def _paint_row(
        self, painter: QPainter, box: QRectF, row: Row, widths: tuple[int, int], most: int
    ) -> None:
        name, counts = row
        names, room = widths
        total = sum(counts.values())
        painter.setFont(theme.text_font("body"))
        painter.setPen(QColor(theme.colours().text))
        elide = Qt.TextElideMode.ElideMiddle
        shown = painter.fontMetrics().elidedText(name, elide, names)
        painter.drawText(QRectF(0, box.top(), names + 2, box.height()), _MIDDLE, shown)
        length = max(6.0, room * total / max(most, 1))
        left, high = names + 12.0, min(20, round(box.height() * 0.45))
        top = round(box.center().y() - high / 2)
        paint_stack(painter, QRectF(left, top, length, high), counts)
        painter.setPen(QColor(theme.colours().text))
        beside = QRectF(left + length + 8, box.top(), box.width(), box.height())
        painter.drawText(beside, _MIDDLE, count(total))


_MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


def _largest_first(row: Row) -> int:
    return -sum(row[1].values())
