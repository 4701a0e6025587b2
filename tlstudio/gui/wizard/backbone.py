"""Owns the page "Which network to start from?": the table, the weights, the details."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
)

from tlstudio.backbones.catalogue import Backbone
from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.backbone_table import BackboneTable, megabytes
from tlstudio.gui.widgets.basics import (
    Card,
    Fold,
    Notice,
    body_label,
    count,
    heading_label,
    link_button,
    small_label,
)
from tlstudio.gui.wizard.page import Page
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.jobs import WeightsSpec


class BackbonePage(Page):
    """A table to choose from; under it what the chosen network starts from."""

    page_id = PageId.BACKBONE

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        question = QCoreApplication.translate("BackbonePage", "Which network to start from?")
        super().__init__(state, engine, question)
        self.body.addWidget(
            small_label(
                self.tr(
                    "Each network has seen a million everyday photographs; what it learned there "
                    "helps with yours. Work is in billions of operations for one picture: more "
                    "takes longer, and with each doubling its bar grows by one step. Accuracy is "
                    "what was published for those photographs."
                ),
                wrap=True,
            )
        )
        self.table = BackboneTable(state)
        self.table.chosen.connect(self._choose)
        self.body.addWidget(self.table, 1)
        self.notice = Notice()
        self.notice.acted.connect(self.use_published)
        self.body.addWidget(self.notice)
        self.body.addWidget(self._weights_card())
        self.table.networks.look_for_weights()

    def _weights_card(self) -> Card:
        card = Card()
        card.body.setContentsMargins(theme.WIDE, 12, theme.WIDE, 12)
        self.name_label = heading_label("")
        self.weights_label = body_label("")
        self.file_button = QPushButton(self.tr("Choose a weights &file…"))
        self.file_button.clicked.connect(self.ask_for_file)
        self.published_button = QPushButton(self.tr("Use the &published weights"))
        self.published_button.clicked.connect(self.use_published)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.weights_label, 1)
        row.addWidget(self.published_button)
        row.addWidget(self.file_button)
        self.details = Fold(self.tr("&Details"))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(theme.WIDE)
        self._grid.setVerticalSpacing(theme.TIGHT)
        self._grid.setColumnStretch(1, 1)
        self._facts: list[QLabel] = []
        for line, name in enumerate(
            (self.tr("Paper"), self.tr("Year"), self.tr("Licence"), self.tr("Parameters"))
        ):
            fact = body_label("")
            fact.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._facts.append(fact)
            self._grid.addWidget(small_label(name), line, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(fact, line, 1)
        self.scratch_button = link_button(self.tr("Start from random numbers instead…"))
        self.scratch_button.clicked.connect(self.ask_for_scratch)
        self.details.body.addLayout(self._grid)
        self.details.body.addWidget(self.scratch_button, 0, Qt.AlignmentFlag.AlignLeft)
        card.body.addWidget(self.name_label)
        card.body.addLayout(row)
        card.body.addWidget(self.details)
        return card

    # --- showing --------------------------------------------------------------------------------

    def refresh(self) -> None:
        self.table.refresh()
        entry, weights = self.state.backbone, self.state.weights
        self.name_label.setText(entry.name)
        self.weights_label.setText(self._weights_sentence(entry, weights))
        self.published_button.setVisible(weights.source == "file")
        for label, text in zip(self._facts, self._fact_texts(entry), strict=True):
            label.setText(text)
        if weights.source == "scratch":
            self.notice.say(
                "warn",
                self.tr("{0} starts from random numbers.").format(entry.name),
                self.tr(
                    "It then knows nothing of pictures: expect far worse answers, unless you have "
                    "tens of thousands of pictures and let every block learn."
                ),
                self.tr("Use the published weights"),
            )
        else:
            self.notice.clear()

    def _weights_sentence(self, entry: Backbone, weights: WeightsSpec) -> str:
        if weights.source == "file":
            return self.tr("Starts from your file {0}.").format(weights.file)
        if weights.source == "scratch":
            return self.tr("Starts from random numbers.")
        if self.table.networks.is_present(entry):
            return self.tr("Starts from the published weights, which are on this computer.")
        text = self.tr(
            "Starts from the published weights. They are downloaded once ({0}) when you press "
            "Start; without a network, choose a file that you have."
        )
        return text.format(megabytes(entry.weights[0].bytes))

    def _fact_texts(self, entry: Backbone) -> tuple[str, ...]:
        text = self.tr("{0}, in {1} blocks; it looks at {2} × {2} pixels")
        size = text.format(
            count(entry.parameters), len(entry.stages), entry.weights[0].preprocessing.crop
        )
        return (entry.paper, str(entry.year), entry.weights[0].licence, size)

    def set_locked(self, locked: bool) -> None:
        mode = self.table.SelectionMode
        self.table.setSelectionMode(mode.NoSelection if locked else mode.SingleSelection)
        for button in (self.file_button, self.published_button, self.scratch_button):
            button.setDisabled(locked)
        self.notice.setDisabled(locked)

    # --- choosing -------------------------------------------------------------------------------

    def _choose(self, identifier: str) -> None:
        if not self.state.training:
            self.state.set_backbone(identifier)

    def ask_for_file(self) -> None:
        dialog = QFileDialog(self, self.tr("Choose a weights file"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(
            [self.tr("Weights (*.safetensors *.pth *.pt)"), self.tr("All files (*)")]
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.use_file)
        dialog.open()

    def use_file(self, file: str) -> None:
        """Starts the chosen network from this file; whether it fits is checked at the start."""
        self.state.set_weights(WeightsSpec(source="file", file=str(Path(file))))

    def use_published(self) -> None:
        self.state.set_weights(WeightsSpec())

    def ask_for_scratch(self) -> None:
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(self.tr("Start from random numbers?"))
        box.setText(self.tr("Start from random numbers?"))
        box.setInformativeText(
            self.tr(
                "The network then knows nothing of pictures and has to learn everything from "
                "yours. With fewer than tens of thousands of pictures the answers are far worse. "
                "It makes sense for studies, and hardly ever otherwise."
            )
        )
        go = box.addButton(
            self.tr("&Start from random numbers"), QMessageBox.ButtonRole.DestructiveRole
        )
        keep = box.addButton(
            self.tr("&Keep the published weights"), QMessageBox.ButtonRole.RejectRole
        )
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        go.clicked.connect(lambda: self.state.set_weights(WeightsSpec(source="scratch")))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()
