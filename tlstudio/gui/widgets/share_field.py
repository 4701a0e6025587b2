"""Owns the field that sets a share in per cent: a slider and a number that agree."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QSpinBox, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import CalmWheel, SharedUndo, small_label


class ShareField(QWidget):
    """`chosen` brings the share as a fraction at each move; what `show_share` shows was not chosen
    here and is not announced."""

    chosen = Signal(float)

    def __init__(
        self, text: str, least: int, most: int, none: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        calm = CalmWheel(self)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(least, most)
        self.slider.setPageStep(5)
        self.spin = QSpinBox()
        self.spin.setRange(least, most)
        self.spin.setSuffix(" %")
        self.spin.setSpecialValueText(none)
        self.spin.setKeyboardTracking(False)
        self.spin.installEventFilter(SharedUndo(self))
        self.spin.setMinimumWidth(88)
        self.spin.setMinimumHeight(theme.field_height())
        for field in (self.slider, self.spin):
            field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            field.installEventFilter(calm)
            field.setAccessibleName(text.replace("&", ""))
        label = QLabel(text)
        label.setProperty("role", "heading")
        label.setBuddy(self.spin)
        self.hint = small_label("", wrap=True)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.slider, 1)
        row.addWidget(self.spin)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.TIGHT)
        column.addWidget(label)
        column.addLayout(row)
        column.addWidget(self.hint)
        column.addStretch(1)
        self.slider.valueChanged.connect(self._moved)
        self.spin.valueChanged.connect(self._moved)

    @property
    def share(self) -> float:
        return self.spin.value() / 100

    def show_share(self, share: float) -> None:
        """Shows what counts now."""
        self._set(round(100 * share))

    def set_hint(self, hint: str) -> None:
        self.hint.setText(hint)
        for field in (self.slider, self.spin):
            field.setAccessibleDescription(hint)

    def _moved(self, value: int) -> None:
        self._set(value)
        self.chosen.emit(self.share)

    def _set(self, value: int) -> None:
        with QSignalBlocker(self.slider), QSignalBlocker(self.spin):
            self.slider.setValue(value)
            self.spin.setValue(value)
