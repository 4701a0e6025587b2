"""Owns the few lines that say, above the pictures, what is most wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import link_button, set_kind
from tlstudio.gui.widgets.finding_card import SIGNS, severity_words
from tlstudio.gui.wizard.health_words import counted, heading
from tlstudio.gui.wizard.review import Section

MOST = 2
"""Lines: the pictures below are what the page is for."""


class WorstFindings(QWidget):
    """A line for each of the worst kinds of findings. `wanted` brings the kind of which somebody
    wants to see all."""

    wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.empty = True
        self.lines = [FindingLine() for _ in range(MOST)]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for line in self.lines:
            line.hide()
            line.wanted.connect(self.wanted)
            column.addWidget(line)

    def show_sections(self, sections: Sequence[Section]) -> None:
        """The findings by kind, the worst kind first."""
        self.empty = not sections
        for line, section in zip(self.lines, sections[:MOST], strict=False):
            line.show_section(section)
        for line in self.lines[len(sections) :]:
            line.hide()

    def stops(self) -> list[QWidget]:
        """What can have the keyboard, from top to bottom."""
        return [line.button for line in self.lines]


class FindingLine(QWidget):
    """A sign, what was found, and the way to it."""

    wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = ""
        self._sign = QLabel()
        self._sign.setFixedWidth(16)
        self._sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words = ShortSentence()
        self.button = link_button("")
        self.button.clicked.connect(lambda: self.wanted.emit(self._kind))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.NORMAL)
        row.addWidget(self._sign)
        row.addWidget(self.words, 1)
        row.addWidget(self.button)

    def show_section(self, section: Section) -> None:
        """Of several findings of a kind how many there are, and the worst of them."""
        worst, number = section.cases[0].finding.sentence, counted(section)
        self._kind = section.kind
        self._sign.setText(SIGNS[section.severity])
        self._sign.setAccessibleName(severity_words(section.severity))
        set_kind(self._sign, f"sign-{section.severity}")
        self.words.show_text(heading(section) if len(section.cases) > 1 else "", worst)
        text = self.tr("Look at all {0}") if number > 1 else self.tr("Look at it")
        self.button.setText(text.format(f"{number:,}"))
        self.button.setAccessibleName(f"{self.button.text()}: {heading(section)}")
        self.button.setAccessibleDescription(worst)
        self.show()


class ShortSentence(QWidget):
    """A heading and a sentence in one line; the sentence gives way in its middle, and has all of
    its words where the mouse rests."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heading, self._sentence = "", ""

    def show_text(self, heading: str, sentence: str) -> None:
        self._heading, self._sentence = heading, sentence
        self.setAccessibleName(self.text())
        self.setToolTip(self.text())
        self.updateGeometry()
        self.update()

    def text(self) -> str:
        return f"{self._heading}. {self._sentence}" if self._heading else self._sentence

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.text_font("body"))
        return QSize(metrics.horizontalAdvance(self.text()) + theme.NORMAL, metrics.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        font, colours = theme.text_font("body"), theme.colours()
        metrics = QFontMetrics(font)
        painter = QPainter(self)
        painter.setFont(font)
        rest, colour = self.rect(), colours.text
        for text in filter(None, (self._heading, self._sentence)):
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, rest.width())
            painter.setPen(QColor(colour))
            painter.drawText(rest, Qt.AlignmentFlag.AlignVCenter, shown)
            rest.setLeft(rest.left() + metrics.horizontalAdvance(shown) + theme.NORMAL)
            colour = colours.muted
