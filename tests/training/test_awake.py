"""While it trains the computer is kept awake, and a desktop that does not answer costs nothing."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import Any

import pytest
import wakepy

from tlstudio.engine import runner
from tlstudio.jobs import ResumeRun, TrainResult
from tlstudio.tasks import Logged, Task
from tlstudio.training import awake, train

RESUME = ResumeRun(run="run")


@pytest.fixture(autouse=True)
def _long_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(_: ResumeRun) -> Task[TrainResult]:
        while True:
            yield Logged(message="still training")

    monkeypatch.setattr(train, "resume", endless)


def test_the_system_is_asked_to_stay_awake_until_the_job_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "1")
    caplog.set_level(logging.INFO, awake.__name__)
    with contextlib.closing(runner.task_for(RESUME)) as task:
        while "stays awake" not in caplog.text:
            next(task)
        assert wakepy.global_modes()
    assert not wakepy.global_modes()


def test_it_may_be_let_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awake.keep, "running", lambda **_: pytest.fail("nobody wants that"))
    task = runner.task_for(RESUME.model_copy(update={"keep_awake": False}))
    next(task)
    task.close()


def test_a_computer_that_can_not_be_kept_awake_trains_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.setenv("WAKEPY_FORCE_FAILURE", "1")
    task = runner.task_for(RESUME)
    while "may fall asleep" not in caplog.text:
        next(task)
    task.close()


def test_a_desktop_that_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    answered, asked = threading.Event(), threading.Event()

    def hangs(**_: Any) -> None:
        asked.set()
        answered.wait()

    monkeypatch.setattr(awake.keep, "running", hangs)
    monkeypatch.setattr(awake, "_PATIENCE_S", 0.0)
    task = runner.task_for(RESUME)
    assert next(task) == Logged(message="still training")
    asked.wait()
    task.close()
    answered.set()
    for thread in threading.enumerate():
        if thread.name == "awake":
            thread.join()
