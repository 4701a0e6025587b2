"""How the parts of a split look."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.qtbot import QtBot

from tlstudio.gui.widgets.parts import (
    PLACES,
    ClassRow,
    ClassStacks,
    StackBar,
    paint_place,
    place_colour,
)
from tlstudio.projects.index import Place


def painted(place: Place) -> QImage:
    image = QImage(40, 20, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    paint_place(painter, QRectF(0, 0, 40, 20), place)
    painter.end()
    return image


def test_each_part_is_told_apart_without_its_colour(qtbot: QtBot) -> None:
    grey = {
        place: bytes(painted(place).convertToFormat(QImage.Format.Format_Mono).constBits())
        for place in PLACES
    }
    assert len(set(grey.values())) == len(PLACES)


def colours_along(bar: StackBar) -> list[str]:
    image, y = bar.grab().toImage(), bar.height() // 2
    return [image.pixelColor(QPoint(x, y)).name() for x in range(image.width())]


def test_a_bar_shows_each_part_by_its_share(qtbot: QtBot) -> None:
    bar = StackBar(20)
    qtbot.addWidget(bar)
    bar.resize(400, 20)
    bar.show_counts({"train": 300, "val": 100})
    blue = QColor(place_colour("train")).name()
    assert colours_along(bar).count(blue) == pytest.approx(300, abs=4)
    assert bar.accessibleName() == "Training 300, Validation 100"


def test_one_picture_among_many_is_still_seen(qtbot: QtBot) -> None:
    bar = StackBar(20)
    qtbot.addWidget(bar)
    bar.resize(400, 20)
    bar.show_counts({"train": 50_000, "val": 1})
    blue = QColor(place_colour("train")).name()
    assert blue not in colours_along(bar)[398:]


def test_each_class_says_its_numbers_and_a_test_set_only_where_there_is_one(qtbot: QtBot) -> None:
    stacks = ClassStacks()
    qtbot.addWidget(stacks)
    stacks.show_rows([ClassRow("ants", {"train": 1600, "val": 4})])
    assert stacks.accessibleName() == "ants: Training 1,600, Validation 4"
    stacks.show_rows([ClassRow("ants", {"train": 16, "val": 4, "test": 3})])
    assert stacks.accessibleName() == "ants: Training 16, Validation 4, Locked test 3"
