"""Owns what happens when the window meets an error that nobody foresaw: it is logged and shown."""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QPushButton

from tlstudio import __version__
from tlstudio.diagnosis.scrub import without_home

logger = logging.getLogger(__name__)


class _Showing:
    """The dialog on screen: a second error while it is open is logged only. Nothing is shown
    before `install`."""

    installed = False
    box: QMessageBox | None = None


def install() -> None:
    """Shows uncaught errors, and what ends jobs unforeseen, from now on."""
    sys.excepthook = _unforeseen
    _Showing.installed = True


def _unforeseen(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        QCoreApplication.quit()
        return
    logger.error("An error that nobody foresaw", exc_info=(kind, error, trace))
    tell("".join(traceback.format_exception(kind, error, trace)))


def tell(details: str) -> None:
    """Shows an error that is in the log already, unless one is on the screen."""
    if _Showing.installed and _Showing.box is None and QCoreApplication.instance() is not None:
        show(f"TL Studio {__version__}, Python {sys.version.split()[0]}\n{details}")


def show(details: str) -> QMessageBox:
    """A plain sentence, the details folded, and buttons that copy them or save a report."""

    def tr(text: str) -> str:
        return QCoreApplication.translate("unforeseen", text)

    details = without_home(details)
    box = QMessageBox()
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle(tr("TL Studio"))
    box.setText(tr("Something went wrong inside the program."))
    box.setInformativeText(
        tr(
            "Your pictures and finished runs are as they were, and you can go on. If it happens "
            "again, save a report and hand it to whoever supports you: it holds no pictures, and "
            "nothing is sent."
        )
    )
    box.setDetailedText(details)
    copy = _staying(box, tr("&Copy the details"))
    copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(details))
    report = _staying(box, tr("&Save a report for support…"))
    report.clicked.connect(lambda: _report(box, details))
    close = box.addButton(tr("C&lose"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(close)
    box.setEscapeButton(close)
    box.finished.connect(_closed)
    _Showing.box = box
    box.open()
    return box


def _report(box: QMessageBox, details: str) -> None:
    from tlstudio.gui.support import save_report  # which works in a thread that comes here

    save_report(box, details)


def _staying(box: QMessageBox, text: str) -> QPushButton:
    """A button that does not close the dialog."""
    button = box.addButton(text, QMessageBox.ButtonRole.ActionRole)
    button.clicked.disconnect()
    return button


def _closed() -> None:
    if _Showing.box is not None:
        _Showing.box.deleteLater()
        _Showing.box = None
