"""Owns the dialog of what the program takes on the disk: what it is, how much, what may go."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.views.disk_session import DiskSession
from tlstudio.gui.widgets.basics import (
    Notice,
    body_label,
    heading_label,
    line,
    link_button,
    scrolled,
    small_label,
    title_label,
)
from tlstudio.gui.widgets.job_progress import JobProgress
from tlstudio.projects.disk_use import Cleanable, DiskUse, What
from tlstudio.tasks import Event, Progress

_UNKNOWN = "…"


class Row(NamedTuple):
    """One line of the list; `clean` says what takes it away, None where nothing here does."""

    name: str
    words: str
    parts: tuple[What, ...]
    clean: Cleanable | None


def rows() -> tuple[Row, ...]:
    """Everything there is, what may go first."""
    return (
        Row(
            _tr("Computed from your pictures"),
            _tr("Makes the next training faster. Comes back by itself; the next one takes longer."),
            ("activations", "decoded", "other_cache"),
            "cache",
        ),
        Row(
            _tr("Left half written"),
            _tr("By a crash or a broken download. Of no use any more."),
            ("leftovers",),
            "leftovers",
        ),
        Row(_tr("Logs"), _tr("Of earlier sessions, for support."), ("logs",), "logs"),
        Row(
            _tr("Models"),
            _tr("What your trainings learned. Delete a training, and its model goes to the bin."),
            ("models",),
            None,
        ),
        Row(
            _tr("Checkpoints"),
            _tr("From which interrupted trainings are carried on. They go with the training."),
            ("checkpoints",),
            None,
        ),
        Row(
            _tr("Projects"),
            _tr("Corrections of labels, splits, curves. They go with the project."),
            ("projects",),
            None,
        ),
        Row(
            _tr("Published networks"),
            _tr("Downloaded once, for all projects."),
            ("weights",),
            None,
        ),
        Row(_tr("Sample pictures"), _tr("Drawn when you first tried them."), ("samples",), None),
    )


def size_words(size: int) -> str:
    """ "3.4 GB", "12 MB"; anything at all is at least a tenth of a megabyte."""
    if size >= 1e9:
        return f"{size / 1e9:.1f}\u00a0GB"
    if size >= 1e7 or size == 0:
        return f"{size / 1e6:,.0f}\u00a0MB"
    return f"{max(size / 1e6, 0.1):.1f}\u00a0MB"


class DiskUseDialog(QDialog):
    """A line for each kind, with its size and, where it may go, a button that cleans it."""

    def __init__(self, session: DiskSession, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Disk use"))
        self.resize(640, 600)
        self._session = session
        self.total = title_label(_UNKNOWN)
        self.notice = Notice()
        self.progress = JobProgress()
        self.progress.cancelled.connect(session.cancel)
        self.sizes: list[QLabel] = []
        self.buttons: dict[Cleanable, QPushButton] = {}
        self.close_button = QPushButton(self.tr("C&lose"))
        self.close_button.clicked.connect(self.accept)
        self.folder_button = link_button(self.tr("Show &folder"))
        self.folder_button.clicked.connect(self._show_folder)
        self._lay_out()
        session.changed.connect(self._refresh)
        session.progressed.connect(self._progressed)
        session.freed.connect(self._freed)
        session.failed.connect(self._failed)
        session.measure()
        self._refresh()
        self.close_button.setFocus()

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setProperty("kind", "plain")
        grid = QGridLayout(inside)
        grid.setContentsMargins(0, 0, theme.NORMAL, 0)
        grid.setHorizontalSpacing(theme.WIDE)
        grid.setVerticalSpacing(theme.NORMAL)
        grid.setColumnStretch(0, 1)
        for row in rows():
            self._add(grid, row)
        grid.setRowStretch(grid.rowCount(), 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.folder_button)
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAGE, theme.WIDE, theme.PAGE, theme.WIDE)
        column.setSpacing(12)
        column.addWidget(self.total)
        column.addWidget(body_label(self.tr("Your own pictures are not counted, nor touched.")))
        column.addWidget(self.notice)
        column.addWidget(scrolled(inside), 1)
        column.addWidget(self.progress)
        column.addLayout(buttons)

    def _add(self, grid: QGridLayout, row: Row) -> None:
        at = grid.rowCount()
        top = Qt.AlignmentFlag.AlignTop
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(heading_label(row.name))
        words.addWidget(small_label(row.words, wrap=True))
        size = QLabel(_UNKNOWN)
        size.setAccessibleName(self.tr("Size of {0}").format(row.name))
        self.sizes.append(size)
        grid.addLayout(words, at, 0)
        grid.addWidget(size, at, 1, Qt.AlignmentFlag.AlignRight | top)
        if row.clean is not None:
            button = QPushButton(self.tr("Clean"))
            button.setAccessibleName(self.tr("Clean: {0}").format(row.name))
            button.clicked.connect(lambda _=False, kind=row.clean: self._clean(kind))
            self.buttons[row.clean] = button
            grid.addWidget(button, at, 2, top)
        grid.addWidget(line(), at + 1, 0, 1, 3)

    def _clean(self, kind: Cleanable) -> None:
        self.notice.clear()
        self.progress.cancel.setFocus()
        self._session.clean(kind)

    def _refresh(self) -> None:
        session, use = self._session, self._session.use
        words = self.tr("Cleaning") if session.cleaning else self.tr("Looking through the disk")
        if session.running and self.progress.words.text() != words:
            self.progress.begin(words)
        self.progress.setVisible(session.running)
        for row, label in zip(rows(), self.sizes, strict=True):
            size = None if use is None else _bytes(use, row)
            label.setText(_UNKNOWN if size is None else size_words(size))
            if row.clean is not None:
                self.buttons[row.clean].setEnabled(bool(size) and session.cleaning is None)
        total = _UNKNOWN if use is None else size_words(use.bytes)
        self.total.setText(self.tr("{0} on this disk").format(total))

    def _progressed(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progress.show_progress(event)

    def _freed(self, size: int) -> None:
        self.notice.say("ok", self.tr("{0} are free again.").format(size_words(size)))

    def _failed(self, message: str, hint: str) -> None:
        self.notice.say("error", message, hint)

    def _show_folder(self) -> None:
        if self._session.use is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(self._session.use.folder))


def _bytes(use: DiskUse, row: Row) -> int:
    return sum(each.bytes for each in use.uses if each.what in row.parts)


def _tr(text: str) -> str:
    return QCoreApplication.translate("DiskUse", text)
