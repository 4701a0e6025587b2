"""Each job ends in exactly one terminal line, and no line that comes in can stop the engine."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tlstudio.engine import server
from tlstudio.errors import DatasetError
from tlstudio.jobs import Job, SampleJob, SampleResult
from tlstudio.tasks import Logged, Task

TERMINAL = {"completed", "cancelled", "failed"}
RESULT = SampleResult(folder="f", pictures=1, classes={"a": 1})


class Engine:
    """A server in a thread, behind two real pipes."""

    def __init__(self) -> None:
        commands, self._in = os.pipe()
        self._out, events = os.pipe()
        self.commands = os.fdopen(self._in, "w")
        self.events = os.fdopen(self._out)
        self._ends = (os.fdopen(commands), os.fdopen(events, "w"))
        self.server = server.Server(*self._ends)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        self.server.run()
        with contextlib.suppress(BrokenPipeError):
            self._ends[1].close()

    def send(self, *lines: str) -> None:
        for line in lines:
            self.commands.write(line + "\n")
        self.commands.flush()

    def run(self, folder: str = "f") -> None:
        job = SampleJob(folder=folder).model_dump()
        self.send(json.dumps({"command": "run", "job": job}))

    def next(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(self.events.readline())
        return line

    def until_end(self) -> list[dict[str, Any]]:
        """Everything up to and including the next terminal line."""
        lines = [self.next()]
        while lines[-1]["type"] not in TERMINAL:
            lines.append(self.next())
        return lines

    def rest(self) -> list[dict[str, Any]]:
        self.commands.close()
        lines = [json.loads(line) for line in self.events]
        self.thread.join(10)
        assert not self.thread.is_alive()
        return lines


class Work:
    """What the jobs do, by the folder they are asked for; `go` lets a waiting one go on."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.go = threading.Semaphore(0)

    def __call__(self, job: Job) -> Task[SampleResult]:
        assert isinstance(job, SampleJob)
        return self._task(job.folder)

    def _task(self, folder: str) -> Task[SampleResult]:
        try:
            yield Logged(message=folder)
            if folder == "endless":
                while True:
                    yield Logged(message="more")
            if folder == "wait":
                self.go.acquire()
                yield Logged(message="went on")
            if folder == "bad":
                raise DatasetError("It is empty.", "Choose another.")
            if folder == "bug":
                raise ZeroDivisionError("by zero")
            if folder == "memory":
                raise MemoryError
            return RESULT
        finally:
            self.closed.append(folder)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    made = Work()
    monkeypatch.setattr(server, "task_for", made)
    return made


@pytest.fixture
def engine(work: Work) -> Iterator[Engine]:
    made = Engine()
    yield made
    work.go.release(9)
    if not made.commands.closed:
        made.rest()
    made.events.close()
    made._ends[0].close()


def test_a_job_gives_its_events_and_then_its_result(engine: Engine) -> None:
    engine.run()
    assert [line["type"] for line in engine.until_end()] == ["log", "completed"]
    engine.run()
    assert engine.until_end()[-1]["result"] == RESULT.model_dump(mode="json")
    assert engine.rest() == []


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("bad", "It is empty."),
        ("bug", "ZeroDivisionError: by zero"),
        ("memory", "not enough memory"),
    ],
)
def test_a_job_that_fails_says_so_once_and_the_next_one_runs(
    folder: str, words: str, engine: Engine, work: Work
) -> None:
    engine.run(folder)
    ended = engine.until_end()[-1]
    assert ended["type"] == "failed"
    assert words in ended["message"]
    assert ended["hint"]
    engine.run()
    assert engine.until_end()[-1]["type"] == "completed"
    assert work.closed == [folder, "f"]


@pytest.mark.parametrize("job", [None, {}, {"kind": "nonsense"}, {"kind": "sample"}, [1], "x"])
def test_a_request_that_is_no_job_is_refused(job: Any, engine: Engine) -> None:
    engine.send(json.dumps({"command": "run", "job": job}))
    ended = engine.until_end()
    assert [line["type"] for line in ended] == ["failed"]
    assert "not valid" in ended[0]["message"]


def test_lines_that_are_no_commands_are_passed_over(engine: Engine) -> None:
    engine.send("", "garbage", "[]", "3", "null", '"run"', "{}", '{"command": 3}', '{"command":')
    engine.send(
        '{"command": ["run"]}', '{"command": {"a": 1}}', '{"command": "explode"}', "[" * 9999
    )
    engine.send('{"command": "cancel"}', '{"command": "pause"}')
    engine.run()
    assert [line["type"] for line in engine.until_end()] == ["log", "completed"]


def test_cancel_ends_the_job_and_closes_it(engine: Engine, work: Work) -> None:
    engine.run("endless")
    engine.next()
    engine.send('{"command": "cancel"}')
    assert engine.until_end()[-1] == {"type": "cancelled"}
    assert work.closed == ["endless"]


def test_a_late_cancel_does_not_reach_the_next_job(engine: Engine) -> None:
    engine.run()
    engine.until_end()
    engine.send('{"command": "cancel"}')
    engine.run()
    assert engine.until_end()[-1]["type"] == "completed"


def test_cancel_means_the_job_that_runs_and_not_one_that_waits(engine: Engine, work: Work) -> None:
    engine.run("endless")
    engine.run("f")
    engine.next()
    engine.send('{"command": "cancel"}')
    assert engine.until_end()[-1]["type"] == "cancelled"
    assert engine.until_end()[-1]["type"] == "completed"
    assert work.closed == ["endless", "f"]


def test_a_paused_job_goes_on_where_it_was(engine: Engine, work: Work) -> None:
    engine.run("wait")
    engine.next()
    engine.send('{"command": "pause"}')
    # The next lines of the reader come in order: once this one is answered, the pause is in force.
    wait_until(lambda: not engine.server._controls[0]._running.is_set())
    work.go.release()
    assert engine.next()["message"] == "went on"  # it was on its way when the pause came
    engine.send('{"command": "resume"}')
    assert engine.until_end()[-1]["type"] == "completed"


def test_the_end_of_the_input_ends_every_job(engine: Engine, work: Work) -> None:
    engine.run("endless")
    engine.run("endless")
    engine.next()
    engine.rest()
    assert work.closed == ["endless"]


def test_the_end_of_the_input_ends_a_paused_job(engine: Engine, work: Work) -> None:
    engine.run("endless")
    engine.next()
    engine.send('{"command": "pause"}')
    engine.rest()
    assert work.closed == ["endless"]


def test_a_reader_that_is_gone_ends_the_job_in_order(engine: Engine, work: Work) -> None:
    engine.run("endless")
    engine.next()
    engine.events.close()
    engine.thread.join(10)
    assert work.closed == ["endless"]
    engine.commands.close()


def wait_until(condition: Callable[[], bool]) -> None:
    turn = threading.Event()
    for _ in range(1000):
        if condition():
            return
        turn.wait(0.005)
    raise AssertionError("it did not happen within five seconds")
