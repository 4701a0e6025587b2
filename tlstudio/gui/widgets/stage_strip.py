"""Owns the picture of a network as a strip of blocks with a handle between frozen and learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractSlider, QSizePolicy, QWidget

from tlstudio.backbones.catalogue import StageFacts
from tlstudio.gui import theme

_GROUP_GAP = 8.0
_BLOCK_GAP = 2.0
_ENDS = 62.0
"""Room for the picture on the left and for the answer on the right."""
_TALL, _SHORT = 68.0, 36.0
_TOP = 34.0
_NARROW = 7.0
"""Blocks that would be less wide than this are drawn as one bar with their number."""


@dataclass(frozen=True)
class Group:
    """A run of stages that share a name; `first` is the number of the first one."""

    name: str
    first: int
    size: int


def grouped(stages: Sequence[StageFacts]) -> tuple[Group, ...]:
    """The stages' groups, in order."""
    groups: list[Group] = []
    for name, members in groupby(stages, key=lambda stage: stage.group):
        first = groups[-1].first + groups[-1].size if groups else 0
        groups.append(Group(name, first, len(list(members))))
    return tuple(groups)


class StageStrip(QAbstractSlider):
    """`value` is the number of frozen blocks, counted from the picture.

    Drag the handle, click a block's edge, or use the arrow keys, Home and End; Page Up and Page
    Down go to the next group.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._groups: tuple[Group, ...] = ()
        self.setOrientation(Qt.Orientation.Horizontal)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Frozen blocks"))
        self.valueChanged.connect(self.update)

    def set_stages(self, stages: Sequence[StageFacts]) -> None:
        """Another network."""
        groups = grouped(stages)
        if groups != self._groups:
            self._groups = groups
            self.setRange(0, len(stages))
            self.setSingleStep(1)
            self.update()

    def sizeHint(self) -> QSize:
        line = QFontMetrics(theme.text_font("small")).height()
        return QSize(640, round(_TOP + _TALL + 10 + 2 * line))

    def minimumSizeHint(self) -> QSize:
        return QSize(420, self.sizeHint().height())

    # --- where things are -----------------------------------------------------------------------

    def _blocks(self) -> list[QRectF]:
        """The rectangle of each block, from picture to answer; they get shorter on the way."""
        if not self._groups:
            return []
        metrics = QFontMetrics(theme.text_font("small"))
        room = self.width() - 2 * _ENDS - _GROUP_GAP * (len(self._groups) + 1)
        widths = _shared([self._label_width(metrics, g) for g in self._groups], self._groups, room)
        blocks: list[QRectF] = []
        left = _ENDS + _GROUP_GAP
        for number, (group, width) in enumerate(zip(self._groups, widths, strict=True)):
            share = number / max(1, len(self._groups) - 1)
            height = _TALL + (_SHORT - _TALL) * share
            top = _TOP + (_TALL - height) / 2
            gap = min(_BLOCK_GAP, width / group.size / 4)
            one = (width - gap * (group.size - 1)) / group.size
            blocks += [QRectF(left + i * (one + gap), top, one, height) for i in range(group.size)]
            left += width + _GROUP_GAP
        return blocks

    def _label_width(self, metrics: QFontMetrics, group: Group) -> float:
        return max(metrics.horizontalAdvance(word) for word in _label(group.name).split("\n")) + 4

    def edge(self, frozen: int) -> float:
        """Where the handle stands, in pixels from the left, with so many blocks frozen."""
        return self._edges()[frozen]

    def _edges(self) -> list[float]:
        blocks = self._blocks()
        if not blocks:
            return [_ENDS]
        between = [(left.right() + right.left()) / 2 for left, right in pairwise(blocks)]
        half = _GROUP_GAP / 2
        return [blocks[0].left() - half, *between, blocks[-1].right() + half]

    # --- moving ---------------------------------------------------------------------------------

    def _move_to(self, x: float) -> None:
        edges = self._edges()
        self.setValue(min(range(len(edges)), key=lambda frozen: abs(edges[frozen] - x)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._move_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._move_to(event.position().x())
        near = abs(event.position().x() - self.edge(self.value())) < 12
        shape = Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.PointingHandCursor
        self.setCursor(shape if self.isEnabled() else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel scrolls the page; it must not change the plan on the way."""
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        edges = sorted({0, self.maximum(), *(group.first for group in self._groups)})
        if event.key() == Qt.Key.Key_PageUp:
            self.setValue(next((e for e in edges if e > self.value()), self.maximum()))
        elif event.key() == Qt.Key.Key_PageDown:
            self.setValue(next((e for e in reversed(edges) if e < self.value()), 0))
        else:
            super().keyPressEvent(event)

    # --- painting -------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        blocks = self._blocks()
        if not blocks:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.colours().accent), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 8, 8)
        self._paint_ends(painter)
        self._paint_blocks(painter, blocks)
        self._paint_labels(painter, blocks)
        self._paint_sides(painter, blocks)
        self._paint_handle(painter)

    def _paint_blocks(self, painter: QPainter, blocks: list[QRectF]) -> None:
        for group in self._groups:
            members = blocks[group.first : group.first + group.size]
            if members[0].width() < _NARROW:
                self._paint_collapsed(painter, group, members)
                continue
            for number, block in enumerate(members, start=group.first):
                frozen = number < self.value()
                self._paint_block(painter, block, frozen)
                if frozen and block.width() >= 18:
                    _snowflake(painter, block.center(), min(6.0, block.width() / 3))

    def _paint_block(self, painter: QPainter, block: QRectF, frozen: bool) -> None:
        c = theme.colours()
        painter.setPen(QPen(QColor(c.frozen_edge if frozen else c.learning_edge), 1))
        painter.setBrush(QColor(c.frozen if frozen else c.learning))
        radius = min(3.0, block.width() / 3)
        painter.drawRoundedRect(block, radius, radius)

    def _paint_collapsed(self, painter: QPainter, group: Group, members: list[QRectF]) -> None:
        """Many blocks as one bar, in two where the handle stands in it."""
        c = theme.colours()
        painter.setFont(theme.text_font("small"))
        split = min(max(self.value() - group.first, 0), group.size)
        for part, frozen in ((members[:split], True), (members[split:], False)):
            if not part:
                continue
            bar, text = part[0].united(part[-1]), f"× {len(part)}"
            self._paint_block(painter, bar, frozen)
            painter.setPen(QColor(c.frozen_text if frozen else c.learning_text))
            if QFontMetrics(painter.font()).horizontalAdvance(text) + 4 <= bar.width():
                painter.drawText(bar, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_labels(self, painter: QPainter, blocks: list[QRectF]) -> None:
        painter.setFont(theme.text_font("small"))
        painter.setPen(QColor(theme.colours().muted))
        metrics = QFontMetrics(painter.font())
        for group in self._groups:
            first, last = blocks[group.first], blocks[group.first + group.size - 1]
            left, width = first.left(), last.right() - first.left()
            top = _TOP + _TALL + 6
            for line, word in enumerate(_label(group.name).split("\n")):
                text = metrics.elidedText(word, Qt.TextElideMode.ElideRight, int(width) + 6)
                box = QRectF(left - 4, top + line * metrics.height(), width + 8, metrics.height())
                painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, text)

    def _paint_ends(self, painter: QPainter) -> None:
        """A little picture on the left, the new answer layer, which always learns, on the right."""
        c = theme.colours()
        middle = _TOP + _TALL / 2
        small = theme.text_font("small")
        picture = QRectF(10, middle - 17, 40, 34)
        painter.setPen(QPen(QColor(c.edge), 1.2))
        painter.setBrush(QColor(c.surface))
        painter.drawRoundedRect(picture, 3, 3)
        hill = [QPointF(13, middle + 14), QPointF(26, middle - 4), QPointF(36, middle + 14)]
        painter.drawPolyline(hill)
        painter.drawEllipse(QPointF(41, middle - 8), 3, 3)
        answer = QRectF(self.width() - 46, middle - 18, 34, 36)
        painter.setPen(QPen(QColor(c.learning_edge), 1))
        painter.setBrush(QColor(c.learning))
        painter.drawRoundedRect(answer, 3, 3)
        painter.setFont(small)
        painter.setPen(QColor(c.muted))
        height = QFontMetrics(small).height()
        top = _TOP + _TALL + 6
        centred = Qt.AlignmentFlag.AlignHCenter
        painter.drawText(QRectF(0, top, _ENDS, height), centred, self.tr("picture"))
        right = QRectF(self.width() - _ENDS + 2, top, _ENDS, height)
        painter.drawText(right, centred, self.tr("answer"))

    def _paint_sides(self, painter: QPainter, blocks: list[QRectF]) -> None:
        """Says in words which side is which, where there is room for it."""
        c = theme.colours()
        font = theme.text_font("small", bold=True)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        edge = self.edge(self.value())
        frozen, learning = self.tr("frozen"), self.tr("learns")
        box = QRectF(blocks[0].left(), 6, edge - blocks[0].left() - 14, metrics.height())
        if self.value() and box.width() >= metrics.horizontalAdvance(frozen):
            painter.setPen(QColor(c.frozen_text))
            painter.drawText(box, Qt.AlignmentFlag.AlignRight, frozen)
        box = QRectF(edge + 14, 6, self.width() - edge - 20, metrics.height())
        painter.setPen(QColor(c.learning_text))
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft, learning)

    def _paint_handle(self, painter: QPainter) -> None:
        c = theme.colours()
        x, ink = self.edge(self.value()), QColor(c.text if self.isEnabled() else c.disabled)
        painter.setPen(QPen(ink, 2))
        painter.drawLine(QPointF(x, 14), QPointF(x, _TOP + _TALL + 4))
        grip = QRectF(x - 8, 4, 16, 20)
        painter.setBrush(QColor(c.surface))
        painter.drawRoundedRect(grip, 5, 5)
        painter.setPen(QPen(ink, 1.2))
        for dx in (-2.5, 2.5):
            painter.drawLine(QPointF(x + dx, 9), QPointF(x + dx, 19))


def _label(name: str) -> str:
    """Two words of a long name go on two lines."""
    return name.replace(" ", "\n", 1) if len(name) > 9 else name


def _shared(least: Sequence[float], groups: Sequence[Group], room: float) -> list[float]:
    """Widths in proportion to the groups' sizes that leave room for each label, if there is."""
    if sum(least) >= room:
        return [max(1.0, room * width / sum(least)) for width in least]
    low, high = 0.0, room
    for _ in range(40):
        unit = (low + high) / 2
        total = sum(max(w, unit * group.size) for w, group in zip(least, groups, strict=True))
        low, high = (unit, high) if total < room else (low, unit)
    return [max(width, low * group.size) for width, group in zip(least, groups, strict=True)]


def _snowflake(painter: QPainter, centre: QPointF, radius: float) -> None:
    painter.save()
    painter.translate(centre)
    painter.setPen(QPen(QColor(theme.colours().frozen_text), 1.1, c=Qt.PenCapStyle.RoundCap))
    for _ in range(6):
        painter.drawLine(QPointF(0, 0), QPointF(0, -radius))
        painter.drawLine(QPointF(0, -radius * 0.6), QPointF(radius * 0.28, -radius * 0.9))
        painter.drawLine(QPointF(0, -radius * 0.6), QPointF(-radius * 0.28, -radius * 0.9))
        painter.rotate(60)
    painter.restore()
