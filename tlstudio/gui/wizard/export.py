"""Owns the page that writes the model to a file, and shows the certificate and how to use it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QStandardPaths, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.gui.widgets.basics import (
    Card,
    Notice,
    body_label,
    has_keyboard,
    heading_label,
    hint_label,
    scrolled,
    set_kind,
    small_label,
)
from tlstudio.gui.widgets.job_progress import JobProgress
from tlstudio.gui.wizard.page import Page
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.jobs import ExportFormat, ExportJob, ExportResult
from tlstudio.tasks import Event, Progress, Waiting


class ExportPage(Page):
    """A format, a folder, Export; afterwards what the export's own runtime says of it."""

    page_id = PageId.EXPORT

    def __init__(self, state: WizardState, engine: EngineRoom) -> None:
        question = QCoreApplication.translate("ExportPage", "Take it with you")
        super().__init__(state, engine, question)
        self._thread: TaskThread | None = None
        self._suggested = ""
        self._build()

    def primary(self) -> QAbstractButton | None:
        return None if self._current_export() else self.export_button

    # --- putting it together --------------------------------------------------------------------

    def _build(self) -> None:
        content = QWidget()
        content.setProperty("kind", "plain")
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self._formats())
        column.addWidget(self._where())
        self.notice = Notice()
        self.progress = JobProgress()
        self.progress.cancelled.connect(self._cancel)
        self.progress.hide()
        column.addWidget(self.progress)
        column.addWidget(self.notice)
        self._result = self._certificate()
        column.addWidget(self._result, 1)
        column.addStretch(0)
        self.body.addWidget(scrolled(content), 1)

    def _formats(self) -> QWidget:
        card = Card()
        self.formats: dict[ExportFormat, QRadioButton] = {}
        self._group = QButtonGroup(self)
        descriptions: tuple[tuple[ExportFormat, str, str], ...] = (
            (
                "onnx",
                self.tr("&ONNX file"),
                self.tr(
                    "For other programs and devices. One file with everything inside: it takes "
                    "pictures of any size and gives a probability for each class."
                ),
            ),
            (
                "torchvision",
                self.tr("&Folder for torchvision"),
                self.tr(
                    "For Python programmers who want to go on with the model. The weights under "
                    "torchvision's own names, and a description of the rest."
                ),
            ),
        )
        for name, title, whom in descriptions:
            button = QRadioButton(title)
            button.setAccessibleName(title.replace("&", ""))
            button.setAccessibleDescription(whom)
            hint = hint_label(whom)
            hint.setContentsMargins(24, 0, 0, 0)
            card.body.addWidget(button)
            card.body.addWidget(hint)
            self._group.addButton(button)
            self.formats[name] = button
        self.formats["onnx"].setChecked(True)
        self._group.buttonToggled.connect(lambda *_: self._format_changed())
        return card

    def _where(self) -> QWidget:
        line = QWidget()
        label = QLabel(self.tr("Into the ne&w folder"))
        self.folder = QLineEdit()
        self.folder.setProperty("kind", "field")
        self.folder.setAccessibleName(self.tr("Folder that the export is written to"))
        self.folder.textChanged.connect(lambda _text: self._show_buttons())
        label.setBuddy(self.folder)
        self.choose = QPushButton(self.tr("C&hoose…"))
        self.choose.setAccessibleName(self.tr("Choose where the new folder is made"))
        self.choose.clicked.connect(self._choose)
        self.export_button = QPushButton(self.tr("&Export"))
        self.export_button.setAccessibleName(self.tr("Export"))
        self.export_button.clicked.connect(self._export)
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.NORMAL)
        row.addWidget(label)
        row.addWidget(self.folder, 1)
        row.addWidget(self.choose)
        row.addWidget(self.export_button)
        return line

    def _certificate(self) -> QWidget:
        card = Card()
        self.certificate = [body_label("") for _ in range(3)]
        words = QVBoxLayout()
        words.setSpacing(theme.TIGHT)
        for label in self.certificate:
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.addWidget(label)
        self.open_folder = QPushButton(self.tr("Open fol&der"))
        self.open_folder.clicked.connect(self._open_folder)
        top = QHBoxLayout()
        top.setSpacing(theme.WIDE)
        top.addLayout(words, 1)
        top.addWidget(self.open_folder, 0, Qt.AlignmentFlag.AlignTop)
        self.code = QPlainTextEdit()
        self.code.setReadOnly(True)
        self.code.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.code.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.code.setAccessibleName(self.tr("A short program that uses the file"))
        self.code.setMinimumHeight(120)
        self.code.setTabChangesFocus(True)
        self.copy = QPushButton(self.tr("Co&py"))
        self.copy.setAccessibleName(self.tr("Copy the program"))
        self.copy.clicked.connect(self._copy)
        self._copied = small_label("")
        under = QHBoxLayout()
        under.addWidget(heading_label(self.tr("How to use it in Python")))
        under.addStretch(1)
        under.addWidget(self._copied)
        under.addWidget(self.copy)
        card.body.addLayout(top)
        card.body.addLayout(under)
        card.body.addWidget(self.code, 1)
        return card

    # --- what the user asks for -----------------------------------------------------------------

    @property
    def format(self) -> ExportFormat:
        return next(name for name, button in self.formats.items() if button.isChecked())

    def _format_changed(self) -> None:
        self.notice.clear()
        if self.folder.text() == self._suggested:
            self._suggest()
        self._show()

    def _suggest(self) -> None:
        """A folder that does not exist yet, beside the user's documents."""
        documents = QStandardPaths.writableLocation(
            QStandardPaths.StandardLocation.DocumentsLocation
        )
        name = Path(self.state.folder or "model").name
        kind = {"onnx": "ONNX", "torchvision": "torchvision"}[self.format]
        stem = Path(documents) / "TL Studio" / f"{name} {kind}"
        path, n = stem, 1
        while path.exists():
            n += 1
            path = stem.with_name(f"{stem.name} ({n})")
        self._suggested = str(path)
        self.folder.setText(self._suggested)

    def _choose(self) -> None:
        dialog = QFileDialog(self, self.tr("Where should the new folder be made?"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        name = Path(self.folder.text()).name or "model"
        dialog.fileSelected.connect(lambda chosen: self.folder.setText(str(Path(chosen) / name)))
        dialog.open()

    def _export(self) -> None:
        trained, out = self.state.trained, self.folder.text().strip()
        if trained is None or self._thread is not None or not out:
            return
        path = str(Path(out).expanduser())
        if not Path(path).is_absolute():
            message = self.tr("“{0}” does not say where the folder is to be made.").format(out)
            hint = self.tr("Press Choose, or write the whole path, such as {0}.")
            self.notice.say("error", message, hint.format(self._suggested))
            return
        self.notice.clear()
        self.progress.begin(self.tr("Writing the file"))
        self.progress.show()
        # The keyboard moves before its button is disabled; Qt would take it back to the rail.
        self.progress.cancel.setFocus()
        self._result.hide()
        self._thread = thread = self.engine.start(
            ExportJob(run=trained.run, format=self.format, out=path)
        )
        thread.progressed.connect(self._on_event)
        thread.succeeded.connect(self._on_result)
        thread.failed.connect(self._on_failure)
        thread.cancelled.connect(self._on_cancel)
        self._show_buttons()

    def _cancel(self) -> None:
        if self._thread is not None:
            self._thread.cancel()

    def _open_folder(self) -> None:
        export = self._current_export()
        if export is not None and export.files:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(export.files[0]).parent)))

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.code.toPlainText())
        self._copied.setText(self.tr("Copied"))

    # --- what the engine answers ----------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, Progress | Waiting):
            return
        if isinstance(event, Progress) and event.phase == "verify":
            self.progress.words.setText(
                self.tr("Asking the exported file about the validation pictures")
            )
        self.progress.show_progress(event)

    def _on_result(self, result: ExportResult) -> None:
        self._thread = None
        self.state.add_export(result)
        self._show()
        self._end(self.open_folder)

    def _on_failure(self, message: str, hint: str) -> None:
        self._thread = None
        self.notice.say("error", message, hint)
        self._show()
        self._end(self.export_button)

    def _on_cancel(self) -> None:
        self._thread = None
        self.notice.say("info", self.tr("The export was cancelled; nothing was written."))
        self._show()
        self._end(self.export_button)

    def _end(self, next_one: QPushButton) -> None:
        """The keyboard goes on from Cancel to what is wanted next."""
        if has_keyboard(self.progress) or has_keyboard(self.progress.cancel):
            next_one.setFocus()
        self.progress.hide()

    # --- showing --------------------------------------------------------------------------------

    def refresh(self) -> None:
        untouched = self.folder.text() in {"", self._suggested}
        if untouched and self._current_export() is None and self._thread is None:
            self._suggest()
        self._show()

    def _current_export(self) -> ExportResult | None:
        """The last export in the chosen format."""
        exports = [export for export in self.state.exports if export.format == self.format]
        return exports[-1] if exports else None

    def _show(self) -> None:
        export = self._current_export()
        self._show_buttons()
        self._result.setVisible(export is not None and self._thread is None)
        if export is None:
            return
        agree = self.tr("{same:,} of {n:,} pictures get the same answer in {runtime}.")
        difference = self.tr("The largest difference of a probability is {0}.")
        lines = (
            "✓ " + agree.format(same=export.same_answer, n=export.n, runtime=export.runtime),
            difference.format(_small(export.largest_difference)),
            self.tr("{files}, {megabytes:.1f} MB").format(
                files=", ".join(export.files), megabytes=export.bytes / 1e6
            ),
        )
        for label, text in zip(self.certificate, lines, strict=True):
            label.setText(text)
        if self.code.toPlainText() != export.code:
            self.code.setPlainText(export.code)
            self._copied.clear()

    def _show_buttons(self) -> None:
        idle = self._thread is None
        set_kind(self.export_button, "" if self._current_export() else "primary")
        self.export_button.setEnabled(idle and bool(self.folder.text().strip()))
        for widget in (self.folder, self.choose, *self.formats.values()):
            widget.setEnabled(idle)


def _small(value: float) -> str:
    """0.000002, and never 2e-06."""
    return f"{value:.7f}".rstrip("0").rstrip(".") if value >= 5e-8 else "0"
