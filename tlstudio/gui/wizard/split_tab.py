"""Owns the tab that shows who learns, who checks and who is locked away, and lets it be changed."""

from __future__ import annotations

from typing import Any, Literal

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.latest import Latest
from tlstudio.gui.widgets.basics import (
    Card,
    Notice,
    body_label,
    heading_label,
    link_button,
    scrolled,
    small_label,
)
from tlstudio.gui.widgets.share_field import ShareField
from tlstudio.gui.wizard import split_choice
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.findings import Overview
from tlstudio.gui.wizard.grouping_panel import GroupingPanel
from tlstudio.gui.wizard.images_tab import ImagesTab
from tlstudio.gui.wizard.split_choice import Known
from tlstudio.gui.wizard.split_command import SplitCommand
from tlstudio.gui.wizard.split_picture import SplitPicture
from tlstudio.jobs import DatasetSpec, Grouping, ScanResult
from tlstudio.jobs.dataset import ENOUGH_FOR_TEST

_COPIED_MS = 2000


class SplitTab(ImagesTab):
    """A picture of the split above, what it follows from below; any change is tried at once."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._overview: Overview | None = None
        self._dataset: DatasetSpec | None = None
        self._read: Overview | None = None
        self._known = Known()
        self._locked = False
        self._own: Literal["split", "test", ""] = ""
        """What of a split the pictures bring, also where it is not used."""
        self.reader = Latest(self)
        self.notice = Notice()
        self.reader.failed.connect(lambda *why: self.notice.say("warn", *why))
        self.picture = SplitPicture()
        inside = QWidget()
        inside.setProperty("kind", "plain")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, theme.NORMAL, 0)
        column.setSpacing(12)
        for widget in (
            self.notice,
            self.picture,
            self._worth_knowing(),
            self._shares(),
            self._together(),
            self._for_a_paper(),
        ):
            column.addWidget(widget)
        column.addStretch(1)
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(scrolled(inside))
        self.state.observe(self._state_changed)
        self.destroyed.connect(lambda: desk.state.forget(self._state_changed))

    def title(self) -> str:
        return self.tr("&Split")

    def first(self) -> QWidget:
        spin = self.validation.spin
        if self._own and self.own.isEnabled():
            return self.own
        return spin if spin.isEnabled() else self.grouping.fold.button

    # --- putting it together --------------------------------------------------------------------

    def _shares(self) -> Card:
        card = Card()
        self.given = body_label("")
        self.own = QCheckBox(self.tr("Us&e this split"))
        self.own.clicked.connect(self._choose_own)
        self.validation = ShareField(self.tr("&Validation pictures"), 5, 50)
        self.test = ShareField(self.tr("&Locked test set"), 0, 40, self.tr("none"))
        self.validation.chosen.connect(self._choose_validation)
        self.test.chosen.connect(self._choose_test)
        both = QGridLayout()
        both.setHorizontalSpacing(theme.PAGE)
        both.setColumnStretch(0, 1)
        both.setColumnStretch(1, 1)
        both.addWidget(self.validation, 0, 0)
        both.addWidget(self.test, 0, 1)
        card.body.addWidget(self.given)
        card.body.addWidget(self.own)
        card.body.addLayout(both)
        self.sticky = small_label(
            self.tr("Pictures that you add later move no other picture."), wrap=True
        )
        card.body.addWidget(self.sticky)
        return card

    def _together(self) -> Card:
        card = Card()
        self.grouping = GroupingPanel()
        self.grouping.changed.connect(self._choose_grouping)
        card.body.addWidget(heading_label(self.tr("What stays together")))
        words = self.tr(
            "Pictures of one patient, plate or burst look alike. On both sides they would make the "
            "accuracy look better than it is."
        )
        card.body.addWidget(small_label(words, wrap=True))
        card.body.addWidget(self.grouping)
        return card

    def _worth_knowing(self) -> Card:
        self.worth_card = Card()
        self.worth = QVBoxLayout()
        self.worth.setSpacing(theme.TIGHT)
        self.health_button = link_button(self.tr("Show in Health"))
        self.health_button.clicked.connect(self.desk.health_wanted)
        head = QHBoxLayout()
        head.addWidget(heading_label(self.tr("Worth knowing")), 1)
        head.addWidget(self.health_button)
        self.worth_card.body.addLayout(head)
        self.worth_card.body.addLayout(self.worth)
        return self.worth_card

    def _for_a_paper(self) -> Card:
        self.paper_card = Card()
        self.sentence = body_label("")
        selectable = Qt.TextInteractionFlag.TextSelectableByMouse
        self.sentence.setTextInteractionFlags(selectable)
        self.copy_button = QPushButton(self.tr("Cop&y"))
        self.copy_button.setAccessibleName(self.tr("Copy the sentence"))
        self.copy_button.clicked.connect(self._copy)
        self._copied = QTimer(self, singleShot=True, interval=_COPIED_MS)
        self._copied.timeout.connect(lambda: self.copy_button.setText(self.tr("Cop&y")))
        row = QHBoxLayout()
        row.setSpacing(theme.WIDE)
        row.addWidget(self.sentence, 1)
        row.addWidget(self.copy_button, 0, Qt.AlignmentFlag.AlignTop)
        self.paper_card.body.addWidget(heading_label(self.tr("For your paper")))
        self.paper_card.body.addLayout(row)
        return self.paper_card

    # --- showing --------------------------------------------------------------------------------

    def show_overview(self, overview: Overview) -> None:
        self._overview = overview
        scan = overview.scan
        self._own = self._brought(scan)
        self.picture.show_scan(scan)
        self._show_shares(scan)
        self._show_grouping(scan)
        self._show_known(scan)
        self.sentence.setText(scan.split.sentence)
        self.paper_card.setVisible(bool(scan.split.sentence))
        if self.isVisible():
            self._read_index()
        self._order_tabs()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._read_index()

    def _brought(self, scan: ScanResult) -> Literal["split", "test", ""]:
        if self.state.dataset is not None and not self.state.dataset.own_split:
            return self._own or "split"
        if scan.split.given:
            return "split"
        return "test" if split_choice.has_own_test(scan) else ""

    def _show_shares(self, scan: ScanResult) -> None:
        dataset = self.state.dataset
        used = dataset is None or dataset.own_split
        given, own_test = used and self._own == "split", used and self._own == "test"
        for widget in (self.given, self.own):
            widget.setVisible(bool(self._own))
        self.sticky.setVisible(not given)
        self.given.setText(self._own_words(used))
        self.own.setAccessibleDescription(self.given.text())
        self.own.setChecked(used)
        self.own.setDisabled(self._locked)
        self.validation.setDisabled(given or self._locked)
        self.test.setDisabled(given or own_test or self._locked)
        whole = max(1, sum(split_choice.counts(scan).values()))
        locked = scan.split.test / whole if given or own_test else self._test_share(scan)
        self.test.show_share(locked)
        drawn = dataset.validation_fraction if dataset else 0.0
        self.validation.show_share(scan.split.val / whole if given else drawn)
        self.validation.set_hint(self._validation_words(scan))
        self.test.set_hint(self._test_words(scan))

    def _own_words(self, used: bool) -> str:
        if not used:
            return self.tr(
                "Your folder's own split is not used: the program draws every picture's part, as "
                "if there were none."
            )
        if self._own == "split":
            return self.tr(
                "Your folder's own split is used as it is. Groups that are on two sides of it are "
                "reported."
            )
        return self.tr("The test pictures of your folder stay what they are.")

    def _validation_words(self, scan: ScanResult) -> str:
        words = self.tr("Never learned from; the best epoch and settings are chosen on them.")
        if scan.split.test and not scan.split.given:
            words += " " + self.tr("A share of what is not locked away.")
        return words

    def _test_words(self, scan: ScanResult) -> str:
        words = self.tr(
            "No decision is taken on it. Score it once, when the model is final: that is the "
            "number to report."
        )
        few = min(scan.classes.values(), default=0) < ENOUGH_FOR_TEST
        if few and not scan.split.given and not scan.split.test:
            words += " " + self.tr(
                "With fewer than {0} pictures in a class there is none unless you ask for it."
            ).format(ENOUGH_FOR_TEST)
        return words

    def _show_grouping(self, scan: ScanResult) -> None:
        self.grouping.show_grouping(self._grouping(scan), scan.proposals)

    def _show_known(self, scan: ScanResult) -> None:
        table = self.state.dataset.table if self.state.dataset else None
        column = ""
        if table is not None and table.group:
            text = self.tr("Rows with the same “{0}” in your table stay on one side.")
            column = text.format(table.group)
        self.grouping.show_always(
            split_choice.duplicates_sentence(self._known, scan.split.given), column
        )
        while (item := self.worth.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        said = split_choice.noteworthy(self._known, scan.split.aside)
        for sentence in said:
            self.worth.addWidget(_warned(sentence))
        self.worth_card.setVisible(bool(said))

    def _order_tabs(self) -> None:
        """Also over cards that came later."""
        stops = [
            self.picture.classes_button,
            self.health_button,
            self.own,
            self.validation.slider,
            self.validation.spin,
            self.test.slider,
            self.test.spin,
            *self.grouping.stops(),
            self.copy_button,
        ]
        self.order(stops)

    def _state_changed(self) -> None:
        self.picture.show_busy(self.state.looking)
        if self._overview is not None and self.state.dataset is not self._dataset:
            self._dataset = self.state.dataset
            self._show_shares(self._overview.scan)
            self._show_grouping(self._overview.scan)

    # --- the index ------------------------------------------------------------------------------

    def _read_index(self) -> None:
        """Reads what stands in the project's index, in a thread, once a look."""
        overview = self._overview
        if overview is None or overview is self._read or not overview.scan.project:
            return
        self._read = overview
        project = overview.scan.project
        self.reader.ask(lambda: split_choice.read_known(project), self._show_read)

    def _show_read(self, known: Known) -> None:
        self._known = known
        self.grouping.rule.set_files(known.files)
        if self._overview is not None:
            self._show_known(self._overview.scan)

    # --- choosing -------------------------------------------------------------------------------

    def set_locked(self, locked: bool) -> None:
        self._locked = locked
        self.grouping.set_locked(locked)
        if self._overview is not None:
            self._show_shares(self._overview.scan)

    def leave(self) -> None:
        for reader in (self.reader, self.grouping.rule.reader):
            reader.stop()

    def _choose_own(self, used: bool) -> None:
        words = self.tr("Your own split is used") if used else self.tr("Your own split is given up")
        self._choose(words, own_split=used)

    def _choose_validation(self, share: float) -> None:
        text = self.tr("Validation pictures: {0}")
        self._choose(text.format(f"{100 * share:.0f} %"), validation_fraction=share)

    def _choose_test(self, share: float) -> None:
        text = self.tr("Locked test set: {0}")
        self._choose(text.format(f"{100 * share:.0f} %"), test_fraction=share)

    def _choose_grouping(self, grouping: Grouping) -> None:
        self._choose(self.tr("What stays together was changed"), grouping=grouping)

    def _choose(self, words: str, **values: Any) -> None:
        overview, dataset = self._overview, self.state.dataset
        if overview is None or dataset is None:
            return
        decided = dataset.model_copy(
            update={
                "test_fraction": self._test_share(overview.scan),
                "grouping": self._grouping(overview.scan),
            }
        )
        before = {name: getattr(decided, name) for name in values}
        if before != values:
            self.desk.undo.push(SplitCommand(self.desk, words, before, values))

    def _test_share(self, scan: ScanResult) -> float:
        chosen = self.state.dataset.test_fraction if self.state.dataset else None
        return scan.test_fraction if chosen is None else chosen

    def _grouping(self, scan: ScanResult) -> Grouping:
        chosen = self.state.dataset.grouping if self.state.dataset else None
        return scan.grouping if chosen is None else chosen

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.sentence.text())
        self.copy_button.setText(self.tr("Copied"))
        self._copied.start()


def _warned(sentence: str) -> QWidget:
    """A sentence with the sign of something that one should know."""
    sign = QLabel("!")
    sign.setProperty("kind", "sign-warn")
    sign.setFixedWidth(16)
    sign.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
    sign.setAccessibleName(QCoreApplication.translate("SplitTab", "Warning"))
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(theme.NORMAL)
    row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
    row.addWidget(body_label(sentence), 1)
    widget = QWidget()
    widget.setLayout(row)
    return widget
