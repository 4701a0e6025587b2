"""The grid of thumbnails: what the mouse and the keyboard choose, and where things are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from pytestqt.qtbot import QtBot

from tlstudio.gui.widgets.picture_grid import PictureGrid
from tlstudio.gui.widgets.thumbnails import ThumbnailLoader, ThumbnailModel

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def grid(qtbot: QtBot) -> Iterator[PictureGrid]:
    """Five columns and three lines are in sight, of 33 pictures that are not there."""
    loader = ThumbnailLoader()
    model = ThumbnailModel(loader)
    grid = PictureGrid(model)
    qtbot.addWidget(grid)
    grid.resize(5 * 124 + 40, 3 * 124 + 8)
    model.set_files("/nowhere", [f"{n}.png" for n in range(33)])
    grid.show()
    qtbot.waitExposed(grid)
    assert grid.visualRect(model.index(5)).top() == grid.visualRect(model.index(9)).top() > 0
    yield grid
    loader.stop()


def rows(grid: PictureGrid) -> list[int]:
    return sorted(row for part in grid.chosen_rows() for row in part)


def centre(grid: PictureGrid, row: int) -> QPoint:
    return grid.visualRect(grid.model().index(row, 0)).center()


def click(
    qtbot: QtBot, grid: PictureGrid, row: int, keys: Qt.KeyboardModifier | None = None
) -> None:
    qtbot.mouseClick(
        grid.viewport(), LEFT, keys or Qt.KeyboardModifier.NoModifier, centre(grid, row)
    )


def drag(qtbot: QtBot, grid: PictureGrid, start: QPoint, end: QPoint) -> None:
    qtbot.mousePress(grid.viewport(), LEFT, pos=start)
    qtbot.mouseMove(grid.viewport(), (start + end) / 2)
    qtbot.mouseMove(grid.viewport(), end)
    qtbot.mouseRelease(grid.viewport(), LEFT, pos=end)


def test_every_place_is_that_of_the_picture_that_is_there(grid: PictureGrid) -> None:
    grid.verticalScrollBar().setValue(70)
    for row in range(33):
        assert grid.indexAt(centre(grid, row)).row() == row
    right = QRect(grid.viewport().rect()).right()
    assert not grid.indexAt(QPoint(right, 10)).isValid()


def test_a_click_chooses_one_ctrl_adds_and_shift_takes_all_between(
    qtbot: QtBot, grid: PictureGrid
) -> None:
    click(qtbot, grid, 3)
    click(qtbot, grid, 1)
    assert rows(grid) == [1]
    click(qtbot, grid, 8, CTRL)
    assert rows(grid) == [1, 8]
    click(qtbot, grid, 1, CTRL)
    assert rows(grid) == [8]
    click(qtbot, grid, 2)
    click(qtbot, grid, 11, SHIFT)
    assert rows(grid) == list(range(2, 12))


def test_a_frame_takes_what_it_touches_and_nothing_else(qtbot: QtBot, grid: PictureGrid) -> None:
    drag(qtbot, grid, centre(grid, 1), centre(grid, 13))
    assert rows(grid) == [1, 2, 3, 6, 7, 8, 11, 12, 13]
    drag(qtbot, grid, centre(grid, 13), centre(grid, 7))
    assert rows(grid) == [7, 8, 12, 13]


def test_ctrl_a_chooses_all_and_shift_with_arrows_a_part(qtbot: QtBot, grid: PictureGrid) -> None:
    qtbot.keyClick(grid, Qt.Key.Key_A, CTRL)
    assert rows(grid) == list(range(33))
    click(qtbot, grid, 6)
    qtbot.keyClick(grid, Qt.Key.Key_Down, SHIFT)
    qtbot.keyClick(grid, Qt.Key.Key_Right, SHIFT)
    assert rows(grid) == list(range(6, 13))


@pytest.mark.parametrize(
    ("start", "key", "end"),
    [
        (6, Qt.Key.Key_Right, 7),
        (4, Qt.Key.Key_Right, 5),
        (0, Qt.Key.Key_Left, 0),
        (6, Qt.Key.Key_Down, 11),
        (2, Qt.Key.Key_Up, 2),
        (28, Qt.Key.Key_Down, 32),
        (31, Qt.Key.Key_Down, 31),
        (6, Qt.Key.Key_End, 32),
        (6, Qt.Key.Key_Home, 0),
        (6, Qt.Key.Key_PageDown, 21),
        (6, Qt.Key.Key_PageUp, 0),
    ],
)
def test_the_arrows_go_to_neighbours_and_what_they_reach_is_seen(
    qtbot: QtBot, grid: PictureGrid, start: int, key: Qt.Key, end: int
) -> None:
    click(qtbot, grid, 0)
    grid.setCurrentIndex(grid.model().index(start, 0))
    qtbot.keyClick(grid, key)
    assert rows(grid) == [end]
    seen = grid.viewport().rect().adjusted(0, -1, 0, 1)
    assert seen.contains(grid.visualRect(grid.model().index(end, 0)))


def test_digits_and_delete_are_told_and_ctrl_digits_are_not(
    qtbot: QtBot, grid: PictureGrid
) -> None:
    told: list[int] = []
    grid.typed.connect(told.append)
    for key in (Qt.Key.Key_3, Qt.Key.Key_9, Qt.Key.Key_0):
        qtbot.keyClick(grid, key)
    qtbot.keyClick(grid, Qt.Key.Key_4, CTRL)
    assert told == [3, 9]
    with qtbot.waitSignal(grid.delete_pressed, timeout=1000):
        qtbot.keyClick(grid, Qt.Key.Key_Delete)


def test_a_wider_grid_keeps_what_was_on_top_in_sight(grid: PictureGrid) -> None:
    grid.resize(2 * 124 + 40, 3 * 124)
    grid.verticalScrollBar().setValue(124 * 10)
    assert grid.indexAt(QPoint(20, 20)).row() == 20
    grid.resize(5 * 124 + 40, 3 * 124)
    assert grid.viewport().rect().contains(centre(grid, 20))


def test_50000_are_there_at_once_and_choosing_all_moves_nothing(
    qtbot: QtBot, grid: PictureGrid
) -> None:
    grid.thumbnails.set_files("/nowhere", [f"{n}.png" for n in range(50_000)])
    last = grid.model().index(49_999, 0)
    grid.scrollTo(last)
    assert grid.viewport().rect().contains(grid.visualRect(last).center())
    qtbot.keyClick(grid, Qt.Key.Key_A, CTRL)
    assert grid.chosen_rows() == [range(50_000)]
    assert grid.viewport().rect().contains(grid.visualRect(last).center())
