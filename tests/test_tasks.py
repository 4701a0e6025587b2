"""Events survive the pipe, jobs are closed on every way out, and counts become calm progress."""

from __future__ import annotations

import gc
import itertools
import json
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest
from pydantic import ValidationError

from tlstudio.errors import Cancelled
from tlstudio.tasks import (
    Answer,
    Answers,
    Control,
    Epoch,
    Event,
    Logged,
    Meter,
    ProbeFitted,
    Progress,
    Resumed,
    Step,
    Task,
    Waiting,
    Warned,
    beside,
    drive,
    event_from_dict,
    event_to_dict,
)

EVENTS: tuple[Event, ...] = (
    Progress(phase="scan", done=1, total=3),
    Progress(phase="weights", done=5, total=0, unit="bytes", seconds_left=0.1 + 0.2),
    ProbeFitted(train_loss=0.1, train_accuracy=1.0, val_loss=1 / 3, val_accuracy=0.5),
    Step(
        epoch=1,
        epochs=2,
        step=3,
        steps=4,
        train_loss=0.5,
        train_accuracy=0.25,
        learning_rate=1e-3,
        pictures_per_second=12.5,
        batch_loss=2.5,
    ),
    Epoch(
        epoch=2,
        epochs=2,
        step=8,
        train_loss=0.5,
        train_accuracy=0.25,
        val_loss=0.4,
        val_accuracy=0.75,
        learning_rate=1e-3,
        pictures_per_second=12.5,
        seconds_left=3.0,
        best_epoch=1,
        best_val_accuracy=0.75,
        device_memory=123_456_789_012,
    ),
    Answers(
        epoch=1,
        answers=(Answer(file="ä b/“x”.jpg", label="a", answer="b", confidence=0.123456789),),
    ),
    Warned(message="Look 🙂 out.", hint="Do this."),
    Resumed(resumed_at_step=17, epoch=2),
    Waiting(message="The folder can't be reached.", hint="Plug it in.", seconds=1.5),
    Logged(message="line\nbreak"),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_comes_out_of_a_pipe_as_it_went_in(event: Event) -> None:
    line = json.dumps(event_to_dict(event))
    assert event_from_dict(json.loads(line)) == event
    assert "\n" not in line


def test_every_kind_of_event_is_among_those_tried() -> None:
    assert {type(event) for event in EVENTS} == set(Event.__args__)


@pytest.mark.parametrize("values", [{}, {"type": "nonsense"}, {"type": "step", "epoch": "x"}])
def test_what_is_no_event_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        event_from_dict(values)


# --- driving --------------------------------------------------------------------------------------


class Job:
    """A job of `count` events that remembers whether its `finally` ran."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.closed, self._count, self._error = False, count, error

    def task(self) -> Task[str]:
        try:
            for number in range(self._count):
                yield Logged(message=str(number))
            if self._error is not None:
                raise self._error
            return "done"
        finally:
            self.closed = True


def nothing(_event: Event) -> None:
    pass


def test_a_job_that_ends_gives_its_result_and_all_its_events() -> None:
    job, events = Job(3), list[Event]()
    assert drive(job.task(), events.append) == "done"
    assert [event.message for event in events if isinstance(event, Logged)] == ["0", "1", "2"]
    assert job.closed


def test_a_failing_job_is_closed_and_its_error_comes_through() -> None:
    job = Job(1, ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        drive(job.task(), nothing)
    assert job.closed


def test_a_job_is_closed_when_its_listener_fails() -> None:
    def listener(_event: Event) -> None:
        raise OSError("the pipe is gone")

    job = Job(3)
    task = job.task()
    with pytest.raises(OSError, match="pipe"):
        drive(task, listener)
    assert job.closed


def test_a_cancelled_job_stops_before_its_next_event_and_is_closed() -> None:
    job, control, events = Job(3), Control(), list[Event]()

    def listener(event: Event) -> None:
        events.append(event)
        control.cancel()

    with pytest.raises(Cancelled):
        drive(job.task(), listener, control)
    assert len(events) == 1
    assert job.closed


def test_a_job_cancelled_before_it_began_never_starts() -> None:
    job, control, events = Job(3), Control(), list[Event]()
    control.cancel()
    with pytest.raises(Cancelled):
        drive(job.task(), events.append, control)
    assert events == []


class Driven:
    """A job that is driven in a thread and paused by its first event."""

    def __init__(self) -> None:
        self.control, self.events = Control(), list[Event]()
        self.paused, self.outcome = threading.Event(), ""
        self._task = Job(3).task()
        self.thread = threading.Thread(target=self._drive)

    def _drive(self) -> None:
        try:
            self.outcome = drive(self._task, self._take, self.control)
        except Cancelled:
            self.outcome = "cancelled"

    def _take(self, event: Event) -> None:
        self.events.append(event)
        if len(self.events) == 1:
            self.control.pause()
            self.paused.set()


@pytest.fixture
def driven() -> Iterator[Driven]:
    each = Driven()
    each.thread.start()
    assert each.paused.wait(10)
    yield each
    each.control.cancel()
    each.thread.join(10)
    assert not each.thread.is_alive()


def test_a_paused_job_gives_no_events_until_it_is_resumed(driven: Driven) -> None:
    driven.thread.join(0.05)  # it would have ended by now
    assert driven.thread.is_alive()
    assert len(driven.events) == 1
    driven.control.resume()
    driven.thread.join(10)
    assert driven.outcome == "done"
    assert len(driven.events) == 3


def test_a_paused_job_can_be_cancelled(driven: Driven) -> None:
    driven.control.cancel()
    driven.thread.join(10)
    assert driven.outcome == "cancelled"
    assert len(driven.events) == 1


def test_a_pause_that_comes_after_the_cancel_does_not_hold_the_job() -> None:
    control = Control()
    control.cancel()
    control.pause()
    with pytest.raises(Cancelled):
        control.wait_for_turn()


def test_a_cancel_from_a_signal_handler_cannot_wait_for_the_driver_it_interrupts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A handler runs in the middle of the driver; a lock that the driver holds would never come."""
    control = Control()

    def no_waiting(*_: object) -> bool:
        raise AssertionError("a job that is not paused takes no lock")

    monkeypatch.setattr(control._running, "wait", no_waiting)
    before = signal.signal(signal.SIGINT, lambda *_: control.cancel())
    try:
        control.wait_for_turn()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Cancelled):
            control.wait_for_turn()
    finally:
        signal.signal(signal.SIGINT, before)


# --- the meter ------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def counted(
    meter: Meter, clock: Clock, counts: range, seconds: Callable[[int], float]
) -> list[Any]:
    """The events for `counts`, of which count n takes `seconds(n)`, with the time of each."""
    events = []
    for count in counts:
        events += [(clock.now, event) for event in meter.at(count)]
        clock.now += seconds(count)
    return events


def test_the_first_and_the_last_count_always_give_an_event(clock: Clock) -> None:
    events = counted(Meter("scan", 50, clock=clock), clock, range(51), lambda _: 0.0001)
    assert [event.done for _, event in events] == [0, 50]


def test_there_are_at_most_ten_events_a_second(clock: Clock) -> None:
    events = counted(Meter("scan", 1000, clock=clock), clock, range(1001), lambda _: 0.0071)
    times = [time for time, _ in events]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert min(gaps[:-1]) >= 0.1 - 1e-9  # only the last count may come sooner
    assert max(gaps) < 0.12
    assert events[-1][1].done == 1000


def test_the_time_left_follows_from_the_speed_so_far(clock: Clock) -> None:
    events = counted(Meter("scan", 11, clock=clock), clock, range(12), lambda _: 0.5)
    left = [event.seconds_left for _, event in events]
    assert left[0] is None
    assert left[1:] == pytest.approx([0.5 * (11 - done) for done in range(1, 12)])


def test_what_was_counted_before_the_first_event_says_nothing_of_the_speed(clock: Clock) -> None:
    meter = Meter("weights", 100, "bytes", clock)
    clock.now += 60
    list(meter.at(40))
    clock.now += 1
    (event,) = meter.at(50)
    assert event.seconds_left == pytest.approx(5)
    assert event.unit == "bytes"


def test_an_unknown_total_gives_no_time_left(clock: Clock) -> None:
    events = counted(Meter("scan", 0, clock=clock), clock, range(1, 40), lambda _: 0.05)
    assert {event.seconds_left for _, event in events} == {None}
    assert len(events) < 30


def test_events_hold_only_plain_values() -> None:
    for event in EVENTS:
        assert json.loads(json.dumps(asdict(event)))


def test_work_beside_keeps_events_coming_and_gives_its_result() -> None:
    go_on = threading.Event()

    def work() -> int:
        assert go_on.wait(20)
        return 7

    task = beside(work, Meter("compare", 9), 3)
    first = next(task)
    assert isinstance(first, Progress)
    assert (first.phase, first.done, first.total) == ("compare", 3, 9)
    assert isinstance(next(task), Progress), "no event came while the work went on"
    go_on.set()
    assert drive(task, lambda _: None) == 7


def test_what_work_beside_raises_is_raised_and_closing_waits_for_its_end() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        drive(beside(fail, Meter("compare", 1), 0), lambda _: None)
    go_on, ended = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait(20)
        ended.set()

    task = beside(work, Meter("compare", 1), 0)
    next(task)
    threading.Timer(0.05, go_on.set).start()
    assert not gc.isenabled()
    task.close()
    assert ended.is_set()
    assert gc.isenabled(), "garbage is never looked for again"
