"""Owns the page "Which network to start from?": the lists, what is said of the choice, the card."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QWizard

from tlstudio.backbones.catalogue import RECOMMENDED, backbone
from tlstudio.backbones.weights import weights_state
from tlstudio.errors import RunError, UsageError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.basics import Notice, small_label
from tlstudio.gui.widgets.question import ask
from tlstudio.gui.wizard.network_lists import NetworkLists
from tlstudio.gui.wizard.page import Page
from tlstudio.gui.wizard.start_card import StartCard
from tlstudio.gui.wizard.start_words import megabytes
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.gui.wizard.weights_session import Outcome, WeightsSession
from tlstudio.jobs import WeightsSpec
from tlstudio.projects.own_models import OwnRun, own_run
from tlstudio.projects.places import runs_folder


class BackbonePage(Page):
    """Lists to choose from; under them what the chosen network starts from. A weights file or a
    run's folder may be dropped on it at any time."""

    page_id = PageId.BACKBONE

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        question = QCoreApplication.translate("BackbonePage", "Which network to start from?")
        super().__init__(state, engine, question)
        self.setAcceptDrops(True)
        self.session = WeightsSession(state, engine, self)
        self.body.addWidget(
            small_label(
                self.tr(
                    "Each network has already seen a great many everyday photographs; what it "
                    "learned there helps with yours. Work is what one picture costs: each doubling "
                    "makes its bar one step longer. Accuracy is what was published for ImageNet."
                ),
                wrap=True,
            )
        )
        self.lists = NetworkLists(state)
        self.lists.network_chosen.connect(self._choose)
        self.lists.model_chosen.connect(self._start_from_model)
        self.lists.folder_asked.connect(self.ask_for_run)
        self.lists.turned.connect(self.refresh)
        self.table = self.lists.table
        self.body.addWidget(self.lists, 1)
        self.notice = Notice()
        self.notice.acted.connect(self._act)
        self.result_notice = Notice()
        self.result_notice.acted.connect(self.session.repeat)
        self.card = StartCard(state, self.session)
        self.card.file_asked.connect(self.ask_for_file)
        self.card.scratch_asked.connect(self.ask_for_scratch)
        self.card.ready.connect(self._go_on)
        for widget in (self.notice, self.result_notice, self.card):
            self.body.addWidget(widget)
        self.session.changed.connect(self.refresh)
        self.session.fetched.connect(self.table.networks.look_for_weights)

    def _go_on(self) -> None:
        wizard = self.wizard()
        if wizard is not None:
            wizard.button(QWizard.WizardButton.NextButton).setFocus()

    # --- showing --------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Training may have brought weights, and a model, since the page was last seen."""
        self.table.networks.look_for_weights()
        self.lists.look_for_models()
        super().showEvent(event)

    def leave(self) -> None:
        self.lists.leave()

    def refresh(self) -> None:
        self.lists.refresh()
        self.card.refresh(self.lists.introduces(self.state.backbone_id))
        self._show_result()
        self._show_notice()

    def _show_result(self) -> None:
        outcome = self.session.outcome
        if outcome is None:
            self.result_notice.clear()
        else:
            again = self.tr("&Try again") if outcome.again else ""
            self.result_notice.say(outcome.kind, outcome.message, outcome.hint, again)

    def _show_notice(self) -> None:
        """What has to be said of the choice itself; the button does what `_act` says."""
        state = self.state
        if state.must_agree:
            self._ask_for_consent()
        elif state.weights.source == "scratch":
            self.notice.say(
                "warn",
                self.tr("{0} starts from random numbers.").format(state.backbone.name),
                self.tr(
                    "It then knows nothing of pictures: expect far worse answers, unless you have "
                    "tens of thousands of pictures and let every block learn."
                ),
                self.tr("Use the published weights"),
            )
        elif state.backbone.bundled and state.weights.source == "published":
            self._offer_better()
        else:
            self.notice.clear()

    def _ask_for_consent(self) -> None:
        weights = self.state.meant
        text = self.tr("These weights of {0} are not for commercial use ({1}).")
        self.notice.say(
            "warn",
            text.format(self.state.backbone.name, weights.licence),
            self.tr(
                "The licence also binds every model that you train from them. Choose other weights "
                "for anything commercial."
            ),
            self.tr("My use is not c&ommercial"),
        )

    def _offer_better(self) -> None:
        """Nothing is downloaded before the button is pressed that says so."""
        better = backbone(RECOMMENDED)
        here = weights_state(better.weights[0]) == "present"
        busy = self.session.running
        text = self.tr("Download {0} ({1})")
        action = text.format(better.name, megabytes(better.weights[0].bytes))
        self.notice.say(
            "info",
            self.tr("This one comes with the program: there is nothing to download."),
            self.tr(
                "Networks that learnt from ImageNet, more than a million photographs, give better "
                "answers."
            ),
            "" if busy else self.tr("Choose {0}").format(better.name) if here else action,
        )

    def set_locked(self, locked: bool) -> None:
        self.lists.set_locked(locked)
        self.notice.setDisabled(locked)
        self.result_notice.setDisabled(locked)

    # --- choosing -------------------------------------------------------------------------------

    def _act(self) -> None:
        better = backbone(RECOMMENDED)
        if self.state.must_agree:
            self.state.agree()
        elif self.state.weights.source == "scratch":
            self.state.use_default_weights()
        elif weights_state(better.weights[0]) == "present":
            self._choose(better.id)
        else:
            self.session.download(better, better.weights[0])

    def _choose(self, identifier: str) -> None:
        if not self.state.locked:
            self.session.forget()
            self.state.set_backbone(identifier)

    def _start_from_model(self, run: OwnRun) -> None:
        if self.state.locked:
            return
        self.session.forget()
        try:
            self.state.start_from(run.as_backbone())
        except UsageError as error:
            self.session.say(Outcome("error", error.message, error.hint))

    def use_run(self, folder: str) -> None:
        """Starts from the model in the folder of a run, or of a model."""
        try:
            run = own_run(Path(folder))
        except RunError as error:
            self.session.say(Outcome("error", error.message, error.hint))
        else:
            self._start_from_model(run)

    def use_file(self, file: str) -> None:
        """Finds out whose weights the file holds, and starts from them."""
        if not self.state.locked:
            self.session.identify(str(Path(file)))

    def ask_for_run(self) -> None:
        dialog = QFileDialog(self, self.tr("Choose the folder of a run"), str(runs_folder()))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.use_run)
        dialog.open()

    def ask_for_file(self) -> None:
        dialog = QFileDialog(self, self.tr("Choose a weights file"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(
            [self.tr("Weights (*.safetensors *.pth *.pt)"), self.tr("All files (*)")]
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.use_file)
        dialog.open()

    def ask_for_scratch(self) -> None:
        ask(
            self,
            self.tr("Start from random numbers?"),
            self.tr(
                "The network then knows nothing of pictures and has to learn everything from "
                "yours. With fewer than tens of thousands of pictures the answers are far worse. "
                "It makes sense for studies, and hardly ever otherwise."
            ),
            yes=self.tr("&Start from random numbers"),
            no=self.tr("&Keep the published weights"),
            then=lambda: self.state.set_weights(WeightsSpec(source="scratch")),
        )

    # --- dropping -------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if not self.state.locked and not self.session.running and event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls()]
        if len(paths) != 1 or not paths[0]:
            self.session.say(
                Outcome(
                    "warn",
                    self.tr("A network starts from one file."),
                    self.tr("Drop one weights file, or the folder of one run."),
                )
            )
        elif Path(paths[0]).is_dir():
            self.use_run(paths[0])
        else:
            self.use_file(paths[0])
        event.acceptProposedAction()
