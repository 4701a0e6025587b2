"""Owns how the window looks: colours for light and dark, spacing, text sizes, the style sheet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, cast

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from tlstudio.projects.preferences import Look

Scheme = Literal["light", "dark"]

TRAIN_BLUE = "#0072B2"
VAL_ORANGE = "#D55E00"
"""Training is a solid blue line and validation a dashed orange one, in every plot."""

GAP = 4
"""All spacing is a multiple of this many pixels."""
TIGHT, NORMAL, WIDE, PAGE = 1 * GAP, 2 * GAP, 4 * GAP, 6 * GAP
RADIUS = 6


@dataclass(frozen=True)
class Colours:
    """One theme. Each `text` colour has a contrast of at least 4.5 to 1 on what it stands on."""

    dark: bool
    window: str
    surface: str
    sunken: str
    line: str
    edge: str
    text: str
    muted: str
    disabled: str
    accent: str
    accent_hover: str
    on_accent: str
    accent_soft: str
    ok: str
    ok_soft: str
    warn: str
    warn_soft: str
    error: str
    error_soft: str
    frozen: str
    frozen_edge: str
    frozen_text: str
    learning: str
    learning_edge: str
    learning_text: str


LIGHT = Colours(
    dark=False,
    window="#F4F5F7",
    surface="#FFFFFF",
    sunken="#E9EBEF",
    line="#D6DAE1",
    edge="#8A93A1",
    text="#1B1F26",
    muted="#545C69",
    disabled="#8A909B",
    accent="#0B66A8",
    accent_hover="#0A5790",
    on_accent="#FFFFFF",
    accent_soft="#E1EEF8",
    ok="#1A7441",
    ok_soft="#E2F3E8",
    warn="#805200",
    warn_soft="#FDF1D6",
    error="#B3261E",
    error_soft="#FCE8E6",
    frozen="#D3E5F4",
    frozen_edge="#5B8DB5",
    frozen_text="#1B4B74",
    learning="#FBD9BC",
    learning_edge="#BF7A3E",
    learning_text="#7A3400",
)

DARK = Colours(
    dark=True,
    window="#1A1C20",
    surface="#23262C",
    sunken="#14161A",
    line="#3A3F49",
    edge="#737C8A",
    text="#E9EBEF",
    muted="#AEB5C0",
    disabled="#767D89",
    accent="#62B5EA",
    accent_hover="#86C7F0",
    on_accent="#0A1B28",
    accent_soft="#1D3547",
    ok="#5CCB93",
    ok_soft="#173527",
    warn="#F0BC4E",
    warn_soft="#3A2E12",
    error="#FF938A",
    error_soft="#451F1D",
    frozen="#24435D",
    frozen_edge="#6B9CC2",
    frozen_text="#CFE6F8",
    learning="#66390F",
    learning_edge="#C98A52",
    learning_text="#FFDDBF",
)


class Theme(QObject):
    """The theme in use. `changed` comes after the palette and the style sheet are in place."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.colours = LIGHT
        self._override: Scheme | None = None
        self._forced = False

    def install(self, app: QApplication, override: Scheme | None = None) -> None:
        """Styles the application and follows the system from now on, unless overridden.

        `TLSTUDIO_THEME` (`light` or `dark`) overrides as well.
        """
        named = os.environ.get("TLSTUDIO_THEME", "")
        if override is None and named in {"light", "dark"}:
            override = "dark" if named == "dark" else "light"
        self._override, self._forced = override, override is not None
        app.setStyle("Fusion")
        hints = app.styleHints()
        hints.colorSchemeChanged.connect(self._system_changed)
        self._system_changed(hints.colorScheme())

    def prefer(self, look: Look) -> None:
        """Follows the system, or no longer does; what overrides it by force stays."""
        wanted = None if look == "system" else look
        if not self._forced and wanted != self._override:
            self._override = wanted
            self._system_changed(QGuiApplication.styleHints().colorScheme())

    def use(self, scheme: Scheme) -> None:
        """Changes to this theme and repaints everything."""
        app = cast(QApplication, QApplication.instance())
        self.colours = DARK if scheme == "dark" else LIGHT
        # Without the old sheet all this takes less than half of the time (83 ms instead of 200).
        app.setStyleSheet("")
        app.setPalette(_palette(self.colours))
        for kind in ("QAbstractSpinBox", "QComboBox", "QCheckBox"):
            # PySide6 takes text here, and its stubs say bytes.
            app.setPalette(_field_palette(self.colours), kind)  # type: ignore[arg-type]
        app.setStyleSheet(_sheet(self.colours, app.font().pointSizeF()))
        self.changed.emit()

    def _system_changed(self, scheme: Qt.ColorScheme) -> None:
        self.use(self._override or ("dark" if scheme == Qt.ColorScheme.Dark else "light"))


THEME = Theme()


def colours() -> Colours:
    """The colours in use; whoever paints asks for them in `paintEvent`, so that a change shows."""
    return THEME.colours


def text_size(size: Literal["small", "body", "title"]) -> float:
    """The three text sizes, in points, from the system's own."""
    return _sizes(QApplication.font().pointSizeF())[size]


def text_font(size: Literal["small", "body", "title"], bold: bool = False) -> QFont:
    """A font for whoever paints text."""
    font = QApplication.font()
    font.setPointSizeF(text_size(size))
    if bold:
        font.setWeight(QFont.Weight.DemiBold)
    return font


def field_height() -> int:
    """The height of a field for one line: the style's own cuts what hangs below the line."""
    return QFontMetrics(QApplication.font()).height() + 12


def _sizes(base: float) -> dict[str, float]:
    base = base if base > 0 else 10.0
    return {"small": round(base * 0.9, 1), "body": base, "title": round(base * 1.7, 1)}


def _palette(c: Colours) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, colour in {
        role.Window: c.window,
        role.WindowText: c.text,
        role.Base: c.surface,
        role.AlternateBase: c.window,
        role.Text: c.text,
        role.PlaceholderText: c.muted,
        role.Button: c.surface,
        role.ButtonText: c.text,
        role.BrightText: c.error,
        role.ToolTipBase: c.surface,
        role.ToolTipText: c.text,
        role.Highlight: c.accent,
        role.HighlightedText: c.on_accent,
        role.Link: c.accent,
        role.LinkVisited: c.accent,
        role.Accent: c.accent,
        role.Light: c.surface,
        role.Midlight: c.line,
        role.Mid: c.line,
        role.Dark: c.edge,
        role.Shadow: c.sunken,
    }.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(c.disabled))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(c.line))
    palette.setColor(QPalette.ColorGroup.Disabled, role.HighlightedText, QColor(c.muted))
    return palette


def _field_palette(c: Colours) -> QPalette:
    """Fusion draws the edge of a field in a darker shade of the window, which nobody sees on a
    dark one: for fields the window is of the colour that darkens to the edge of our buttons."""
    palette = _palette(c)
    palette.setColor(QPalette.ColorRole.Window, QColor(c.edge).lighter(140))
    return palette


def _sheet(c: Colours, base: float) -> str:
    """The style sheet. Properties that widgets set: `role` of labels, `kind` of buttons, frames."""
    size = _sizes(base)
    return f"""
QLabel[role="title"] {{ font-size: {size["title"]}pt; font-weight: 600; color: {c.text}; }}
QLabel[role="heading"] {{ font-weight: 600; color: {c.text}; }}
QLabel[role="hint"] {{ color: {c.muted}; }}
QLabel[role="small"] {{ color: {c.muted}; font-size: {size["small"]}pt; }}
QLabel[role="reason"] {{ color: {c.warn}; }}
QLabel[role="figure"] {{ font-size: {size["title"]}pt; font-weight: 600; color: {c.text}; }}
QLabel[kind="sign-info"] {{ color: {c.accent}; font-weight: 700; }}
QLabel[kind="sign-ok"] {{ color: {c.ok}; font-weight: 700; }}
QLabel[kind="sign-warn"] {{ color: {c.warn}; font-weight: 700; }}
QLabel[kind="sign-error"] {{ color: {c.error}; font-weight: 700; }}
QLabel:disabled {{ color: {c.disabled}; }}

QFrame[kind="card"] {{
    background: {c.surface}; border: 1px solid {c.line}; border-radius: {RADIUS}px; }}
QFrame[kind="inset"] {{
    background: {c.window}; border: 1px solid {c.line}; border-radius: {RADIUS}px; }}
QFrame[kind="notice-info"] {{
    background: {c.accent_soft}; border: 1px solid {c.accent}; border-radius: {RADIUS}px; }}
QFrame[kind="notice-ok"] {{
    background: {c.ok_soft}; border: 1px solid {c.ok}; border-radius: {RADIUS}px; }}
QFrame[kind="notice-warn"] {{
    background: {c.warn_soft}; border: 1px solid {c.warn}; border-radius: {RADIUS}px; }}
QFrame[kind="notice-error"] {{
    background: {c.error_soft}; border: 1px solid {c.error}; border-radius: {RADIUS}px; }}
QFrame[kind="chip"] {{
    background: {c.surface}; border: 1px solid {c.line}; border-radius: 11px; }}
QFrame[kind="rail"] {{ background: {c.sunken}; border: none; }}
QFrame[kind="line"] {{ background: {c.line}; border: none; max-height: 1px; min-height: 1px; }}

QPushButton {{
    background: {c.surface}; color: {c.text}; border: 1px solid {c.edge};
    border-radius: {RADIUS}px; padding: 5px 14px; min-height: 20px; }}
QPushButton:hover {{ background: {c.accent_soft}; border-color: {c.accent}; }}
QPushButton:pressed {{ background: {c.line}; }}
QPushButton:focus {{ border: 2px solid {c.accent}; padding: 4px 13px; }}
QPushButton:disabled {{ color: {c.disabled}; background: transparent; border-color: {c.line}; }}
QPushButton[kind="primary"] {{
    background: {c.accent}; color: {c.on_accent}; border-color: {c.accent}; font-weight: 600; }}
QPushButton[kind="primary"]:hover {{ background: {c.accent_hover}; }}
QPushButton[kind="primary"]:focus {{ border: 2px solid {c.text}; }}
QPushButton[kind="primary"]:disabled {{
    background: {c.line}; color: {c.muted}; border-color: {c.line}; }}
QPushButton[kind="link"], QToolButton[kind="link"] {{
    background: transparent; border: 1px solid transparent; color: {c.accent};
    padding: 3px 2px; text-align: left; }}
QPushButton[kind="link"]:hover, QToolButton[kind="link"]:hover {{ text-decoration: underline; }}
QPushButton[kind="link"]:focus, QToolButton[kind="link"]:focus {{
    border: 1px solid {c.accent}; border-radius: 4px; }}
QPushButton[kind="link"]:disabled, QToolButton[kind="link"]:disabled {{ color: {c.disabled}; }}

QTabBar {{ background: transparent; border: none; }}
QTabBar::tab {{
    background: transparent; color: {c.muted}; border: none; border-bottom: 2px solid transparent;
    padding: 6px 4px; margin-right: 16px; }}
QTabBar::tab:hover {{ color: {c.text}; }}
QTabBar::tab:selected {{ color: {c.accent}; border-bottom: 2px solid {c.accent}; }}
QTabBar::tab:selected:focus {{ border: 1px solid {c.accent}; border-radius: 4px; }}

QProgressBar {{
    background: {c.sunken}; border: 1px solid {c.line}; border-radius: 5px;
    min-height: 8px; max-height: 8px; text-align: center; }}
QProgressBar::chunk {{ background: {c.accent}; border-radius: 4px; }}

QAbstractItemView {{
    background: {c.surface}; border: 1px solid {c.line}; border-radius: {RADIUS}px;
    selection-background-color: {c.accent_soft}; selection-color: {c.text}; outline: none; }}
QAbstractItemView:focus {{ border: 1px solid {c.accent}; }}
QHeaderView {{ border: none; }}
QHeaderView::section {{
    background: {c.surface}; color: {c.muted}; border: none; border-bottom: 1px solid {c.line};
    padding: 6px 10px; font-size: {size["small"]}pt; }}
QHeaderView::section:hover {{ color: {c.text}; }}
QTableCornerButton::section {{ background: {c.surface}; border: none; }}
QScrollArea, QScrollArea > QWidget > QWidget[kind="plain"] {{
    background: transparent; border: none; }}
QPlainTextEdit, QTextBrowser {{
    background: {c.surface}; border: 1px solid {c.line}; border-radius: {RADIUS}px; }}
QLineEdit[kind="field"] {{
    background: {c.surface}; border: 1px solid {c.edge}; border-radius: {RADIUS}px;
    padding: 5px 8px; min-height: 20px; }}
QLineEdit[kind="field"]:focus {{ border: 2px solid {c.accent}; padding: 4px 7px; }}
QLineEdit[kind="field"]:disabled {{ color: {c.disabled}; border-color: {c.line}; }}
QRadioButton::indicator {{
    width: 14px; height: 14px; border: 1px solid {c.edge}; border-radius: 8px;
    background: {c.surface}; }}
QRadioButton::indicator:checked {{
    width: 6px; height: 6px; border: 5px solid {c.accent}; background: {c.on_accent}; }}
QRadioButton:focus, QCheckBox:focus {{ color: {c.accent}; }}
QSlider {{ min-height: 20px; }}
QSlider::groove:horizontal {{
    height: 4px; border-radius: 2px; background: {c.line}; margin: 0 2px; }}
QSlider::sub-page:horizontal {{ height: 4px; border-radius: 2px; background: {c.accent}; }}
QSlider::sub-page:horizontal:disabled {{ background: {c.disabled}; }}
QSlider::handle:horizontal {{
    width: 12px; height: 12px; margin: -6px -1px; border: 2px solid {c.accent};
    border-radius: 8px; background: {c.surface}; }}
QSlider::handle:horizontal:focus {{ border-color: {c.text}; background: {c.accent}; }}
QSlider::handle:horizontal:hover {{ background: {c.accent_soft}; }}
QSlider::handle:horizontal:disabled {{ border-color: {c.disabled}; background: {c.surface}; }}

QScrollBar {{ background: transparent; border: none; margin: 0; }}
QScrollBar:vertical {{ width: 12px; }}
QScrollBar:horizontal {{ height: 12px; }}
QScrollBar::handle {{ background: {c.edge}; border-radius: 4px; margin: 2px; }}
QScrollBar::handle:vertical {{ min-height: 32px; }}
QScrollBar::handle:horizontal {{ min-width: 32px; }}
QScrollBar::handle:hover {{ background: {c.muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QToolTip {{ background: {c.surface}; color: {c.text}; border: 1px solid {c.edge}; padding: 4px; }}
"""
