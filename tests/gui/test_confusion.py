"""The confusion matrix: what a cell says, how it is chosen, how it fits many classes."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from tlstudio.gui.widgets.confusion import ConfusionMatrix
from tlstudio.gui.widgets.ink import ink
from tlstudio.gui.widgets.vertical_label import fits_in_lines, in_lines
from tlstudio.jobs import EvaluationResult


def result_of(n: int, names: tuple[str, ...] = ()) -> EvaluationResult:
    """Nine of ten right in each class, the tenth called the next one."""
    rows = [[0] * n for _ in range(n)]
    for i in range(n):
        rows[i][i] = 9
        rows[i][(i + 1) % n] = 1
    return EvaluationResult(
        run="r",
        accuracy=0.9,
        accuracy_low=0.8,
        accuracy_high=0.95,
        n=10 * n,
        classes=names or tuple(f"class {i}" for i in range(n)),
        confusion=tuple(tuple(row) for row in rows),
    )


@pytest.fixture
def matrix(qtbot: QtBot) -> ConfusionMatrix:
    widget = ConfusionMatrix()
    qtbot.addWidget(widget)
    widget.resize(560, 420)
    widget.show_result(result_of(3))
    widget.show()
    return widget


def test_rows_are_the_truth_and_columns_the_answers(matrix: ConfusionMatrix) -> None:
    cell = matrix.model.index(0, 1)
    assert cell.data() == "1"
    words = cell.data(Qt.ItemDataRole.AccessibleTextRole)
    assert words == "Really class 0, was called class 1: 1 of 10"


def test_a_click_chooses_a_cell(qtbot: QtBot, matrix: ConfusionMatrix) -> None:
    at = matrix.table.visualRect(matrix.model.index(2, 0)).center()
    with qtbot.waitSignal(matrix.cell_chosen) as chosen:
        qtbot.mouseClick(matrix.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert chosen.args == [2, 0]


def test_arrow_keys_choose_a_cell(qtbot: QtBot, matrix: ConfusionMatrix) -> None:
    matrix.choose(0, 0)
    with qtbot.waitSignal(matrix.cell_chosen) as chosen:
        qtbot.keyClick(matrix.table, Qt.Key.Key_Right)
    assert chosen.args == [0, 1]


@pytest.mark.parametrize("n", [2, 3, 8])
def test_few_classes_need_no_scrolling(matrix: ConfusionMatrix, n: int) -> None:
    matrix.show_result(result_of(n))
    assert matrix.table.horizontalScrollBar().maximum() == 0
    assert matrix.table.verticalScrollBar().maximum() == 0


def test_many_classes_scroll_and_stay_legible(qtbot: QtBot, matrix: ConfusionMatrix) -> None:
    matrix.show_result(result_of(120))
    assert matrix.table.horizontalScrollBar().maximum() > 0
    assert matrix.table.columnWidth(0) >= 40
    matrix.choose(119, 119)
    assert matrix.table.visualRect(matrix.model.index(119, 119)).intersects(
        matrix.table.viewport().rect()
    )
    assert not matrix.grab().isNull()


def test_text_on_a_tint_is_black_on_light_and_white_on_dark() -> None:
    assert ink(QColor("white")) == QColor("black")
    assert ink(QColor("#003355")) == QColor("white")


def test_a_long_name_is_broken_into_two_lines_before_it_is_cut(
    qtbot: QtBot, matrix: ConfusionMatrix
) -> None:
    names = ("good", "hole", "stain", "broken thread")
    metrics = matrix.fontMetrics()
    matrix.show_result(result_of(4, names))
    one_line = metrics.horizontalAdvance("broken thread")
    matrix.resize(5 * one_line + 50, 420)
    header = matrix.table.horizontalHeader()
    assert header.sectionSize(3) < one_line + 10
    assert header.height() >= 2 * metrics.height()
    assert in_lines(metrics, "broken thread", one_line - 4, 2) == ("broken", "thread")


def test_a_name_that_has_no_space_is_elided_and_keeps_its_ends(matrix: ConfusionMatrix) -> None:
    (line,) = in_lines(matrix.fontMetrics(), "x" * 200, 60, 2)
    assert "…" in line
    assert not fits_in_lines(matrix.fontMetrics(), "x" * 200, 60, 2)
