"""Owns how a choice tells that it has changed, and refuses to while it is being trained with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from tlstudio.errors import UsageError
from tlstudio.gui.wizard.wording import translate


class Observed:
    """Observers are called after each change, without arguments. While `training` the choices
    refuse to change. `read_only` is the reason why this window may only look at the project; empty
    where it may change it."""

    def __init__(self) -> None:
        self._observers: list[Callable[[], None]] = []
        self.training = False
        self.read_only = ""

    @property
    def locked(self) -> bool:
        """Whether nothing of the project may be changed here now."""
        return self.training or bool(self.read_only)

    def set_read_only(self, why: str) -> None:
        if why != self.read_only:
            self.read_only = why
            self._changed()

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
