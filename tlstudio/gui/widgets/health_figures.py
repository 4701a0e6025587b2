"""Owns the row of figures on top of the health page: the balance of classes, and the sizes."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import Card, count, heading_label, link_button, small_label
from tlstudio.gui.widgets.class_balance import ClassBalance
from tlstudio.gui.widgets.parts import PLACES, Swatch, place_name
from tlstudio.gui.widgets.size_plot import SizePlot
from tlstudio.gui.wizard.review import Review
from tlstudio.projects.index import Place


class HealthFigures(QWidget):
    """Classes on the left, sizes and formats on the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._classes(), 3)
        row.addWidget(self._sizes(), 2)

    def _classes(self) -> Card:
        card = _figure_card()
        self.balance = ClassBalance()
        self.all_button = link_button("")
        self.all_button.setCheckable(True)
        self.all_button.setStyleSheet("padding: 0 2px; min-height: 0;")
        self.all_button.toggled.connect(self._unfold)
        top = QHBoxLayout()
        top.addWidget(heading_label(self.tr("Pictures of each class")), 1)
        top.addWidget(self.all_button)
        card.body.addLayout(top)
        card.body.addWidget(self.balance, 1)
        card.body.addLayout(self._make_legend())
        return card

    def _make_legend(self) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(12)
        self._legend: dict[Place, QWidget] = {}
        for place in PLACES:
            entry = QWidget()
            inside = QHBoxLayout(entry)
            inside.setContentsMargins(0, 0, 0, 0)
            inside.setSpacing(theme.TIGHT)
            inside.addWidget(Swatch(place), 0, Qt.AlignmentFlag.AlignVCenter)
            inside.addWidget(small_label(place_name(place)))
            self._legend[place] = entry
            line.addWidget(entry)
        line.addStretch(1)
        return line

    def _sizes(self) -> Card:
        card = _figure_card()
        self.sizes = SizePlot()
        self.size_words = small_label("", wrap=True)
        card.body.addWidget(heading_label(self.tr("Sizes")))
        card.body.addWidget(self.sizes, 1)
        card.body.addWidget(self.size_words)
        return card

    def show_review(self, review: Review) -> None:
        self.balance.show_classes(list(review.classes.items()))
        there = _places(review)
        for place, entry in self._legend.items():
            entry.setVisible(place in there)
        self.all_button.setVisible(self.balance.folded)
        self._unfold(self.all_button.isChecked())
        self.sizes.show_sizes(review.sizes)
        self.size_words.setText(f"{self.sizes.sentence()} {_formats(review)}".strip())

    def stops(self) -> list[QWidget]:
        """What can have the keyboard."""
        return [self.all_button]

    def _unfold(self, whole: bool) -> None:
        self.balance.set_whole(whole)
        text = self.tr("Show fewer") if whole else self.tr("Show all classes")
        self.all_button.setText(text)


def _figure_card() -> Card:
    card = Card()
    card.body.setContentsMargins(12, 12, 12, 12)
    return card


def _places(review: Review) -> set[Place]:
    there: set[Place] = set()
    for counts in review.classes.values():
        there.update(place for place, number in counts.items() if number)
    return there


def _formats(review: Review) -> str:
    """ "390 JPEG, 7 PNG"."""
    ordered: Iterable[tuple[str, int]] = sorted(
        review.formats.items(), key=lambda item: (-item[1], item[0])
    )
    named = [(name, number) for name, number in ordered if name]
    if len(named) == 1:
        return f"{named[0][0]}."
    return ", ".join(f"{count(number)} {name}" for name, number in named) + "." if named else ""
