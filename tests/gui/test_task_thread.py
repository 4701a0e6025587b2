"""The thread that drives any job, and the room that lets one run at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator

import pytest
from pytestqt.qtbot import QtBot
from scripted_engine import ScriptedClient, waits_for_cancel

from tlstudio.errors import DatasetError
from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.task_thread import TaskThread
from tlstudio.jobs import DatasetSpec, DoctorJob, DoctorResult, Job, Result, ScanJob
from tlstudio.tasks import Control, Epoch, Event, Progress, Step, Task, Warned

SCAN = ScanJob(dataset=DatasetSpec(folder="/pictures"))


def step(number: int) -> Step:
    return Step(
        epoch=1,
        epochs=1,
        step=number,
        steps=1000,
        train_loss=1,
        train_accuracy=0,
        learning_rate=1,
        pictures_per_second=1,
        batch_loss=1,
    )


def epoch(number: int) -> Epoch:
    return Epoch(
        epoch=number,
        epochs=1000,
        step=number,
        train_loss=1,
        train_accuracy=0,
        val_loss=1,
        val_accuracy=0,
        learning_rate=1,
        pictures_per_second=1,
        best_epoch=1,
        best_val_accuracy=0,
    )


class Heard:
    """What a thread said, in order."""

    def __init__(self, thread: TaskThread) -> None:
        self.events: list[Event] = []
        self.outcomes: list[object] = []
        thread.progressed.connect(self.events.append)
        thread.succeeded.connect(self.outcomes.append)
        thread.failed.connect(lambda *words: self.outcomes.append(words))
        thread.cancelled.connect(lambda: self.outcomes.append("cancelled"))


def test_every_epoch_arrives_in_order_and_the_last_step_too(qtbot: QtBot) -> None:
    def task() -> Task[str]:
        for number in range(1, 301):
            yield step(2 * number)
            yield step(2 * number + 1)
            yield epoch(number)
        yield Warned(message="last but one")
        yield step(999)
        return "done"

    thread = TaskThread(task)
    heard = Heard(thread)
    with qtbot.waitSignal(thread.ended):
        thread.start()
    assert [e.epoch for e in heard.events if isinstance(e, Epoch)] == list(range(1, 301))
    assert heard.events[-1] == step(999)
    assert len([e for e in heard.events if isinstance(e, Step)]) < 302
    assert heard.outcomes == ["done"]
    assert thread.isFinished()


def test_a_flood_of_events_leaves_the_main_thread_free(qtbot: QtBot) -> None:
    stop = threading.Event()

    def task() -> Task[None]:
        number = 0
        while not stop.is_set():
            number += 1
            yield step(number)

    thread = TaskThread(task)
    times: list[float] = []
    thread.progressed.connect(lambda _: times.append(time.monotonic()))
    thread.start()
    qtbot.waitUntil(lambda: len(times) >= 16)
    with qtbot.waitSignal(thread.ended):
        stop.set()
    # On the whole, not gap by gap: on a busy computer two that were sent apart may arrive at once.
    assert times[15] - times[0] > 15 * 0.02


def test_a_failure_brings_its_sentence_and_hint(qtbot: QtBot) -> None:
    def task() -> Task[None]:
        yield step(1)
        raise DatasetError("The folder is empty.", "Choose another.")

    thread = TaskThread(task)
    heard = Heard(thread)
    with qtbot.waitSignal(thread.ended):
        thread.start()
    assert heard.outcomes == [("The folder is empty.", "Choose another.")]


def test_an_unforeseen_error_is_logged_and_told_in_words(
    qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    def task() -> Task[None]:
        yield step(1)
        raise ZeroDivisionError("by nothing")

    thread = TaskThread(task)
    heard = Heard(thread)
    with caplog.at_level(logging.ERROR), qtbot.waitSignal(thread.ended):
        thread.start()
    (outcome,) = heard.outcomes
    assert "Something went wrong inside the program" in str(outcome)
    assert "ZeroDivisionError" in caplog.text


def test_cancelling_ends_a_local_job_and_closes_it(qtbot: QtBot) -> None:
    closed: list[bool] = []

    def task() -> Task[None]:
        try:
            while True:
                yield step(1)
        finally:
            closed.append(True)

    thread = TaskThread(task, Control())
    heard = Heard(thread)
    with qtbot.waitSignal(thread.progressed):
        thread.start()
    with qtbot.waitSignal(thread.ended):
        thread.cancel()
    assert heard.outcomes == ["cancelled"]
    assert closed == [True]


def test_pausing_holds_the_events_until_resumed(qtbot: QtBot) -> None:
    paused = threading.Event()
    taken: list[int] = []

    def task() -> Task[str]:
        for number in range(3):
            taken.append(number)
            yield epoch(number)
            if number == 0:
                paused.wait(5)
        return "done"

    thread = TaskThread(task)
    heard = Heard(thread)
    with qtbot.waitSignal(thread.progressed):
        thread.start()
    thread.pause()
    paused.set()
    qtbot.waitUntil(lambda: len(taken) >= 1)
    assert heard.outcomes == []
    with qtbot.waitSignal(thread.ended):
        thread.resume()
    assert [e.epoch for e in heard.events if isinstance(e, Epoch)] == [0, 1, 2]


def test_jobs_run_one_after_the_other(
    qtbot: QtBot, engine: EngineRoom, client: ScriptedClient, doctor: DoctorResult
) -> None:
    running: list[str] = []

    def script(job: Job) -> Generator[Event, None, Result]:
        running.append(f"+{job.kind}")
        yield Progress(phase="scan", done=0, total=0)
        running.append(f"-{job.kind}")
        return doctor

    client.script = {"doctor": script, "scan": script}
    first, second = engine.start(DoctorJob()), engine.start(SCAN)
    with qtbot.waitSignals([first.ended, second.ended]):
        pass
    assert running == ["+doctor", "-doctor", "+scan", "-scan"]
    assert not engine.busy


def test_cancelling_a_waiting_job_leaves_the_running_one_alone(
    qtbot: QtBot, engine: EngineRoom, client: ScriptedClient
) -> None:
    client.script = {"doctor": waits_for_cancel, "scan": waits_for_cancel}
    first, second = engine.start(DoctorJob()), engine.start(SCAN)
    with qtbot.waitSignal(first.progressed):
        pass
    second.cancel()
    assert client.requests["cancel"] == 0
    with qtbot.waitSignals([first.cancelled, second.cancelled]):
        first.cancel()
    assert [job.kind for job in client.jobs] == ["doctor"]


def test_shutting_down_cancels_waits_and_closes_the_engine(
    qtbot: QtBot, engine: EngineRoom, client: ScriptedClient
) -> None:
    client.script = {"scan": waits_for_cancel}
    thread = engine.start(SCAN)
    with qtbot.waitSignal(thread.progressed):
        pass
    with qtbot.waitSignals([thread.cancelled, engine.closed]):
        engine.shut_down()
    assert client.requests["close"] == 1


def test_an_engine_that_does_not_listen_is_ended_all_the_same(qtbot: QtBot) -> None:
    ended = threading.Event()

    class DeafClient(ScriptedClient):
        def cancel(self) -> None:
            self.requests["cancel"] += 1

        def close(self) -> None:
            ended.set()

    def script(_: Job) -> Generator[Event, None, Result]:
        yield Progress(phase="scan", done=0, total=0)
        ended.wait(10)
        raise DatasetError("The engine ended.")

    client = DeafClient()
    client.script["scan"] = script
    room = EngineRoom(client, patience_ms=50)
    thread = room.start(SCAN)
    with qtbot.waitSignal(thread.progressed):
        pass
    with qtbot.waitSignals([thread.failed, room.closed]):
        room.shut_down()


def test_a_job_that_is_asked_for_while_the_window_closes_keeps_nobody(
    qtbot: QtBot, client: ScriptedClient
) -> None:
    client.script["scan"] = waits_for_cancel
    room = EngineRoom(client)
    room.start(SCAN).cancelled.connect(lambda: room.start(SCAN))
    qtbot.waitUntil(lambda: len(client.jobs) == 1)
    with qtbot.waitSignal(room.closed):
        room.shut_down()
        room.changed.connect(lambda: room.start(SCAN))
    assert len(client.jobs) == 1
