"""Owns the buttons of the training page: which of them are there at each stage of a run."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import has_keyboard, set_kind
from tlstudio.gui.wizard.training_session import TrainingSession


class TrainingControls(QWidget):
    """A row of buttons; the page connects them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.start = QPushButton()
        self.carry_on = QPushButton(self.tr("Carry &on"))
        self.pause = QPushButton(self.tr("&Pause"))
        self.resume = QPushButton(self.tr("&Resume"))
        self.keep = QPushButton(self.tr("Stop and &keep the best"))
        self.again = QPushButton()
        self.discard = QPushButton(self.tr("&Discard…"))
        self.cancel = QPushButton(self.tr("&Cancel"))
        self.name_start("")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.NORMAL)
        for button in self.all():
            button.setAccessibleName(button.text().replace("&", ""))
            row.addWidget(button)

    def all(self) -> tuple[QPushButton, ...]:
        return (
            *(self.start, self.carry_on, self.pause, self.resume),
            *(self.keep, self.again, self.discard, self.cancel),
        )

    def primary(self, session: TrainingSession, stale: bool) -> QPushButton | None:
        """The button that most people want next; None when it is Next."""
        return self._buttons(session, stale)[1]

    def show_stage(self, session: TrainingSession, stale: bool) -> None:
        """`stale` says that the choices are no longer those of the finished run."""
        shown, primary = self._buttons(session, stale)
        usable = [button for button in shown if self._can_be_pressed(button, session)]
        focused = next((button for button in self.all() if has_keyboard(button)), None)
        moves = has_keyboard(self) or (focused is not None and focused not in usable)
        if moves:
            # Before its button goes: Qt would take the keyboard to wherever Tab leads.
            self.setFocus()
        self._name_keep(session.running)
        for button in self.all():
            button.setVisible(button in shown)
            set_kind(button, "primary" if button is primary else "")
        self.show_model(session)
        if moves and usable:
            usable[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def _name_keep(self, running: bool) -> None:
        text = self.tr("Stop and &keep the best") if running else self.tr("&Keep the best")
        self.keep.setText(text)
        self.keep.setAccessibleName(text.replace("&", ""))

    def name_start(self, size: str) -> None:
        """`size` is that of the weights that Start would download, in words; empty for none."""
        plain = {self.start: self.tr("&Start"), self.again: self.tr("Start a&gain")}
        loading = {
            self.start: self.tr("Download {0} and &start"),
            self.again: self.tr("Download {0} and start a&gain"),
        }
        for button, text in (loading if size else plain).items():
            button.setText(text.format(size))
            button.setAccessibleName(button.text().replace("&", ""))

    def show_model(self, session: TrainingSession) -> None:
        """What depends on how far the run is, and not only on its stage."""
        for button in self.all():
            button.setEnabled(self._can_be_pressed(button, session))

    def _can_be_pressed(self, button: QPushButton, session: TrainingSession) -> bool:
        if button is self.keep:
            return session.can_keep
        changing = {self.start, self.again, self.carry_on, self.discard}
        if session.read_only and button in changing:
            return False
        waiting = session.stage in {"stopping", "cancelling"}
        return not (waiting and button in {self.pause, self.cancel})

    def why_not_keep(self, session: TrainingSession) -> str:
        """Why "Stop and keep the best" can't be pressed, or nothing."""
        if session.stage in {"running", "paused"} and not session.can_keep:
            return self.tr("There is nothing to keep before the probe is fitted.")
        return ""

    def _buttons(
        self, session: TrainingSession, stale: bool
    ) -> tuple[tuple[QPushButton, ...], QPushButton | None]:
        shown: tuple[QPushButton, ...] = ()
        primary: QPushButton | None = None
        match session.stage:
            case "ready":
                shown, primary = (self.start,), self.start
            case "running" | "stopping" | "cancelling":
                shown = (self.pause, self.keep, self.cancel)
            case "paused":
                shown, primary = (self.resume, self.keep, self.cancel), self.resume
            case "interrupted" | "failed" if session.can_carry_on:
                keep = (self.keep,) if session.can_keep else ()
                shown = (self.carry_on, *keep, self.again, self.discard)
                primary = self.carry_on
            case "interrupted" | "failed":
                shown, primary = (self.again,), self.again
            case "finished":
                shown, primary = (self.again,), self.again if stale else None
        return shown, primary
