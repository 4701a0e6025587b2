"""Owns the fields for a rule of the user's own: a pattern of file names, a folder, a time."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from tlstudio.errors import UsageError
from tlstudio.gui import theme
from tlstudio.gui.latest import Latest
from tlstudio.gui.widgets.basics import CalmWheel, SharedUndo, body_label, small_label
from tlstudio.gui.wizard.split_choice import Preview, preview
from tlstudio.jobs import Grouping
from tlstudio.jobs.patterns import compiled

_TYPED_MS = 150
"""So long after the last key the preview follows."""


class PatternField(QLineEdit):
    """Return asks for what the button beside it does, and never for the window's default one."""

    asked = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.asked.emit()
        else:
            super().keyPressEvent(event)


class OwnRule(QWidget):
    """`changed` brings the whole grouping with this rule in it, or without it."""

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grouping, self._own = Grouping(), Grouping()
        self._files: tuple[str, ...] = ()
        self._preview: Preview | None = None
        self.reader = Latest(self)
        self.reader.failed.connect(lambda message, hint: self._refuse(f"{message} {hint}"))
        self._calm, self._undo = CalmWheel(self), SharedUndo(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.NORMAL)
        column.addLayout(self._pattern_row())
        for label in (self.problem, self.verdict, self.examples):
            column.addWidget(label)
        column.addLayout(self._spins())
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(_TYPED_MS)
        self._typed.timeout.connect(self._try)

    # --- putting it together --------------------------------------------------------------------

    def _pattern_row(self) -> QHBoxLayout:
        self.pattern = PatternField()
        self.pattern.setProperty("kind", "field")
        self.pattern.setMaxLength(200)
        self.pattern.setPlaceholderText("{group}_*")
        self.pattern.setAccessibleName(self.tr("Pattern of file names"))
        self.pattern.setAccessibleDescription(
            self.tr("{group} stands for what belongs together, * for anything, # for a number.")
        )
        self.pattern.textEdited.connect(self._edited)
        self.pattern.asked.connect(self._want_pattern)
        label = QLabel(self.tr("File na&mes like"))
        label.setBuddy(self.pattern)
        self.use_button = QPushButton()
        self.use_button.clicked.connect(self._want_pattern)
        self.problem = body_label("")
        self.problem.setProperty("role", "reason")
        self.verdict = small_label("", wrap=True)
        self.examples = small_label("", wrap=True)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(label)
        row.addWidget(self.pattern, 1)
        row.addWidget(self.use_button)
        return row

    def _spins(self) -> QGridLayout:
        self.level = self._spin(20, "")
        self.burst = self._spin(86_400, self.tr(" seconds"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(theme.NORMAL)
        grid.setColumnStretch(2, 1)
        for number, (text, field, words) in enumerate(
            (
                (
                    self.tr("One f&older together"),
                    self.level,
                    self.tr("so many levels below the class; one name in two classes is one group"),
                ),
                (
                    self.tr("Taken with&in"),
                    self.burst,
                    self.tr("of the one before, by the same camera"),
                ),
            )
        ):
            label = QLabel(text)
            label.setBuddy(field)
            field.setAccessibleName(text.replace("&", ""))
            field.setAccessibleDescription(words)
            grid.addWidget(label, number, 0)
            grid.addWidget(field, number, 1)
            grid.addWidget(small_label(words, wrap=True), number, 2)
        return grid

    def _spin(self, most: int, unit: str) -> QSpinBox:
        field = QSpinBox()
        field.setRange(0, most)
        field.setSuffix(unit)
        field.setSpecialValueText(self.tr("not used"))
        field.setKeyboardTracking(False)
        field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.installEventFilter(self._calm)
        field.installEventFilter(self._undo)
        field.setMinimumWidth(120)
        field.setMinimumHeight(theme.field_height())
        field.valueChanged.connect(self._want_spins)
        return field

    def stops(self) -> list[QWidget]:
        """What can have the keyboard, from top to bottom."""
        return [self.pattern, self.use_button, self.level, self.burst]

    # --- showing --------------------------------------------------------------------------------

    def show_rule(self, own: Grouping, grouping: Grouping) -> None:
        """`own` is what counts of `grouping` and was not proposed."""
        if own.pattern != self._own.pattern and not self.pattern.hasFocus():
            self.pattern.setText(own.pattern or "")
        self._own, self._grouping = own, grouping
        with QSignalBlocker(self.level), QSignalBlocker(self.burst):
            self.level.setValue(own.folder_level or 0)
            self.burst.setValue(round(own.burst or 0))
        self._try()

    def set_files(self, files: Sequence[str]) -> None:
        """The names that a pattern is tried on."""
        self._files = tuple(files)
        self._try()

    def _edited(self) -> None:
        self._preview = None
        self._show_button()
        self._typed.start()

    def _try(self) -> None:
        """What is wrong with the pattern is said at once; what it would do, once it is counted."""
        self._typed.stop()
        self.reader.forget()
        self._preview = None
        text = self.pattern.text().strip()
        if not text:
            self._say(
                self.tr("{group} stands for what belongs together, * for anything, # for a number.")
            )
        elif problem := _problem(text):
            self._refuse(problem)
        elif self._files:
            files = self._files
            self.reader.ask(lambda: preview(files, text), self._show_preview)
        self._show_button()

    def _show_preview(self, found: Preview) -> None:
        self._preview = found
        if found.useful:
            self._say(found.sentence(), found.examples)
        else:
            self._refuse(found.sentence())
        self._show_button()

    def _refuse(self, why: str) -> None:
        self._say("", problem=why)

    def _say(self, words: str, examples: Sequence[tuple[str, str]] = (), problem: str = "") -> None:
        shown = "     ".join(f"{name} → {group}" for name, group in examples)
        for label, text in (
            (self.problem, problem),
            (self.verdict, words),
            (self.examples, shown),
        ):
            label.setText(text)
            label.setVisible(bool(text))

    @property
    def _in_use(self) -> bool:
        text = self.pattern.text().strip()
        return bool(text) and text == self._own.pattern

    def _show_button(self) -> None:
        used = self._in_use
        self.use_button.setText(self.tr("Let them go") if used else self.tr("&Keep these together"))
        ready = self._preview is not None and self._preview.useful
        self.use_button.setEnabled(used or ready)

    # --- choosing -------------------------------------------------------------------------------

    def _want_pattern(self) -> None:
        if not self.use_button.isEnabled():
            return
        pattern = None if self._in_use else self.pattern.text().strip()
        self._want(pattern=pattern)

    def _want_spins(self) -> None:
        self._want(
            folder_level=self.level.value() or self._proposed("folder_level"),
            burst=self.burst.value() or self._proposed("burst"),
        )

    def _proposed(self, name: str) -> object:
        """What counts because a proposal was confirmed stays where no own number replaces it."""
        own = getattr(self._own, name)
        return getattr(self._grouping, name) if own is None else None

    def _want(self, **values: object) -> None:
        self.changed.emit(Grouping.model_validate({**self._grouping.model_dump(), **values}))


def _problem(text: str) -> str:
    """What is wrong with a pattern, in words; empty where it can be tried."""
    try:
        if "group" in compiled(text).fields:
            return ""
    except UsageError as error:
        return f"{error.message} {error.hint}"
    text = "Write {group} where the name says what belongs together."
    return QCoreApplication.translate("OwnRule", text)
