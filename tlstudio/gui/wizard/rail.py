"""Owns the rail: the six steps on the wizard's left, with the state of each."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QFrame, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import link_button
from tlstudio.gui.wizard.state import PageId, Status, WizardState

WIDTH = 200
_DISC = 24


class StepButton(QAbstractButton):
    """One step: a disc with its number or a sign, its name, and its state in words."""

    def __init__(self, page: PageId, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.page, self.name = page, name
        self.status: Status = "todo"
        self.words = ""
        self.setText(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_status(self, status: Status, words: str, reachable: bool) -> None:
        self.status, self.words = status, words
        self.setEnabled(reachable)
        pointing = reachable and status != "here"
        shape = Qt.CursorShape.PointingHandCursor if pointing else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)
        self.setAccessibleName(f"{self.name}, {words}")
        self.update()

    def sizeHint(self) -> QSize:
        body = QFontMetrics(theme.text_font("body", bold=True)).height()
        small = QFontMetrics(theme.text_font("small")).height()
        return QSize(WIDTH - 2 * theme.NORMAL, body + small + 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = theme.colours()
        here = self.status == "here"
        frame = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if here or (self.underMouse() and self.isEnabled()):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(c.surface if here else c.window))
            painter.drawRoundedRect(frame, theme.RADIUS, theme.RADIUS)
        if self.hasFocus():
            painter.setPen(QPen(QColor(c.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(frame, theme.RADIUS, theme.RADIUS)
        self._paint_disc(painter, QRectF(12, (self.height() - _DISC) / 2, _DISC, _DISC))
        self._paint_words(painter, here)

    def _paint_disc(self, painter: QPainter, disc: QRectF) -> None:
        c = theme.colours()
        fill, edge, ink = {
            "here": (c.accent, c.accent, c.on_accent),
            "done": (c.ok_soft, c.ok, c.ok),
            "running": (c.accent_soft, c.accent, c.accent),
            "stale": (c.warn_soft, c.warn, c.warn),
            "todo": (c.sunken, c.edge, c.muted),
        }[self.status]
        painter.setPen(QPen(QColor(edge), 1.5))
        painter.setBrush(QColor(fill))
        painter.drawEllipse(disc.adjusted(1, 1, -1, -1))
        painter.setPen(QPen(QColor(ink), 2, c=Qt.PenCapStyle.RoundCap))
        centre = disc.center()
        if self.status == "done":
            tick = [QPointF(-4.5, 0.5), QPointF(-1.5, 3.5), QPointF(4.5, -3.5)]
            painter.drawPolyline([centre + point for point in tick])
            return
        sign = "!" if self.status == "stale" else str(self.page + 1)
        painter.setFont(theme.text_font("small", bold=True))
        painter.drawText(disc, Qt.AlignmentFlag.AlignCenter, sign)

    def _paint_words(self, painter: QPainter, here: bool) -> None:
        c = theme.colours()
        left, width = 12 + _DISC + 12, self.width() - (12 + _DISC + 12) - 4
        bold, small = theme.text_font("body", bold=here), theme.text_font("small")
        height, lower = QFontMetrics(bold).height(), QFontMetrics(small).height()
        top = (self.height() - height - lower) / 2
        painter.setFont(bold)
        painter.setPen(QColor(c.text if self.isEnabled() else c.muted))
        align = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(left, top, width, height), align, self.name)
        painter.setFont(small)
        painter.setPen(QColor(c.warn if self.status == "stale" else c.muted))
        words = QFontMetrics(small).elidedText(self.words, Qt.TextElideMode.ElideRight, int(width))
        painter.drawText(QRectF(left, top + height, width, lower), align, words)


class ProjectName(QWidget):
    """The name of the project that is open; a long one is cut in its middle."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.text = ""

    def show_text(self, text: str) -> None:
        self.text = text
        self.setAccessibleName(self.tr("Project {0}").format(text))
        self.setToolTip(text)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH // 2, QFontMetrics(theme.text_font("body", bold=True)).height() + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(theme.text_font("body", bold=True))
        painter.setPen(QColor(theme.colours().text))
        inside = self.rect().adjusted(2, 0, 0, 0)
        metrics = QFontMetrics(painter.font())
        text = metrics.elidedText(self.text, Qt.TextElideMode.ElideMiddle, inside.width())
        painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter, text)


class Rail(QFrame):
    """The way back to all projects, and six steps; clicking one that can be reached asks to go
    there."""

    asked = Signal(int)
    home_asked = Signal()
    runs_asked = Signal()

    def __init__(self, state: WizardState) -> None:
        super().__init__()
        self._state = state
        self.setProperty("kind", "rail")
        self.setFixedWidth(WIDTH)
        self.setAccessibleName(self.tr("Steps"))
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.NORMAL, 20, theme.NORMAL, theme.WIDE)
        column.setSpacing(theme.TIGHT)
        self.home_button = link_button(self.tr("‹ All projects"))
        self.home_button.setAccessibleName(self.tr("All projects"))
        self.home_button.clicked.connect(self.home_asked)
        self.home_button.setShortcut(QKeySequence("Alt+Home"))
        self.name = ProjectName()
        self.runs_button = link_button(self.tr("Trainings"))
        self.runs_button.clicked.connect(self.runs_asked)
        self.runs_button.setShortcut(QKeySequence("Ctrl+T"))
        above = QVBoxLayout()
        above.setContentsMargins(10, 0, 10, 8)
        above.setSpacing(theme.TIGHT)
        above.addWidget(self.home_button, 0, Qt.AlignmentFlag.AlignLeft)
        above.addWidget(self.name)
        above.addWidget(self.runs_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addLayout(above)
        self.steps: list[StepButton] = []
        for page, text in zip(PageId, self._names(), strict=True):
            step = StepButton(page, text, self)
            step.clicked.connect(lambda _=False, page=page: self.asked.emit(int(page)))
            self.steps.append(step)
            column.addWidget(step)
        column.addStretch(1)
        self.refresh()

    def name_project(self, title: str) -> None:
        self.name.show_text(title)

    def refresh(self) -> None:
        words = {
            "done": self.tr("done"),
            "here": self.tr("here"),
            "running": self.tr("running"),
            "stale": self.tr("needs another look"),
            "todo": self.tr("not yet"),
        }
        for step in self.steps:
            status = self._state.status(step.page)
            reachable = status == "here" or self._state.may_go_to(step.page)
            step.show_status(status, words[status], reachable)

    def _names(self) -> tuple[str, ...]:
        return (
            self.tr("Images"),
            self.tr("Backbone"),
            self.tr("Settings"),
            self.tr("Train"),
            self.tr("Results"),
            self.tr("Export"),
        )
