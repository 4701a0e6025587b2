"""Owns the table of the user's own models: what stands in its cells, and which of them match."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from tlstudio.backbones.catalogue import catalogue
from tlstudio.gui.widgets.choice_table import CHOSEN_ROLE, SHARE_ROLE, ChoiceModel, ChoiceTable
from tlstudio.gui.widgets.thumbnails import Index
from tlstudio.gui.wizard.state import WizardState
from tlstudio.projects.own_models import OwnRun


class OwnColumn(IntEnum):
    NAME = 0
    DATE = 1
    CLASSES = 2
    ACCURACY = 3
    NETWORK = 4


class OwnModelsModel(ChoiceModel):
    """Finished runs, the newest first."""

    def __init__(self, state: WizardState, parent: QWidget) -> None:
        super().__init__(parent)
        self.state = state
        self.runs: tuple[OwnRun, ...] = ()
        self.rows: list[OwnRun] = []
        self._query = ""
        self._networks = {entry.id: entry.name for entry in catalogue()}

    def set_runs(self, runs: Sequence[OwnRun]) -> None:
        self.runs = tuple(runs)
        self._arrange()

    def search(self, query: str) -> None:
        """Shows the runs that have every word in their name, a class or the network's name."""
        if query != self._query:
            self._query = query
            self._arrange()

    def _arrange(self) -> None:
        words = self._query.casefold().split()
        self.beginResetModel()
        self.rows = [run for run in self.runs if all(word in self._text_of(run) for word in words)]
        self.endResetModel()

    def _text_of(self, run: OwnRun) -> str:
        return " ".join((run.name, self._networks.get(run.backbone, ""), *run.classes)).casefold()

    def refresh(self) -> None:
        if self.rows:
            last = self.index(len(self.rows) - 1, len(OwnColumn) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def chosen_row(self) -> int | None:
        return next(
            (n for n, run in enumerate(self.rows) if run.run == self.state.weights.run), None
        )

    def flags(self, index: Index) -> Qt.ItemFlag:
        """The window only knows the catalogue's networks."""
        known = self.rows[index.row()].backbone in self._networks
        return super().flags(index) if known else Qt.ItemFlag.NoItemFlags

    def titles(self) -> tuple[str, ...]:
        return (
            self.tr("Model"),
            self.tr("Date"),
            self.tr("Classes"),
            self.tr("Accuracy"),
            self.tr("Network"),
        )

    def side(self, column: int) -> Qt.AlignmentFlag:
        numbers = column in {OwnColumn.CLASSES, OwnColumn.ACCURACY, OwnColumn.DATE}
        return Qt.AlignmentFlag.AlignRight if numbers else Qt.AlignmentFlag.AlignLeft

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        run, column = self.rows[index.row()], OwnColumn(index.column())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(run, column)
            case Qt.ItemDataRole.TextAlignmentRole:
                return self.side(column)
            case Qt.ItemDataRole.ToolTipRole:
                return f"{run.run}\n{', '.join(run.classes)}"
            case _ if role == CHOSEN_ROLE:
                return run.run == self.state.weights.run
            case _ if role == SHARE_ROLE and column == OwnColumn.ACCURACY:
                return run.accuracy
        return None

    def _text(self, run: OwnRun, column: OwnColumn) -> str:
        unknown = self.tr("{0}: only with the command line")
        return {
            OwnColumn.NAME: run.name,
            OwnColumn.DATE: f"{run.made.astimezone():%Y-%m-%d}",
            OwnColumn.CLASSES: f"{len(run.classes):,}",
            OwnColumn.ACCURACY: f"{100 * run.accuracy:.1f}\u00a0%",
            OwnColumn.NETWORK: self._networks.get(run.backbone, unknown.format(run.backbone)),
        }[column]


class OwnModelsTable(ChoiceTable):
    """The models that earlier runs made."""

    chosen = Signal(object)

    def __init__(self, state: WizardState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.models = OwnModelsModel(state, self)
        self.setModel(self.models)
        self.setAccessibleName(self.tr("Your own models"))
        self.arrange(
            {
                OwnColumn.DATE: "0000-00-00",
                OwnColumn.CLASSES: self.tr("Classes 0"),
                OwnColumn.ACCURACY: self.tr("Accuracy 00"),
                OwnColumn.NETWORK: self.tr("EfficientNetV2-S, long"),
            }
        )
        self.models.modelReset.connect(self.mark_chosen)
        self.picked.connect(lambda row: self.chosen.emit(self.models.rows[row]))

    def refresh(self) -> None:
        self.models.refresh()
        self.mark_chosen()

    def mark_chosen(self) -> None:
        self.mark(self.models.chosen_row())
