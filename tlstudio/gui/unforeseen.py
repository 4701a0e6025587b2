"""Owns what happens when the window meets an error that nobody foresaw: it is logged and shown."""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox

from tlstudio import __version__

logger = logging.getLogger(__name__)


class _Showing:
    """The dialog on screen: a second error while it is open is logged only."""

    box: QMessageBox | None = None


def install() -> None:
    """Shows uncaught errors from now on."""
    sys.excepthook = _unforeseen


def _unforeseen(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        QCoreApplication.quit()
        return
    logger.error("An error that nobody foresaw", exc_info=(kind, error, trace))
    if QCoreApplication.instance() is not None and _Showing.box is None:
        details = "".join(traceback.format_exception(kind, error, trace))
        show(f"TL Studio {__version__}, Python {sys.version.split()[0]}\n{details}")


def show(details: str) -> QMessageBox:
    """A plain sentence, the details folded, and a button that copies them."""

    def tr(text: str) -> str:
        return QCoreApplication.translate("unforeseen", text)

    box = QMessageBox()
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle(tr("TL Studio"))
    box.setText(tr("Something went wrong inside the program."))
    box.setInformativeText(
        tr(
            "Your pictures and finished runs are as they were, and you can go on. If it happens "
            "again, copy the details and report them."
        )
    )
    box.setDetailedText(details)
    copy = box.addButton(tr("&Copy the details"), QMessageBox.ButtonRole.ActionRole)
    copy.clicked.disconnect()
    copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(details))
    close = box.addButton(tr("C&lose"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(close)
    box.setEscapeButton(close)
    box.finished.connect(_closed)
    _Showing.box = box
    box.open()
    return box


def _closed() -> None:
    if _Showing.box is not None:
        _Showing.box.deleteLater()
        _Showing.box = None
