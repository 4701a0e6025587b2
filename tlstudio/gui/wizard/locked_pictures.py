"""Owns the one look at the locked test pictures: offered quietly, asked once, shown beside the
validation figure."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.widgets.basics import Notice, body_label, hint_label, link_button
from tlstudio.gui.widgets.job_progress import JobProgress
from tlstudio.gui.widgets.question import ask
from tlstudio.gui.wizard.state import WizardState
from tlstudio.jobs import EvaluateJob, EvaluationResult, TrainResult
from tlstudio.tasks import Event, Progress, Waiting, Warned


class LockedPictures(QWidget):
    """Hidden where the run has no test pictures; `refresh` follows the state."""

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        super().__init__()
        self._state, self._engine = state, engine
        self._thread: TaskThread | None = None
        self._asked: TrainResult | None = None
        self._seen_before = ""
        self._build()
        self.refresh()

    def _build(self) -> None:
        self.offer = link_button(self.tr("Score the &locked test pictures…"))
        self.offer.setAccessibleName(self.tr("Score the locked test pictures"))
        self.offer.clicked.connect(self._ask)
        self.figure = body_label("")
        self.meaning = hint_label("")
        for label in (self.figure, self.meaning):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.notice = Notice()
        self.progress = JobProgress()
        self.progress.cancelled.connect(self._cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.TIGHT)
        column.addWidget(self.figure)
        column.addWidget(self.meaning)
        column.addWidget(self.offer, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.notice)
        column.addWidget(self.progress)

    # --- asking ---------------------------------------------------------------------------------

    def _ask(self) -> None:
        evaluation = self._state.evaluation
        if evaluation is None:
            return
        text = self.tr(
            "{n} were locked away so that one figure rests on pictures by which nothing was"
            " chosen. That is lost once you have seen it and change anything because of it: the"
            " network, the settings, the labels. Score them when you are done."
        )
        ask(
            self,
            self.tr("Score the locked test pictures now?"),
            text.format(n=_pictures(evaluation.locked)),
            yes=self.tr("&Score them"),
            no=self.tr("&Keep them locked"),
            then=self._score,
        )

    # --- scoring --------------------------------------------------------------------------------

    def _score(self) -> None:
        trained = self._state.trained
        if trained is None or self._thread is not None:
            return
        self._asked, self._seen_before = trained, ""
        self.notice.clear()
        self.progress.begin(self.tr("Checking the answers on the locked test pictures"))
        self._thread = thread = self._engine.start(EvaluateJob(run=trained.run, part="test"))
        thread.progressed.connect(self._on_event)
        thread.succeeded.connect(self._on_result)
        thread.failed.connect(self._on_failure)
        thread.cancelled.connect(self._on_end)
        self.refresh()

    def _cancel(self) -> None:
        if self._thread is not None:
            self._thread.cancel()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Progress | Waiting):
            self.progress.show_progress(event)
        elif isinstance(event, Warned):
            self._seen_before = f"{event.message} {event.hint}"

    def _on_result(self, result: EvaluationResult) -> None:
        self._on_end()
        if self._state.trained is self._asked:
            self._state.set_tested(result)

    def _on_failure(self, message: str, hint: str) -> None:
        self._on_end()
        self.notice.say("error", message, hint)

    def _on_end(self) -> None:
        self._thread = None
        self.refresh()

    # --- showing --------------------------------------------------------------------------------

    def refresh(self) -> None:
        evaluation, tested = self._state.evaluation, self._state.tested
        self.setVisible(evaluation is not None and evaluation.locked > 0)
        if self._state.trained is not self._asked:
            self.notice.clear()
        self.progress.setVisible(self._thread is not None)
        self.offer.setVisible(tested is None and self._thread is None)
        self.offer.setDisabled(bool(self._state.read_only))
        self.figure.setVisible(tested is not None)
        self.meaning.setVisible(tested is not None)
        if evaluation is not None and tested is not None:
            self.figure.setText(figures(tested, evaluation))
            self.meaning.setText(self._seen_before or self._unseen())

    def _unseen(self) -> str:
        return self.tr(
            "Report the figure of the locked pictures: nothing was chosen by them. Whatever you"
            " change from now on, they can't be unseen again."
        )


def figures(tested: EvaluationResult, evaluation: EvaluationResult) -> str:
    """What the locked pictures say, beside what the validation pictures said."""
    text = _tr(
        "On the locked test pictures {0}\u00a0% of {1} are right (between {2} and {3}\u00a0%), on"
        " the validation pictures {4}\u00a0% of {5}."
    )
    bounds = (tested.accuracy, tested.accuracy_low, tested.accuracy_high, evaluation.accuracy)
    right, low, high, validation = (round(100 * value) for value in bounds)
    return text.format(right, f"{tested.n:,}", low, high, validation, f"{evaluation.n:,}")


def _pictures(n: int) -> str:
    return _tr("1 picture") if n == 1 else _tr("{n} pictures").format(n=f"{n:,}")


def _tr(text: str) -> str:
    return QCoreApplication.translate("LockedPictures", text)
