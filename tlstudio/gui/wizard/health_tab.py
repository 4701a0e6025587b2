"""Owns the tab that shows what is wrong with the pictures, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from tlstudio.gui import theme
from tlstudio.gui.latest import Latest
from tlstudio.gui.widgets.basics import (
    Notice,
    body_label,
    hint_label,
    link_button,
    scrolled,
)
from tlstudio.gui.widgets.finding_section import FindingSection
from tlstudio.gui.widgets.health_figures import HealthFigures
from tlstudio.gui.widgets.picture_dialog import PictureDialog
from tlstudio.gui.widgets.thumbnails import ThumbnailModel
from tlstudio.gui.widgets.tiles import TilePictures
from tlstudio.gui.wizard.closer_bar import CloserBar
from tlstudio.gui.wizard.closer_session import CloserSession
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.dismissals import Dismissals, Step
from tlstudio.gui.wizard.findings import Overview
from tlstudio.gui.wizard.health_words import looked_for, nothing_found
from tlstudio.gui.wizard.images_tab import ImagesTab
from tlstudio.gui.wizard.remedies import Remedy
from tlstudio.gui.wizard.review import Case, Review, read_review, sections
from tlstudio.jobs import FindingKind


class HealthTab(ImagesTab):
    """Figures on top, below them the findings, worst first, with their remedies."""

    reviewed = Signal(list)
    """What nobody has decided on yet, as a list of `Section`, worst first."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.review: Review | None = None
        self._folder = ""
        self._dismissed_shown = self._locked = False
        self._wanted: FindingKind | None = None
        """To be scrolled to once everything is built."""
        self._reading = Latest(self)
        self._reading.failed.connect(lambda *why: self.notice.say("error", *why))
        self._dismissals = Dismissals(self)
        self._dismissals.changed.connect(self._dismissals_changed)
        self._dismissals.failed.connect(desk.failed)
        self._pictures = TilePictures(desk.loader, self)
        self._balanced = self.state.recipe.class_weights == "balanced"
        self.sections: dict[FindingKind, FindingSection] = {}
        self._builder = QTimer(self)
        self._builder.setSingleShot(True)
        self._builder.timeout.connect(self._build)
        self.closer = CloserSession(desk, self)
        self.closer.kept.connect(self._read)
        self._lay_out()
        desk.corrected.connect(self._read)
        self.state.observe(self._state_changed)
        self.destroyed.connect(lambda: self.state.forget(self._state_changed))

    def _lay_out(self) -> None:
        self.notice = Notice()
        self.figures = HealthFigures()
        self.closer_bar = CloserBar(self.closer)
        self.nothing = _Nothing()
        self.dismissed_label = hint_label(self.tr("These are the findings that you dismissed."))
        self.dismissed_label.setWordWrap(False)
        self.dismissed_button = link_button("")
        self.dismissed_button.clicked.connect(self._toggle_dismissed)
        self._findings = QVBoxLayout()
        self._findings.setSpacing(theme.WIDE)
        content = QWidget()
        content.setProperty("kind", "plain")
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, theme.NORMAL, theme.NORMAL)
        column.setSpacing(12)
        column.addWidget(self.notice)
        column.addWidget(self.figures)
        column.addWidget(self.closer_bar)
        column.addWidget(self.nothing)
        line = QHBoxLayout()
        line.addWidget(self.dismissed_label)
        line.addWidget(self.dismissed_button)
        line.addStretch(1)
        column.addLayout(line)
        column.addLayout(self._findings)
        column.addStretch(1)
        self.area = scrolled(content)
        self.area.setAccessibleName(self.tr("What was found"))
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(self.area)
        for widget in (self.nothing, self.dismissed_label, self.dismissed_button):
            widget.hide()

    # --- what every tab has ---------------------------------------------------------------------

    def title(self) -> str:
        number = len(self.review.open_cases()) if self.review else 0
        return self.tr("&Health ({0})").format(f"{number:,}") if number else self.tr("&Health")

    def first(self) -> QWidget:
        return self.area

    def show_overview(self, overview: Overview) -> None:
        if overview.scan.folder != self._folder:
            self._folder = overview.scan.folder
            self._dismissed_shown = False
            self.area.verticalScrollBar().setValue(0)
            self.closer_bar.forget()
        self._read()
        self.closer.looked()

    def set_locked(self, locked: bool) -> None:
        self._locked = locked
        self.closer_bar.set_locked(locked)
        for section in self.sections.values():
            section.set_locked(locked)

    def leave(self) -> None:
        self._builder.stop()
        self._reading.stop()
        self.closer.leave()
        self._dismissals.leave()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._pictures.resume()

    @property
    def settled(self) -> bool:
        """Whether everything is read and every card is there."""
        return not (self._reading.busy or self._builder.isActive())

    # --- showing --------------------------------------------------------------------------------

    def _read(self) -> None:
        project, folder = self.desk.project, self._folder
        if project is not None:
            self._reading.ask(
                lambda: read_review(project, folder), lambda review: self._show(project, review)
            )

    def _show(self, project: Path, review: Review) -> None:
        self.notice.clear()
        self._dismissals.belong_to(project, review.dismissed)
        self.review = review.with_dismissed(self._dismissals.keys)
        self.figures.show_review(self.review)
        self._show_findings()

    def _dismissals_changed(self) -> None:
        if self.review is not None:
            self.review = self.review.with_dismissed(self._dismissals.keys)
            self._show_findings()

    def _show_findings(self) -> None:
        review = self.review
        if review is None:
            return
        open_cases, dismissed = review.open_cases(), review.dismissed_cases()
        self._dismissed_shown = self._dismissed_shown and bool(dismissed)
        self._show_sections(dismissed if self._dismissed_shown else open_cases, review)
        self.nothing.setVisible(not open_cases and not self._dismissed_shown)
        self.nothing.say(review.pictures, bool(dismissed))
        self.dismissed_label.setVisible(self._dismissed_shown)
        self.dismissed_button.setVisible(bool(dismissed))
        text = self.tr("Show the {0} that you dismissed").format(f"{len(dismissed):,}")
        if self._dismissed_shown:
            text = self.tr("Back to what is open")
        self.dismissed_button.setText(text)
        self.retitled.emit()
        self.reviewed.emit(sections(open_cases))
        self._builder.start(0)

    def _show_sections(self, cases: list[Case], review: Review) -> None:
        shown = {section.kind: section for section in sections(cases)}
        for kind in [kind for kind in self.sections if kind not in shown]:
            gone = self.sections.pop(kind)
            if gone.isAncestorOf(gone.window().focusWidget() or self.window()):
                self.area.setFocus()
            self._findings.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        boxes: dict[FindingKind, FindingSection] = {}
        for row, (kind, section) in enumerate(shown.items()):
            box = boxes[kind] = self.sections.get(kind) or self._section()
            if self._findings.indexOf(box) != row:
                self._findings.insertWidget(row, box)
            box.show_section(section, review, self._balanced)
        self.sections = boxes

    def _section(self) -> FindingSection:
        box = FindingSection(self._pictures)
        box.set_locked(self._locked)
        box.wanted.connect(self._apply)
        box.opened.connect(self._open)
        box.grown.connect(lambda: self._builder.start(0))
        return box

    def _build(self) -> None:
        """Builds the next card from the top: one a turn, as Qt polishes and lays out what is new
        before the next turn."""
        if any(box.build_next() for box in self.sections.values()):
            self._builder.start(0)
            return
        inside = [stop for box in self.sections.values() for stop in box.stops()]
        stops = [*self.figures.stops(), *self.closer_bar.stops(), self.dismissed_button]
        self.order([*stops, *inside])
        if self._wanted is not None:
            QTimer.singleShot(0, self, self._reach_wanted)  # once what was built has its place

    def show_kind(self, kind: FindingKind) -> None:
        """Goes to the findings of this kind that nobody has decided on yet."""
        if self._dismissed_shown:
            self._toggle_dismissed()
        self._wanted = kind
        self._builder.start(0)

    def _reach_wanted(self) -> None:
        box = self.sections.get(self._wanted) if self._wanted else None
        self._wanted = None
        if box is not None:
            self.area.verticalScrollBar().setValue(box.y())
            stop = next((each for each in box.stops() if each.isEnabled()), self.area)
            stop.setFocus()

    def _toggle_dismissed(self) -> None:
        self._dismissed_shown = not self._dismissed_shown
        self._show_findings()
        self.area.verticalScrollBar().setValue(0)

    def _state_changed(self) -> None:
        self.closer.state_changed()
        balanced = self.state.recipe.class_weights == "balanced"
        if balanced != self._balanced:
            self._balanced = balanced
            self._show_findings()

    # --- doing ----------------------------------------------------------------------------------

    def _apply(self, remedy: Remedy) -> None:
        match remedy.deed:
            case "correct":
                if remedy.make is not None:
                    self.desk.correct(remedy.done, remedy.make)
            case "dismiss" | "restore":
                self._dismiss(remedy, dismissed=remedy.deed == "dismiss")
            case "balance":
                self._balance(remedy.done)
            case "files":
                self.desk.files_wanted.emit("left_out")
            case "class":
                self.desk.class_wanted.emit(remedy.target)

    def _dismiss(self, remedy: Remedy, dismissed: bool) -> None:
        change, keys = self._dismissals.change, remedy.keys
        self._do(remedy.done, lambda: change(keys, dismissed), lambda: change(keys, not dismissed))

    def _balance(self, words: str) -> None:
        change, before = self.state.change_recipe, self.state.recipe.class_weights
        self._do(
            words, lambda: change(class_weights="balanced"), lambda: change(class_weights=before)
        )

    def _do(self, words: str, do: Callable[[], None], undo: Callable[[], None]) -> None:
        """What is no correction of labels is undone in the same row."""
        self.desk.undo.push(Step(self.desk, words, do, undo))

    def _open(self, case: Case, file: str) -> None:
        """A larger view; the arrow keys go to the other pictures of the finding."""
        files = [shot.file for shot in case.shots]
        model = ThumbnailModel(self.desk.loader, self)
        model.set_files(self._folder, files)
        dialog = PictureDialog(model, files.index(file), self.desk.loader, self)
        dialog.finished.connect(model.deleteLater)
        dialog.open()


class _Nothing(QFrame):
    """What is said where there is no finding."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "card")
        self._sign = QLabel("✓")
        self._sign.setProperty("kind", "sign-ok")
        self.words = body_label("")
        self.details = hint_label("")
        column = QVBoxLayout()
        column.setSpacing(theme.TIGHT)
        column.addWidget(self.words)
        column.addWidget(self.details)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 12, 12, 12)
        row.setSpacing(theme.NORMAL)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)

    def say(self, pictures: int, dismissed: bool) -> None:
        text = nothing_found(pictures)
        if dismissed:
            text = self.tr("Nothing is left to decide on.")
        self.words.setText(text)
        self.details.setText(looked_for())
