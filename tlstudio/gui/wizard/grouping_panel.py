"""Owns the part of the split page that says what stays on one side, and asks what else shall."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import Fold, body_label, small_label
from tlstudio.gui.wizard.own_rule import OwnRule
from tlstudio.gui.wizard.split_choice import applies, with_rule, without_rule
from tlstudio.jobs import Grouping, Proposal

_NAMES = 4
"""Example names on a card."""


class ProposalCard(QFrame):
    """A grouping that the pictures suggest, with the switch that makes it count."""

    switched = Signal(bool)

    def __init__(self, proposal: Proposal, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.proposal = proposal
        self.setProperty("kind", "inset")
        words = body_label(proposal.sentence)
        self.switch = QCheckBox(self.tr("Keep these together"))
        self.switch.setAccessibleDescription(proposal.sentence)
        self.switch.clicked.connect(self.switched)
        foot = QHBoxLayout()
        foot.setSpacing(theme.WIDE)
        foot.addWidget(self.switch)
        foot.addStretch(1)
        groups = self.tr("{0} groups").format(f"{proposal.groups:,}")
        foot.addWidget(small_label(groups), 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, theme.NORMAL, 12, theme.NORMAL)
        column.setSpacing(theme.TIGHT)
        column.addWidget(words)
        names = [each.rsplit("/", 1)[-1] for each in proposal.examples]
        others = [name for name in names if name not in proposal.sentence][:_NAMES]
        if others:
            text = self.tr("Also {0}") if len(others) < len(names) else self.tr("For example {0}")
            column.addWidget(small_label(text.format(", ".join(others)), wrap=True))
        column.addLayout(foot)


class GroupingPanel(QWidget):
    """`changed` brings the grouping that the user wants from now on."""

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.grouping = Grouping()
        self.cards: list[ProposalCard] = []
        self._proposals: tuple[Proposal, ...] = ()
        self._always = _Fact(self)
        self._column_fact = _Fact(self)
        self._none = small_label("", wrap=True)
        self._holder = QVBoxLayout()
        self._holder.setSpacing(theme.NORMAL)
        self.fold = Fold(self.tr("A &rule of your own"))
        self.rule = OwnRule()
        self.rule.changed.connect(self._want)
        self.fold.body.addWidget(self.rule)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.NORMAL)
        for widget in (self._always, self._column_fact):
            column.addWidget(widget)
        column.addLayout(self._holder)
        column.addWidget(self._none)
        column.addWidget(self.fold)

    def show_always(self, duplicates: str, column: str) -> None:
        """What is kept together without being asked: duplicates, and a column of the table."""
        self._always.say(duplicates)
        self._column_fact.say(column)

    def show_grouping(self, grouping: Grouping, proposals: Sequence[Proposal]) -> None:
        """Which groupings there are to choose, and which count."""
        if tuple(proposals) != self._proposals:
            self._proposals = tuple(proposals)
            self._make_cards()
        self.grouping = grouping
        for card in self.cards:
            card.switch.setChecked(applies(grouping, card.proposal.grouping))
        own = grouping
        for card in self.cards:
            if card.switch.isChecked():
                own = without_rule(own, card.proposal.grouping)
        self._none.setVisible(not self.cards)
        self._none.setText(
            self.tr("The names, folders and times of these pictures suggest no other groups.")
        )
        self.rule.show_rule(own, grouping)
        if own != Grouping():
            self.fold.set_open(True)

    def stops(self) -> list[QWidget]:
        """What can have the keyboard, from top to bottom."""
        return [*(card.switch for card in self.cards), self.fold.button, *self.rule.stops()]

    def set_locked(self, locked: bool) -> None:
        for card in self.cards:
            card.switch.setDisabled(locked)
        self.rule.setDisabled(locked)

    def _make_cards(self) -> None:
        for card in self.cards:
            self._holder.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = [ProposalCard(proposal) for proposal in self._proposals]
        for card in self.cards:
            self._holder.addWidget(card)
            card.switched.connect(lambda on, card=card: self._switched(card, on))

    def _switched(self, card: ProposalCard, on: bool) -> None:
        rule = card.proposal.grouping
        self._want(with_rule(self.grouping, rule) if on else without_rule(self.grouping, rule))

    def _want(self, grouping: Grouping) -> None:
        self.changed.emit(grouping)


class _Fact(QWidget):
    """A sentence about what holds in any case; hidden where there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        sign = QLabel("✓")
        sign.setProperty("kind", "sign-ok")
        sign.setAccessibleName(QCoreApplication.translate("GroupingPanel", "Always"))
        self._words = body_label("")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.NORMAL)
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._words, 1)

    def say(self, sentence: str) -> None:
        self._words.setText(sentence)
        self.setVisible(bool(sentence))
