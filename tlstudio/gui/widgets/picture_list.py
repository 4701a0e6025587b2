"""Owns the list of scored pictures: what each really is, what it was called, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.widgets.answers import RIGHT, WRONG, draw_picture
from tlstudio.gui.widgets.thumbnails import Index, ThumbnailLoader, ThumbnailModel
from tlstudio.jobs import ScoredPrediction

SIDE = 64
_PREDICTION = Qt.ItemDataRole.UserRole


class PictureListModel(ThumbnailModel):
    """Scored pictures in the order in which they are given."""

    predictions: Sequence[ScoredPrediction] = ()

    def show_predictions(self, predictions: Sequence[ScoredPrediction]) -> None:
        self.predictions = predictions
        self.set_files(Path(), [prediction.picture for prediction in predictions])

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        if role == _PREDICTION:
            return self.predictions[index.row()]
        if role in {Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole}:
            prediction = self.predictions[index.row()]
            return "\n".join((prediction.file, *self.in_words(prediction)))
        return super().data(index, role)

    def in_words(self, prediction: ScoredPrediction) -> tuple[str, str]:
        """What it really is, and what it was called."""
        right = prediction.truth == prediction.label
        called = self.tr("{sign} Called {label}, {sure:.0f}\u00a0%").format(
            sign=RIGHT if right else WRONG,
            label=prediction.label,
            sure=100 * prediction.confidence,
        )
        return self.tr("Really {truth}").format(truth=prediction.truth), called


class _Row(QStyledItemDelegate):
    """The picture on the left; file name, truth and answer beside it."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, SIDE + 2 * theme.NORMAL)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model, prediction = index.model(), index.data(_PREDICTION)
        if not isinstance(model, PictureListModel) or not isinstance(prediction, ScoredPrediction):
            return
        row: QRect = option.rect
        c = theme.colours()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(row, QColor(c.accent_soft))
        frame = QRect(row.left() + theme.NORMAL, row.top() + theme.NORMAL, SIDE, SIDE)
        pixmap = index.data(Qt.ItemDataRole.DecorationRole)
        image = pixmap.toImage() if isinstance(pixmap, QPixmap) else None
        draw_picture(painter, frame, image, fill=True)
        left = frame.right() + 12
        text = QRect(left, frame.top(), row.right() - left - theme.NORMAL, SIDE)
        self._write(painter, text, prediction, model)
        painter.setPen(QPen(QColor(c.line)))
        painter.drawLine(row.left() + theme.NORMAL, row.bottom(), row.right(), row.bottom())
        painter.restore()

    def _write(
        self, painter: QPainter, box: QRect, prediction: ScoredPrediction, model: PictureListModel
    ) -> None:
        c = theme.colours()
        truth, called = model.in_words(prediction)
        right = prediction.truth == prediction.label
        lines = (
            (prediction.file, c.muted, "small", False),
            (truth, c.text, "body", False),
            (called, c.ok if right else c.error, "body", False),
        )
        height = box.height() // 3
        for number, (text, colour, size, bold) in enumerate(lines):
            painter.setFont(theme.text_font("small" if size == "small" else "body", bold))
            painter.setPen(QColor(colour))
            elided = painter.fontMetrics().elidedText(
                text, Qt.TextElideMode.ElideMiddle, box.width()
            )
            line = QRect(box.left(), box.top() + number * height, box.width(), height)
            painter.drawText(
                line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, elided
            )


class PictureList(QListView):
    """`opened` names the row that was double-clicked or entered."""

    opened = Signal(int)

    def __init__(self, loader: ThumbnailLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pictures = PictureListModel(loader, self)
        self.setModel(self.pictures)
        self.setItemDelegate(_Row(self))
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(SIDE // 2)
        self.setAccessibleName(self.tr("Pictures and their answers"))
        self.activated.connect(lambda index: self.opened.emit(index.row()))

    def show_predictions(self, predictions: Sequence[ScoredPrediction]) -> None:
        self.pictures.ratio = self.devicePixelRatioF()
        self.pictures.show_predictions(predictions)
        self.scrollToTop()
