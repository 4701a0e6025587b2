"""Owns what every page of the wizard has: its question, the device chip, the lock, its refresh."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
    QWizardPage,
)

from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.basics import Notice, title_label
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.jobs import DeviceInfo


def device_words(device: DeviceInfo) -> str:
    """ "CPU, 2 cores", "NVIDIA RTX 4070, 12 GB"."""
    if device.id == "cpu":
        cores = device.cores or 1
        text = "CPU, {0} core" if cores == 1 else "CPU, {0} cores"
        return QCoreApplication.translate("device", text).format(cores)
    if device.memory:
        return f"{device.name}, {round(device.memory / 2**30)} GB"
    return device.name


class _Dot(QWidget):
    """A small disc: filled once a device is known."""

    def __init__(self) -> None:
        super().__init__()
        self.filled = False
        self.setFixedSize(8, 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = theme.colours()
        painter.setPen(QColor(c.ok if self.filled else c.edge))
        painter.setBrush(QColor(c.ok) if self.filled else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(1, 1, 6, 6)


class DeviceChip(QFrame):
    """Names the device that will train."""

    def __init__(self, state: WizardState) -> None:
        super().__init__()
        self._state = state
        self.setProperty("kind", "chip")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._dot = _Dot()
        self.label = QLabel()
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(theme.NORMAL)
        row.addWidget(self._dot)
        row.addWidget(self.label)
        self.refresh()

    def refresh(self) -> None:
        device = self._state.training_device()
        self._dot.filled = device is not None
        self._dot.update()
        text = device_words(device) if device else self.tr("Looking for devices…")
        self.label.setText(text)
        self.setAccessibleName(self.tr("Device that trains: {0}").format(text))


class Page(QWizardPage):
    """One question. Subclasses set `page_id`, fill `body`, and show the state in `refresh`.

    `refresh` is called when the page is shown and, while it is visible, after each change of the
    state. `set_locked` is called before it when training begins or ends.
    """

    page_id: PageId

    def __init__(self, state: WizardState, engine: EngineRoom, question: str) -> None:
        super().__init__()
        self.state, self.engine = state, engine
        self.question = question
        self.setAccessibleName(question)
        self.title_label = title_label(question)
        self.chip = DeviceChip(state)
        self.lock_notice = Notice()
        header = QHBoxLayout()
        header.setSpacing(theme.WIDE)
        header.addWidget(self.title_label)
        header.addStretch(1)
        header.addWidget(self.chip, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAGE, theme.WIDE, theme.PAGE, theme.NORMAL)
        column.setSpacing(12)
        column.addLayout(header)
        column.addWidget(self.lock_notice)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(12)
        column.addLayout(self.body, 1)
        self._locked = False
        self._complete: bool | None = None
        state.observe(self._state_changed)
        self.destroyed.connect(lambda: state.forget(self._state_changed))

    def refresh(self) -> None:
        """Shows the state; subclasses fill this in."""

    def primary(self) -> QAbstractButton | None:
        """The page's own primary button while there is one; None leaves that rank to Next."""
        return None

    def set_locked(self, locked: bool) -> None:
        """While training, and in a project that is only looked at, a page before it can be read
        and not changed; subclasses disable.
        """

    def prepare(self) -> None:
        """The window has been painted: time for what will be needed soon, off the main thread."""

    def leave(self) -> None:
        """The window closes: what runs beside the engine ends here."""

    def isComplete(self) -> bool:
        return self.state.why_not_next(self.page_id) is None

    def showEvent(self, event: QShowEvent) -> None:
        # Not `completeChanged`: QWizard answers it by showing the page.
        self._show_state()
        super().showEvent(event)

    def _state_changed(self) -> None:
        if self.isVisible():
            self._show_state()
            complete = self.isComplete()
            if complete != self._complete:
                self._complete = complete
                self.completeChanged.emit()

    def _show_state(self) -> None:
        self.chip.refresh()
        before_training = self.page_id < PageId.TRAIN
        if before_training and self.state.training:
            text = self.tr("Training is running: this page can be read but not changed.")
            self.lock_notice.say("info", text)
        else:
            self.lock_notice.clear()  # why a project is read-only stands above all pages
        locked = before_training and self.state.locked
        if locked != self._locked:
            self._locked = locked
            self.set_locked(locked)
        self.refresh()
