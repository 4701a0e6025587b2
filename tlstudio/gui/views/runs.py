"""Owns the screen of a project's runs: which there are, one of them in detail, several compared."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.errands import Errands
from tlstudio.gui.latest import Latest
from tlstudio.gui.views import run_words as words
from tlstudio.gui.views.comparison import Comparison
from tlstudio.gui.views.run_details import RunDetails
from tlstudio.gui.views.run_rows import RunRow, RunRows, read_again, read_curves, read_rows
from tlstudio.gui.widgets.basics import (
    Notice,
    hint_label,
    link_button,
    primary_button,
    small_label,
    title_label,
)
from tlstudio.gui.widgets.question import ask
from tlstudio.gui.widgets.run_model import MOST_COMPARED
from tlstudio.gui.widgets.run_table import RunTable
from tlstudio.gui.widgets.series import CurveData
from tlstudio.gui.wizard.replay import News, Replay, news, replay_to_draw
from tlstudio.gui.wizard.state import WizardState
from tlstudio.projects.own_models import own_run
from tlstudio.projects.project import Project
from tlstudio.projects.runs import delete, rename

FOLLOW_MS = 1000
"""Runs that are being trained are looked at so often."""
_REST_MS = 60
"""A run is read once the keyboard has rested on it for so long."""


class RunsView(QWidget):
    """`show_project` reads the runs; the signals say what the user wants done with them."""

    carry_on = Signal(object)
    """The run in this folder, from its checkpoint."""
    opened = Signal(object)
    """The run in this folder, as it stands: its results, or how far it is."""
    start_from = Signal(object)
    """A new run by this `TrainingJob`, which may still be changed."""
    new_run = Signal()
    back = Signal()

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        super().__init__()
        self.state, self.engine = state, engine
        self.project: Path | None = None
        self._looked_at: RunRow | None = None
        self._read: Replay | None = None
        self._curves: dict[Path, CurveData] = {}
        self._list, self._look, self._compare = Latest(self), Latest(self), Latest(self)
        self._follow, self._errands = Latest(self), Errands(self)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._read_chosen)
        self._clock = QTimer(self, singleShot=True, interval=FOLLOW_MS)
        self._clock.timeout.connect(self._look_again)
        self._build()
        self._connect()

    # --- putting it together --------------------------------------------------------------------

    def _build(self) -> None:
        self.back_button = link_button(self.tr("‹ &Back"))
        self.back_button.setAccessibleName(self.tr("Back"))
        self.new_button = QPushButton(self.tr("&New training"))
        self.title = title_label(self.tr("Trainings"))
        head = QHBoxLayout()
        head.setSpacing(theme.WIDE)
        head.addWidget(self.back_button)
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(self.new_button)
        self.notice = Notice()
        self.table = RunTable()
        self.hint = small_label("")
        above = QWidget()
        column = QVBoxLayout(above)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.TIGHT)
        column.addWidget(self.table, 1)
        column.addWidget(self.hint)
        self.details, self.comparison = RunDetails(), Comparison()
        self.below = QStackedWidget()
        self.below.addWidget(self.details)
        self.below.addWidget(self.comparison)
        self.splitter = splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(12)
        splitter.addWidget(above)
        splitter.addWidget(self.below)
        splitter.setStretchFactor(1, 1)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._nothing())
        self._stack.addWidget(splitter)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAGE, theme.WIDE, theme.PAGE, theme.WIDE)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self.notice)
        column.addWidget(self._stack, 1)

    def _nothing(self) -> QWidget:
        """What stands there before the first training."""
        page = QWidget()
        self.empty = hint_label("")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty_button = primary_button(self.tr("Begin the &first training"))
        column = QVBoxLayout(page)
        column.setSpacing(theme.WIDE)
        column.addStretch(2)
        column.addWidget(self.empty)
        column.addWidget(self.empty_button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)
        return page

    def _connect(self) -> None:
        table, details = self.table, self.details
        for work in (self._list, self._errands):
            work.failed.connect(partial(self.notice.say, "error"))
        self._look.failed.connect(lambda message, _hint: details.say_unreadable(message))
        self.back_button.clicked.connect(self.back)
        self.new_button.clicked.connect(self.new_run)
        self.empty_button.clicked.connect(self.new_run)
        table.chosen.connect(self._choose)
        table.entered.connect(self._enter)
        table.delete_asked.connect(self._ask_before_deleting)
        table.runs.renamed.connect(self._rename)
        table.runs.ticked.connect(self._show_ticked)
        details.wanted.connect(self._show_possible)
        details.open.clicked.connect(lambda: self._emit(self.opened))
        details.carry_on.clicked.connect(lambda: self._emit(self.carry_on))
        details.use.clicked.connect(self._use_settings)
        details.train_on.clicked.connect(self._train_on)
        details.rename.clicked.connect(table.rename)
        details.folder.clicked.connect(self._show_folder)
        details.delete.clicked.connect(self._ask_before_deleting)
        self.comparison.stop.clicked.connect(table.runs.untick)
        self.state.observe(self._show_possible)

    def leave(self) -> None:
        """The window closes: what is being read or written ends here."""
        self.state.forget(self._show_possible)
        self._rest.stop()
        self._clock.stop()
        for reading in (self._list, self._look, self._compare, self._follow):
            reading.stop()
        self._errands.finish()

    # --- reading --------------------------------------------------------------------------------

    def show_project(self, path: Path, title: str = "") -> None:
        """Reads the runs of this project; what was shown of it stays meanwhile."""
        self.notice.clear()
        if path != self.project:
            self.project, self._curves = path, {}
            self._show_rows(RunRows(str(path), ()))
            self.empty.setText(self.tr("Reading…"))
            self.empty_button.hide()
        self.title.setText(
            self.tr("Trainings of {0}").format(title) if title else self.title.text()
        )
        self._read_list()

    def _read_list(self) -> None:
        project = self.project
        if project is not None:
            self._list.ask(lambda: read_rows(project), self._show_rows)

    def _show_rows(self, found: RunRows) -> None:
        if self.project is None or found.project != str(self.project):
            return
        before = len(self.table.runs.rows)
        self.table.runs.show_rows(found.rows)
        self._stack.setCurrentIndex(1 if found.rows else 0)
        if len(found.rows) != before:
            self._share_room(len(found.rows))
        if found.rows and not before:
            self.table.setFocus()
        self.empty.setText(
            self.tr("No training yet. Each one will stand here with its settings and its curves.")
        )
        self.empty_button.show()
        if not found.rows:
            self.empty_button.setFocus()
        self.new_button.setVisible(bool(found.rows))
        self._show_ticked()
        self._show_possible()
        self._clock.start()

    def _share_room(self, rows: int) -> None:
        """The list is as high as it needs to be, up to two fifths."""
        whole = self._stack.height()
        wanted = self.table.height_of(rows) + self.hint.sizeHint().height() + theme.NORMAL
        above = min(wanted, 2 * whole // 5)
        self.splitter.setSizes([above, whole - above])

    def _choose(self, row: RunRow | None) -> None:
        if row is None:
            return
        self.details.show_row(row)
        if self._read is not None and self._read.path != row.path:
            self._read = None
        if row != self._looked_at:
            self._looked_at = row
            self._look.forget()
            self._rest.start()

    def _read_chosen(self) -> None:
        row = self.table.row()
        if row is not None and row.summary.job is not None:
            self._look.ask(lambda: replay_to_draw(row.path, row.summary.title), self._show_read)
        elif row is not None:
            self.details.say_unreadable(self.tr("This run can't be read."))

    def _show_read(self, read: Replay) -> None:
        row = self.table.row()
        if row is not None and row.path == read.path:
            self._read = read
            self._curves[read.path] = read.curves
            self.details.show_replay(read)

    # --- following what is being trained --------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._clock.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._clock.stop()
        super().hideEvent(event)

    def _look_again(self) -> None:
        rows = [row for row in self.table.runs.rows if row.summary.standing == "running"]
        if rows and self.isVisible():
            self._follow.ask(lambda: read_again(rows), self._update_rows)

    def _update_rows(self, rows: Sequence[RunRow]) -> None:
        self.table.runs.update_rows(rows)
        if {row.path for row in self.table.runs.ticked_rows()} & {row.path for row in rows}:
            self._show_ticked()
        shown, read = self.table.row(), self._read
        if shown is not None and shown.path in {row.path for row in rows}:
            self.details.show_row(shown)
            if read is not None:
                self._follow.ask(lambda: news(read), partial(self._hear, read))
                return
        self._clock.start()

    def _hear(self, read: Replay, heard: News) -> None:
        if read is self._read:
            for event in heard.events:
                read.model.add(event)
                self.details.add(event)
            if heard.replay is not None:
                self._show_read(heard.replay)
        self._clock.start()

    # --- what may be done -----------------------------------------------------------------------

    def _show_possible(self) -> None:
        """Which buttons can be pressed, and why not."""
        row, details = self.table.row(), self.details
        found = row.summary if row is not None else None
        own = found is not None and self.state.run == Path(found.path)
        busy = self.state.training
        running = found is not None and found.standing == "running"
        read_only = bool(self.state.read_only)
        self.table.runs.read_only = read_only
        details.open.setEnabled(not busy or own)
        details.carry_on.setEnabled(not busy and not read_only)
        for button in (details.use, details.train_on, self.new_button, self.empty_button):
            button.setEnabled(not busy and not read_only)
        details.rename.setEnabled(not read_only)
        details.delete.setEnabled(not read_only and not running and not (busy and own))
        reason = self.state.read_only
        if not reason and busy:
            reason = self.tr("A training is running: others can begin or be opened when it ends.")
        details.reason.setText(reason)
        details.reason.setVisible(bool(reason))

    def _emit(self, signal: object) -> None:
        row = self.table.row()
        if row is not None:
            signal.emit(row.path)  # type: ignore[attr-defined]

    def _enter(self, row: RunRow) -> None:
        """What the first button does."""
        button = self.details.carry_on if row.summary.can_carry_on else self.details.open
        if button.isVisible() and button.isEnabled():
            button.click()

    def _use_settings(self) -> None:
        row = self.table.row()
        if row is not None and row.summary.job is not None:
            self.start_from.emit(row.summary.job)

    def _train_on(self) -> None:
        row = self.table.row()
        if row is None or row.summary.job is None:
            return
        job = row.summary.job
        self._errands.do(
            lambda: own_run(row.path).as_backbone(),
            lambda start: self.start_from.emit(job.model_copy(update={"backbone": start})),
        )

    def _show_folder(self) -> None:
        row = self.table.row()
        if row is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(row.path)))

    def _rename(self, path: Path, title: str) -> None:
        project = self.project
        if project is not None:
            self._errands.do(
                lambda: rename(Project(project), path, title), lambda _: self._read_list()
            )

    def _ask_before_deleting(self) -> None:
        row = self.table.row()
        if row is None or not self.details.delete.isEnabled():
            return
        ask(
            self,
            self.tr("Delete “{0}”?").format(row.summary.title),
            self._lost(row),
            yes=self.tr("&Move it to the bin"),
            no=self.tr("&Keep it"),
            then=lambda: self._delete(row),
        )

    def _lost(self, row: RunRow) -> str:
        found = row.summary
        if found.result is not None:
            text = self.tr("Its model ({0}), its settings and its curves go to the bin.")
            return text.format(words.accuracy(row))
        if found.can_carry_on:
            return self.tr("Its checkpoint, its settings and its curves go to the bin.")
        return self.tr("What is left of it goes to the bin.")

    def _delete(self, row: RunRow) -> None:
        self._errands.do(lambda: delete(row.path), lambda _: self._deleted(row.path))

    def _deleted(self, path: Path) -> None:
        if self.state.run == path and not self.state.training:
            self.state.close_run()
        self._curves.pop(path, None)
        self._read_list()

    # --- comparing ------------------------------------------------------------------------------

    def _show_ticked(self) -> None:
        rows = self.table.runs.ticked_rows()
        self.hint.setText(self._ticked_words(len(rows)))
        if len(rows) < 2:
            self.below.setCurrentWidget(self.details)
            return
        self.comparison.show_rows(rows)
        self.below.setCurrentWidget(self.comparison)
        missing = [row.path for row in rows if not self._is_known(row)]
        self._compare.ask(lambda: read_curves(missing), partial(self._show_compared, rows))

    def _is_known(self, row: RunRow) -> bool:
        """Whether its curves have been read and stay as they are."""
        return row.path in self._curves and row.summary.standing == "completed"

    def _show_compared(self, rows: Sequence[RunRow], read: dict[Path, CurveData]) -> None:
        self._curves.update(read)
        self.comparison.show_curves(rows, self._curves)

    def _ticked_words(self, ticked: int) -> str:
        if ticked == 0:
            return self.tr("Tick two or more to compare them.")
        if ticked == 1:
            return self.tr("One is ticked: tick another to compare them.")
        if ticked >= MOST_COMPARED:
            return self.tr("{0} are ticked: more could not be told apart.").format(ticked)
        return self.tr("{0} are ticked and compared below.").format(ticked)
