"""Owns the dialog that asks where the names of files say the class, and shows at once what comes
of the answer."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from tlstudio.gui import theme
from tlstudio.gui.latest import Latest
from tlstudio.gui.widgets.basics import count, small_label
from tlstudio.gui.widgets.text_table import TextTable
from tlstudio.gui.wizard.names_preview import (
    NamesPreview,
    preview_names,
    some_of,
    why_no_pattern,
)
from tlstudio.gui.wizard.question import Question
from tlstudio.jobs import DatasetSpec, PatternGuess, PreviewResult

_TYPED_MS = 120
"""So long after the last key the preview follows."""
_MOST_PROPOSALS = 4


class PatternDialog(Question):
    """`chosen` brings the data set with the pattern in it."""

    def __init__(self, glance: PreviewResult, parent: QWidget) -> None:
        super().__init__(
            self.tr("Classes in the names of files"),
            self.tr("Where do the names say the class?"),
            self.tr(
                "{0} files lie in {1}, and no folders say which class they are. Where their names "
                "do, write {2} there; {3} stands for anything, {4} for a number."
            ).format(count(glance.files), glance.dataset.folder, "{label}", "*", "#"),
            self.tr("&Use this pattern"),
            parent,
        )
        self._glance = glance
        self._preview: NamesPreview | None = None
        self.reader = Latest(self)
        self.reader.failed.connect(lambda message, hint: self.say("", f"{message} {hint}"))
        self.finished.connect(self.reader.stop)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(_TYPED_MS)
        self._typed.timeout.connect(self._try)
        self.body.addLayout(self._pattern_row())
        if glance.patterns:
            self.body.addLayout(self._proposals(glance.patterns[:_MOST_PROPOSALS]))
        self.body.addLayout(self._tables(), 1)
        if glance.patterns:
            self.pattern.setText(glance.patterns[0].pattern)
        self._show_names()
        self._try()
        self.pattern.setFocus()

    # --- putting it together --------------------------------------------------------------------

    def _pattern_row(self) -> QHBoxLayout:
        self.pattern = QLineEdit()
        self.pattern.setProperty("kind", "field")
        self.pattern.setMaxLength(200)
        self.pattern.setPlaceholderText("{label}_*")
        self.pattern.setAccessibleName(self.tr("Pattern of file names"))
        self.pattern.textChanged.connect(self._edited)
        label = QLabel(self.tr("&Names like"))
        label.setBuddy(self.pattern)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(label)
        row.addWidget(self.pattern, 1)
        return row

    def _proposals(self, guesses: tuple[PatternGuess, ...]) -> QGridLayout:
        """A button a pattern, with the first classes that it would give."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(theme.TIGHT)
        grid.setColumnStretch(1, 1)
        self.proposals: list[QPushButton] = []
        for row, guess in enumerate(guesses):
            button = QPushButton(guess.pattern)
            button.setAutoDefault(False)
            some = ", ".join(list(guess.classes)[:4])
            more = ", …" if len(guess.classes) > 4 else ""
            words = self.tr("{0} classes: {1}").format(count(len(guess.classes)), some + more)
            button.setAccessibleName(self.tr("Pattern {0}").format(guess.pattern))
            button.setAccessibleDescription(words)
            button.clicked.connect(lambda _, text=guess.pattern: self.pattern.setText(text))
            self.proposals.append(button)
            grid.addWidget(button, row, 0)
            grid.addWidget(small_label(words, wrap=True), row, 1)
        return grid

    def _tables(self) -> QHBoxLayout:
        self.examples, self.classes = TextTable(), TextTable()
        self.examples.setAccessibleName(self.tr("Names and their classes"))
        self.classes.setAccessibleName(self.tr("Classes and how many pictures they have"))
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.examples, 3)
        row.addWidget(self.classes, 2)
        return row

    # --- trying ---------------------------------------------------------------------------------

    @property
    def _text(self) -> str:
        return self.pattern.text().strip()

    def _edited(self) -> None:
        self._preview = None
        self.say(self.verdict.text())
        self._typed.start()

    def _try(self) -> None:
        """What is wrong is said at once; what it would do, once it is counted."""
        self._typed.stop()
        self.reader.forget()
        text, names = self._text, self._glance.names
        why = why_no_pattern(text)
        if why:
            self._show_names()
            self.say("", why)
        else:
            self.reader.ask(lambda: preview_names(names, text), self._tried)

    def _tried(self, found: NamesPreview) -> None:
        self._preview = found
        self._show(found.examples, found.classes)
        problem = found.problem
        said = "" if problem else found.sentence
        if said and self._glance.files > len(self._glance.names):
            some = self.tr("Of {0} names from everywhere in the folder:")
            said = f"{some.format(count(found.names))} {said}"
        self.say(said, problem, ready=not problem)

    def _show_names(self) -> None:
        """Names without classes, while there is no pattern that could say them."""
        rows = [(name, "") for name in some_of(self._glance.names)]
        self.examples.show_rows((self.tr("Name"), self.tr("Class")), rows)
        self.classes.show_rows((self.tr("Class"), self.tr("Pictures")), [], numbers=[1])

    def _show(self, examples: tuple[tuple[str, str], ...], classes: dict[str, int]) -> None:
        none = self.tr("does not fit")
        rows = [(name, label or none) for name, label in examples]
        self.examples.show_rows((self.tr("Name"), self.tr("Class")), rows)
        counts = [(label, count(n)) for label, n in list(classes.items())[:500]]
        self.classes.show_rows((self.tr("Class"), self.tr("Pictures")), counts, numbers=[1])

    def accept(self) -> None:
        """Return tries what was just typed before it goes on."""
        if self._preview is None or self._preview.pattern != self._text:
            self._try()
        else:
            super().accept()

    def answer(self) -> DatasetSpec:
        return self._glance.dataset.model_copy(update={"pattern": self._text})
