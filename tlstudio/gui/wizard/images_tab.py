"""Owns what every tab of the images page has: its title, what it shows, its lock."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.findings import Overview


class ImagesTab(QWidget):
    """One view of the pictures that were found. Subclasses fill it.

    What the tabs do together goes through the desk. A tab that shows what stands in the project's
    index reads it in a thread (see `gui.latest`), after `show_overview` and after each
    `desk.corrected`; one that is hidden may wait until it is shown.
    """

    retitled = Signal()
    """`title` gives another text now."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk, self.state = desk, desk.state
        self.before: QWidget | None = None
        """What has the keyboard before it: the row of tabs."""

    def title(self) -> str:
        """What stands on the tab, such as "Health (5)"; may have a mnemonic."""
        raise NotImplementedError

    def first(self) -> QWidget:
        """Where the keyboard begins."""
        raise NotImplementedError

    def order(self, stops: Sequence[QWidget]) -> None:
        """Tab goes over these, from top to bottom; of use where some are made late, which Qt would
        put at the end of the window."""
        for before, after in pairwise(([self.before] if self.before else []) + list(stops)):
            QWidget.setTabOrder(before, after)

    def show_overview(self, overview: Overview) -> None:
        """A look at the pictures came to this."""

    def set_locked(self, locked: bool) -> None:
        """While training, everything can be read and nothing changed; subclasses disable."""

    def leave(self) -> None:
        """The window closes: threads end here."""
