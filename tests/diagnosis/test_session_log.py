"""What a session leaves in its log: everything that went wrong, within bounds, and never harm."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tlstudio.cli import run
from tlstudio.diagnosis import session_log
from tlstudio.engine.client import EngineClient
from tlstudio.errors import EngineError
from tlstudio.jobs import SampleJob
from tlstudio.projects.places import logs_folder
from tlstudio.tasks import drive

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ (INFO|WARNING|ERROR) [\w.]+: .*")
ENGINE = """
import os, sys, threading
from tlstudio.engine import server
from tlstudio.jobs import SampleResult
from tlstudio.tasks import Logged, Warned
def task(job):
    yield Logged(message="decided")
    yield Warned(message="careful", hint="do that")
    {act}
    return SampleResult(folder="f", pictures=1, classes={{"a": 1}})
server.task_for, server._warm_up = task, lambda: None
sys.exit(server.serve())
"""


@pytest.fixture
def session() -> Iterator[None]:
    """This process logs; what it changed is put back."""
    session_log.begin("a test")
    yield
    session_log.end()


def engine(tmp_path: Path, act: str) -> EngineClient:
    program = tmp_path / "engine.py"
    program.write_text(ENGINE.format(act=act))
    return EngineClient(session_log.file(), [sys.executable, str(program)])


def content() -> str:
    (path,) = session_log.latest(99)
    return path.read_text("utf-8")


def test_the_window_and_its_engine_write_whole_lines_into_one_file(
    session: None, tmp_path: Path
) -> None:
    many = "import logging; [logging.info('engine line %d', n) for n in range(3000)]"
    client = engine(tmp_path, f"os.write(1, b'native print\\n'); os.system('echo a child'); {many}")
    working = threading.Thread(
        target=lambda: [logging.info("window line %d", n) for n in range(3000)]
    )
    working.start()
    drive(client.run(SampleJob(folder="f")), lambda _: None)
    working.join()
    client.close()
    lines = content().splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == ["native print", "a child"]
    assert sum("window line" in line for line in lines) == 3000
    assert sum("engine line" in line for line in lines) == 3000
    for words in ("a test", "The engine of TL Studio", "kind sample", "decided", "careful do that"):
        assert any(words in line for line in lines)


def test_a_native_crash_leaves_its_stack(session: None, tmp_path: Path) -> None:
    client = engine(tmp_path, "import faulthandler; faulthandler._sigsegv()")
    with pytest.raises(EngineError, match="SIGSEGV"):
        drive(client.run(SampleJob(folder="f")), lambda _: None)
    assert "Fatal Python error: Segmentation fault" in content()
    assert "in task" in content()


def test_an_unforeseen_error_of_a_job_leaves_its_traceback(session: None, tmp_path: Path) -> None:
    client = engine(tmp_path, "1 / 0")
    with pytest.raises(Exception, match="went wrong inside the program"):
        drive(client.run(SampleJob(folder="f")), lambda _: None)
    client.close()
    assert "ZeroDivisionError" in content()


def test_the_newest_ten_sessions_are_kept_and_nothing_else_is_touched() -> None:
    logs_folder().mkdir(parents=True)
    names = [f"2026-01-{day:02}_10-00-00_77.log" for day in range(1, 15)]
    for name in (*names, "notes.log", "2026-01-01.txt"):
        (logs_folder() / name).touch()
    session_log.begin("a test")
    mine = session_log.file()
    session_log.end()
    assert mine is not None
    left = sorted(each.name for each in logs_folder().iterdir())
    assert left == sorted([*names[5:], mine.name, "notes.log", "2026-01-01.txt"])


def test_a_full_file_says_so_and_still_takes_errors(
    monkeypatch: pytest.MonkeyPatch, session: None
) -> None:
    monkeypatch.setattr(session_log, "MOST", 20_000)
    monkeypatch.setattr(session_log, "RESERVE", 10_000)
    for n in range(1000):
        logging.info("a line of no consequence, number %d", n)
    logging.error("what it was about")
    assert content().count("This file is full") == 1
    assert content().count("no consequence") < 1000
    assert "what it was about" in content()
    for _ in range(1000):
        logging.error("an error over and over")
    assert len(content()) < 20_000 + 10_000 + 100


def test_what_libraries_print_without_end_fills_no_disk(
    monkeypatch: pytest.MonkeyPatch, session: None, tmp_path: Path
) -> None:
    act = (
        "from tlstudio.diagnosis import session_log; session_log.MOST = 50_000\n"
        "    full = threading.Event()\n"
        "    null = os.stat(os.devnull).st_rdev\n"
        "    while os.fstat(2).st_rdev != null: os.write(2, b'x' * 999 + b'\\n'); full.wait(0.01)"
    )
    client = engine(tmp_path, act)
    drive(client.run(SampleJob(folder="f")), lambda _: None)
    client.close()
    assert "This file is full" in content()


def test_a_log_that_cannot_be_written_hurts_nobody(tmp_path: Path) -> None:
    logs_folder().parent.mkdir(parents=True, exist_ok=True)
    logs_folder().touch()  # where the folder should be
    session_log.begin("a test")
    logging.error("nobody hears it")
    assert session_log.file() is None
    assert session_log.latest(1) == []
    client = EngineClient(logs_folder() / "log", engine(tmp_path, "pass")._command)
    assert drive(client.run(SampleJob(folder="f")), lambda _: None).kind == "sample"
    client.close()
    session_log.end()


def test_what_ends_a_thread_or_cannot_be_raised_is_logged(session: None) -> None:
    thread = threading.Thread(target=lambda: 1 / 0, name="worker-7")
    thread.start()
    thread.join()

    class Odd:
        def __del__(self) -> None:
            raise KeyError("at the end")

    Odd()
    assert "The thread worker-7 ended" in content()
    assert "ZeroDivisionError" in content()
    assert "at the end" in content()


def test_the_home_folder_is_not_named_and_qt_speaks_into_the_log(tmp_path: Path) -> None:
    program = (
        "import logging, pathlib\n"
        "from tlstudio.diagnosis import session_log\n"
        "session_log.begin('a test')\n"
        "home = pathlib.Path.home()\n"
        "logging.info('in %s and %r, not in %s', home / 'pictures', str(home), f'{home}_of_ann')\n"
        "from tlstudio.gui import qt_messages\n"
        "from PySide6.QtCore import qWarning\n"
        "qt_messages.install()\n"
        "qWarning('an odd widget')\n"
    )
    home = tmp_path / "anna"
    environment = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert f"in {Path('~/pictures')} and '~', not in {home}_of_ann" in content()
    assert "WARNING tlstudio.gui.qt_messages: Qt, default: an odd widget" in content()


def test_a_command_logs_what_it_did_and_one_that_runs_nothing_leaves_no_log(
    tmp_path: Path,
) -> None:
    assert run(["--version"]) == 0
    assert run(["backbones", "--json"]) == 0
    assert session_log.latest(1) == []
    level = logging.getLogger().level
    assert run(["scan", str(tmp_path / "nowhere")]) == 1
    assert "Ended with a sentence" in content()
    assert session_log.file() is None
    assert logging.getLogger().level == level
