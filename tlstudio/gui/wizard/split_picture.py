"""Owns the picture of a split: how many pictures each part has, in all and of every class."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import (
    Card,
    body_label,
    count,
    heading_label,
    link_button,
    small_label,
)
from tlstudio.gui.widgets.parts import (
    ClassRow,
    ClassStacks,
    StackBar,
    Swatch,
    place_name,
)
from tlstudio.gui.wizard import split_choice
from tlstudio.jobs import ScanResult
from tlstudio.projects.index import Place

_FEW_CLASSES = 8
"""More classes than this are folded away behind the smallest ones."""


class PartFigure(QWidget):
    """A part's sample and name, its number, and what it is for."""

    def __init__(self, place: Place, purpose: str) -> None:
        super().__init__()
        self._place = place
        self.number = heading_label("")
        head = QHBoxLayout()
        head.setSpacing(theme.NORMAL)
        head.addWidget(Swatch(place), 0, Qt.AlignmentFlag.AlignVCenter)
        head.addWidget(body_label(place_name(place)), 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP // 2)
        column.addLayout(head)
        column.addWidget(self.number)
        column.addWidget(small_label(purpose, wrap=True))
        column.addStretch(1)

    def show_number(self, number: int, whole: int) -> None:
        text = self.tr("none")
        if number:
            text = f"{count(number)} · {split_choice.percent(number, whole)}"
        self.number.setText(text)
        self.setVisible(bool(number) or self._place != "aside")


class SplitPicture(Card):
    """A figure and a bar a part, and a thin bar a class; of many classes the smallest first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scan: ScanResult | None = None
        self._all_classes = False
        self.busy = small_label("")
        head = QHBoxLayout()
        head.addWidget(heading_label(self.tr("Who does what")))
        head.addStretch(1)
        head.addWidget(self.busy)
        purposes: dict[Place, str] = {
            "train": self.tr("is learned from"),
            "val": self.tr("chooses the best epoch"),
            "test": self.tr("is scored only when you ask"),
            "aside": self.tr("counts nowhere"),
        }
        self.figures = {place: PartFigure(place, words) for place, words in purposes.items()}
        figures = QHBoxLayout()
        figures.setSpacing(theme.WIDE)
        for figure in self.figures.values():
            figures.addWidget(figure, 1)
        self.bar = StackBar(22)
        self.classes = ClassStacks()
        self.classes_button = link_button("")
        self.classes_button.clicked.connect(self._toggle_classes)
        self.body.addLayout(head)
        self.body.addLayout(figures)
        self.body.addWidget(self.bar)
        self.body.addWidget(self.classes)
        self.body.addWidget(self.classes_button, 0, Qt.AlignmentFlag.AlignLeft)

    def show_busy(self, looking: bool) -> None:
        """Says that the numbers are about to change."""
        self.busy.setText(self.tr("Looking again…") if looking else "")

    def show_scan(self, scan: ScanResult) -> None:
        self._scan = scan
        numbers = split_choice.counts(scan)
        whole = sum(numbers.values())
        for place, figure in self.figures.items():
            figure.show_number(numbers[place], whole)
        self.bar.show_counts(numbers)
        rows = [
            ClassRow(name, dict[Place, int](parts.items())) for name, parts in scan.parts.items()
        ]
        many = len(rows) > _FEW_CLASSES
        if many and not self._all_classes:
            by_size = sorted(range(len(rows)), key=lambda i: sum(rows[i].counts.values()))
            rows = [rows[i] for i in sorted(by_size[:_FEW_CLASSES])]
        self.classes.show_rows(rows)
        self.classes.setVisible(bool(rows))
        self.classes_button.setVisible(many)
        text = self.tr("Show all {0} classes, not only the {1} smallest")
        if self._all_classes:
            text = self.tr("Show only the {1} smallest of {0} classes")
        self.classes_button.setText(text.format(len(scan.parts), _FEW_CLASSES))

    def _toggle_classes(self) -> None:
        self._all_classes = not self._all_classes
        if self._scan is not None:
            self.show_scan(self._scan)
