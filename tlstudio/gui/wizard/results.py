"""Owns the page that says how good the model is, what it confuses, and with which pictures."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.widgets.basics import (
    Card,
    Notice,
    body_label,
    heading_label,
    hint_label,
    link_button,
    small_label,
    title_label,
)
from tlstudio.gui.widgets.confusion import ConfusionMatrix
from tlstudio.gui.widgets.job_progress import JobProgress
from tlstudio.gui.widgets.picture_dialog import PictureDialog
from tlstudio.gui.widgets.picture_list import PictureList
from tlstudio.gui.widgets.thumbnails import ThumbnailLoader
from tlstudio.gui.wizard import results_words as words
from tlstudio.gui.wizard.locked_pictures import LockedPictures
from tlstudio.gui.wizard.page import Page
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.jobs import EvaluateJob, EvaluationResult, ScoredPrediction, TrainResult
from tlstudio.tasks import Event, Progress, Waiting


class ResultsPage(Page):
    """Evaluates the run when it is entered for the first time, and shows what came of it."""

    page_id = PageId.RESULTS

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        question = QCoreApplication.translate("ResultsPage", "How good is it?")
        super().__init__(state, engine, question)
        self._thread: TaskThread | None = None
        self._asked: TrainResult | None = None
        self._shown: EvaluationResult | None = None
        self.loader = ThumbnailLoader(self)
        self._build()

    # --- putting it together --------------------------------------------------------------------

    def _build(self) -> None:
        self.notice = Notice()
        self.notice.acted.connect(self._evaluate)
        self.progress = JobProgress()
        self.progress.cancelled.connect(self._cancel)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._waiting())
        self._stack.addWidget(self._findings())
        self.body.addWidget(self.notice)
        self.body.addWidget(self._stack, 1)

    def _waiting(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        card = Card()
        card.body.addWidget(self.progress)
        column.addWidget(card)
        column.addStretch(1)
        return page

    def _findings(self) -> QWidget:
        page = QWidget()
        self.headline = title_label("")
        self.headline.setWordWrap(True)
        self.basis = hint_label("")
        self.comparison = body_label("")
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.NORMAL)
        for label in (self.headline, self.comparison, self.basis):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(label)
        self.locked = LockedPictures(self.state, self.engine)
        column.addWidget(self.locked)
        row = QHBoxLayout()
        row.setSpacing(theme.WIDE)
        row.addWidget(self._matrix_card(), 4)
        row.addWidget(self._pictures_card(), 3)
        column.addSpacing(theme.TIGHT)
        column.addLayout(row, 1)
        return page

    def _matrix_card(self) -> QWidget:
        card = Card()
        self.matrix = ConfusionMatrix()
        self.matrix.cell_chosen.connect(self._show_cell)
        card.body.addWidget(heading_label(self.tr("What is confused with what")))
        card.body.addWidget(self.matrix, 1)
        caption = self.tr("On the diagonal is what was right. Choose a cell to see its pictures.")
        card.body.addWidget(small_label(caption, wrap=True))
        return card

    def _pictures_card(self) -> QWidget:
        card = Card()
        self.pictures_heading = heading_label("")
        self.pictures_heading.setWordWrap(True)
        self.pictures_heading.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.pictures = PictureList(self.loader)
        self.pictures.opened.connect(self._open)
        self.all_wrong = link_button(self.tr("Show &everything that was wrong"))
        self.all_wrong.setAccessibleName(self.tr("Show everything that was wrong"))
        self.all_wrong.clicked.connect(self._show_wrong)
        card.body.addWidget(self.pictures_heading)
        card.body.addWidget(self.pictures, 1)
        card.body.addWidget(self.all_wrong, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    # --- asking the engine ----------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._evaluate_another()

    def _evaluate_another(self) -> None:
        """Whenever another run is shown than was asked last."""
        another = self._asked is not self.state.trained and self.state.evaluation is None
        if another and self.isVisible():
            self._evaluate()

    def _evaluate(self) -> None:
        trained = self.state.trained
        if trained is None or self._thread is not None:
            return
        self._asked = trained
        self.notice.clear()
        self._stack.setCurrentIndex(0)
        self._stack.show()
        self.progress.begin(self.tr("Checking the answers on pictures it has not learned from"))
        self._thread = thread = self.engine.start(EvaluateJob(run=trained.run))
        thread.progressed.connect(self._on_event)
        thread.succeeded.connect(self._on_result)
        thread.failed.connect(self._on_failure)
        thread.cancelled.connect(self._on_cancel)

    def _cancel(self) -> None:
        if self._thread is not None:
            self._thread.cancel()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Progress | Waiting):
            self.progress.show_progress(event)

    def _on_result(self, result: EvaluationResult) -> None:
        self._thread = None
        if self.state.trained is self._asked:
            self.state.set_evaluation(result)
        else:
            self._evaluate_another()

    def _on_failure(self, message: str, hint: str) -> None:
        self._thread = None
        if self.state.trained is not self._asked:
            self._evaluate_another()
            return
        self._stack.hide()
        self.notice.say("error", message, hint, self.tr("&Try again"))

    def _on_cancel(self) -> None:
        self._thread = None
        self._stack.hide()
        message = self.tr("The answers were not checked to the end, so there is no figure yet.")
        self.notice.say("info", message, action=self.tr("&Check the answers"))

    # --- showing --------------------------------------------------------------------------------

    def refresh(self) -> None:
        self.locked.refresh()
        evaluation = self.state.evaluation
        if evaluation is None or evaluation is self._shown:
            return
        self._shown = evaluation
        self.notice.clear()
        self._stack.show()
        self._stack.setCurrentIndex(1)
        self.headline.setText(words.headline(evaluation))
        self.basis.setText(words.basis(evaluation, self.state.trained))
        self.comparison.setText(words.comparison(self.state.trained))
        self.matrix.show_result(evaluation)
        self._show_wrong()

    def leave(self) -> None:
        self.loader.stop()

    def _show_wrong(self) -> None:
        if self._shown is None:
            return
        wrong = [p for p in self._shown.predictions if p.truth != p.label]
        self.matrix.choose_nothing()
        self.all_wrong.hide()
        if wrong:
            text = self.tr("What was wrong, most confident first")
        else:
            text = self.tr("Nothing was wrong: all {n} pictures got the right answer.")
        self._show_pictures(text.format(n=self._shown.n), wrong)

    def _show_cell(self, truth: int, answer: int) -> None:
        if self._shown is None:
            return
        really, called = self._shown.classes[truth], self._shown.classes[answer]
        chosen = [p for p in self._shown.predictions if p.truth == really and p.label == called]
        self.all_wrong.show()
        self._show_pictures(words.cell(really, called, len(chosen)), chosen)

    def _show_pictures(self, heading: str, predictions: list[ScoredPrediction]) -> None:
        self.pictures_heading.setText(heading)
        ordered = sorted(predictions, key=lambda prediction: -prediction.confidence)
        self.pictures.show_predictions(ordered)
        self.pictures.setVisible(bool(ordered))

    def _open(self, row: int) -> None:
        dialog = PictureDialog(self.pictures.pictures, row, self.loader, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
