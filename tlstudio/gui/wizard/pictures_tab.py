"""Owns the tab with the classes and their pictures, where labels are corrected."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.latest import Latest
from tlstudio.gui.widgets.basics import begin_editing, count, link_button, small_label
from tlstudio.gui.widgets.class_bars import ClassBars
from tlstudio.gui.widgets.elided_label import ElidedLabel
from tlstudio.gui.widgets.picture_grid import PictureGrid
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.findings import Overview, pictures
from tlstudio.gui.wizard.images_tab import ImagesTab
from tlstudio.gui.wizard.label_dialog import LabelDialog
from tlstudio.gui.wizard.label_questions import LabelQuestions
from tlstudio.gui.wizard.label_sheet import (
    LabelSheet,
    Shelf,
    ShownClass,
    read_pictures,
    read_sheet,
)
from tlstudio.gui.wizard.labelling import leave_out, leave_out_class, relabel
from tlstudio.gui.wizard.shelf_model import ShelfModel


class PicturesTab(ImagesTab):
    """The classes on the left, the pictures of the chosen one on the right.

    Both are read from the project in threads; what is corrected goes from the grid at
    once, and comes back if it could not be written.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._wanted_class = ""
        self._locked = False
        self._sheets, self._shelves = Latest(self), Latest(self)
        for reader in (self._sheets, self._shelves):
            reader.failed.connect(desk.failed)
        self.questions = LabelQuestions(desk, self)
        self.bars = ClassBars()
        self.bars.setFixedWidth(252)
        self.model = ShelfModel(desk.loader, self)
        self.grid = PictureGrid(self.model)
        self.grid.setAccessibleName(self.tr("Pictures"))
        both = QHBoxLayout(self)
        both.setContentsMargins(0, 0, 0, 0)
        both.setSpacing(theme.WIDE)
        both.addLayout(self._left())
        both.addLayout(self._right(), 1)
        self._connect()

    def _left(self) -> QVBoxLayout:
        self.rename_button = link_button(self.tr("&Rename"))
        self.class_out_button = link_button(self.tr("Lea&ve out"))
        row = QHBoxLayout()
        row.setSpacing(theme.WIDE)
        row.addWidget(self.rename_button)
        row.addWidget(self.class_out_button)
        row.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(theme.TIGHT)
        column.addWidget(small_label(self.tr("Classes")))
        column.addWidget(self.bars, 1)
        column.addLayout(row)
        return column

    def _right(self) -> QVBoxLayout:
        self.class_label = ElidedLabel()
        self.move_button = QPushButton(self.tr("&Into another class"))
        self.move_button.setMenu(QMenu(self.move_button))
        self.out_button = QPushButton(self.tr("&Leave out"))
        top = QHBoxLayout()
        top.setSpacing(theme.NORMAL)
        top.addWidget(self.class_label, 1)
        top.addWidget(self.move_button)
        top.addWidget(self.out_button)
        keys = self.tr("1–9: into that class    Delete: leave out    Enter: enlarge")
        column = QVBoxLayout()
        column.setSpacing(theme.TIGHT)
        column.addLayout(top)
        column.addWidget(self.grid, 1)
        column.addWidget(small_label(keys))
        return column

    def _connect(self) -> None:
        self.desk.corrected.connect(self._read_sheet)
        self.desk.class_wanted.connect(self._choose_class)
        self.bars.chosen.connect(self._read_pictures)
        self.bars.classes.renamed.connect(self.questions.rename)
        self.bars.delete_pressed.connect(self.leave_out_class)
        self.bars.menu_asked.connect(self._class_menu)
        self.rename_button.clicked.connect(self._rename)
        self.class_out_button.clicked.connect(self.leave_out_class)
        self.grid.opened.connect(self.open_picture)
        self.grid.typed.connect(self._typed)
        self.grid.delete_pressed.connect(self.leave_out)
        self.grid.menu_asked.connect(self._pictures_menu)
        self.grid.selectionModel().selectionChanged.connect(lambda *_: self._show_words())
        self.out_button.clicked.connect(self.leave_out)
        self.move_button.menu().aboutToShow.connect(self._fill_move_menu)

    # --- what the page asks of a tab ------------------------------------------------------------

    def title(self) -> str:
        return self.tr("&Pictures")

    def first(self) -> QWidget:
        return self.bars

    def show_overview(self, overview: Overview) -> None:
        self._read_sheet()

    def set_locked(self, locked: bool) -> None:
        self._locked = locked
        self.bars.set_locked(locked)
        self._show_words()

    def leave(self) -> None:
        self._sheets.stop()
        self._shelves.stop()

    # --- reading --------------------------------------------------------------------------------

    @property
    def sheet(self) -> LabelSheet:
        return self.bars.classes.sheet

    @property
    def shelf(self) -> Shelf:
        return self.model.shelf

    @property
    def reading(self) -> bool:
        """Whether what is shown is being read again."""
        return self._sheets.busy or self._shelves.busy

    def _read_sheet(self) -> None:
        project, overview = self.desk.project, self.state.overview
        if project is not None and overview is not None:
            self._sheets.ask(lambda: read_sheet(project, overview.keys), self._show_sheet)

    def _show_sheet(self, sheet: LabelSheet) -> None:
        self.questions.sheet = sheet
        self.bars.show_sheet(sheet)
        for dialog in self.findChildren(LabelDialog):
            dialog.sheet = sheet
        self._choose_class(self._wanted_class)

    def _choose_class(self, name: str) -> None:
        """Now, or once the class is known."""
        self._wanted_class = "" if self.sheet.named(name) else name
        self.bars.choose(name)

    def _read_pictures(self) -> None:
        project, folder = self.desk.project, self.state.folder
        if project is None or folder is None or not self.bars.currentIndex().isValid():
            return
        sheet, shown = self.sheet, self.bars.shown()
        self._shelves.ask(lambda: read_pictures(project, folder, sheet, shown), self._show_shelf)

    def _show_shelf(self, shelf: Shelf) -> None:
        """The pictures of the chosen class: from the top where it is another class."""
        if self.desk.busy:
            return  # more was corrected meanwhile, after which they are read again
        before = self.shelf
        self.model.ratio = self.devicePixelRatioF()
        if (before.root, before.numbers) == (shelf.root, shelf.numbers):
            self.model.update_shelf(shelf)
            self.grid.viewport().update()
        elif before.shown and shelf.shown and set(before.shown.keys) & set(shelf.shown.keys):
            self._replace(shelf)
        else:
            self.model.show_shelf(shelf)
            self.grid.scrollToTop()
        self._show_words()

    def _replace(self, shelf: Shelf) -> None:
        """Other pictures of the same class: the view stays where it is."""
        current, scrolled = self.grid.currentIndex().row(), self.grid.verticalScrollBar().value()
        self.model.show_shelf(shelf)
        self.grid.verticalScrollBar().setValue(scrolled)
        if current >= 0 and shelf.numbers:
            current = min(current, len(shelf.numbers) - 1)
            self.grid.choose_rows([], current)

    def _show_words(self) -> None:
        shown, rows = self.shelf.shown, self.grid.chosen_rows()
        name = shown.name if shown else self.tr("Left out by you")
        if self.shelf.root:
            self.grid.nothing = self.tr("There is no picture in “{0}”.").format(name)
        chosen, there = sum(map(len, rows)), len(self.shelf.numbers)
        number = pictures(there)
        if chosen:
            number = self.tr("{0} of {1} chosen").format(count(chosen), pictures(there))
        self.class_label.show_text(name, number)
        self.grid.setAccessibleName(self.tr("Pictures of {0}").format(name))
        free = not self._locked
        class_out = shown is not None and shown.excluded
        self.move_button.setEnabled(free and chosen > 0)
        self.out_button.setEnabled(free and chosen > 0 and not class_out)
        self.out_button.setText(self.tr("&Leave out") if shown else self.tr("Put &back in"))
        self.rename_button.setEnabled(free and shown is not None and not class_out)
        self.class_out_button.setEnabled(free and shown is not None)
        self.class_out_button.setText(self.tr("Put &back") if class_out else self.tr("Lea&ve out"))

    # --- what is corrected ----------------------------------------------------------------------

    def leave_out(self) -> None:
        """Takes the chosen pictures out, or back in where they are out."""
        rows, shown = self.grid.chosen_rows(), self.shelf.shown
        if rows and not self._locked and not (shown and shown.excluded):
            self.desk.grant(leave_out(self.shelf.of(rows), out=shown is not None))
            self._drop(rows)

    def move_to(self, target: ShownClass) -> None:
        """Puts the chosen pictures into this class."""
        rows, shown = self.grid.chosen_rows(), self.shelf.shown
        if not rows or self._locked or (shown and shown.keys == target.keys):
            return
        self.desk.grant(relabel(self.shelf.of(rows), target))
        if shown is not None:
            self._drop(rows)

    def leave_out_class(self) -> None:
        """Takes the chosen class out, or back in where it is out."""
        shown = self.bars.shown()
        if shown is not None and not self._locked:
            self.desk.grant(leave_out_class(shown, out=not shown.excluded))

    def _drop(self, rows: list[range]) -> None:
        """They are no longer here; the keyboard goes on with the one that takes their place."""
        first, one = min(part.start for part in rows), sum(map(len, rows)) == 1
        scrolled = self.grid.verticalScrollBar().value()
        self._shelves.forget()
        self.model.show_shelf(self.shelf.without(rows))
        self.grid.verticalScrollBar().setValue(scrolled)
        left = len(self.shelf.numbers)
        if left:
            row = min(first, left - 1)
            self.grid.choose_rows([range(row, row + 1)] if one else [], row)
        self._show_words()

    def _typed(self, digit: int) -> None:
        counting = self.sheet.counting
        if digit <= len(counting):
            self.move_to(counting[digit - 1])

    def _rename(self) -> None:
        begin_editing(self.bars, self.bars.currentIndex())

    def _move_to_new(self) -> None:
        rows = self.grid.chosen_rows()
        self.questions.new_class(self.shelf.of(rows))

    # --- menus ----------------------------------------------------------------------------------

    def _fill_move_menu(self) -> None:
        self._fill(self.move_button.menu())

    def _fill(self, menu: QMenu) -> None:
        menu.clear()
        for number, shown in enumerate(self.sheet.counting, start=1):
            text = shown.name.replace("&", "&&")
            key = f"\t{number}" if number <= 9 else ""
            action = menu.addAction(text + key)
            action.setEnabled(shown != self.shelf.shown)
            action.triggered.connect(lambda _=False, shown=shown: self.move_to(shown))
        menu.addSeparator()
        menu.addAction(self.tr("&New class…")).triggered.connect(self._move_to_new)

    def _pictures_menu(self, place: QPoint) -> None:
        row = self.grid.currentIndex().row()
        if row < 0:
            return
        menu = QMenu(self)
        menu.addAction(self.tr("&Enlarge")).triggered.connect(lambda: self.open_picture(row))
        menu.addAction(self.tr("Choose &all")).triggered.connect(self.grid.selectAll)
        menu.addSeparator()
        into = menu.addMenu(self.tr("&Into another class"))
        into.setEnabled(self.move_button.isEnabled())
        self._fill(into)
        out = menu.addAction(self.out_button.text())
        out.setEnabled(self.out_button.isEnabled())
        out.triggered.connect(self.leave_out)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)

    def _class_menu(self, place: QPoint) -> None:
        shown = self.bars.shown()
        if shown is None or self._locked:
            return
        menu = QMenu(self)
        if not shown.excluded:
            menu.addAction(self.rename_button.text()).triggered.connect(self._rename)
            into = menu.addMenu(self.tr("&Merge into"))
            for other in self.sheet.counting:
                if other != shown:
                    action = into.addAction(other.name.replace("&", "&&"))
                    action.triggered.connect(
                        lambda _=False, other=other: self.questions.merge(shown, other)
                    )
        menu.addAction(self.class_out_button.text()).triggered.connect(self.leave_out_class)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)

    # --- one picture ----------------------------------------------------------------------------

    def open_picture(self, row: int) -> None:
        """A larger view of one picture of the chosen class."""
        dialog = LabelDialog(self.desk, self.shelf, row, self.sheet, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
