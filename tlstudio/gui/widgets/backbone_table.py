"""Owns the table of networks: what stands in its cells, sorting and searching."""

from __future__ import annotations

import math
from enum import IntEnum

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from tlstudio.backbones.catalogue import RECOMMENDED, Backbone, catalogue
from tlstudio.backbones.weights import weights_here
from tlstudio.gui.widgets.choice_table import (
    CHOSEN_ROLE,
    HEADING_ROLE,
    PRAISE_ROLE,
    SENTENCE_ROLE,
    SHARE_ROLE,
    ChoiceModel,
    ChoiceTable,
)
from tlstudio.gui.widgets.thumbnails import Index
from tlstudio.gui.wizard.network_list import Order, Row, found, recommended
from tlstudio.gui.wizard.start_words import megabytes
from tlstudio.gui.wizard.state import WizardState


class Column(IntEnum):
    NETWORK = 0
    YEAR = 1
    WORK = 2
    ACCURACY = 3
    SIZE = 4
    WEIGHTS = 5


_ORDERS: dict[int, Order] = {
    Column.NETWORK: "name",
    Column.YEAR: "year",
    Column.WORK: "work",
    Column.ACCURACY: "accuracy",
    Column.SIZE: "size",
}


class BackboneModel(ChoiceModel):
    """The recommended networks with a sentence each, or all that match a search, in short."""

    def __init__(self, state: WizardState, parent: QWidget) -> None:
        super().__init__(parent)
        self.state = state
        self.all, self.query = False, ""
        self._order: Order | None = None
        self._descending = False
        self._present: frozenset[tuple[str, str]] = frozenset()
        work = [entry.weights[0].gflops for entry in catalogue()]
        self._least_work, self._most_work = min(work), max(work)
        self.rows: list[Row] = recommended()

    def look_for_weights(self) -> None:
        """Looks by name and size which networks have weights on this computer."""
        self._present = weights_here()
        self.refresh()

    def show_rows(self, every: bool, query: str) -> None:
        """All networks that match the search, or, without `every`, the recommended ones."""
        if (every, query) != (self.all, self.query):
            self.all, self.query = every, query
            self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._order = _ORDERS.get(column)
        self._descending = order == Qt.SortOrder.DescendingOrder
        self._arrange()

    def _arrange(self) -> None:
        self.beginResetModel()
        if self.all:
            self.rows = found(self.query, self._order, self._descending)
        else:
            self.rows = recommended(self._order, self._descending)
        self.endResetModel()

    def refresh(self) -> None:
        """The choice changed, and with it where the weights come from."""
        if self.rows:
            last = self.index(len(self.rows) - 1, len(Column) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def row_of(self, identifier: str) -> int | None:
        rows = enumerate(self.rows)
        return next(
            (n for n, row in rows if not isinstance(row, str) and row.id == identifier), None
        )

    def weights_words(self, entry: Backbone) -> str:
        """Where this network's weights are: those that are chosen, or its first ones."""
        weights = entry.weights[0]
        if entry.id == self.state.backbone_id:
            weights = self.state.published or weights
            words = {
                "file": self.tr("a file of yours"),
                "run": self.tr("a model of yours"),
                "scratch": self.tr("random numbers"),
            }.get(self.state.weights.source)
            if words is not None:
                return words
        if weights.url is None:
            return self.tr("come with the program")
        here = (entry.id, weights.name) in self._present
        words = self.tr("on this computer") if here else self.tr("to download")
        if not weights.commercial:
            words += "\n" + self.tr("not commercial")
        return words

    def flags(self, index: Index) -> Qt.ItemFlag:
        """The keyboard passes over headings."""
        if isinstance(self.rows[index.row()], str):
            return Qt.ItemFlag.NoItemFlags
        return super().flags(index)

    def titles(self) -> tuple[str, ...]:
        return (
            self.tr("Network"),
            self.tr("Year"),
            self.tr("Work, GFLOPs"),
            self.tr("Accuracy"),
            self.tr("Size"),
            self.tr("Weights"),
        )

    def side(self, column: int) -> Qt.AlignmentFlag:
        words = column in {Column.NETWORK, Column.WEIGHTS}
        return Qt.AlignmentFlag.AlignLeft if words else Qt.AlignmentFlag.AlignRight

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row, column = self.rows[index.row()], Column(index.column())
        if isinstance(row, str):
            shown = role == Qt.ItemDataRole.DisplayRole and column == Column.NETWORK
            return row if shown else role == HEADING_ROLE or None
        return self._cell(row, column, role)

    def _cell(self, entry: Backbone, column: Column, role: int) -> object:
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(entry, column)
            case Qt.ItemDataRole.TextAlignmentRole:
                return self.side(column)
            case _ if role == CHOSEN_ROLE:
                return entry.id == self.state.backbone_id
            case _ if role == SHARE_ROLE:
                return self._share(entry, column)
        return self._words(entry, role) if column == Column.NETWORK else None

    def _words(self, entry: Backbone, role: int) -> str | None:
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{entry.name}. {entry.sentence}"
        if role == SENTENCE_ROLE and not self.all:
            return entry.sentence
        if role == PRAISE_ROLE and not self.all:
            return self._praise(entry)
        return None

    def _praise(self, entry: Backbone) -> str | None:
        if entry.bundled:
            return self.tr("Comes with the program: works at once, without the internet")
        if entry.id == RECOMMENDED:
            return self.tr("Recommended: small, quick, learns from few pictures")
        return None

    def _share(self, entry: Backbone, column: Column) -> float | None:
        """Each doubling of the work is one step further: the networks differ by a factor of
        thousands, and on a plain scale most bars would be dots."""
        weights = entry.weights[0]
        if column == Column.ACCURACY and weights.top1 is not None:
            return weights.top1 / 100
        if column != Column.WORK:
            return None
        steps = math.log2(weights.gflops / self._least_work)
        return (1 + steps) / (1 + math.log2(self._most_work / self._least_work))

    def _text(self, entry: Backbone, column: Column) -> str:
        weights = entry.weights[0]
        return {
            Column.NETWORK: entry.name,
            Column.YEAR: str(entry.year),
            Column.WORK: f"{weights.gflops:,.{2 if weights.gflops < 1 else 1}f}",
            Column.ACCURACY: "–" if weights.top1 is None else f"{weights.top1:.1f}\u00a0%",
            Column.SIZE: megabytes(weights.bytes),
            Column.WEIGHTS: self.weights_words(entry),
        }[column]


class BackboneTable(ChoiceTable):
    """The networks; a click on a column's title sorts, a third one takes that back."""

    chosen = Signal(str)

    def __init__(self, state: WizardState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks = BackboneModel(state, self)
        self.setModel(self.networks)
        self.setAccessibleName(self.tr("Networks"))
        header = self.horizontalHeader()
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.setColumnHidden(Column.YEAR, True)
        self.arrange(
            {
                Column.YEAR: "00000",
                Column.WORK: self.tr("Work, GFLOPs"),
                Column.ACCURACY: self.tr("Accuracy 00"),
                Column.SIZE: "0,000 MB",
                Column.WEIGHTS: self.tr("come with the program"),
            }
        )
        self.networks.modelReset.connect(self.mark_chosen)
        self.picked.connect(self._choose)
        self.mark_chosen()

    def entry(self, row: int) -> Backbone:
        """The network in a row as it is shown now. Raises `TypeError` for a heading."""
        entry = self.networks.rows[row]
        if isinstance(entry, str):
            raise TypeError("a heading is no network")
        return entry

    def show_rows(self, every: bool, query: str = "") -> None:
        self.setColumnHidden(Column.YEAR, not every)
        self.networks.show_rows(every, query)

    def refresh(self) -> None:
        self.networks.refresh()
        self.mark_chosen()

    def mark_chosen(self) -> None:
        self.mark(self.networks.row_of(self.networks.state.backbone_id))

    def _choose(self, row: int) -> None:
        self.chosen.emit(self.entry(row).id)
