"""Whatever an engine does, its client says in a sentence, and the next job gets a working one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tlstudio.engine.client import EngineClient
from tlstudio.engine.deaths import Deaths
from tlstudio.errors import Cancelled, EngineError, TLStudioError
from tlstudio.jobs import ResumeRun, SampleJob
from tlstudio.tasks import Epoch, Event, Logged, drive, event_to_dict

JOB = SampleJob(folder="f")
DONE = {
    "type": "completed",
    "result": {"kind": "sample", "folder": "f", "pictures": 1, "classes": {"a": 1}},
}
LOG = json.dumps({"type": "log", "message": "hello"})
OBEDIENT = f"""
import json, sys
for line in sys.stdin:
    command = json.loads(line)["command"]
    print({LOG!r} if command == "run" else '{{"type": "cancelled"}}', flush=True)
"""

Made = Callable[..., EngineClient]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Made]:
    """`client(program)` speaks to a Python program in the place of the engine."""
    made: list[EngineClient] = []

    def make(*programs: str) -> EngineClient:
        """With more than one, each start of the engine takes the next."""
        for number, program in enumerate(programs):
            (tmp_path / f"{number}.py").write_text(program)
        starter = (
            "import pathlib, runpy, sys\n"
            "folder = pathlib.Path(sys.argv[1])\n"
            "number = len(list(folder.glob('started*')))\n"
            "(folder / f'started{number}').touch()\n"
            f"runpy.run_path(str(folder / f'{{min(number, {len(programs) - 1})}}.py'))\n"
        )
        command = [sys.executable, "-c", starter, str(tmp_path)]
        made.append(EngineClient(tmp_path / "logs" / "engine.log", command))
        return made[-1]

    yield make
    for each in made:
        each.close()


def answering(*lines: str) -> str:
    return f"import sys\nfor line in sys.stdin:\n    print({chr(10).join(lines)!r}, flush=True)\n"


def test_events_and_result_come_through(client: Made) -> None:
    engine, events = client(answering(LOG, json.dumps(DONE))), list[Event]()
    assert drive(engine.run(JOB), events.append).model_dump() == DONE["result"]
    assert events == [Logged(message="hello")]
    drive(engine.run(JOB), events.append)
    assert len(events) == 2


def test_a_failure_is_the_users_sentence(client: Made) -> None:
    failed = json.dumps({"type": "failed", "message": "It is empty.", "hint": "Fill it."})
    with pytest.raises(TLStudioError) as caught:
        drive(client(answering(failed)).run(JOB), lambda _: None)
    assert (caught.value.message, caught.value.hint) == ("It is empty.", "Fill it.")


def test_a_cancelled_job_raises_cancelled(client: Made) -> None:
    with pytest.raises(Cancelled):
        drive(client(answering('{"type": "cancelled"}')).run(JOB), lambda _: None)


@pytest.mark.parametrize(
    ("last_act", "how"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "memory ran out"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGABRT)", "crashed .*graphics card"),
        ("print('{\"type\": \"lo', end='', flush=True); import os; os._exit(3)", "exit status 3"),
        ("import sys; sys.exit(0)", "exit status 0"),
    ],
)
def test_an_engine_that_dies_is_reported_and_the_next_job_gets_a_new_one(
    last_act: str, how: str, client: Made
) -> None:
    dying = f"input()\nprint({LOG!r}, flush=True)\n{last_act}\n"
    engine, events = client(dying, answering(LOG, json.dumps(DONE))), list[Event]()
    with pytest.raises(EngineError, match=how) as caught:
        drive(engine.run(JOB), events.append)
    assert "checkpoint" not in caught.value.message, "no job that has any"
    assert "engine.log" in caught.value.hint
    assert events == [Logged(message="hello")]
    drive(engine.run(JOB), events.append)


@pytest.mark.parametrize(
    "line", ["garbage", "[]", "3", "{}", '{"type": "nonsense"}', '{"type": "completed"}', '"log"']
)
def test_an_answer_that_makes_no_sense_is_reported(line: str, client: Made) -> None:
    engine = client(answering(line), answering(json.dumps(DONE)))
    with pytest.raises(EngineError, match="makes no sense"):
        drive(engine.run(JOB), lambda _: None)
    assert drive(engine.run(JOB), lambda _: None).kind == "sample"


def test_closing_the_generator_cancels_the_job_and_keeps_the_engine(client: Made) -> None:
    engine = client(OBEDIENT)
    for _ in range(2):
        task = engine.run(JOB)
        assert next(task) == Logged(message="hello")
        process = engine._process
        task.close()
        assert engine._process is process
        assert process is not None
        assert process.poll() is None


def test_requests_to_an_engine_that_is_not_there_do_nothing(client: Made) -> None:
    engine = client(OBEDIENT)
    engine.cancel()
    engine.pause()
    engine.resume()
    engine.close()
    assert engine._process is None
    engine.start()
    engine.close()
    engine.close()
    assert engine._process is None


def test_an_engine_that_does_not_leave_is_killed(client: Made) -> None:
    engine = client("import signal\nprint('ready', flush=True)\nsignal.pause()\n")
    engine.start()
    process = engine._process
    assert process is not None
    assert process.stdout is not None
    process.stdout.readline()
    engine.close(timeout=0.05)
    assert process.returncode == -9


def test_a_program_that_is_not_there_gives_a_sentence(tmp_path: Path) -> None:
    engine = EngineClient(tmp_path / "log", ["/nonexistent/engine"])
    with pytest.raises(EngineError, match="could not start"):
        engine.start()


def test_the_clients_process_never_imports_torch(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tlstudio.engine.client import EngineClient\n"
        "from tlstudio.jobs import DatasetSpec, ScanJob\n"
        "client = EngineClient(Path(sys.argv[1]) / 'log')\n"
        "client._command = [sys.executable, '-c', 'pass']\n"
        "try:\n"
        "    next(client.run(ScanJob(dataset=DatasetSpec(folder='x'))))\n"
        "except Exception as error:\n"
        "    assert 'exit status 0' in str(error), error\n"
        "heavy = {'torch', 'torchvision', 'PySide6'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)


def test_a_training_that_dies_twice_at_the_same_place_says_what_to_change(client: Made) -> None:
    """An epoch that came to its end in between is another place."""
    epoch = json.dumps(
        event_to_dict(
            Epoch(
                **dict.fromkeys(("train_loss", "train_accuracy", "val_loss", "val_accuracy"), 0.5),
                **dict.fromkeys(("epoch", "epochs", "step", "best_epoch"), 1),
                **dict.fromkeys(("learning_rate", "pictures_per_second", "best_val_accuracy"), 0.5),
            )
        )
    )
    dies = "import os, signal\ninput()\n{}\nos.kill(os.getpid(), signal.SIGKILL)\n"
    at_once, later = dies.format(""), dies.format(f"print({epoch!r}, flush=True)")
    engine = client(at_once, at_once, later, at_once)
    told = []
    for run in ("run", "run", "run", "other"):
        with pytest.raises(EngineError) as caught:
            drive(engine.run(ResumeRun(run=run)), lambda _: None)
        told.append(("same place" in caught.value.message, "Carry on" in caught.value.hint))
        assert ("smaller batch" in caught.value.hint) == told[-1][0]
    assert told == [(False, True), (True, False), (False, True), (False, True)]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0xC0000005, "crashed (0xc0000005)"),
        (0xC0000409 - 2**32, "crashed (0xc0000409)"),
        (0xC000012D, "memory ran out"),
        (-63, "(signal 63)"),
        (1, "(exit status 1)"),
    ],
)
def test_what_other_systems_say_of_a_dead_process_is_told_too(code: int, said: str) -> None:
    assert said in Deaths().error(code, "").message
