"""How long a run will take is told from its work, however long it was stopped in between."""

from __future__ import annotations

from collections.abc import Iterator

from tlstudio.tasks import Logged, Task, drive
from tlstudio.training.phases import WorkClock


class Time:
    """A clock that is moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, *seconds: float) -> Iterator[None]:
        for each in seconds:
            self.now += each
            yield


def test_an_hour_of_sleep_is_no_work() -> None:
    time = Time()
    clock = WorkClock(time)
    for _ in time.passes(*[0.5] * 20, 3600, *[0.5] * 20, 7200, 0.5):
        seconds = clock()
    assert seconds == 20.5


def test_steps_of_a_minute_are_work_from_the_third_on() -> None:
    time = Time()
    clock = WorkClock(time)
    clock()
    told = [clock() for _ in time.passes(*[60.0] * 10)]
    assert told[-1] - told[2] == 7 * 60


def test_a_long_check_that_tells_how_far_it_is_is_work() -> None:
    time = Time()
    clock = WorkClock(time)

    def checking() -> Task[str]:
        for _ in time.passes(*[1.0] * 300):
            yield Logged(message="still checking")
        return "done"

    assert drive(clock.asked_at_each_event(checking()), lambda _: None) == "done"
    assert clock() == 300
