"""Owns the page "How much should it learn anew?": presets, the strip, epochs, the rest."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Qt
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.basics import Card, Fold, body_label, heading_label, scrolled, small_label
from tlstudio.gui.widgets.choice_card import ChoiceCard
from tlstudio.gui.widgets.stage_strip import StageStrip
from tlstudio.gui.wizard.advanced import Advanced
from tlstudio.gui.wizard.estimate_session import EstimateSession
from tlstudio.gui.wizard.page import Page
from tlstudio.gui.wizard.presets import Preset
from tlstudio.gui.wizard.state import PageId, WizardState


class SettingsPage(Page):
    """Three cards, a strip with a handle, the epochs; everything else is folded away."""

    page_id = PageId.SETTINGS

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        question = QCoreApplication.translate("SettingsPage", "How much should it learn anew?")
        super().__init__(state, engine, question)
        self.session = EstimateSession(state, engine, self)
        self._inside = QWidget()
        self._inside.setProperty("kind", "plain")
        column = QVBoxLayout(self._inside)
        column.setContentsMargins(0, 0, theme.NORMAL, 0)
        column.setSpacing(theme.WIDE)
        column.addLayout(self._preset_cards())
        column.addWidget(self._strip_card())
        self.advanced = Advanced(state)
        self.fold = Fold(self.tr("&Advanced"))
        self.fold.body.addWidget(self.advanced)
        column.addWidget(self.fold)
        column.addStretch(1)
        self.area = scrolled(self._inside)
        self.body.addWidget(self.area, 1)

    def _preset_cards(self) -> QHBoxLayout:
        texts: dict[Preset, tuple[str, str]] = {
            "fast": (
                self.tr("&Fast"),
                self.tr(
                    "Every block stays as it is; only the answer is learned. Enough for most "
                    "first tries."
                ),
            ),
            "balanced": (
                self.tr("Ba&lanced"),
                self.tr("The last quarter learns too, to see what is special about your pictures."),
            ),
            "thorough": (
                self.tr("&Thorough"),
                self.tr("More than half learns, for longer, from strongly varied pictures."),
            ),
        }
        row = QHBoxLayout()
        row.setSpacing(12)
        self.presets: dict[Preset, ChoiceCard] = {}
        self._group = QButtonGroup(self)
        for preset, (name, sentence) in texts.items():
            card = ChoiceCard(name, sentence)
            card.clicked.connect(lambda _=False, preset=preset: self.state.set_preset(preset))
            self._group.addButton(card)
            self.presets[preset] = card
            row.addWidget(card, 1)
        return row

    def _strip_card(self) -> Card:
        card = Card()
        self.network_label = heading_label("")
        self.own_label = small_label(self.tr("Changed by you"))
        head = QHBoxLayout()
        head.addWidget(self.network_label)
        head.addStretch(1)
        head.addWidget(self.own_label)
        self.strip = StageStrip()
        self.strip.valueChanged.connect(self.state.set_frozen)
        self.caption: QLabel = body_label("")
        self.meaning: QLabel = small_label("", wrap=True)
        self.epochs = QSpinBox()
        self.epochs.setRange(1, 10_000)
        self.epochs.setKeyboardTracking(False)
        self.epochs.setMinimumWidth(96)
        self.epochs.setMinimumHeight(theme.field_height())
        self.epochs.setAccessibleName(self.tr("Epochs"))
        self.epochs.valueChanged.connect(lambda value: self.state.change_recipe(epochs=value))
        label = QLabel(self.tr("&Epochs"))
        label.setBuddy(self.epochs)
        self.epochs_hint = small_label("")
        words = QVBoxLayout()
        words.setSpacing(theme.TIGHT)
        words.addWidget(self.caption)
        words.addWidget(self.meaning)
        words.addStretch(1)
        times = QHBoxLayout()
        times.setSpacing(theme.NORMAL)
        times.addWidget(label)
        times.addWidget(self.epochs)
        beside = QVBoxLayout()
        beside.setSpacing(theme.TIGHT)
        beside.addLayout(times)
        beside.addWidget(self.epochs_hint, 0, Qt.AlignmentFlag.AlignRight)
        under = QHBoxLayout()
        under.setSpacing(theme.PAGE)
        under.addLayout(words, 1)
        under.addLayout(beside)
        card.body.addLayout(head)
        card.body.addWidget(self.strip)
        card.body.addLayout(under)
        return card

    # --- showing --------------------------------------------------------------------------------

    def refresh(self) -> None:
        self.session.want()
        state = self.state
        entry = state.backbone
        self._group.setExclusive(False)
        for preset, card in self.presets.items():
            card.setChecked(preset == state.preset)
            card.set_note(state.preset_time(preset))
        self._group.setExclusive(state.preset is not None)
        self.own_label.setVisible(state.preset is None)
        self.network_label.setText(entry.name)
        with QSignalBlocker(self.strip):
            self.strip.set_stages(entry.stages)
            self.strip.setValue(state.frozen)
        self.strip.update()
        caption = f"{state.plan_sentence()} {state.outlook_sentence()}".rstrip()
        self.caption.setText(caption)
        self.strip.setAccessibleDescription(caption)
        self.meaning.setText(self._meaning())
        with QSignalBlocker(self.epochs):
            self.epochs.setValue(state.recipe.epochs)
        self.epochs_hint.setText(
            self.tr("stops by itself when it no longer improves")
            if state.recipe.patience
            else self.tr("runs to the end")
        )
        self.advanced.refresh()

    def _meaning(self) -> str:
        stages = len(self.state.backbone.stages)
        if self.state.frozen == stages:
            return self.tr(
                "The network stays as it is and only a new answer layer learns: quick, and hard "
                "to overdo with few pictures."
            )
        if self.state.frozen == 0:
            return self.tr(
                "The whole network learns: slow, and with few pictures it may learn them by heart."
            )
        return self.tr(
            "The first blocks see edges and textures, which all pictures share; the last ones see "
            "what is special about yours, and learn."
        )

    def hideEvent(self, event: QHideEvent) -> None:
        self.session.stop()
        super().hideEvent(event)

    def set_locked(self, locked: bool) -> None:
        for widget in (*self.presets.values(), self.strip, self.epochs, self.advanced):
            widget.setDisabled(locked)
