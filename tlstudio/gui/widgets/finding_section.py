"""Owns the findings of one kind on the page: a heading, what can be done about all, the cards."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import (
    heading_label,
    hint_label,
    link_button,
    set_kind,
)
from tlstudio.gui.widgets.finding_card import FindingCard
from tlstudio.gui.widgets.tiles import TilePictures
from tlstudio.gui.wizard.health_words import common_hint, heading
from tlstudio.gui.wizard.remedies import Remedy, common_remedies, remedies
from tlstudio.gui.wizard.review import Case, Review, Section

FIRST, MORE = 6, 20
"""Cards at the beginning, and how many come with each press."""

_NARROWEST = 284
"""Of a card with two pictures, in px."""


class FindingSection(QWidget):
    """Builds one card at each `build_next`, so that thousands of findings hold nothing up."""

    wanted = Signal(object)
    opened = Signal(object, str)
    """A case and the file of it to show larger."""
    grown = Signal()
    """More cards are to be built."""

    def __init__(self, pictures: TilePictures, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures = pictures
        self._section: Section | None = None
        self._review: Review | None = None
        self._balanced = self._locked = False
        self._leaving: list[FindingCard] = []
        self._keyboard_waits = False
        self._limit = FIRST
        self.cards: dict[str, FindingCard] = {}
        self.heading = heading_label("")
        self.heading.setWordWrap(True)
        self.hint = hint_label("")
        self._common = QHBoxLayout()
        self._common.setSpacing(theme.NORMAL)
        self.common_buttons: list[QPushButton] = []
        self._common_remedies: list[Remedy] = []
        top = QHBoxLayout()
        top.setSpacing(theme.WIDE)
        top.addWidget(self.heading, 1, Qt.AlignmentFlag.AlignVCenter)
        top.addLayout(self._common)
        self._grid = QGridLayout()
        self._grid.setSpacing(theme.NORMAL)
        self._columns = 1
        self._cell = (0, 0)
        self.more_button = link_button("")
        self.more_button.clicked.connect(self._show_more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, theme.NORMAL, 0, 0)
        column.setSpacing(theme.NORMAL)
        column.addLayout(top)
        column.addWidget(self.hint)
        column.addLayout(self._grid)
        column.addWidget(self.more_button, 0, Qt.AlignmentFlag.AlignLeft)

    def show_section(self, section: Section, review: Review, balanced: bool) -> None:
        """Keeps the cards that say the same as before; `build_next` makes what is missing."""
        before = self._in_order()
        self._section, self._review, self._balanced = section, review, balanced
        self.heading.setText(heading(section))
        hint = common_hint(section)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        self._show_common(common_remedies(section, review))
        kept = {case.key: case for case in self._visible_cases()}
        gone = [card for card in before if not self._says_the_same(card, kept.get(card.case.key))]
        self._pass_keyboard(before, gone)
        for card in gone:
            self._remove(card)
        if gone:
            self._place()
        left = len(section.cases) - self._limit
        self.more_button.setVisible(left > 0)
        self.more_button.setText(self.tr("Show {0} more").format(min(left, MORE)))

    def build_next(self) -> bool:
        """Builds one card, or ends one that has gone; says whether there was one."""
        if self._leaving:
            card = self._leaving.pop()
            card.deleteLater()
            # At once: all of them at the next turn of the event loop would be felt.
            QCoreApplication.sendPostedEvents(card, QEvent.Type.DeferredDelete)
            return True
        review, section = self._review, self._section
        if review is None or section is None:
            return False
        for case in self._visible_cases():
            if case.key not in self.cards:
                offered = remedies(case, review, self._balanced)
                with_hint = self.hint.isHidden()
                card = FindingCard(case, review.folder, offered, self._pictures, with_hint)
                card.set_locked(self._locked)
                card.wanted.connect(self.wanted)
                card.opened.connect(lambda file, of=case: self.opened.emit(of, file))
                self.cards[case.key] = card
                if len(self.cards) == 1 or card is not self._in_order()[-1]:
                    self._place()
                else:
                    self._place_next(card)
                if self._keyboard_waits:
                    self._keyboard_waits = False
                    card.buttons[0].setFocus()
                return True
        return False

    def stops(self) -> list[QWidget]:
        """What can have the keyboard, from top to bottom."""
        inside = [stop for card in self._in_order() for stop in card.stops()]
        return [*self.common_buttons, *inside, self.more_button]

    def set_locked(self, locked: bool) -> None:
        self._locked = locked
        for button in self.common_buttons:
            button.setDisabled(locked)
        for card in self.cards.values():
            card.set_locked(locked)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        columns = max(1, (self.width() + theme.NORMAL) // (_NARROWEST + theme.NORMAL))
        if columns != self._columns:
            self._columns = columns
            self._place()

    def _place(self) -> None:
        """Compact cards stand beside each other, each of the others has a row of its own."""
        self._cell = (0, 0)
        for card in self._in_order():
            self._grid.removeWidget(card)
            self._place_next(card)
        for number in range(max(self._columns, self._grid.columnCount())):
            self._grid.setColumnStretch(number, 1 if number < self._columns else 0)

    def _place_next(self, card: FindingCard) -> None:
        row, column = self._cell
        if column and not (card.compact and column < self._columns):
            row, column = row + 1, 0
        self._grid.addWidget(card, row, column, 1, 1 if card.compact else self._columns)
        self._cell = (row, column + 1 if card.compact else self._columns)

    def _visible_cases(self) -> tuple[Case, ...]:
        return self._section.cases[: self._limit] if self._section else ()

    def _in_order(self) -> list[FindingCard]:
        """The cards that are there, from top to bottom."""
        keys = [case.key for case in self._visible_cases()]
        return [self.cards[key] for key in keys if key in self.cards]

    def _show_more(self) -> None:
        self._limit += MORE
        if self._section is not None and self._review is not None:
            self.show_section(self._section, self._review, self._balanced)
        self.grown.emit()

    def _show_common(self, offered: list[Remedy]) -> None:
        """The buttons for all findings of the kind; the same ones stay."""
        self._common_remedies = offered
        while len(self.common_buttons) > len(offered):
            button = self.common_buttons.pop()
            self._common.removeWidget(button)
            button.deleteLater()
        while len(self.common_buttons) < len(offered):
            number, button = len(self.common_buttons), QPushButton()
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.clicked.connect(lambda *_, at=number: self._press(at))
            self.common_buttons.append(button)
            self._common.addWidget(button)
        for button, remedy in zip(self.common_buttons, offered, strict=True):
            button.setText(remedy.text.replace("&", "&&"))
            button.setDisabled(self._locked)
            set_kind(button, "link" if remedy.deed == "dismiss" else "")

    def _press(self, number: int) -> None:
        self.wanted.emit(self._common_remedies[number])

    def _says_the_same(self, card: FindingCard, case: Case | None) -> bool:
        if case is None or self._review is None or card.case != case:
            return False
        offered = [remedy.text for remedy in remedies(case, self._review, self._balanced)]
        return (
            card.offers() == offered
            and card.folder == self._review.folder
            and card.with_hint == self.hint.isHidden()
        )

    def _remove(self, card: FindingCard) -> None:
        del self.cards[card.case.key]
        self._grid.removeWidget(card)
        card.hide()
        self._leaving.append(card)

    def _pass_keyboard(self, cards: list[FindingCard], gone: list[FindingCard]) -> None:
        """From a card that goes to the next that stays, or to the one before; where none stays, to
        the next that is built."""
        row = next((row for row, card in enumerate(cards) if card.has_keyboard()), None)
        if row is None or cards[row] not in gone:
            return
        stays = [card for card in [*cards[row:], *reversed(cards[:row])] if card not in gone]
        if stays:
            stays[0].buttons[0].setFocus()
        self._keyboard_waits = not stays
