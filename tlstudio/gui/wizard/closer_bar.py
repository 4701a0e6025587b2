"""Owns the line that offers a closer look at the pictures, and shows how far it is."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import Notice, count, hint_label
from tlstudio.gui.widgets.job_progress import JobProgress
from tlstudio.gui.wizard.closer_session import CloserSession
from tlstudio.tasks import Event, Logged, Progress, Waiting


class CloserBar(QWidget):
    """A sentence with a button, or the look that runs."""

    def __init__(self, session: CloserSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.words = hint_label(self._offer())
        self.button = QPushButton(self.tr("&Look closer"))
        self.button.clicked.connect(session.start)
        self._resting = QWidget()
        row = QHBoxLayout(self._resting)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.WIDE)
        row.addWidget(self.words, 1)
        row.addWidget(self.button)
        self.progress = JobProgress()
        self.progress.cancelled.connect(session.cancel)
        self.progress.hide()
        self.notice = Notice()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.NORMAL)
        column.addWidget(self._resting)
        column.addWidget(self.progress)
        column.addWidget(self.notice)
        session.begun.connect(self._begun)
        session.progressed.connect(self._progressed)
        session.kept.connect(self._kept)
        session.failed.connect(lambda *why: self.notice.say("error", *why))
        session.ended.connect(self._rest)

    def forget(self) -> None:
        """Other pictures: nothing was said of them yet."""
        self.words.setText(self._offer())
        self.notice.clear()

    def set_locked(self, locked: bool) -> None:
        self.button.setDisabled(locked)

    def stops(self) -> list[QWidget]:
        """What can have the keyboard."""
        return [self.button, self.progress.cancel]

    def _offer(self) -> str:
        return self.tr(
            "A closer look compares what a network sees: it finds pictures that are unlike their"
            " class, and copies that look different."
        )

    def _begun(self) -> None:
        self.notice.clear()
        self.progress.begin(self.tr("Looking closer at the pictures"))
        self._resting.hide()
        self.progress.show()
        self.progress.cancel.setFocus()

    def _progressed(self, event: Event) -> None:
        if isinstance(event, Progress | Waiting):
            self.progress.show_progress(event)
        elif isinstance(event, Logged):
            self.progress.say(event.message)

    def _kept(self, findings: int) -> None:
        text = self.tr("A closer look found nothing else.")
        if findings == 1:
            text = self.tr("A closer look found 1 thing more.")
        elif findings:
            text = self.tr("A closer look found {0} things more.").format(count(findings))
        self.words.setText(text)

    def _rest(self) -> None:
        had_keyboard = self.progress.cancel.hasFocus() or self.progress.hasFocus()
        self.progress.hide()
        self._resting.show()
        if had_keyboard:
            self.button.setFocus()
