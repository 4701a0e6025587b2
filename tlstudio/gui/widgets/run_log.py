"""Owns the folded log of a run."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QPlainTextEdit, QWidget

from tlstudio.gui.widgets.basics import Fold


class RunLog(Fold):
    """Shows its lines only while it is unfolded."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._lines: Iterable[str] = ()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(self.tr("Log of the run"))
        self.text.setFixedHeight(140)
        self.body.addWidget(self.text)
        self.toggled.connect(lambda _opened: self._show())

    def show_lines(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self._show()

    def _show(self) -> None:
        if not self.button.isChecked():
            return
        text = "\n".join(self._lines)
        if text != self.text.toPlainText():
            self.text.setPlainText(text)
            bar = self.text.verticalScrollBar()
            bar.setValue(bar.maximum())
