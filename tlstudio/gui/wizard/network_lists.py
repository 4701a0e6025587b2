"""Owns the three lists to start from: recommended networks, all of them, the user's own models."""

from __future__ import annotations

from enum import IntEnum

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from tlstudio.backbones.catalogue import catalogue
from tlstudio.gui import theme
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.widgets.backbone_table import BackboneTable
from tlstudio.gui.widgets.basics import heading_label, hint_label, small_label
from tlstudio.gui.widgets.own_models_table import OwnModelsTable
from tlstudio.gui.widgets.search_field import SearchField
from tlstudio.gui.wizard.state import WizardState
from tlstudio.projects.everywhere import every_model
from tlstudio.projects.own_models import OwnRun
from tlstudio.tasks import Task


class Tab(IntEnum):
    RECOMMENDED = 0
    ALL = 1
    OWN = 2


class NetworkLists(QWidget):
    """Tabs, a search field, and the table or what stands in its place where there is nothing."""

    network_chosen = Signal(str)
    model_chosen = Signal(object)
    folder_asked = Signal()
    turned = Signal()
    """Another list is shown."""

    def __init__(self, state: WizardState) -> None:
        super().__init__()
        self._state = state
        self._reading: TaskThread | None = None
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName(self.tr("Lists"))
        self.tabs.addTab(self.tr("Recommended"))
        self.tabs.addTab(self.tr("All {0} networks").format(len(catalogue())))
        self.tabs.addTab(self.tr("Your own models"))
        self.search = SearchField(self.tr("Search"))
        self.search.setFixedWidth(220)
        self.table = BackboneTable(state)
        self.table.chosen.connect(self.network_chosen)
        self.models = OwnModelsTable(state)
        self.models.chosen.connect(self.model_chosen)
        self._stack = QStackedWidget()
        self._nothing = self._nothing_found()
        for widget in (self.table, self._own(), self._no_models(), self._nothing):
            self._stack.addWidget(widget)
        top = QHBoxLayout()
        top.addWidget(self.tabs)
        top.addStretch(1)
        top.addWidget(self.search)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.NORMAL)
        column.addLayout(top)
        column.addWidget(self._stack, 1)
        self.setMinimumHeight(190)
        self.tabs.currentChanged.connect(self._show_rows)
        self.search.textChanged.connect(self._searched)
        self.search.list_asked.connect(self._go_to_list)
        if self.table.networks.row_of(state.backbone_id) is None:
            self.show_tab(Tab.ALL)
        find = QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self)
        find.activated.connect(self.search.setFocus)

    # --- what stands in the place of a table ----------------------------------------------------

    def _own(self) -> QWidget:
        self._own_page = QWidget()
        column = QVBoxLayout(self._own_page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.NORMAL)
        self.folder_button = QPushButton(self.tr("Choose a &run folder…"))
        self.folder_button.clicked.connect(self.folder_asked)
        row = QHBoxLayout()
        row.addWidget(
            small_label(
                self.tr(
                    "What a model learnt from one set of pictures helps it with a related one: "
                    "train on many first, then start here for the few."
                ),
                wrap=True,
            ),
            1,
        )
        row.addWidget(self.folder_button)
        column.addLayout(row)
        column.addWidget(self.models, 1)
        return self._own_page

    def _no_models(self) -> QWidget:
        button = QPushButton(self.tr("Choose a &run folder…"))
        button.clicked.connect(self.folder_asked)
        self._empty = _centred(
            self.tr("No model of yours yet"),
            self.tr(
                "Every model that you train appears here, and the next training can start from "
                "it: what it learnt from many pictures helps with few of a related kind."
            ),
            button,
        )
        return self._empty

    def _nothing_found(self) -> QWidget:
        clear = QPushButton(self.tr("Clear the &search"))
        clear.clicked.connect(self._clear_search)
        return _centred(
            self.tr("Nothing has this name"),
            self.tr(
                "Search by name, family or year: “resnet”, “vit b 16”, “2022”. Networks of the "
                "library timm can be used with the command line."
            ),
            clear,
        )

    # --- showing --------------------------------------------------------------------------------

    def refresh(self) -> None:
        self.table.refresh()
        self.models.refresh()

    def set_locked(self, locked: bool) -> None:
        self.table.set_locked(locked)
        self.models.set_locked(locked)
        self.folder_button.setDisabled(locked)
        self._empty.setDisabled(locked)

    def introduces(self, identifier: str) -> bool:
        """Whether the list that is shown has this network with its sentence."""
        shown = self.table.networks.row_of(identifier) is not None
        return shown and self.tabs.currentIndex() == Tab.RECOMMENDED

    def show_tab(self, tab: Tab) -> None:
        self.tabs.setCurrentIndex(tab)

    def _searched(self, text: str) -> None:
        """What is looked for may be any network, unless the user is among their own models."""
        if text and self.tabs.currentIndex() == Tab.RECOMMENDED:
            self.tabs.setCurrentIndex(Tab.ALL)
        else:
            self._show_rows()

    def _show_rows(self) -> None:
        tab, query = self.tabs.currentIndex(), self.search.text()
        if tab == Tab.OWN:
            self.models.models.search(query)
            found = self._own_page if self.models.models.runs else self._empty
            some = not self.models.models.runs or bool(self.models.models.rows)
        else:
            self.table.show_rows(tab == Tab.ALL, query if tab == Tab.ALL else "")
            found, some = self.table, bool(self.table.networks.rows)
        self._stack.setCurrentWidget(found if some else self._nothing)
        self.turned.emit()

    def _clear_search(self) -> None:
        self.search.setFocus()
        self.search.clear()

    def _go_to_list(self) -> None:
        """From the field to the list; with one row in it, that is the choice."""
        table = self.models if self.tabs.currentIndex() == Tab.OWN else self.table
        if not table.isVisible():
            return
        table.setFocus()
        if not table.currentIndex().isValid():
            table.go_to_first()

    # --- the user's own models ------------------------------------------------------------------

    def look_for_models(self) -> None:
        """Reads what the finished runs say of themselves, beside the window."""
        if self._reading is None:
            self._reading = thread = TaskThread(_read_own_models, parent=self)
            thread.succeeded.connect(self._show_models)
            thread.ended.connect(self._read)
            thread.start()

    def _show_models(self, runs: tuple[OwnRun, ...]) -> None:
        if runs != self.models.models.runs:
            self.models.models.set_runs(runs)
            self.tabs.setTabText(
                Tab.OWN,
                self.tr("Your own models ({0})").format(len(runs))
                if runs
                else self.tr("Your own models"),
            )
            self._show_rows()

    def _read(self) -> None:
        self._reading = None

    def leave(self) -> None:
        """Waits for the reading, which is short."""
        if self._reading is not None:
            self._reading.wait()


def _read_own_models() -> Task[tuple[OwnRun, ...]]:
    yield from ()
    return every_model()


def _centred(heading: str, words: str, button: QPushButton) -> QWidget:
    widget = QWidget()
    text = hint_label(words)
    text.setMaximumWidth(460)
    inside = QVBoxLayout()
    inside.setSpacing(theme.NORMAL)
    inside.addStretch(1)
    inside.addWidget(heading_label(heading))
    inside.addWidget(text)
    inside.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
    inside.addStretch(1)
    row = QHBoxLayout(widget)
    row.addStretch(1)
    row.addLayout(inside, 2)
    row.addStretch(1)
    return widget
