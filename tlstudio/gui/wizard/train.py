"""Owns the page that trains: the sentence, the figures, the plots, the answers of the moment."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QProgressBar,
    QVBoxLayout,
    QWidget,
    QWizard,
)

from tlstudio.errors import TLStudioError
from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.answers import AnswerStrip
from tlstudio.gui.widgets.basics import (
    Card,
    Notice,
    has_keyboard,
    heading_label,
    scrolled,
    small_label,
)
from tlstudio.gui.widgets.keep_awake import KeepAwake
from tlstudio.gui.widgets.question import Question, ask
from tlstudio.gui.widgets.run_figures import RunFigures
from tlstudio.gui.widgets.run_log import RunLog
from tlstudio.gui.wizard import training_words as words
from tlstudio.gui.wizard.page import Page
from tlstudio.gui.wizard.replay import Replay
from tlstudio.gui.wizard.start_words import megabytes
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.gui.wizard.training_controls import TrainingControls
from tlstudio.gui.wizard.training_session import TrainingSession
from tlstudio.jobs import TrainResult
from tlstudio.tasks import Answers, Event

if TYPE_CHECKING:
    from tlstudio.gui.widgets.curves import Curves

REFRESH_MS = 100
PLOTS_AFTER_MS = 600
"""By then the page before this one stands and is being read."""
_BAR = 1000


class TrainPage(Page):
    """A thin view of a `TrainingSession`."""

    page_id = PageId.TRAIN

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        super().__init__(state, engine, QCoreApplication.translate("TrainPage", "Training"))
        self.session = TrainingSession(state, engine, self)
        self.curves: Curves | None = None
        self._preloading: threading.Thread | None = None
        self._ended: TrainResult | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._show_numbers)
        self._build()
        self._connect()
        state.observe(self._preload)
        self.destroyed.connect(lambda: state.forget(self._preload))
        self._show_stage()

    def primary(self) -> QAbstractButton | None:
        return self.controls.primary(self.session, self._stale)

    def refresh(self) -> None:
        self._show_stage()

    def leave(self) -> None:
        self.session.leave()
        self.answers.close_pictures()

    @property
    def _stale(self) -> bool:
        """Whether the choices are no longer those of the finished run."""
        return self.session.stage == "finished" and self.state.changed_since_training

    # --- putting it together --------------------------------------------------------------------

    def _build(self) -> None:
        content = QWidget()
        content.setProperty("kind", "plain")
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        self.error_notice, self.warning_notice, self.stale_notice = Notice(), Notice(), Notice()
        self.waiting_notice = Notice()
        column.addWidget(self._head())
        notices = (self.error_notice, self.waiting_notice, self.stale_notice, self.warning_notice)
        for notice in notices:
            column.addWidget(notice)
        self.figures = RunFigures()
        column.addWidget(self.figures)
        self._plots = Card()
        self._plots.body.setContentsMargins(12, 8, 12, 8)
        self._plots.setMinimumHeight(212)
        column.addWidget(self._plots, 1)
        self.answers = AnswerStrip()
        caption = self.tr("What it says now of a few pictures that it does not learn from")
        column.addWidget(small_label(caption))
        column.addWidget(self.answers)
        self.log = RunLog(self.tr("&Log"))
        column.addWidget(self.log)
        self.body.addWidget(scrolled(content), 1)

    def _head(self) -> QWidget:
        head = Card()
        head.body.setContentsMargins(theme.WIDE, 12, theme.WIDE, 12)
        self.sentence = heading_label("")
        self.sentence.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, _BAR)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress of the training"))
        self.detail = small_label("", wrap=True)
        self.controls = TrainingControls()
        row = QHBoxLayout()
        row.setSpacing(theme.WIDE)
        row.addWidget(self.sentence, 1)
        row.addWidget(self.controls)
        head.body.addLayout(row)
        head.body.addWidget(self.bar)
        head.body.addWidget(self.detail)
        self.keep_awake = KeepAwake()
        head.body.addWidget(self.keep_awake)
        return head

    def _connect(self) -> None:
        session, controls = self.session, self.controls
        session.changed.connect(self._show_stage)
        session.began.connect(self._clear_screen)
        session.happened.connect(self._on_event)
        session.adopted.connect(self._show_replay)
        session.not_adopted.connect(lambda *why: self.error_notice.say("error", *why))
        self.error_notice.acted.connect(self._go_back)
        controls.start.clicked.connect(self._start)
        controls.again.clicked.connect(self._start)
        controls.carry_on.clicked.connect(session.carry_on)
        controls.pause.clicked.connect(session.pause)
        controls.resume.clicked.connect(session.resume)
        controls.keep.clicked.connect(session.keep_best)
        controls.cancel.clicked.connect(self._ask_before_cancelling)
        controls.discard.clicked.connect(self._ask_before_discarding)

    # --- the plots, which need a library that takes its time -------------------------------------

    def _preload(self) -> None:
        """Imports the plots' library in the background once the user is on the way here; the plots
        are made while the page before this one is read, so that opening this one is not held up."""
        if self._preloading is None and self.state.page >= PageId.BACKBONE:
            self._preloading = threading.Thread(target=_import_curves, daemon=True)
            self._preloading.start()
        if self.curves is None and self.state.page == PageId.SETTINGS:
            QTimer.singleShot(PLOTS_AFTER_MS, self, self._make_curves_early)

    def _make_curves_early(self) -> None:
        if self._preloading is not None and not self._preloading.is_alive():
            self._make_curves()

    def _make_curves(self) -> None:
        if self.curves is None:
            from tlstudio.gui.widgets.curves import Curves

            self.curves = Curves()
            self._plots.body.addWidget(self.curves, 1)

    def showEvent(self, event: QShowEvent) -> None:
        self._make_curves()
        super().showEvent(event)

    # --- what the user asks for -----------------------------------------------------------------

    def _start(self) -> None:
        try:
            self.session.start()
        except TLStudioError as error:
            self.error_notice.say("error", error.message, error.hint)

    def _ask_before_cancelling(self) -> None:
        ask(
            self,
            self.tr("Cancel training?"),
            words.lost_by_cancelling(self.session.model),
            yes=self.tr("&Cancel training"),
            no=self.tr("&Keep training"),
            then=self.session.cancel,
        )

    def _ask_before_discarding(self) -> None:
        ask(
            self,
            self.tr("Discard this training?"),
            self.tr("What it has learned, its checkpoint and its curves go to the bin."),
            yes=self.tr("&Discard it"),
            no=self.tr("&Keep it"),
            then=self.session.discard,
        )

    # --- showing --------------------------------------------------------------------------------

    def _clear_screen(self, carries_on: bool) -> None:
        """A run begins; one that is carried on keeps what is on the screen."""
        self.error_notice.clear()
        if carries_on:
            return
        self.warning_notice.clear()
        self.answers.clear()
        if self.curves is not None:
            self.curves.clear()

    def _show_replay(self, read: Replay | None) -> None:
        """An earlier run, as it was read."""
        if read is None:
            return
        self._clear_screen(carries_on=False)
        self._make_curves()
        if self.curves is not None:
            self.curves.show_data(read.curves)
        if read.model.answers is not None:
            self._show_answers(read.model.answers)

    def _on_event(self, event: Event) -> None:
        if self.curves is not None:
            self.curves.add(event)
        if isinstance(event, Answers):
            self._show_answers(event)
        if not self._timer.isActive():
            self._timer.start()

    def _show_answers(self, answers: Answers) -> None:
        if self.session.job is not None:
            self.answers.show_answers(Path(self.session.job.dataset.folder), answers)

    def _show_stage(self) -> None:
        session = self.session
        missing = self.state.to_download()
        self.controls.name_start(megabytes(missing.bytes) if missing else "")
        self.controls.show_stage(session, self._stale)
        if self._stale:
            text = self.tr("Your choices changed since this model was trained.")
            hint = self.tr("Start again to train with them; until then the model stays as it is.")
            self.stale_notice.say("warn", text, hint)
        else:
            self.stale_notice.clear()
        self.keep_awake.setVisible(not session.running and session.stage != "finished")
        if session.stage == "failed":
            self.error_notice.say("error", *session.error, action=self._way_back()[1])
        if session.stage == "finished" and self._ended is not session.result:
            self._ended = session.result
            QTimer.singleShot(0, self, self._hand_over)  # once Next can be pressed
            self.error_notice.clear()
            if self.curves is not None:
                self.curves.finish()
        question = Question.of(self)
        if question is not None and not session.running:
            question.reject()
        self._show_numbers()

    def _way_back(self) -> tuple[PageId, str]:
        """The page on which what went wrong can be put right, and the button that leads there."""
        model = self.session.model
        # The weights are read once the pictures have been compared.
        if model.phase in ("download", "weights") or (
            model.phase == "compare" and model.done == model.total
        ):
            return PageId.BACKBONE, self.tr("Back to the net&work")
        if model.phase in ("scan", "compare"):
            return PageId.IMAGES, self.tr("Back to the pict&ures")
        return PageId.TRAIN, ""

    def _go_back(self) -> None:
        wizard = self.wizard()
        while wizard is not None and wizard.currentId() > self._way_back()[0]:
            wizard.back()

    def _hand_over(self) -> None:
        """The keyboard goes on to Next: Return must not throw a finished run away."""
        wizard = self.wizard()
        if wizard is not None and any(map(has_keyboard, self.controls.all())):
            wizard.button(QWizard.WizardButton.NextButton).setFocus()

    def _show_numbers(self) -> None:
        self._timer.stop()
        session, model = self.session, self.session.model
        _set_text(self.sentence, words.sentence(session))
        self.controls.show_model(session)
        self._show_bar()
        self._show_detail()
        self.figures.show_model(model)
        self._show_waiting()
        self._show_warnings()
        self.log.show_lines(model.log)

    def _show_bar(self) -> None:
        stage, share = self.session.stage, self.session.model.share
        unknown = share is None and stage in {"running", "elsewhere"}
        if stage == "finished":
            share = 1.0
        elif stage in {"interrupted", "failed", "ready"} and self.session.model.phase != "train":
            share = 0.0  # a full bar would say that it is done
        self.bar.setRange(0, 0 if unknown else _BAR)
        if not unknown:
            self.bar.setValue(round(_BAR * (share or 0.0)))

    def _show_detail(self) -> None:
        session, model = self.session, self.session.model
        text = self.controls.why_not_keep(session)
        if session.read_only and not session.running:
            text = session.read_only
        elif session.stage == "ready":
            text = self._plan()
        elif session.result is not None and session.stage == "finished":
            text = words.outcome_detail(session.result)
        elif session.stage == "elsewhere":
            text = self.tr("It is paused and stopped there; what it learns is shown here, too.")
        elif session.can_carry_on:
            text = self.tr("What was learned up to the last checkpoint is kept.")
        elif not text and model.probe_accuracy is not None:
            text = self.tr("The probe to beat: {0:.1f} % of the validation pictures right.")
            text = text.format(100 * model.probe_accuracy)
        _set_text(self.detail, text)

    def _plan(self) -> str:
        scan = self.state.scan
        if scan is None:
            return ""
        text = self.tr(
            "{network}, {frozen} of {stages} blocks frozen, at most {epochs} epochs, "
            "{train:,} pictures to learn from and {val:,} to check on."
        )
        return text.format(
            network=self.state.backbone.name,
            frozen=self.state.frozen,
            stages=len(self.state.backbone.stages),
            epochs=self.state.recipe.epochs,
            train=scan.split.train,
            val=scan.split.val,
        )

    def _show_waiting(self) -> None:
        watched = self.session.running or self.session.stage == "elsewhere"
        waiting = self.session.model.waiting if watched else None
        if waiting is None:
            self.waiting_notice.clear()
        elif waiting.message != self.waiting_notice.message:
            self.waiting_notice.say("warn", waiting.message, waiting.hint)

    def _show_warnings(self) -> None:
        warnings = self.session.model.warnings
        if not warnings:
            self.warning_notice.clear()
            return
        message = "\n".join(warning.message for warning in warnings)
        if message != self.warning_notice.message:
            self.warning_notice.say("warn", message, warnings[-1].hint)


def _import_curves() -> None:
    import tlstudio.gui.widgets.curves  # noqa: F401


def _set_text(label: QWidget, text: str) -> None:
    """Sets a label's text where it differs: unchanged text would still lay the page out anew."""
    if label.property("text") != text:
        label.setProperty("text", text)
