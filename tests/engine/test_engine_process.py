"""The engine as the child process that it is: it trains, stops, pauses, leaves and dies."""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from training.made_jobs import (
    UNFROZEN,
    checkpoint_of,
    job_for,
    made_pictures,
    made_weights,
    nothing,
)

from tlstudio.engine.client import EngineClient
from tlstudio.errors import Cancelled, EngineError, TLStudioError
from tlstudio.jobs import DatasetSpec, FinishRun, ScanJob, TrainRun
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Event, Step, drive


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def engine(place: Path) -> Iterator[EngineClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLSTUDIO_HOME", str(place / "home"))
        # Other tests and programs compute at the same time.
        patch.setenv("OMP_WAIT_POLICY", "passive")
        client = EngineClient(place / "engine.log")
        client.start()
        yield client
        process = client._process
        client.close(30)
    assert process is None or process.returncode == 0


@pytest.fixture(scope="module")
def long_run(place: Path) -> TrainRun:
    """A training that nobody waits for."""
    job = job_for(
        made_pictures(place / "set"),
        made_weights(place, "squeezenet1_1"),
        freeze=UNFROZEN,
        recipe={"epochs": 5000, "patience": None},
    )
    return TrainRun(job=job, run="")


def run_in(request: TrainRun, tmp_path: Path) -> TrainRun:
    return request.model_copy(update={"run": str(tmp_path / "run")})


def test_a_job_is_cancelled_within_a_batch_and_leaves_a_checkpoint(
    engine: EngineClient, long_run: TrainRun, tmp_path: Path
) -> None:
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Step) and event.step == 2:
            engine.cancel()

    with pytest.raises(Cancelled):
        drive(engine.run(run_in(long_run, tmp_path)), listen)
    assert max(event.step for event in events if isinstance(event, Step)) <= 4
    run = RunFolder(tmp_path / "run")
    assert run.state().state == "interrupted"
    assert checkpoint_of(run.path).now
    result = drive(engine.run(FinishRun(run=str(run.path))), nothing)
    assert result.kind == "train"


def test_a_paused_job_is_silent_until_it_is_resumed(
    engine: EngineClient, long_run: TrainRun, tmp_path: Path
) -> None:
    events: queue.Queue[Event] = queue.Queue()
    ended = threading.Event()

    def read() -> None:
        try:
            drive(engine.run(run_in(long_run, tmp_path)), events.put)
        except Cancelled:
            ended.set()

    reader = threading.Thread(target=read)
    reader.start()
    while not isinstance(events.get(timeout=60), Step):
        continue
    engine.pause()
    last: Event | None = None
    with contextlib.suppress(queue.Empty):  # a whole second without an event: it waits
        while True:
            last = events.get(timeout=1)
    engine.resume()
    following = events.get(timeout=60)
    assert following != last
    engine.pause()
    engine.cancel()
    reader.join(60)
    assert ended.is_set()


def test_a_failing_job_gives_its_sentence_and_the_next_one_runs(
    engine: EngineClient, place: Path, long_run: TrainRun
) -> None:
    with pytest.raises(TLStudioError, match="nowhere"):
        drive(engine.run(ScanJob(dataset=DatasetSpec(folder="/nowhere"))), nothing)
    result = drive(engine.run(ScanJob(dataset=long_run.job.dataset)), nothing)
    assert result.kind == "scan"


def test_closing_the_window_in_the_middle_leaves_a_checkpoint(
    engine: EngineClient, long_run: TrainRun, tmp_path: Path
) -> None:
    task = engine.run(run_in(long_run, tmp_path))
    while not isinstance(next(task), Step):
        continue
    process = engine._process
    assert process is not None
    engine.close(60)
    assert process.returncode == 0
    run = RunFolder(tmp_path / "run")
    assert run.state().state == "interrupted"
    assert checkpoint_of(run.path).position.step > 0
    with pytest.raises(EngineError):
        next(task)


@pytest.mark.skipif(sys.platform == "win32", reason="no such request there")
def test_an_engine_that_is_asked_to_end_leaves_a_checkpoint_of_its_last_step(
    engine: EngineClient, long_run: TrainRun, tmp_path: Path
) -> None:
    """As by a system that shuts down."""
    task = engine.run(run_in(long_run, tmp_path))
    while not isinstance(next(task), Step):
        continue
    process = engine._process
    assert process is not None
    process.terminate()
    with pytest.raises(EngineError, match="SIGTERM"):
        drive(task, nothing)
    run = RunFolder(tmp_path / "run")
    assert run.state().state == "interrupted"
    assert checkpoint_of(run.path).position.step > 0


def test_a_killed_engine_is_reported_and_a_fresh_one_takes_the_next_job(
    engine: EngineClient, long_run: TrainRun, tmp_path: Path
) -> None:
    task = engine.run(run_in(long_run, tmp_path))
    while not isinstance(next(task), Step):
        continue
    process = engine._process
    assert process is not None
    process.send_signal(signal.SIGKILL)
    with pytest.raises(EngineError, match="ended by the system"):
        drive(task, nothing)
    result = drive(engine.run(ScanJob(dataset=long_run.job.dataset)), nothing)
    assert result.kind == "scan"
    run = RunFolder(tmp_path / "run")
    assert run.standing() == "interrupted"
    assert checkpoint_of(run.path).probe


def test_what_libraries_print_never_reaches_the_events(tmp_path: Path) -> None:
    program = tmp_path / "noisy.py"
    program.write_text(
        "import os, sys\n"
        "from tlstudio.engine import server\n"
        "from tlstudio.jobs import SampleResult\n"
        "from tlstudio.tasks import Logged\n"
        "def noisy(job):\n"
        "    print('a print')\n"
        "    os.write(1, b'a native print\\n')\n"
        "    os.system('echo a child')\n"
        "    sys.stdout.write('no end of line')\n"
        "    yield Logged(message='event')\n"
        "    return SampleResult(folder='f', pictures=1, classes={'a': 1})\n"
        "server.task_for, server._warm_up = noisy, lambda: None\n"
        "sys.exit(server.serve())\n"
    )
    engine = subprocess.Popen(
        [sys.executable, str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert engine.stdin is not None
    assert engine.stdout is not None
    engine.stdin.write(b"\xff\xfe\x00 garbage\n")
    engine.stdin.write(b'{"command": "run", "job": {"kind": "sample", "folder": "f"}}\n')
    engine.stdin.flush()
    # The end of the input would cancel the job, so it comes after the job's own.
    lines: list[str] = []
    while not lines or "completed" not in lines[-1]:
        lines.append(engine.stdout.readline().decode())
        assert lines[-1], "the engine ended before its job"
    rest, log = engine.communicate()
    assert (engine.returncode, rest) == (0, b"")
    for words in ("a print", "a native print", "a child", "no end of line"):
        assert words in log.decode()
        assert not any(words in line for line in lines)
