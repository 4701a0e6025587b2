"""Owns how a finding looks: a sign, a sentence, its pictures side by side, and what can be done."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import body_label, has_keyboard, hint_label
from tlstudio.gui.widgets.flow import Flow
from tlstudio.gui.widgets.parts import place_name
from tlstudio.gui.widgets.size_plot import size_text
from tlstudio.gui.widgets.tiles import Tile, TilePictures, TileStrip
from tlstudio.gui.wizard.remedies import Remedy
from tlstudio.gui.wizard.review import Case, Shot
from tlstudio.jobs import Severity

SIGNS: dict[Severity, str] = {"error": "✕", "warn": "!", "info": "i"}
_BESIDE = 2
"""So many pictures stand to the left of the words, more of them below."""
_COMPACT = {"exact_duplicate", "near_duplicate"}
"""Kinds of which there may be many: pairs of them stand beside each other."""
_TILES = 6
"""More pictures than this are counted, not shown."""
_EACH = 3
"""Examples of each class, where classes are compared."""


def severity_words(severity: Severity) -> str:
    """What a sign means, for who does not see it."""
    words: dict[Severity, str] = {
        "error": QCoreApplication.translate("findings", "Serious"),
        "warn": QCoreApplication.translate("findings", "Needs a look"),
        "info": QCoreApplication.translate("findings", "Good to know"),
    }
    return words[severity]


def sign_label(severity: Severity) -> QLabel:
    sign = QLabel(SIGNS[severity])
    sign.setProperty("kind", f"sign-{severity}")
    sign.setAccessibleName(severity_words(severity))
    sign.setFixedWidth(16)
    sign.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
    return sign


class FindingCard(QFrame):
    """`wanted` is one of its remedies, pressed; `opened` the file of a picture to show larger."""

    wanted = Signal(object)
    opened = Signal(str)

    def __init__(
        self,
        case: Case,
        folder: str,
        remedies: Sequence[Remedy],
        pictures: TilePictures,
        with_hint: bool,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.case, self.remedies, self.folder = case, tuple(remedies), folder
        self.with_hint, self._pictures = with_hint, pictures
        self.buttons: list[QPushButton] = []
        self.tiles: list[Tile] = []
        self.setProperty("kind", "card")
        self.setAccessibleName(case.finding.sentence)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        shown, number = _shown(case)
        words = self._words()
        self.compact = case.finding.kind in _COMPACT and number == _BESIDE
        if shown and number <= _BESIDE and not self.compact:
            row = QHBoxLayout(self)
            row.setContentsMargins(12, 12, 12, 12)
            row.setSpacing(theme.WIDE)
            strip = self._strip(shown, number)
            strip.setFixedWidth(strip.sizeHint().width())
            row.addWidget(strip, 0, Qt.AlignmentFlag.AlignTop)
            words.addStretch(1)
            words.addLayout(self._actions())
            row.addLayout(words, 1)
            return
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(theme.NORMAL)
        column.addLayout(words)
        if shown:
            column.insertWidget(0 if self.compact else 1, self._strip(shown, number))
        column.addStretch(1)
        column.addLayout(self._actions())

    def _words(self) -> QVBoxLayout:
        finding = self.case.finding
        row = QHBoxLayout()
        row.setSpacing(theme.NORMAL)
        row.addWidget(sign_label(finding.severity), 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        column.setSpacing(theme.TIGHT)
        column.addWidget(body_label(_breakable(finding.sentence)))
        if self.with_hint and finding.hint:
            column.addWidget(hint_label(finding.hint))
        row.addLayout(column, 1)
        around = QVBoxLayout()
        around.setSpacing(theme.NORMAL)
        around.addLayout(row)
        return around

    def _strip(self, shown: Sequence[Shot], number: int) -> TileStrip:
        """Pictures side by side; those of one class under its name where classes are compared."""
        sizes_differ = len({(shot.width, shot.height) for shot in shown}) > 1
        tiles = [self._tile(shot, sizes_differ) for shot in shown]
        groups = [("", tiles)]
        if self.case.finding.kind == "shortcut":
            labels = dict.fromkeys(shot.label for shot in shown)
            pairs = list(zip(shown, tiles, strict=True))
            groups = [(label, [t for s, t in pairs if s.label == label]) for label in labels]
        return TileStrip(groups, number)

    def _tile(self, shot: Shot, with_size: bool) -> Tile:
        lines = [Path(shot.file).name, _said_of(shot)]
        if with_size:
            lines.append(f"{size_text((shot.width, shot.height))} px")
        tile = Tile(self._pictures, str(Path(self.folder, shot.file)), lines, shot.out)
        tile.clicked.connect(lambda: self.opened.emit(shot.file))
        self.tiles.append(tile)
        return tile

    def _actions(self) -> Flow:
        row = Flow(theme.NORMAL)
        for remedy in self.remedies:
            button = QPushButton(remedy.text.replace("&", "&&"))
            button.setAccessibleDescription(self.case.finding.sentence)
            button.clicked.connect(lambda *_, chosen=remedy: self.wanted.emit(chosen))
            if remedy.deed in {"dismiss", "class"}:
                button.setProperty("kind", "link")
                button.setCursor(Qt.CursorShape.PointingHandCursor)
            self.buttons.append(button)
            row.addWidget(button)
        return row

    def stops(self) -> list[QWidget]:
        """What can have the keyboard, from left to right."""
        return [*self.tiles, *self.buttons]

    def has_keyboard(self) -> bool:
        return any(has_keyboard(stop) for stop in self.stops())

    def offers(self) -> list[str]:
        """What its buttons say."""
        return [remedy.text for remedy in self.remedies]

    def set_locked(self, locked: bool) -> None:
        """While training, what changes nothing can still be pressed."""
        for button, remedy in zip(self.buttons, self.remedies, strict=True):
            button.setDisabled(locked and remedy.deed not in {"files", "class"})


def _breakable(sentence: str) -> str:
    """Names of files may be broken where people would break them."""
    return re.sub(r"(?<=\w)([/_.\-])(?=\w)", "\\1\u200b", sentence)


def _shown(case: Case) -> tuple[list[Shot], int]:
    """The pictures to show, and of how many; nothing of files that can't be read."""
    if case.finding.kind == "unreadable":
        return [], 0
    if case.finding.kind != "shortcut":
        return list(case.shots[:_TILES]), len(case.shots)
    by_class: dict[str, list[Shot]] = {}
    for shot in case.shots:
        by_class.setdefault(shot.label, []).append(shot)
    shown = [shot for shots in list(by_class.values())[:2] for shot in shots[:_EACH]]
    return shown, len(shown)


def _said_of(shot: Shot) -> str:
    """Its class, and where it counts."""
    if shot.out:
        where = QCoreApplication.translate("findings", "left out")
    elif shot.part is None:
        return shot.label
    else:
        where = place_name(shot.part).lower()
    return f"{shot.label} · {where}"
