"""Owns the arithmetic of colours: mixing two, and what can be read on one."""

from __future__ import annotations

from PySide6.QtGui import QColor


def mixed(front: QColor, back: QColor, share: float) -> QColor:
    """`share` of the front colour over the back colour, opaque."""
    return QColor.fromRgbF(
        share * front.redF() + (1 - share) * back.redF(),
        share * front.greenF() + (1 - share) * back.greenF(),
        share * front.blueF() + (1 - share) * back.blueF(),
    )


def ink(ground: QColor) -> QColor:
    """Black or white, whichever stands out more on `ground` (relative luminance, WCAG 2)."""
    parts = (ground.redF(), ground.greenF(), ground.blueF())
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return QColor("black" if luminance > 0.179 else "white")
