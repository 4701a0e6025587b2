"""Owns the pictures of a class as the grid shows them: what each is, and its mark."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt

from tlstudio.gui.widgets.picture_grid import MARK_ROLE
from tlstudio.gui.widgets.thumbnails import Index, ThumbnailLoader, ThumbnailModel
from tlstudio.gui.wizard.label_sheet import Shelf

MOVED = "↷"
"""In the corner of a picture that the user put into its class."""


class ShelfModel(ThumbnailModel):
    def __init__(self, loader: ThumbnailLoader, parent: QObject | None = None) -> None:
        super().__init__(loader, parent)
        self.shelf = Shelf()

    def show_shelf(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.set_files(shelf.root, shelf.files)

    def update_shelf(self, shelf: Shelf) -> None:
        """The same pictures, of which something else is known now."""
        self.shelf = shelf

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or role == Qt.ItemDataRole.DecorationRole:
            return super().data(index, role)
        entry = self.shelf.entries[index.row()]
        if role == MARK_ROLE:
            return MOVED if entry.relabelled else ""
        if role in {Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole}:
            text = entry.file
            if entry.relabelled:
                text = self.tr("{0}, found in “{1}”, now “{2}”").format(
                    entry.file, entry.found, entry.label
                )
            return text
        return None
