"""Owns the strip of validation pictures with the model's answers of the moment."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.thumbnails import ThumbnailLoader
from tlstudio.tasks import Answer, Answers

SIDE = 64
SHOWN = 9
RIGHT, WRONG = "✓", "✕"


class AnswerCell(QWidget):
    """One picture; below it a sign, what it was called, and how sure the model is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.answer: Answer | None = None
        self._image: QImage | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(SIDE + 16, SIDE + 2 * self.fontMetrics().height() + theme.NORMAL)

    def minimumSizeHint(self) -> QSize:
        return QSize(SIDE, self.sizeHint().height())

    def show_answer(self, answer: Answer) -> None:
        self.answer = answer
        self.setAccessibleName(self._in_words(answer))
        self.setToolTip(f"{answer.file}\n{self._in_words(answer)}")
        self.update()

    def clear(self) -> None:
        """No answer yet: an empty frame."""
        self.answer, self._image = None, None
        self.setAccessibleName("")
        self.setToolTip("")
        self.update()

    def show_image(self, image: QImage | None) -> None:
        self._image = image
        self.update()

    def _in_words(self, answer: Answer) -> str:
        if answer.answer == answer.label:
            text = self.tr("Right: called {answer}, {sure:.0f} % sure")
        else:
            text = self.tr("Wrong: called {answer}, {sure:.0f} % sure; really {label}")
        return text.format(answer=answer.answer, label=answer.label, sure=100 * answer.confidence)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = theme.colours()
        frame = QRect((self.width() - SIDE) // 2, 0, SIDE, SIDE)
        draw_picture(painter, frame, self._image, fill=True)
        if self.answer is None:
            painter.end()
            return
        right = self.answer.answer == self.answer.label
        line = self.fontMetrics().height()
        painter.setPen(QColor(c.ok if right else c.error))
        painter.setFont(theme.text_font("small", bold=not right))
        self._write(painter, SIDE + 4, f"{RIGHT if right else WRONG} {self.answer.answer}")
        painter.setPen(QColor(c.muted))
        painter.setFont(theme.text_font("small"))
        sure = f"{100 * self.answer.confidence:.0f} %"
        if not right:
            sure = self.tr("{sure}, is {label}").format(sure=sure, label=self.answer.label)
        self._write(painter, SIDE + 4 + line, sure)
        painter.end()

    def _write(self, painter: QPainter, top: int, text: str) -> None:
        box = QRect(0, top, self.width(), self.fontMetrics().height())
        elided = painter.fontMetrics().elidedText(
            text, Qt.TextElideMode.ElideRight, self.width() - 2
        )
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, elided)


def draw_picture(painter: QPainter, frame: QRect, image: QImage | None, fill: bool) -> None:
    """Draws a picture into the frame, cropped to fill it or whole; a grey field until then."""
    if image is None or image.isNull():
        painter.fillRect(frame, QColor(theme.colours().sunken))
        return
    mode = (
        Qt.AspectRatioMode.KeepAspectRatioByExpanding
        if fill
        else Qt.AspectRatioMode.KeepAspectRatio
    )
    size = image.size().scaled(frame.size(), mode)
    target = QRect(frame.topLeft(), size)
    target.moveCenter(frame.center())
    painter.save()
    painter.setClipRect(frame)
    painter.drawImage(target, image)
    painter.restore()


class AnswerStrip(QWidget):
    """Nine cells in a row, empty until the first answers come, so that nothing moves when they do.

    The pictures are the same through a whole run.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cells = [AnswerCell(self) for _ in range(SHOWN)]
        self._paths: list[str] = []
        self._images: dict[str, QImage] = {}
        self._loader = ThumbnailLoader(self)
        self._loader.loaded.connect(self._keep_image)
        self.setAccessibleName(self.tr("What the model says of a few validation pictures"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.TIGHT)
        for cell in self.cells:
            row.addWidget(cell, 1)

    def show_answers(self, folder: Path, answers: Answers) -> None:
        """`folder` is the data set's, in which the answers' files lie."""
        self._paths = [str(folder / answer.file) for answer in answers.answers]
        for cell, path, answer in zip(self.cells, self._paths, answers.answers, strict=False):
            cell.show_answer(answer)
            cell.show_image(self._images.get(path))
            if path not in self._images:
                self._loader.request(path, 2 * SIDE)

    def clear(self) -> None:
        for cell in self.cells:
            cell.clear()
        self._paths, self._images = [], {}

    def close_pictures(self) -> None:
        """Ends the reading of pictures."""
        self._loader.stop()

    def _keep_image(self, path: str, _side: int, image: QImage) -> None:
        self._images[path] = image
        for cell, its_path in zip(self.cells, self._paths, strict=False):
            if its_path == path:
                cell.show_image(image)
