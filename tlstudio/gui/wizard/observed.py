"""Owns how a choice tells that it has changed, and refuses to while it is being trained with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from tlstudio.errors import UsageError
from tlstudio.gui.wizard.wording import translate


class Observed:
    """Observers are called after each change, without arguments. While `training` the choices
    refuse to change."""

    def __init__(self) -> None:
        self._observers: list[Callable[[], None]] = []
        self.training = False

    def observe(self, observer: Callable[[], None]) -> None:
        self._observers.append(observer)

    def forget(self, observer: Callable[[], None]) -> None:
        with suppress(ValueError):
            self._observers.remove(observer)

    def _changed(self) -> None:
        for observer in tuple(self._observers):
            observer()

    def _refuse_while_training(self) -> None:
        if self.training:
            raise UsageError(
                translate("state", "Training is running, so its settings can't change now."),
                translate("state", "Stop it first, or wait for its end."),
            )
