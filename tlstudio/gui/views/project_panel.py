"""Owns what stands beside the list of projects: the chosen one, and what can be done with it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.views import project_words as words
from tlstudio.gui.views.known import Entry
from tlstudio.gui.when import day_words
from tlstudio.gui.widgets.basics import (
    Card,
    Notice,
    figure_label,
    heading_label,
    line,
    link_button,
    scrolled,
    small_label,
)

WIDTH = 320


class ProjectPanel(Card):
    """The chosen project. Its buttons are the same as the entries of the list's menu."""

    carry_on = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(WIDTH)
        self.title = heading_label("")
        self.title.setWordWrap(True)
        self.figure = figure_label("")
        self.basis = small_label("", wrap=True)
        self.contents = small_label("", wrap=True)
        self.place = small_label("", wrap=True)
        self.used = small_label("", wrap=True)
        self.reason = small_label("", wrap=True)
        self.notice = Notice()
        self.notice.acted.connect(self.carry_on)
        self.open_button = QPushButton(self.tr("&Open"))
        self.runs_button = QPushButton(self.tr("Trainin&gs"))
        self.rename_button = link_button(self.tr("&Rename…"))
        self.folder_button = link_button(self.tr("Show &folder"))
        self.forget_button = link_button(self.tr("Take off the &list"))
        self.bin_button = link_button(self.tr("Move to the &bin…"))
        self._fill()
        self.setEnabled(False)

    def _fill(self) -> None:
        inside = QWidget()
        inside.setProperty("kind", "plain")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.NORMAL)
        for widget in (self.title, self.notice, self.figure, self.basis, line()):
            column.addWidget(widget)
        for label in (self.contents, self.place, self.used):
            column.addWidget(label)
        column.addStretch(1)
        for label in (self.title, self.basis, self.contents, self.place, self.used):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.body.addWidget(scrolled(inside), 1)
        self.body.addWidget(self.reason)
        for row in (
            (self.open_button, self.runs_button),
            (self.rename_button, self.folder_button),
            (self.forget_button, self.bin_button),
        ):
            line_of = QHBoxLayout()
            for button in row:
                line_of.addWidget(button, 1)
            self.body.addLayout(line_of)

    def show_entry(self, entry: Entry | None, *, opened: bool, locked: bool) -> None:
        """`opened`: it is the project of this window; `locked`: which may not change it now."""
        self.setEnabled(entry is not None)
        if entry is None:
            return
        known = entry.known
        self.title.setText(known.title)
        accuracy = known.accuracy
        self.figure.setVisible(accuracy is not None)
        self.figure.setText("" if accuracy is None else f"{100 * accuracy:.1f}\u00a0%")
        self.basis.setText(words.trainings_words(entry))
        contents = words.contents_words(entry)
        self.contents.setText(f"{contents}: {words.classes_words(entry)}" if contents else "")
        self.place.setText(words.place_words(entry))
        self.used.setText(self.tr("Last used: {0}").format(day_words(known.opened)))
        for label in (self.contents, self.place):
            label.setVisible(bool(label.text()))
        self._show_notice(entry)
        self.open_button.setEnabled(entry.there)
        self.runs_button.setEnabled(entry.there and known.runs > 0)
        self.folder_button.setEnabled(entry.there)
        for button in (self.rename_button, self.bin_button):
            button.setEnabled(entry.there and not (opened and locked))
        self.forget_button.setEnabled(not opened)
        self.reason.setText(self._reason(entry, opened, locked))
        self.reason.setVisible(bool(self.reason.text()))

    def _reason(self, entry: Entry, opened: bool, locked: bool) -> str:
        """Why some of the buttons can't be pressed; the notice says what is missing."""
        if not opened or not entry.there:
            return ""
        if locked:
            return self.tr("It is open here and can't be changed now.")
        return self.tr("It is open here, so it stays on the list.")

    def _show_notice(self, entry: Entry) -> None:
        message, hint = words.missing_words(entry)
        if message:
            self.notice.say("warn", message, hint)
        elif entry.offer is not None:
            text = self.tr("Its last training was interrupted.")
            self.notice.say("warn", text, action=self.tr("&Carry on"))
        else:
            self.notice.clear()
