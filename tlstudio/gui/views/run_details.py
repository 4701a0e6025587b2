"""Owns what is shown of the one run that is looked at: what may be done, its settings, curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.views import run_words as words
from tlstudio.gui.views.run_rows import RunRow
from tlstudio.gui.widgets.basics import (
    Card,
    Fold,
    Notice,
    body_label,
    heading_label,
    link_button,
    scrolled,
    set_kind,
    small_label,
)
from tlstudio.gui.wizard.replay import Replay
from tlstudio.tasks import Event

if TYPE_CHECKING:
    from tlstudio.gui.widgets.curves import Curves

_SIDE = 340
"""The width of the settings, in px; the curves have the rest."""


class RunDetails(QWidget):
    """The page connects the buttons and says which of them can be pressed."""

    wanted = Signal()
    """A button was shown or hidden: the page says anew what can be pressed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves: Curves | None = None
        self._row: RunRow | None = None
        self._make_buttons()
        self.title = heading_label("")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.sentence = small_label("", wrap=True)
        self.reason = small_label("", wrap=True)
        self.reason.setProperty("role", "reason")
        body = QHBoxLayout()
        body.setSpacing(theme.WIDE)
        body.addWidget(self._settings_card())
        body.addWidget(self._curves_card(), 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.NORMAL)
        column.addWidget(self.title)
        column.addWidget(self.sentence)
        column.addLayout(self._actions())
        column.addWidget(self.reason)
        column.addLayout(body, 1)

    def _make_buttons(self) -> None:
        self.open = QPushButton(self.tr("&Open"))
        self.carry_on = QPushButton(self.tr("Carry &on"))
        self.use = QPushButton(self.tr("Use its &settings"))
        self.train_on = QPushButton(self.tr("&Train on from its model"))
        self.rename = link_button(self.tr("&Rename"))
        self.folder = link_button(self.tr("Show &folder"))
        self.delete = link_button(self.tr("&Delete…"))
        for button in self.buttons():
            button.setAccessibleName(button.text().replace("&", ""))

    def buttons(self) -> tuple[QPushButton, ...]:
        first = (self.open, self.carry_on, self.use, self.train_on)
        return (*first, self.rename, self.folder, self.delete)

    def _actions(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(theme.NORMAL)
        for button in self.buttons():
            if button is self.rename:
                row.addStretch(1)
            row.addWidget(button)
        return row

    def _settings_card(self) -> QWidget:
        self.trouble, self.warnings = Notice(), Notice()
        self._grid = _Settings()
        self.others = Fold(self.tr("&All settings"))
        self._rest = _Settings()
        self.others.body.addWidget(self._rest)
        inside = QWidget()
        inside.setProperty("kind", "plain")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, theme.NORMAL, 0)
        column.setSpacing(theme.NORMAL)
        for widget in (self.trouble, self.warnings, self._grid, self.others):
            column.addWidget(widget)
        column.addStretch(1)
        card = Card()
        card.body.setContentsMargins(12, 12, 4, 12)
        card.body.addWidget(scrolled(inside))
        card.setFixedWidth(_SIDE)
        return card

    def _curves_card(self) -> QWidget:
        self._plots = Card()
        self._plots.body.setContentsMargins(12, 8, 12, 8)
        self.no_curves = small_label("", wrap=True)
        self.no_curves.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._plots.body.addWidget(self.no_curves, 1)
        return self._plots

    # --- showing --------------------------------------------------------------------------------

    def show_row(self, row: RunRow) -> None:
        """What the list knows of a run; its curves come when they have been read."""
        another = self._row is None or self._row.path != row.path
        self._row = row
        found = row.summary
        self.title.setText(found.title)
        self.title.setToolTip(found.path)
        begun = self.tr("begun {0}").format(words.moment(found.begun))
        took = self.tr("took {0}").format(words.took(found.result.seconds)) if found.result else ""
        head = ", ".join(filter(None, (words.standing_sentence(row), begun, took)))
        self.sentence.setText(f"{head}. {words.accuracy_sentence(row)}" if found.job else head)
        self._show_trouble(row)
        self._show_primary(row)
        if another:
            self._show_settings(row)
            self.warnings.clear()
            self._say_curves(self.tr("Reading its curves…"))

    def show_replay(self, read: Replay) -> None:
        """Its curves and what happened on its way."""
        from tlstudio.gui.widgets.curves import Curves

        if self.curves is None:
            self.curves = Curves()
            self._plots.body.addWidget(self.curves, 1)
        warned = [warning.message for warning in read.model.warnings]
        if warned:
            self.warnings.say("warn", "\n".join(warned))
        self.curves.show_data(read.curves)
        begun = bool(read.curves.accuracy.val.x or read.curves.accuracy.running.x)
        nothing = self.tr("It ended before its first epoch, so there are no curves.")
        if read.summary.standing == "running":
            nothing = self.tr("Its first epoch has not begun yet.")
        self._say_curves("" if begun else nothing)

    def add(self, event: Event) -> None:
        """An event of a run that is being trained."""
        if self.curves is not None:
            self.curves.add(event)
            if self.curves.data.accuracy.running.x:
                self._say_curves("")

    def say_unreadable(self, message: str) -> None:
        self._say_curves(message)

    def _say_curves(self, text: str) -> None:
        self.no_curves.setText(text)
        self.no_curves.setVisible(bool(text))
        if self.curves is not None:
            self.curves.setVisible(not text)

    def _show_trouble(self, row: RunRow) -> None:
        if row.summary.trouble:
            self.trouble.say("error", row.summary.trouble)
        else:
            self.trouble.clear()

    def _show_primary(self, row: RunRow) -> None:
        """The button that most people want next stands first and is marked."""
        found = row.summary
        self.carry_on.setVisible(found.can_carry_on)
        self.train_on.setVisible(found.result is not None)
        self.open.setVisible(found.job is not None and (not found.can_carry_on))
        self.use.setVisible(found.job is not None)
        set_kind(self.open, "primary" if found.result is not None else "")
        set_kind(self.carry_on, "primary")
        self.wanted.emit()

    def _show_settings(self, row: RunRow) -> None:
        job = row.summary.job
        found = words.settings(job) if job is not None else ()
        self._grid.show_settings([each for each in found if each.main or not each.usual])
        self._rest.show_settings([each for each in found if each.usual and not each.main])
        self.others.setVisible(bool(found))


class _Settings(QWidget):
    """Names on the left, values on the right; values wrap."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = QGridLayout(self)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setHorizontalSpacing(12)
        self._lines.setVerticalSpacing(theme.TIGHT)
        self._lines.setColumnStretch(1, 1)
        self._labels: list[QLabel] = []

    def show_settings(self, found: Sequence[words.Setting]) -> None:
        while len(self._labels) < 2 * len(found):
            line = len(self._labels) // 2
            name, value = small_label(""), body_label("")
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            top = Qt.AlignmentFlag.AlignTop
            self._lines.addWidget(name, line, 0, top)
            self._lines.addWidget(value, line, 1, top)
            self._labels += [name, value]
        texts = [text for each in found for text in (each.name, each.value)]
        for number, label in enumerate(self._labels):
            label.setText(texts[number] if number < len(texts) else "")
            label.setVisible(number < len(texts))
