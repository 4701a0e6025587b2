"""The tab that lists every file with its verdict, with a real project in a temporary folder."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_up_projects import made_up_project, picture
from PIL import Image
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from tlstudio.gui.widgets.picture_dialog import PictureDialog
from tlstudio.gui.wizard.desk import Desk
from tlstudio.gui.wizard.files_tab import FilesTab
from tlstudio.gui.wizard.found import FoundPictures
from tlstudio.jobs import DatasetSpec, Finding
from tlstudio.projects.corrections import Corrections
from tlstudio.projects.index import Seen

FILES = [
    picture("ants/1.png", width=10, height=10),
    picture("ants/2.png", width=200, height=10),
    picture("ants/broken.jpg", verdict="left_out", reason="It ends too early.", width=0, height=0),
    picture("bees/1.tif", verdict="converted", reason="16 bits brought to 8", width=50, height=30),
    picture("bees/2.png", width=30, height=30),
]


@pytest.fixture
def tab(qtbot: QtBot, desk: Desk, tmp_path: Path) -> Iterator[FilesTab]:
    open_project(desk, tmp_path, FILES)
    tab = FilesTab(desk)
    qtbot.addWidget(tab)
    tab.resize(900, 500)
    tab.show()
    qtbot.waitExposed(tab)
    assert desk.state.overview is not None
    tab.show_overview(desk.state.overview)
    qtbot.waitUntil(lambda: tab.table.files.rowCount() == len(FILES))
    yield tab
    tab.leave()


def open_project(desk: Desk, folder: Path, files: list[Seen], *findings: Finding) -> None:
    scan = made_up_project(folder / "project", files, findings)
    desk.state.set_scan(scan, DatasetSpec(folder=scan.folder, project=scan.project))


def column(tab: FilesTab, number: int) -> list[str]:
    model = tab.table.files
    return [model.index(row, number).data() for row in range(model.rowCount())]


def choose(qtbot: QtBot, tab: FilesTab, name: str) -> None:
    """Clicks the segment that begins with this name."""
    bar = tab.verdicts
    at = next(at for at in range(bar.count()) if bar.tabText(at).startswith(name))
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(at).center())


def open_row(qtbot: QtBot, tab: FilesTab, file: str) -> None:
    row = tab.table.files.row_of(file)
    assert row is not None
    tab.table.setCurrentIndex(tab.table.files.index(row, 0))
    qtbot.keyClick(tab.table, Qt.Key.Key_Return)


def test_every_file_has_a_verdict_and_its_reason(tab: FilesTab) -> None:
    assert column(tab, 0) == [each.file for each in FILES]
    assert column(tab, 1) == ["✓ Used", "✓ Used", "✕ Left out", "↻ Converted", "✓ Used"]
    assert column(tab, 2) == ["", "", "It ends too early.", "16 bits brought to 8", ""]
    assert column(tab, 3)[1:3] == ["200 × 10", ""]
    assert column(tab, 5)[1:3] == ["Training", ""]


def test_verdicts_are_counted_and_chosen(qtbot: QtBot, tab: FilesTab) -> None:
    names = [tab.verdicts.tabText(at) for at in range(4)]
    assert names == ["All 5", "Used 3", "Converted 1", "Left out 1"]
    choose(qtbot, tab, "Left out")
    assert column(tab, 0) == ["ants/broken.jpg"]
    assert tab.table.isColumnHidden(1)
    qtbot.keyClick(tab.table, Qt.Key.Key_Down)
    assert tab.shown_label.text() == "ants/broken.jpg\nIt ends too early."
    choose(qtbot, tab, "Used")
    assert column(tab, 0) == ["ants/1.png", "ants/2.png", "bees/2.png"]


def test_text_is_looked_for_in_names_reasons_and_classes(qtbot: QtBot, tab: FilesTab) -> None:
    qtbot.keyClicks(tab.search, "BITS")
    assert column(tab, 0) == ["bees/1.tif"]
    tab.search.clear()
    qtbot.keyClicks(tab.search, "no such thing")
    assert tab.shown_label.text() == "No file is like that."
    assert not tab.save_button.isEnabled()


def test_a_click_on_a_title_orders_by_it(qtbot: QtBot, tab: FilesTab) -> None:
    header = tab.table.horizontalHeader()
    at = QPoint(header.sectionViewportPosition(3) + 20, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    rising = ["ants/broken.jpg", "ants/1.png", "bees/2.png", "bees/1.tif", "ants/2.png"]
    assert column(tab, 0) == rising
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert column(tab, 0) == rising[::-1]


def test_the_rows_of_the_moment_are_saved_as_a_table(
    qtbot: QtBot, tab: FilesTab, tmp_path: Path
) -> None:
    choose(qtbot, tab, "Converted")
    target = tmp_path / "list.csv"
    tab.save(target)
    qtbot.waitUntil(tab.notice.isVisible)
    assert tab.notice.kind == "ok"
    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["reason"], row["width"]) for row in rows] == [
        ("bees/1.tif", "16 bits brought to 8", "50")
    ]


def test_a_list_that_cannot_be_saved_says_why(qtbot: QtBot, tab: FilesTab, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    tab.save(tmp_path / "file" / "list.csv")
    qtbot.waitUntil(tab.notice.isVisible)
    assert tab.notice.kind == "error"
    assert "could not be written" in tab.notice.message
    assert tab.notice.hint
    assert tab.save_button.isEnabled()


def test_a_picture_opens_larger_and_what_cannot_be_read_its_folder(
    qtbot: QtBot, tab: FilesTab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bees").mkdir()
    Image.new("RGB", (50, 30)).save(tmp_path / "bees" / "2.png")
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    open_row(qtbot, tab, "ants/broken.jpg")
    assert [url.toLocalFile() for url in opened] == [str(tmp_path / "ants")]
    open_row(qtbot, tab, "bees/2.png")
    dialog = tab.findChild(PictureDialog)
    assert dialog is not None
    assert dialog.windowTitle() == "2.png"
    with qtbot.waitSignal(dialog.finished):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)


def test_what_the_user_leaves_out_is_said_at_once(qtbot: QtBot, tab: FilesTab, desk: Desk) -> None:
    number = next(e.id for e in tab.table.files.entries() if e.file == "bees/2.png")
    tab.table.setCurrentIndex(tab.table.files.index(4, 0))

    def leave_out(corrections: Corrections) -> object:
        return corrections.exclude([number], excluded=True)

    desk.correct("1 picture left out", leave_out)  # type: ignore[arg-type]
    qtbot.waitUntil(lambda: column(tab, 5)[4] == "Left out by you")
    assert tab.table.currentIndex().row() == 4, "the chosen row was lost"


def test_health_leads_to_the_files_that_are_left_out(
    qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    left_out = Finding(
        kind="unreadable", severity="warn", sentence="1 file.", files=("ants/broken.jpg",)
    )
    open_project(desk, tmp_path, FILES, left_out)
    found = FoundPictures(desk)
    qtbot.addWidget(found)
    found.resize(900, 600)
    found.show()
    qtbot.waitExposed(found)
    assert desk.state.overview is not None
    found.show_overview(desk.state.overview)
    found.show_tab(found.health)
    qtbot.waitUntil(lambda: found.health.settled and bool(found.health.sections))
    card = next(iter(found.health.sections["unreadable"].cards.values()))
    qtbot.mouseClick(card.buttons[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: column(found.files, 0) == ["ants/broken.jpg"])
    assert found.files.isVisible()
    found.leave()


def test_50000_files_are_listed_in_the_order_of_any_column(
    qtbot: QtBot, tab: FilesTab, desk: Desk, tmp_path: Path
) -> None:
    many = [
        picture(f"{'ab'[n % 2]}/{n:05}.png", width=1 + n * 7919 % 50_000) for n in range(50_000)
    ]
    open_project(desk, tmp_path / "other", many)
    assert desk.state.overview is not None
    tab.show_overview(desk.state.overview)
    qtbot.waitUntil(lambda: tab.table.files.rowCount() == 50_000, timeout=20_000)
    tab.table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    assert tab.table.files.index(0, 3).data() == "50,000 × 48"
    tab.table.scrollToBottom()
    assert tab.table.files.index(49_999, 3).data() == "1 × 48"
