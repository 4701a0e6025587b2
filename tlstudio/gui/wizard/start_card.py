"""Owns the card under the list of networks: what the chosen one starts from, and its details."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from tlstudio.backbones.catalogue import Backbone
from tlstudio.backbones.weights import weights_state
from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import (
    CalmWheel,
    Card,
    Fold,
    SnugArea,
    body_label,
    has_keyboard,
    heading_label,
    link_button,
    small_label,
)
from tlstudio.gui.widgets.job_progress import JobProgress
from tlstudio.gui.wizard.network_choice import weights_spec
from tlstudio.gui.wizard.start_words import (
    facts,
    megabytes,
    size_words,
    start_sentence,
    variant_words,
)
from tlstudio.gui.wizard.state import WizardState
from tlstudio.gui.wizard.weights_session import WeightsSession

LARGEST_SIZE = 1024
"""Larger pictures than this are for the command line: they rarely fit into memory."""


class StartCard(Card):
    """The weights in a sentence, the ways to others, a running job, and folded details."""

    file_asked = Signal()
    scratch_asked = Signal()
    ready = Signal()
    """What was asked for here is done, and the keyboard has nothing more to do."""

    def __init__(self, state: WizardState, session: WeightsSession) -> None:
        super().__init__()
        self._state, self._session = state, session
        self._calm = CalmWheel(self)
        self.body.setContentsMargins(theme.WIDE, 12, theme.WIDE, 12)
        self.name_label = heading_label("")
        self.sentence = small_label("", wrap=True)
        self.body.addWidget(self.name_label)
        self.body.addWidget(self.sentence)
        self.body.addLayout(self._weights_row())
        self.progress = JobProgress()
        self.progress.cancelled.connect(session.cancel)
        session.progressed.connect(self.progress.show_progress)
        session.told.connect(self.progress.say)
        self.progress.hide()
        self.body.addWidget(self.progress)
        self.details = Fold(self.tr("&Details"))
        self.details.body.addWidget(SnugArea(self._details()))
        self.body.addWidget(self.details)

    def _weights_row(self) -> QHBoxLayout:
        self.weights_label = body_label("")
        self.download_button = QPushButton()
        self.download_button.clicked.connect(self._download)
        self.published_button = QPushButton(self.tr("Use the &published weights"))
        self.published_button.clicked.connect(self._state.use_default_weights)
        self.file_button = QPushButton(self.tr("Choose a weights &file…"))
        self.file_button.clicked.connect(self.file_asked)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.weights_label, 1)
        for button in (self.download_button, self.published_button, self.file_button):
            row.addWidget(button)
        return row

    def _details(self) -> QWidget:
        inside = QWidget()
        inside.setProperty("kind", "plain")
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, theme.NORMAL, 0)
        column.setSpacing(theme.NORMAL)
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.WIDE)
        grid.setVerticalSpacing(theme.NORMAL)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self._named(self.tr("&Weights"), self._variant_field()), 0, 0)
        grid.addWidget(self.variants, 0, 1, Qt.AlignmentFlag.AlignLeft)
        self._size_name = self._named(self.tr("&Input size"), self._size_box())
        grid.addWidget(self._size_name, 1, 0)
        grid.addLayout(self._size_row, 1, 1)
        self._facts: list[tuple[QLabel, QLabel]] = []
        for line, _ in enumerate(facts(self._state), start=2):
            name, fact = small_label(""), body_label("")
            fact.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(name, line, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(fact, line, 1)
            self._facts.append((name, fact))
        column.addLayout(grid)
        self.scratch_button = link_button(self.tr("Start from random numbers instead…"))
        self.scratch_button.clicked.connect(self.scratch_asked)
        column.addWidget(self.scratch_button, 0, Qt.AlignmentFlag.AlignLeft)
        return inside

    def _named(self, text: str, field: QWidget) -> QLabel:
        name = small_label(text)
        name.setTextFormat(Qt.TextFormat.AutoText)
        name.setBuddy(field)
        return name

    def _variant_field(self) -> QComboBox:
        self.variants = QComboBox()
        self.variants.setMinimumHeight(theme.field_height())
        self.variants.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.variants.setAccessibleName(self.tr("Weights"))
        self.variants.installEventFilter(self._calm)
        self.variants.activated.connect(self._choose_variant)
        return self.variants

    def _size_box(self) -> QSpinBox:
        self.size_field = QSpinBox()
        self.size_field.setMinimumHeight(theme.field_height())
        self.size_field.setKeyboardTracking(False)
        self.size_field.setSuffix(self.tr(" pixels"))
        self.size_field.setAccessibleName(self.tr("Input size"))
        self.size_field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.size_field.installEventFilter(self._calm)
        self.size_field.valueChanged.connect(self._choose_size)
        self.reset_size = link_button(self.tr("R&eset"))
        self.reset_size.clicked.connect(lambda: self._state.set_input_size(None))
        self.size_label = small_label("", wrap=True)
        self._size_row = QHBoxLayout()
        self._size_row.setSpacing(12)
        self._size_row.addWidget(self.size_field)
        self._size_row.addWidget(self.reset_size)
        self._size_row.addWidget(self.size_label, 1)
        return self.size_field

    # --- showing --------------------------------------------------------------------------------

    def refresh(self, introduced: bool) -> None:
        """`introduced` says that the list above has the network's sentence already."""
        state = self._state
        entry, published = state.backbone, state.published
        here = published is not None and weights_state(published) == "present"
        self.name_label.setText(entry.name)
        self.sentence.setText(entry.sentence)
        self.sentence.setHidden(introduced)
        self.weights_label.setText(start_sentence(state, here))
        if published is not None:
            text = self.tr("Down&load now ({0})").format(megabytes(published.bytes))
            self.download_button.setText(text)
        for button in (self.download_button, self.published_button, self.file_button):
            button.setDisabled(state.locked)
        for field in (self.variants, self.size_field, self.reset_size, self.scratch_button):
            field.setDisabled(state.locked or self._session.running)
        if self._session.running:
            self._show_job()
        else:
            self._show_buttons()
        self._show_variants(entry)
        self._show_size(entry)
        for (name, fact), (what, words) in zip(self._facts, facts(state), strict=True):
            name.setText(what)
            fact.setText(words)

    def _show_job(self) -> None:
        """A job runs in the place of the buttons, and the keyboard goes to its Cancel."""
        if self.progress.isHidden():
            self.progress.begin(self._session.words)
            self.progress.show()
            self.progress.cancel.setFocus()
        for button in (self.download_button, self.published_button, self.file_button):
            button.hide()

    def _show_buttons(self) -> None:
        """Without a job; the keyboard goes on from its Cancel to what is wanted next."""
        state = self._state
        missing = state.to_download() is not None and not state.must_agree
        self.download_button.setVisible(missing)
        self.published_button.setVisible(state.weights.source != "published")
        self.file_button.show()
        if self.progress.isHidden():
            return
        if has_keyboard(self.progress) or has_keyboard(self.progress.cancel):
            (self.download_button if missing else self.file_button).setFocus()
            QTimer.singleShot(0, self, self._hand_over)  # once Next can be pressed
        self.progress.hide()

    def _hand_over(self) -> None:
        outcome = self._session.outcome
        if outcome is not None and outcome.kind == "ok":
            self.ready.emit()

    def _show_variants(self, entry: Backbone) -> None:
        published = self._state.published
        with QSignalBlocker(self.variants):
            self.variants.clear()
            for weights in entry.weights:
                here = weights_state(weights) == "present"
                self.variants.addItem(variant_words(weights, here), weights.name)
            if self._state.weights.source == "published" and published is not None:
                self.variants.setCurrentIndex(self.variants.findData(published.name))
            else:
                self.variants.setPlaceholderText(self.tr("none of the published ones"))
                self.variants.setCurrentIndex(-1)

    def _show_size(self, entry: Backbone) -> None:
        state, sizes = self._state, entry.sizes
        self.size_field.setVisible(sizes is not None)
        self.reset_size.setVisible(sizes is not None and state.size != state.own_size)
        if sizes is None:
            text = self.tr("{0} pixels; this network takes no other size.")
            self.size_label.setText(text.format(state.size))
            return
        steps = (LARGEST_SIZE - sizes.smallest) // sizes.step
        with QSignalBlocker(self.size_field):
            self.size_field.setRange(
                sizes.smallest, max(sizes.smallest + steps * sizes.step, state.size)
            )
            self.size_field.setSingleStep(max(1, 32 // sizes.step) * sizes.step)
            self.size_field.setValue(state.size)
        self.size_label.setText(size_words(state.own_size, state.size))

    # --- choosing -------------------------------------------------------------------------------

    def _download(self) -> None:
        if self._state.published is not None:
            self._session.download(self._state.backbone, self._state.published)

    def _choose_variant(self, index: int) -> None:
        entry = self._state.backbone
        self._state.set_weights(weights_spec(entry, entry.weights[index]))

    def _choose_size(self, size: int) -> None:
        """A size in between that was typed becomes the next one that the network takes."""
        sizes = self._state.backbone.sizes
        if sizes is not None:
            if not sizes.allows(size):
                size = min(sizes.near(size), key=lambda allowed: abs(allowed - size))
            self._state.set_input_size(size)
            self._show_size(self._state.backbone)
