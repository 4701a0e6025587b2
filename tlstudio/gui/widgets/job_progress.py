"""Owns how a running job looks: what is being done in words, a bar, the time left, Cancel."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import body_label, count, duration, small_label
from tlstudio.tasks import Progress, Waiting


class JobProgress(QWidget):
    """`begin` it with words, then `show_progress` of each event; Cancel emits `cancelled`."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._about = ""
        self.words: QLabel = body_label("")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.numbers = small_label("")
        self.left = small_label("")
        self.left.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.cancel = QPushButton(self.tr("&Cancel"))
        self.cancel.clicked.connect(self._cancel)
        row = QHBoxLayout()
        row.setSpacing(theme.WIDE)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        under = QHBoxLayout()
        under.addWidget(self.numbers)
        under.addStretch(1)
        under.addWidget(self.left)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.TIGHT)
        column.addWidget(self.words)
        column.addLayout(row)
        column.addLayout(under)

    def begin(self, words: str) -> None:
        """Something starts; how much there is to do is not known yet."""
        self._about = words
        self.words.setText(words)
        self.bar.setAccessibleName(words)
        self.bar.setRange(0, 0)
        self.numbers.clear()
        self.left.clear()
        self.cancel.setEnabled(True)

    def say(self, message: str) -> None:
        """What happens meanwhile, until there is progress again."""
        self.words.setText(f"{self._about}. {message}")

    def show_progress(self, event: Progress | Waiting) -> None:
        if isinstance(event, Waiting):
            self.words.setText(event.message)
            self.left.clear()
            return
        self.words.setText(self._about)
        self.bar.setRange(0, event.total)
        self.bar.setValue(event.done)
        self.numbers.setText(self._numbers(event))
        self.left.setText(duration(event.seconds_left))

    def _numbers(self, event: Progress) -> str:
        if not event.total:
            return ""
        if event.unit == "bytes":
            text = self.tr("{0} of {1} MB")
            return text.format(f"{event.done / 1e6:.1f}", f"{event.total / 1e6:.1f}")
        text = self.tr("{0} of {1} pictures") if event.unit == "pictures" else self.tr("{0} of {1}")
        return text.format(count(event.done), count(event.total))

    def _cancel(self) -> None:
        self.setFocus()  # or Qt would take the keyboard away from here with the button
        self.cancel.setEnabled(False)
        self.left.setText(self.tr("stopping…"))
        self.cancelled.emit()
