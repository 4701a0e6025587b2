"""What is asked when folders do not tell the classes: patterns of names, columns of a table."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from made_up_scans import made_up_scan
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QComboBox, QFileDialog
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient, waits_for_cancel

from tlstudio.datasets.preview import preview
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.wizard.images import ImagesPage
from tlstudio.gui.wizard.pattern_dialog import PatternDialog
from tlstudio.gui.wizard.question import Question
from tlstudio.gui.wizard.state import WizardState
from tlstudio.gui.wizard.table_dialog import TableDialog
from tlstudio.jobs import DatasetSpec, Job, LabelsJob, LabelsResult, PreviewJob, Result, ScanJob
from tlstudio.tasks import Event

Drop = Callable[..., None]
Q = TypeVar("Q", bound=Question)


@pytest.fixture
def page(
    qtbot: QtBot, state: WizardState, engine: EngineRoom, client: ScriptedClient
) -> Iterator[ImagesPage]:
    """The engine glances for real; a scan finds something whatever it is asked."""

    def glance(job: Job) -> Generator[Event, None, Result]:
        assert isinstance(job, PreviewJob)
        return (yield from preview(job))

    def scan(_: Job) -> Generator[Event, None, Result]:
        yield from ()
        return made_up_scan({"cat": 9, "dog": 9})

    client.script["preview"] = glance
    client.script["scan"] = scan
    page = ImagesPage(state, engine)
    qtbot.addWidget(page)
    page.resize(900, 640)
    page.show()
    qtbot.waitExposed(page)
    yield page
    page.leave()


@pytest.fixture
def drop(page: ImagesPage) -> Drop:
    def dropped(*paths: Path) -> None:
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        page.dropEvent(
            QDropEvent(
                QPointF(50, 50),
                Qt.DropAction.CopyAction,
                data,
                Qt.MouseButton.LeftButton,
                Qt.KeyboardModifier.NoModifier,
            )
        )

    return dropped


def touch(folder: Path, *files: str) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


def asked(qtbot: QtBot, page: ImagesPage, kind: type[Q]) -> Q:
    qtbot.waitUntil(lambda: any(each.isVisible() for each in page.findChildren(kind)))
    return next(each for each in page.findChildren(kind) if each.isVisible())


def scanned(qtbot: QtBot, client: ScriptedClient, page: ImagesPage) -> DatasetSpec:
    """What the page looked through in the end."""
    qtbot.waitUntil(
        lambda: bool(client.jobs) and client.jobs[-1].kind == "scan" and page.found.isVisible()
    )
    job = client.jobs[-1]
    assert isinstance(job, ScanJob)
    return job.dataset


# --- what needs no question ----------------------------------------------------------------------


def test_a_folder_and_several_are_looked_through_at_once(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, drop: Drop, tmp_path: Path
) -> None:
    a, b = (touch(tmp_path / name, "cat/1.png", "dog/2.png") for name in "ab")
    drop(a)
    assert scanned(qtbot, client, page) == DatasetSpec(folder=str(a))
    drop(a, b)
    qtbot.waitUntil(lambda: len(client.jobs) == 4)
    assert scanned(qtbot, client, page) == DatasetSpec(folder=str(tmp_path), roots=(str(a), str(b)))


def test_what_is_neither_a_folder_nor_a_table_is_explained(
    page: ImagesPage, client: ScriptedClient, drop: Drop, tmp_path: Path
) -> None:
    drop(touch(tmp_path, "a.pdf") / "a.pdf")
    assert "neither a folder nor a table" in page.notice.message
    assert page.drop_area.isVisible()
    assert not client.jobs


def test_a_glance_that_takes_long_can_be_cancelled(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, drop: Drop, tmp_path: Path
) -> None:
    client.script["preview"] = waits_for_cancel
    drop(tmp_path)
    qtbot.waitUntil(lambda: page.progress.numbers.text() != "")
    qtbot.mouseClick(page.progress.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.drop_area.isVisible)


def test_the_button_for_a_table_asks_for_a_file(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, tmp_path: Path
) -> None:
    qtbot.mouseClick(page.drop_area.table_button, Qt.MouseButton.LeftButton)
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    dialog.filesSelected.emit([str(small_table(tmp_path))])
    dialog.close()
    asked(qtbot, page, TableDialog).reject()


# --- patterns ------------------------------------------------------------------------------------


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    names = [f"{label}_{n:02}.png" for label in ("cat", "dog", "owl") for n in range(5)]
    return touch(tmp_path / "flat", *names, "readme.pdf")


def type_pattern(qtbot: QtBot, dialog: PatternDialog, text: str) -> None:
    dialog.pattern.selectAll()
    qtbot.keyClicks(dialog.pattern, text)


def test_a_flat_folder_leads_to_a_pattern_and_the_proposal_can_be_used_at_once(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, drop: Drop, flat: Path
) -> None:
    drop(flat)
    dialog = asked(qtbot, page, PatternDialog)
    qtbot.waitUntil(dialog.go_button.isEnabled)
    assert dialog.pattern.text() == "{label}_#"
    said = "3 classes in 15 pictures. 1 file does not fit and is left out."
    assert dialog.verdict.text() == said
    assert ("cat_00.png", "cat") in dialog.examples.texts()
    assert ("readme.pdf", "does not fit") in dialog.examples.texts()
    assert dialog.classes.texts() == [("cat", "5"), ("dog", "5"), ("owl", "5")]
    qtbot.mouseClick(dialog.go_button, Qt.MouseButton.LeftButton)
    assert scanned(qtbot, client, page) == DatasetSpec(folder=str(flat), pattern="{label}_#")


def test_the_preview_follows_while_the_pattern_is_typed(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, drop: Drop, flat: Path
) -> None:
    drop(flat)
    dialog = asked(qtbot, page, PatternDialog)
    for text, words in (
        ("{group}_*", "Write {label} where the name says the class."),
        ("{name}_*", "braces around something else"),
        ("{label}-*", "It fits none of the names."),
        ("ca{label}_*", "It finds only one class, “t”"),
    ):
        type_pattern(qtbot, dialog, text)
        qtbot.waitUntil(lambda words=words: words in dialog.reason.text())
        assert not dialog.go_button.isEnabled()
        assert dialog.reason.isVisible()
    qtbot.keyClick(dialog.pattern, Qt.Key.Key_Return)
    assert dialog.isVisible()
    type_pattern(qtbot, dialog, "*_{label}")
    qtbot.waitUntil(dialog.go_button.isEnabled)
    assert ("cat_00.png", "00") in dialog.examples.texts()
    assert ("00", "3") in dialog.classes.texts()
    qtbot.mouseClick(dialog.proposals[0], Qt.MouseButton.LeftButton)
    assert not dialog.go_button.isEnabled()
    qtbot.waitUntil(dialog.go_button.isEnabled)
    qtbot.keyClick(dialog.pattern, Qt.Key.Key_Return)
    assert scanned(qtbot, client, page).pattern == "{label}_#"


def test_a_question_that_is_left_leaves_everything_as_it_was(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, drop: Drop, flat: Path
) -> None:
    page.state.set_scan(made_up_scan({"ants": 30, "bees": 20}), DatasetSpec(folder="/before"))
    drop(flat)
    dialog = asked(qtbot, page, PatternDialog)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert [job.kind for job in client.jobs] == ["preview"]
    assert page.found.isVisible()
    assert page.isComplete()


# --- tables --------------------------------------------------------------------------------------


def small_table(folder: Path, name: str = "labels.csv") -> Path:
    touch(folder, *(f"{n}.png" for n in range(18)))
    rows = [f"{n}.png,{'ab'[n % 2]},p{n // 3},{n % 3}" for n in range(20)]
    file = folder / name
    file.write_text("\n".join(["file,label,patient,size", *rows]))
    return file


def pick(qtbot: QtBot, field: QComboBox, text: str) -> None:
    """Chooses with the keyboard, as a user does."""
    field.setFocus()
    while field.currentText() != text:
        down = field.findText(text) > field.currentIndex()
        qtbot.keyClick(field, Qt.Key.Key_Down if down else Qt.Key.Key_Up)


def test_a_table_leads_to_its_columns_and_the_guess_can_be_used_at_once(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, drop: Drop, tmp_path: Path
) -> None:
    drop(small_table(tmp_path))
    dialog = asked(qtbot, page, TableDialog)
    assert dialog.go_button.isEnabled()
    said = "18 of 20 rows point to a picture. 2 classes: a (9), b (9)"
    assert dialog.verdict.text() == said
    heads = ["Pictures\nfile", "Classes\nlabel", "Belong together\npatient", "\nsize"]
    assert dialog.table.heads() == heads
    assert dialog.table.texts()[1] == ("1.png", "b", "p0", "1")
    qtbot.keyClick(dialog.go_button, Qt.Key.Key_Return)
    table = scanned(qtbot, client, page).table
    assert table is not None
    chosen = (table.picture, table.label, table.part, table.group)
    assert chosen == ("file", "label", "", "patient")
    assert page.found.folder_label.text() == f"18 pictures that {table.file} names"


def test_another_column_is_tried_before_it_can_be_used(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, drop: Drop, tmp_path: Path
) -> None:
    drop(small_table(tmp_path))
    dialog = asked(qtbot, page, TableDialog)
    pick(qtbot, dialog.picture, "patient")
    assert not dialog.go_button.isEnabled()
    assert "can't say two things" in dialog.reason.text()
    pick(qtbot, dialog.group, "none")
    qtbot.waitUntil(lambda: "No row points to a file" in dialog.reason.text())
    assert not dialog.go_button.isEnabled()
    pick(qtbot, dialog.picture, "file")
    pick(qtbot, dialog.label, "size")
    qtbot.waitUntil(dialog.go_button.isEnabled)
    assert "3 classes: 0 (6), 1 (6), 2 (6)" in dialog.verdict.text()
    qtbot.mouseClick(dialog.go_button, Qt.MouseButton.LeftButton)
    table = scanned(qtbot, client, page).table
    assert table is not None
    assert (table.picture, table.label, table.group) == ("file", "size", "")


def test_a_table_in_which_nothing_can_be_guessed_asks_for_the_columns(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, drop: Drop, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,2\n3,4")
    drop(tmp_path / "t.csv")
    dialog = asked(qtbot, page, TableDialog)
    assert not dialog.go_button.isEnabled()
    assert dialog.reason.text() == "Choose the column that names the pictures."
    assert dialog.table.texts() == [("1", "2"), ("3", "4")]
    dialog.reject()


def test_another_sheet_of_a_workbook_has_columns_of_its_own(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, drop: Drop, tmp_path: Path
) -> None:
    import openpyxl

    touch(tmp_path, *(f"{n}.png" for n in range(6)))
    book = openpyxl.Workbook()
    book.worksheets[0].append(["notes", "x"])
    book.worksheets[0].append(["nothing here", "y"])
    sheet = book.create_sheet("labels")
    for row in (["bild", "klasse"], *([f"{n}.png", "ab"[n % 2]] for n in range(6))):
        sheet.append(row)
    book.save(tmp_path / "t.xlsx")
    drop(tmp_path / "t.xlsx")
    dialog = asked(qtbot, page, TableDialog)
    assert not dialog.go_button.isEnabled()
    pick(qtbot, dialog.sheet, "labels")
    qtbot.waitUntil(dialog.go_button.isEnabled)
    assert (dialog.picture.column, dialog.label.column) == ("bild", "klasse")
    qtbot.mouseClick(dialog.go_button, Qt.MouseButton.LeftButton)
    table = scanned(qtbot, client, page).table
    assert table is not None
    assert (table.sheet, table.picture) == ("labels", "bild")


# --- saving --------------------------------------------------------------------------------------


def test_labels_are_saved_as_a_table_of_what_is_shown(
    qtbot: QtBot, page: ImagesPage, client: ScriptedClient, tmp_path: Path
) -> None:
    def write(job: Job) -> Generator[Event, None, Result]:
        assert isinstance(job, LabelsJob)
        yield from ()
        return LabelsResult(file=job.out, pictures=1234)

    client.script["labels"] = write
    shown = DatasetSpec(folder="/pictures", pattern="{label}_*")
    page.state.set_scan(made_up_scan({"ants": 30, "bees": 20}), shown)
    qtbot.mouseClick(page.found.save_button, Qt.MouseButton.LeftButton)
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path / "mine.csv"))
    dialog.close()
    said = "The labels of 1,234 pictures are saved as mine.csv."
    qtbot.waitUntil(lambda: page.found.said_label.text() == said)
    assert page.found.isVisible()
    (job,) = client.jobs
    assert isinstance(job, LabelsJob)
    assert (job.dataset, job.out) == (shown, str(tmp_path / "mine.csv"))
