"""Owns the wizard: the frame around its six pages, its rail, its buttons."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QWidget, QWizard

from tlstudio.gui import theme
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.widgets.basics import set_kind
from tlstudio.gui.wizard.backbone import BackbonePage
from tlstudio.gui.wizard.export import ExportPage
from tlstudio.gui.wizard.images import ImagesPage
from tlstudio.gui.wizard.page import Page
from tlstudio.gui.wizard.rail import Rail
from tlstudio.gui.wizard.results import ResultsPage
from tlstudio.gui.wizard.settings import SettingsPage
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.gui.wizard.train import TrainPage
from tlstudio.jobs import DoctorJob, DoctorResult


class Wizard(QWizard):
    """The six steps, as a part of the window."""

    through = Signal()
    """The last page's button was pressed."""

    def __init__(
        self, state: WizardState, engine: EngineRoom, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.state, self.engine = state, engine
        self._closing = False
        self._set_frame()
        self.rail = Rail(state)
        self.rail.asked.connect(self.go_to)
        self.setSideWidget(self.rail)
        self.reason = QLabel(self)
        self.reason.setProperty("role", "reason")
        self.reason.setWordWrap(True)
        self.reason.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.reason.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        for button in (QWizard.WizardButton.BackButton, QWizard.WizardButton.NextButton):
            self.button(button).installEventFilter(self)
        self.currentIdChanged.connect(self._arrived)
        state.observe(self.refresh)
        kinds = (ImagesPage, BackbonePage, SettingsPage, TrainPage, ResultsPage, ExportPage)
        self.pages: list[Page] = [kind(state, engine) for kind in kinds]
        for page in self.pages:
            self.setPage(page.page_id, page)
            page.completeChanged.connect(self.refresh)

    def _set_frame(self) -> None:
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setWizardStyle(QWizard.WizardStyle.ModernStyle)
        self.setOption(QWizard.WizardOption.IndependentPages)
        self.setOption(QWizard.WizardOption.NoCancelButton)
        self.setOption(QWizard.WizardOption.NoBackButtonOnStartPage, False)
        self.setButtonText(QWizard.WizardButton.BackButton, self.tr("&Back"))
        self.setButtonText(QWizard.WizardButton.NextButton, self.tr("&Next"))
        self.setButtonText(QWizard.WizardButton.FinishButton, self.tr("&Close"))
        self.setMinimumSize(960, 540)  # QWizard's own is for pages that do not scroll

    # --- going about ----------------------------------------------------------------------------

    def prepare(self) -> None:
        """After the first paint: starts the engine and what else takes a while."""
        self.look_for_devices()
        for page in self.pages:
            page.prepare()

    def look_for_devices(self) -> None:
        """Asks the engine, which starts it: it has imported torch when it is needed."""
        thread = self.engine.start(DoctorJob())
        thread.succeeded.connect(self._know_devices)

    def _know_devices(self, result: object) -> None:
        if isinstance(result, DoctorResult):
            self.state.set_doctor(result)

    def go_to(self, page: int) -> None:
        """Walks to a page, as far as nothing on the way is missing."""
        self.setUpdatesEnabled(False)
        try:
            while self.currentId() > page:
                self.back()
            while self.currentId() < page and self.state.may_go_to(PageId(self.currentId() + 1)):
                before = self.currentId()
                self.next()
                if self.currentId() == before:
                    break
        finally:
            self.setUpdatesEnabled(True)

    def _arrived(self, page: int) -> None:
        if page >= 0:
            self.state.visit(PageId(page))
            QTimer.singleShot(0, self, self.focus_first)

    def focus_first(self) -> None:
        """The keyboard begins on the page's primary button, which may be Next; QWizard would put it
        on Back, or on a button that is hidden."""
        page = self.currentPage()
        first = page.primary() if isinstance(page, Page) else None
        first = first or self.button(QWizard.WizardButton.NextButton)
        if first.isVisible() and first.isEnabled():
            first.setFocus()

    def refresh(self) -> None:
        """Shows what the rail, the buttons and the reason beside them say now."""
        if self._closing:
            return  # what is said there is that the window closes
        self.rail.refresh()
        page = self.currentPage()
        if not isinstance(page, Page):
            return
        reason = self.state.why_not_next(page.page_id)
        last = page.page_id == PageId.EXPORT
        self.reason.setText("" if reason is None or last else reason)
        primary = page.primary() is None
        for which in (QWizard.WizardButton.NextButton, QWizard.WizardButton.FinishButton):
            set_kind(self.button(which), "primary" if primary else "")
        self._place_reason()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in {QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show}:
            self._place_reason()
        return bool(super().eventFilter(watched, event))

    def _place_reason(self) -> None:
        """The reason stands left of the buttons, where Next's reader looks."""
        back = self.button(QWizard.WizardButton.BackButton)
        corner = back.mapTo(self, back.rect().topLeft())
        left = self.rail.width() + theme.PAGE
        height = self.reason.fontMetrics().height() * 2 + 4
        top = corner.y() + (back.height() - height) // 2
        self.reason.setGeometry(QRect(left, top, corner.x() - theme.WIDE - left, height))
        self.reason.raise_()

    def showEvent(self, event: QShowEvent) -> None:
        """QWizard makes the frame around its side widget only now; the rail needs none."""
        super().showEvent(event)
        holder = self.rail.parentWidget()
        layout = holder.layout() if holder is not None else None
        if layout is not None:
            layout.setContentsMargins(0, 0, 0, 0)

    # --- leaving --------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape does not close the wizard, as it would close a dialog."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)

    def done(self, result: int) -> None:
        """Finish, and whatever else would end a dialog."""
        self.through.emit()

    def say_closing(self) -> None:
        """The window waits for the checkpoint before it closes."""
        self._closing = True
        self.reason.setText(self.tr("Saving the checkpoint, then closing…"))

    def leave(self) -> None:
        """What runs beside the engine ends here."""
        self._closing = True
        for page in self.pages:
            page.leave()
        self.state.forget(self.refresh)
