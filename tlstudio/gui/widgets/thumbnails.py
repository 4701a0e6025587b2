"""Owns thumbnails: loading them in threads, and a model that keeps some."""

from __future__ import annotations

import gc
import importlib
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QThreadPool,
    Signal,
)
from PySide6.QtGui import QImage, QPixmap

from tlstudio.errors import PictureError

logger = logging.getLogger(__name__)

SIDE = 112
_CACHE_BYTES = 96 * 2**20
_WAITING = 8
"""Older batches than these are for pictures that were scrolled out of sight."""
_TOGETHER_S = 0.02
"""Requests that follow each other as closely as this come from one painting of the view."""
_THREADS = 2

Index = QModelIndex | QPersistentModelIndex


class ThumbnailLoader(QObject):
    """Reads pictures in threads, what was asked for last first. `loaded` brings a null image where
    a picture can't be read. Call `stop` before it goes."""

    loaded = Signal(str, int, QImage)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(_THREADS)
        self._lock = threading.Lock()
        self._batches: deque[dict[tuple[str, int], None]] = deque()
        self._last_request = 0.0
        self._workers = 0
        self._stopped = False

    def request(self, path: str, side: int) -> None:
        """Asks for a picture whose longer side is at most `side` pixels; returns at once."""
        with self._lock:
            if self._stopped:
                return
            now = time.monotonic()
            if not self._batches or now - self._last_request > _TOGETHER_S:
                self._batches.append({})
            if len(self._batches) > _WAITING:
                self._batches.popleft()
            self._last_request = now
            self._batches[-1][path, side] = None
            if self._workers >= _THREADS:
                return
            self._workers += 1
        self._pool.start(self._work)

    def warm_up(self) -> None:
        """Imports the reader in a thread, so that the first thumbnails need not wait for it."""
        self._pool.start(_import_reader)

    def stop(self) -> None:
        """Forgets what waits and waits for the pictures being read: milliseconds."""
        with self._lock:
            self._stopped = True
            self._batches.clear()
        self._pool.waitForDone()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._batches:
                    self._workers -= 1
                    return
                newest = self._batches[-1]
                path, side = next(iter(newest))
                del newest[path, side]
                if not newest:
                    self._batches.pop()
            image = read_image(path, side)
            with suppress(RuntimeError):  # the window closed meanwhile
                self.loaded.emit(path, side, image)


def _import_reader() -> None:
    """numpy and Pillow take a third of a second to import: never in the main thread.

    What the program consists of is all there then. Python looks through everything for garbage when
    many pictures are read at once, and holds the window up meanwhile: the program's own parts,
    which are no garbage, are most of it and are left aside.
    """
    importlib.import_module("tlstudio.images.reader")
    gc.freeze()


def read_image(path: str, side: int) -> QImage:
    """The upright picture, its longer side at most `side` pixels; a null image if unreadable."""
    from tlstudio.images.reader import thumbnail

    try:
        pixels = thumbnail(Path(path), side)
    except PictureError as error:
        logger.debug("No thumbnail of %s: %s", path, error.message)
        return QImage()
    height, width = pixels.shape[:2]
    data = pixels.tobytes()
    return QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


class ThumbnailModel(QAbstractListModel):
    """Pictures by path; their pixmaps arrive when a view has asked for them."""

    def __init__(self, loader: ThumbnailLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._loader = loader
        self._root = ""
        self._files: Sequence[str] = ()
        self._asked: dict[str, int] = {}
        self._pixmaps: OrderedDict[str, QPixmap] = OrderedDict()
        self._bytes = 0
        self.ratio = 1.0
        loader.loaded.connect(self._arrived)

    def set_files(self, root: str | Path, files: Sequence[str]) -> None:
        """Shows these files, relative to the folder `root`."""
        self.beginResetModel()
        self._root, self._files, self._asked = str(root), files, {}
        self.endResetModel()

    @property
    def _side(self) -> int:
        return round(SIDE * self.ratio)

    def path(self, row: int) -> Path:
        return Path(self._root, self._files[row])

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._files)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        file = self._files[index.row()]
        if role == Qt.ItemDataRole.DecorationRole:
            return self._pixmap(str(self.path(index.row())), index.row())
        if role in {Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole}:
            return file
        return None

    def _pixmap(self, path: str, row: int) -> QPixmap | None:
        pixmap = self._pixmaps.get(path)
        if pixmap is None:
            self._asked[path] = row
            self._loader.request(path, self._side)
        else:
            self._pixmaps.move_to_end(path)
        return pixmap

    def _arrived(self, path: str, side: int, image: QImage) -> None:
        row = self._asked.pop(path, None)
        if row is None or side != self._side:
            return
        pixmap = QPixmap.fromImage(image)
        pixmap.setDevicePixelRatio(self.ratio)
        replaced = self._pixmaps.get(path)
        if replaced is not None:
            self._bytes -= _bytes(replaced)
        self._pixmaps[path] = pixmap
        self._bytes += _bytes(pixmap)
        while self._bytes > _CACHE_BYTES:
            _, old = self._pixmaps.popitem(last=False)
            self._bytes -= _bytes(old)
        index = self.index(row)
        self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])


def _bytes(pixmap: QPixmap) -> int:
    return pixmap.width() * pixmap.height() * 4
