"""Owns how sentences of plain Python get into the user's language, without knowing Qt.

`translate` gives back the text itself until the composition root has told it how to translate.
"""

from __future__ import annotations

from collections.abc import Callable

Translator = Callable[[str, str], str]
"""(context, English text) -> the text in the user's language."""


class _Hook:
    translator: Translator | None = None


def use(translator: Translator | None) -> None:
    """From now on sentences go through this; None leaves them in English."""
    _Hook.translator = translator


def translate(context: str, text: str) -> str:
    """Placeholders stay as they are: fill them in afterwards."""
    return text if _Hook.translator is None else _Hook.translator(context, text)
