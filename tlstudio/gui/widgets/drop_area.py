"""Owns the empty images page: a place to drop a folder on, and how such a folder should look."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import heading_label, hint_label, primary_button


class FolderDrawing(QWidget):
    """A folder with a sub-folder a class, pictures in each."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = (self.tr("my pictures"), self.tr("cat"), self.tr("dog"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(
            self.tr("A folder that holds the folders “cat” and “dog”, with pictures in each")
        )

    def sizeHint(self) -> QSize:
        return QSize(300, 148)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = theme.colours()
        painter.setPen(QPen(QColor(c.edge), 1.5))
        painter.drawPolyline([QPointF(13, 34), QPointF(13, 124), QPointF(32, 124)])
        painter.drawLine(QPointF(13, 76), QPointF(32, 76))
        self._folder(painter, 2, 8, self._names[0])
        for row, name in enumerate(self._names[1:]):
            top = 62 + 48 * row
            self._folder(painter, 36, top, name)
            for column in range(4):
                self._picture(painter, QRectF(132 + 40 * column, top - 4, 34, 34), row, column)

    def _folder(self, painter: QPainter, left: float, top: float, name: str) -> None:
        c = theme.colours()
        shape = QPainterPath()
        shape.moveTo(left, top + 20)
        shape.lineTo(left, top + 2)
        shape.lineTo(left + 9, top + 2)
        shape.lineTo(left + 12, top + 6)
        shape.lineTo(left + 24, top + 6)
        shape.lineTo(left + 24, top + 20)
        shape.closeSubpath()
        painter.setPen(QPen(QColor(c.accent), 1.5))
        painter.setBrush(QColor(c.accent_soft))
        painter.drawPath(shape)
        painter.setPen(QColor(c.text))
        painter.setFont(theme.text_font("body"))
        height = QFontMetrics(painter.font()).height()
        box = QRectF(left + 32, top + 12 - height / 2, 240, height)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, name)

    def _picture(self, painter: QPainter, box: QRectF, row: int, column: int) -> None:
        """A little landscape: hills and a sun that stand elsewhere in each."""
        c = theme.colours()
        outline = QPainterPath()
        outline.addRoundedRect(box, 4, 4)
        painter.save()
        painter.setClipPath(outline)
        painter.fillRect(box, QColor(c.frozen if row == 0 else c.learning))
        ink = QColor(c.frozen_text if row == 0 else c.learning_text)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        peak = box.left() + 8 + 5 * ((column * 2 + row) % 4)
        hill = QPainterPath(box.bottomLeft())
        hill.lineTo(peak, box.top() + 14 + 2 * column)
        hill.lineTo(box.right() + 6, box.bottom())
        painter.drawPath(hill)
        sun = QPointF(box.right() - 8 - 4 * ((column + row) % 3), box.top() + 8)
        painter.drawEllipse(sun, 3, 3)
        painter.restore()
        painter.setPen(QPen(QColor(c.edge), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(outline)


class DropArea(QWidget):
    """The one next thing: choose or drop pictures, or try the sample. `hot` while some hover."""

    choose = Signal()
    table = Signal()
    sample = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hot = False
        self.choose_button = primary_button(self.tr("&Choose a folder…"))
        self.choose_button.clicked.connect(self.choose)
        self.table_button = QPushButton(self.tr("Choose a table of &labels…"))
        self.table_button.clicked.connect(self.table)
        self.sample_button = QPushButton(self.tr("&Try the sample pictures"))
        self.sample_button.clicked.connect(self.sample)
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        buttons.addWidget(self.choose_button)
        buttons.addWidget(self.table_button)
        buttons.addStretch(1)
        words = hint_label(
            self.tr(
                "One folder for each class, with its pictures inside; the folders' names become "
                "the answers. Folders “train” and “val” above them are understood, and so are "
                "several folders, a table of labels (CSV, Excel), and names of files that say the "
                "class. Your pictures stay where they are, and nothing leaves this computer."
            )
        )
        words.setMaximumWidth(460)
        text = QVBoxLayout()
        text.setSpacing(12)
        text.addStretch(1)
        text.addWidget(heading_label(self.tr("Drop your pictures here")))
        text.addWidget(words)
        text.addSpacing(theme.NORMAL)
        text.addLayout(buttons)
        text.addWidget(self.sample_button, 0, Qt.AlignmentFlag.AlignLeft)
        text.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(40, 32, 40, 32)
        row.setSpacing(40)
        row.addStretch(1)
        row.addLayout(text)
        row.addWidget(FolderDrawing(), 0, Qt.AlignmentFlag.AlignVCenter)
        row.addStretch(1)

    def set_hot(self, hot: bool) -> None:
        self._hot = hot
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = theme.colours()
        pen = QPen(QColor(c.accent if self._hot else c.edge), 2 if self._hot else 1.5)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.setBrush(QColor(c.accent_soft if self._hot else c.surface))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 10, 10)
