"""Owns the short list of findings above the pictures: a sign, a sentence, what to do, details."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.widgets.basics import link_button
from tlstudio.gui.wizard.findings import Finding

_SIGNS = {"error": "✕", "warn": "!", "info": "i"}
_DETAILS = 1000
"""More lines than this are counted, not listed."""


class FindingsList(QFrame):
    """Hidden while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "card")
        self.setAccessibleName(self.tr("What was found"))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, theme.NORMAL, 12, theme.NORMAL)
        self._column.setSpacing(theme.TIGHT)
        self._shown: tuple[Finding, ...] | None = None
        self._stops: list[QWidget] = []

    def show_findings(self, findings: Sequence[Finding]) -> None:
        if tuple(findings) == self._shown:
            return
        self._shown = tuple(findings)
        self._stops.clear()
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for finding in findings:
            self._column.addWidget(self._row(finding))
        self.setVisible(bool(findings))

    def sentences(self) -> list[str]:
        """What is shown, worst first."""
        return [finding.message for finding in self._shown or ()]

    def stops(self) -> list[QWidget]:
        """What can have the keyboard, from top to bottom."""
        return self._stops

    def _row(self, finding: Finding) -> QWidget:
        sign = QLabel(_SIGNS[finding.severity])
        sign.setProperty("kind", f"sign-{finding.severity}")
        sign.setFixedWidth(16)
        sign.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        words = QLabel(f"{finding.message} {finding.hint}".strip())
        words.setTextFormat(Qt.TextFormat.PlainText)
        words.setWordWrap(True)
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.TIGHT)
        row = QHBoxLayout()
        row.setSpacing(theme.NORMAL)
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(words, 1)
        column.addLayout(row)
        if finding.details:
            button, details = self._details(finding.details)
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
            column.addWidget(details)
            self._stops += [button, details]
        return holder

    def _details(self, lines: tuple[str, ...]) -> tuple[QPushButton, QPlainTextEdit]:
        text = "\n".join(lines[:_DETAILS])
        if len(lines) > _DETAILS:
            text += "\n" + self.tr("and {0} more").format(len(lines) - _DETAILS)
        details = QPlainTextEdit(text)
        details.setReadOnly(True)
        details.setTabChangesFocus(True)
        details.setAccessibleName(self.tr("The list"))
        line = details.fontMetrics().lineSpacing()
        details.setFixedHeight(min(6, len(lines)) * line + 14)
        details.hide()
        button = link_button(self.tr("Show the list"))
        button.setCheckable(True)
        # As high as the sentence beside it.
        button.setStyleSheet("padding: 0 2px; min-height: 0; border-width: 0 0 1px 0;")
        button.toggled.connect(details.setVisible)
        button.toggled.connect(
            lambda opened: button.setText(
                self.tr("Hide the list") if opened else self.tr("Show the list")
            )
        )
        return button, details
