"""Owns the larger view of a picture whose label can be corrected."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from tlstudio.gui.latest import Latest
from tlstudio.gui.widgets.class_bars import NUMBERED
from tlstudio.gui.widgets.picture_dialog import PictureDialog
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.label_sheet import LabelSheet, Shelf, read_entry
from tlstudio.gui.wizard.labelling import leave_out, relabel
from tlstudio.projects.index import Entry


class _Rows:
    """A shelf as the dialog goes through it: as it was when it was opened."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def path(self, row: int) -> Path:
        return Path(self.shelf.root, self.shelf.files[row])

    def rowCount(self) -> int:
        return len(self.shelf.files)


class LabelDialog(PictureDialog):
    """The same keys as in the grid correct the picture that is seen; it stays in sight, whatever
    class it is in then. Digits are the places of classes in `sheet`."""

    def __init__(
        self, desk: Desk, shelf: Shelf, row: int, sheet: LabelSheet, parent: QWidget
    ) -> None:
        self._desk, self._shelf, self.sheet = desk, shelf, sheet
        self._entry: Entry | None = None
        self._reader: Latest | None = None
        super().__init__(_Rows(shelf), row, desk.loader, parent)
        self._reader = Latest(self)
        desk.corrected.connect(self._read)
        for key, act in (
            (QKeySequence.StandardKey.Undo, desk.take_back),
            (QKeySequence.StandardKey.Redo, desk.do_again),
        ):
            QShortcut(QKeySequence(key), self).activated.connect(act)
        self.finished.connect(self._reader.stop)
        self._read()

    def _go(self, by: int) -> None:
        super()._go(by)
        self._entry = self._shelf.entries[self._row]
        self._show_label()
        self._read()

    def _read(self) -> None:
        """What the project says of the picture now."""
        project = self._desk.project
        number = self._shelf.numbers[self._row]
        if self._reader is not None and project is not None:
            self._reader.ask(lambda: read_entry(project, number), self._read_through)

    def _read_through(self, entry: Entry | None) -> None:
        self._entry = entry
        self._show_label()

    def _show_label(self) -> None:
        entry = self._entry
        if entry is None:
            self.say(self.tr("This picture has gone."))
            return
        label = self.tr("Class: {0}").format(entry.label)
        if entry.excluded:
            label = self.tr("{0}, left out").format(label)
        keys = "   ".join(
            f"{number} {shown.name}"
            for number, shown in enumerate(self.sheet.counting[:NUMBERED], start=1)
        )
        delete = self.tr("Delete: put back") if entry.excluded else self.tr("Delete: leave out")
        self.say(label, "" if self._desk.state.locked else f"{keys}   {delete}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        digit = event.key() - Qt.Key.Key_0
        counting, entry = self.sheet.counting, self._entry
        if entry is None or self._desk.state.locked:
            super().keyPressEvent(event)
        elif event.key() in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}:
            self._desk.grant(leave_out([entry.id], out=not entry.excluded))
        elif 1 <= digit <= min(NUMBERED, len(counting)):
            if counting[digit - 1].name != entry.label:
                self._desk.grant(relabel([entry.id], counting[digit - 1]))
        else:
            super().keyPressEvent(event)
