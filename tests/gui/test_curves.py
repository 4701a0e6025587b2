"""The plots of a run: bounded, throttled, honest about epochs, readable in both themes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from made_up import made_up_run
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tlstudio.gui.theme import THEME
from tlstudio.gui.widgets.curves import Curves
from tlstudio.gui.widgets.series import (
    EPOCH_POINTS,
    RUNNING_POINTS,
    Chart,
    CurveData,
    Series,
    free_height,
)
from tlstudio.tasks import Event, Resumed


def folded(events: Iterator[Event]) -> CurveData:
    data = CurveData()
    for event in events:
        data.add(event)
    return data


def test_points_stay_bounded_however_long_the_run() -> None:
    data = folded(made_up_run(10_000, steps=12))
    assert len(data.loss.running) <= RUNNING_POINTS
    assert len(data.accuracy.val) <= EPOCH_POINTS


def test_averaging_keeps_the_line_where_it_was() -> None:
    series = Series(100)
    for i in range(10_000):
        series.add(float(i), 2.0 * i)
    assert all(y == pytest.approx(2 * x) for x, y in zip(series.x, series.y, strict=True))
    assert series.x == sorted(series.x)
    assert series.x[-1] > 9_800


def test_epochs_lie_at_whole_numbers_and_steps_between_them() -> None:
    data = folded(made_up_run(10, steps=4, upto=3))
    assert data.accuracy.val.x == [1, 2, 3]
    assert data.accuracy.running.x == [n / 4 for n in range(1, 13)]
    assert data.probe == pytest.approx(80)
    assert data.best_epoch == 3


def test_a_resumed_run_does_not_draw_an_epoch_twice() -> None:
    data = folded(made_up_run(10, upto=4))
    data.add(Resumed(resumed_at_step=12, epoch=3))
    for event in list(made_up_run(10, upto=5))[-10:]:
        data.add(event)
    assert data.accuracy.val.x == [1, 2, 3, 4, 5]
    assert data.accuracy.running.x == [n / 4 for n in range(1, 21)]


def test_what_was_learned_since_the_checkpoint_is_forgotten_in_the_middle_of_an_epoch() -> None:
    data = folded(made_up_run(10, steps=4, upto=3))
    data.add(Resumed(resumed_at_step=10, epoch=2))
    assert data.loss.running.x[-1] == 10 / 4
    assert data.loss.val.x == [1, 2]


def test_outliers_at_the_start_do_not_flatten_the_rest() -> None:
    data = folded(made_up_run(100))
    data.loss.running.y[0] = 1000.0
    span = data.loss.span()
    assert span is not None
    assert span[1] < 10


def test_many_events_are_drawn_in_a_few_redraws(qtbot: QtBot) -> None:
    curves = Curves()
    qtbot.addWidget(curves)
    curves.show()
    drawn: list[int] = []
    draw = curves.loss.draw
    curves.loss.draw = lambda *a: (drawn.append(1), draw(*a))[1]  # type: ignore[method-assign]
    for event in made_up_run(50):
        curves.add(event)
    assert not drawn
    qtbot.waitUntil(lambda: len(drawn) == 1)
    x, _ = curves.loss.val.getData()
    assert len(x) == 50


def test_a_hidden_plot_catches_up_when_it_is_shown(qtbot: QtBot) -> None:
    curves = Curves()
    qtbot.addWidget(curves)
    for event in made_up_run(5):
        curves.add(event)
    curves.show()
    x, _ = curves.accuracy.val.getData()
    assert list(x) == [1, 2, 3, 4, 5]


def test_replay_draws_what_was_drawn_live(qtbot: QtBot) -> None:
    live, old = Curves(), Curves()
    for curves in (live, old):
        qtbot.addWidget(curves)
        curves.show()
    for event in made_up_run(6):
        live.add(event)
    live.finish()
    old.show_data(folded(made_up_run(6)))
    for name in ("train", "val", "running"):
        ours, theirs = (getattr(c.loss, name).getData() for c in (live, old))
        assert [list(v) for v in ours] == [list(v) for v in theirs]
    assert old.accuracy.best.label.format == "best: epoch 6"
    assert old.accessibleDescription()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_ground_follows_the_theme(qtbot: QtBot, qapp: QApplication, scheme: str) -> None:
    curves = Curves()
    qtbot.addWidget(curves)
    curves.show()
    try:
        THEME.use("dark" if scheme == "dark" else "light")
        qapp.processEvents()
        ground = curves.loss.widget.backgroundBrush().color()
        assert ground.lightness() < 80 if scheme == "dark" else ground.lightness() > 240
    finally:
        THEME.use("light")


def test_no_half_epochs_on_the_axis(qtbot: QtBot) -> None:
    curves = Curves()
    qtbot.addWidget(curves)
    curves.show_data(folded(made_up_run(2)))
    levels = curves.loss.widget.getAxis("bottom").tickSpacing(0, 2, 500)
    assert all(spacing >= 1 for spacing, _ in levels)


def test_the_best_epoch_is_named_where_no_curve_is() -> None:
    chart = Chart.empty()
    for epoch in range(1, 5):
        chart.train.add(epoch, 0.3)
        chart.val.add(epoch, 0.8)
    assert free_height(chart, (1, 3), (0.25, 0.85), None) == 0.5
    assert free_height(chart, (1, 3), (0.0, 0.85), None) in {0.71, 0.08}
    assert free_height(Chart.empty(), (1, 3), (0.0, 1.0), 0.9) == 0.08
