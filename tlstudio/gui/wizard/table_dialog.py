"""Owns the dialog that asks which column of a table says what, with the table's first rows."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QWidget

from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.basics import CalmWheel, count, small_label
from tlstudio.gui.widgets.column_field import ColumnField
from tlstudio.gui.widgets.text_table import TextTable
from tlstudio.gui.wizard.glances import Glances
from tlstudio.gui.wizard.question import Question
from tlstudio.jobs import DatasetSpec, PreviewResult, TableSource

_CLASSES_SAID = 5


class TableDialog(Question):
    """`chosen` brings the data set with a column, or none, for each role."""

    def __init__(self, glance: PreviewResult, engine: EngineRoom, parent: QWidget) -> None:
        self._source = _source(glance)
        super().__init__(
            self.tr("A table of labels"),
            self.tr("What does the table say?"),
            self.tr(
                "Which column of {0} names the pictures, and which one their class? Paths in it "
                "begin in {1} unless they are whole ones."
            ).format(Path(self._source.file).name, glance.dataset.folder),
            self.tr("&Use this table"),
            parent,
        )
        self._glance = glance
        self.glances = Glances(engine, self)
        self.glances.answered.connect(self._show_glance)
        self.glances.failed.connect(lambda message, hint: self.say("", f"{message} {hint}"))
        self.finished.connect(self.glances.stop)
        self.picture, self.label = ColumnField(), ColumnField()
        self.part, self.group = ColumnField(optional=True), ColumnField(optional=True)
        self.sheet = QComboBox()
        self.table = TextTable()
        self.table.setAccessibleName(self.tr("The first rows of the table"))
        self.body.addLayout(self._fields())
        self.body.addWidget(self.table, 1)
        self._fill()
        self._show_glance(glance)

    def _fields(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(theme.NORMAL)
        grid.setColumnStretch(2, 1)
        rows: list[tuple[str, QComboBox, str]] = [
            (self.tr("&Pictures"), self.picture, self.tr("the path or the name of each file")),
            (self.tr("&Classes"), self.label, self.tr("the answer that is to be learned")),
            (
                self.tr("&Split"),
                self.part,
                self.tr("says train, val or test, if somebody has split them already"),
            ),
            (
                self.tr("&Belong together"),
                self.group,
                self.tr("a patient, a plate: all of it stays on one side of the split"),
            ),
        ]
        sheets = self._glance.sheets
        if len(sheets) > 1:
            rows.append((self.tr("S&heet"), self.sheet, self.tr("of the workbook")))
            self.sheet.addItems(sheets)
            self.sheet.setCurrentText(self._source.sheet or sheets[0])
            self.sheet.activated.connect(self._other_sheet)
        calm = CalmWheel(self)
        for number, (text, field, words) in enumerate(rows):
            label = QLabel(text)
            label.setBuddy(field)
            field.setAccessibleName(text.replace("&", ""))
            field.setAccessibleDescription(words)
            field.setMinimumWidth(220)
            field.setMinimumHeight(theme.field_height())
            field.installEventFilter(calm)
            grid.addWidget(label, number, 0)
            grid.addWidget(field, number, 1)
            grid.addWidget(small_label(words, wrap=True), number, 2)
        for field in self._roles():
            field.activated.connect(self._changed)
        return grid

    def _roles(self) -> dict[ColumnField, str]:
        """What stands above the column of each field."""
        return {
            self.picture: self.tr("Pictures"),
            self.label: self.tr("Classes"),
            self.part: self.tr("Split"),
            self.group: self.tr("Belong together"),
        }

    def _fill(self) -> None:
        """The columns, with those chosen that the glance took or guessed."""
        columns, source = self._glance.columns, _source(self._glance)
        group = self._glance.group_column if source.group is None else source.group
        self.picture.fill(columns, source.picture)
        self.label.fill(columns, source.label)
        self.part.fill(columns, source.part)
        self.group.fill(columns, group)

    # --- choosing -------------------------------------------------------------------------------

    def answer(self) -> DatasetSpec:
        chosen = {
            "picture": self.picture.column,
            "label": self.label.column,
            "part": self.part.column,
            "group": self.group.column,
        }
        table = self._source.model_copy(update=chosen)
        return self._glance.dataset.model_copy(update={"table": table})

    def _changed(self) -> None:
        self._mark()
        missing = self._missing()
        if missing:
            self.glances.stop()
            self.say("", missing)
            return
        self.say(self.tr("Looking which rows point to pictures…"))
        self.glances.ask(self.answer())

    def _other_sheet(self) -> None:
        """Its columns are other ones: they are guessed anew."""
        self._source = TableSource(file=self._source.file, sheet=self.sheet.currentText())
        self.say(self.tr("Looking at the sheet…"))
        self.glances.ask(self._glance.dataset.model_copy(update={"table": self._source}))

    def _missing(self) -> str:
        if not self.picture.column:
            return self.tr("Choose the column that names the pictures.")
        if not self.label.column:
            return self.tr("Choose the column with the classes.")
        chosen = [field.column for field in self._roles() if field.column]
        for name in chosen:
            if chosen.count(name) > 1:
                text = self.tr("The column “{0}” can't say two things at once.")
                return text.format(name)
        return ""

    # --- showing --------------------------------------------------------------------------------

    def _show_glance(self, glance: PreviewResult) -> None:
        before, self._glance = self._glance, glance
        if _source(glance).sheet != _source(before).sheet:
            self._fill()
        self.table.show_rows(glance.columns, glance.rows)
        self._mark()
        reason = self._missing() or glance.problem
        self.say("" if self._missing() else self._sentence(), reason, ready=not reason)

    def _sentence(self) -> str:
        glance = self._glance
        if not glance.row_count:
            return ""
        text = self.tr("{0} of {1} rows point to a picture.")
        said = text.format(count(glance.pointing), count(glance.row_count))
        if not glance.classes:
            return said
        some = [f"{name} ({count(n)})" for name, n in list(glance.classes.items())[:_CLASSES_SAID]]
        some += ["…"] if len(glance.classes) > _CLASSES_SAID else []
        classes = self.tr("{0} classes: {1}").format(count(len(glance.classes)), ", ".join(some))
        return f"{said} {classes}"

    def _mark(self) -> None:
        columns = list(self._glance.columns)
        chosen = [(field.column, text) for field, text in self._roles().items() if field.column]
        self.table.mark({columns.index(name): text for name, text in chosen if name in columns})


def _source(glance: PreviewResult) -> TableSource:
    if glance.dataset.table is None:
        raise ValueError("a glance at something else than a table")
    return glance.dataset.table
