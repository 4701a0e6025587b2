"""A report says what happened, and nothing of whose pictures of what it happened on."""

from __future__ import annotations

import getpass
import json
import logging
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tlstudio.cli import run
from tlstudio.diagnosis import collecting, session_log
from tlstudio.diagnosis.collecting import collect
from tlstudio.diagnosis.report import last_run, write_report
from tlstudio.diagnosis.scrub import Scrubber
from tlstudio.engine import checks, doctor
from tlstudio.errors import StorageError
from tlstudio.jobs import (
    BackboneSpec,
    Check,
    DatasetSpec,
    DoctorResult,
    Picture,
    Recipe,
    ScanResult,
    Split,
    TrainingJob,
    TrainResult,
)
from tlstudio.projects import recent
from tlstudio.projects.places import runs_folder
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Answer, Answers, Epoch, Warned, drive

PICTURES = "/data/Dr Miller/Ward 7 patients"
CLASSES = ("Melanoma in situ", "naevus", "ok")
FILES = ("Melanoma in situ/Anna Schmidt 1954.jpg", "naevus/P. Jones.TIFF", "ok/IM0001")
SECRETS = (
    *(
        "Miller",
        "Ward",
        "patients",
        "Melanoma",
        "naevus",
        "Anna",
        "Schmidt",
        "1954",
        "P. ",
        "Jones",
    ),
    *("IM0001", "Skin study", "left-out-class"),
)
DOCTOR = DoctorResult(
    versions={"torch": "2.15"},
    platform="Linux",
    devices=(),
    folders={"runs": str(Path.home() / "runs")},
    checks=(Check(name="projects", state="problem", says=f"The project in {PICTURES} is odd."),),
)


@pytest.fixture
def trained() -> Path:
    """A run of somebody's on secret pictures, in the program's own folder, and what it left."""
    job = TrainingJob(
        dataset=DatasetSpec(folder=PICTURES, class_names={"left-out-class": "naevus"}),
        backbone=BackboneSpec(id="resnet18"),
        recipe=Recipe(epochs=3),
    )
    folder = runs_folder() / "2026-11-21 Ward 7 patients"
    made = RunFolder.create(folder, job)
    made.save_split(
        ScanResult(
            folder=PICTURES,
            pictures=3,
            classes=dict.fromkeys(CLASSES, 1),
            split=Split(given=False, train=3, val=0, test=0),
            files=tuple(
                Picture(file=file, label=file.split("/", maxsplit=1)[0], part="train")
                for file in FILES
            ),
        )
    )
    result = TrainResult(
        run=str(folder),
        model=str(folder / "model"),
        kept="probe",
        val_accuracy=0.75,
        probe_accuracy=0.75,
        trained_accuracy=0.5,
        best_epoch=1,
        epochs=3,
        seconds=12.5,
    )
    made.save_state(
        "failed", f"{PICTURES}/{FILES[0]} went away.", environment={"threads": 2}, result=result
    )
    with made.recording() as log:
        log.append(Warned(message=f"Of class 'naevus' {FILES[1]} is left out, and so is 'ok'."))
        answer = Answer(file=FILES[0], label=CLASSES[0], answer=CLASSES[1], confidence=0.5)
        log.append(Answers(epoch=1, answers=(answer,)))
        log.append(epoch(1))
        log.append(epoch(2))
    recent.remember(
        recent.KnownProject(
            path="/data/Skin study", title="Skin study", opened=recent.now(), classes=CLASSES
        )
    )
    return folder


def epoch(number: int) -> Epoch:
    rates = {"train_accuracy": 0.5, "val_accuracy": 0.25, "learning_rate": 0.01}
    losses = {"train_loss": 1.0, "val_loss": 1.5, "best_val_accuracy": 0.25}
    counts = {"epoch": number, "epochs": 3, "step": 7 * number, "best_epoch": 1}
    return Epoch(**rates, **losses, **counts, pictures_per_second=9.0)  # type: ignore[arg-type]


def contents(file: Path) -> dict[str, str]:
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_report_tells_what_happened_and_not_on_what(trained: Path, tmp_path: Path) -> None:
    session_log.begin("a test")
    logging.error("%s: no such file", f"{PICTURES}/{FILES[0]}")
    logging.error(
        "in %r and C:\\\\Users\\\\ann\\\\%s", f"{PICTURES}/{FILES[2]}", "Anna Schmidt.png"
    )
    logging.error("%s looked at, of class Melanoma in situ, in %s", FILES[1], PICTURES)
    logging.error("the project at /data/Skin study/cache, called Skin study")
    logging.error("what it was about")
    session_log.end()
    error = f"Traceback:\n  File '{Path.home()}/app.py', line 3\nValueError: {PICTURES}/{FILES[0]}"
    write_report(tmp_path / "report.zip", DOCTOR, error)
    parts = contents(tmp_path / "report.zip")
    whole = "\n".join(parts.values())
    for secret in (*SECRETS, str(Path.home()), getpass.getuser()):
        # The user of a container is root, which may be a word of its own as well.
        assert not re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", whole), secret
    assert set(parts) == {
        *("README.txt", "error.txt", "doctor.json", "log-1.txt"),
        *("run/job.json", "run/state.json", "run/events.json"),
    }
    job, state = json.loads(parts["run/job.json"]), json.loads(parts["run/state.json"])
    assert (job["recipe"]["epochs"], job["backbone"]["id"]) == (3, "resnet18")
    assert (state["state"], state["environment"], state["result"]["seconds"]) == (
        *("failed", {"threads": 2}),
        12.5,
    )
    events = json.loads(parts["run/events.json"])
    assert events["events"] == {"warning": 1, "answers": 1, "epoch": 2}
    assert [each["val_loss"] for each in events["epochs"]] == [1.5, 1.5]
    assert "'<class 2>'" in events["warnings"][0]
    assert "'<class 3>'" in events["warnings"][0]
    assert "what it was about" in parts["log-1.txt"]
    assert "<pictures>/<picture>: no such file" in parts["log-1.txt"]
    assert "line 3" in parts["error.txt"]
    assert json.loads(parts["doctor.json"])["versions"] == {"torch": "2.15"}
    for name in parts:
        assert name.split("/")[-1] in parts["README.txt"]


def test_a_report_without_a_run_or_a_log_is_one_all_the_same(tmp_path: Path) -> None:
    write_report(tmp_path / "report.zip", None)
    assert set(contents(tmp_path / "report.zip")) == {"README.txt"}


def test_a_run_that_is_damaged_is_told_as_far_as_it_can_be_read(
    trained: Path, tmp_path: Path
) -> None:
    (trained / "run.json").write_text("{")
    (trained / "split.json").unlink()
    write_report(tmp_path / "report.zip", None)
    assert "run/job.json" in contents(tmp_path / "report.zip")
    assert "run/state.json" not in contents(tmp_path / "report.zip")


def test_the_run_that_was_written_to_last_is_meant(trained: Path, tmp_path: Path) -> None:
    assert last_run() == trained
    project = tmp_path / "project"
    newer = RunFolder.create(project / "runs" / "second", RunFolder(trained).job())
    recent.remember(recent.KnownProject(path=str(project), title="p", opened=recent.now()))
    assert last_run() == newer.path


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        write_report(tmp_path / "file" / "report.zip", DOCTOR)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("/set/a b/c d.png is odd", "<pictures>/<picture> is odd"),
        ("/set/a/IM01: odd", "<pictures>/<picture>: odd"),
        ("in /set, all", "in <pictures>, all"),
        ("/settings/a.toml", "/settings/a.toml"),
        (r"'C:\\Bilder\\a b.jpg' is odd", "'<pictures>/<picture>' is odd"),
        ("FileNotFoundError: 'my cat 1.webp'", "FileNotFoundError: '<picture>'"),
        ("hole/007.png is odd", "<picture> is odd"),
        ("the file your cat 2.png, IM 5 and IM 51", "the file <picture>, <picture> and IM 51"),
        ("/other/my cat.png: odd", "<picture>: odd"),
        ("a hole, holes and 'x'", "a <class 1>, holes and '<class 2>'"),
        ("x is 3, max is 4", "x is 3, max is 4"),
        ('File "/usr/lib/PIL/Image.py", line 3', 'File "/usr/lib/PIL/Image.py", line 3'),
        ("torch 2.15.0 on 4 cores", "torch 2.15.0 on 4 cores"),
    ],
)
def test_what_names_pictures_goes_and_the_rest_stays(text: str, scrubbed: str) -> None:
    assert (
        Scrubber(["/set", "C:\\Bilder"], ["hole", "x"], files=["c/IM 5", "your cat 2.png"]).text(
            text
        )
        == scrubbed
    )


# --- asking for one -----------------------------------------------------------------------------


def test_the_command_writes_a_report(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "tried", lambda _name: [])
    monkeypatch.setattr(checks, "first_look", list)
    file = tmp_path / "report.zip"
    assert run(["doctor", "--report", str(file), "--json"]) == 0
    assert {"doctor.json", "run/job.json"} <= set(contents(file))
    assert run(["doctor", "--run", str(trained)]) == 2
    assert session_log.latest(9) == []


Program = Callable[[str], None]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Program:
    """`asked(program)` stands in for the doctor's process."""

    def stand_in(program: str) -> None:
        command = [sys.executable, "-c", program]
        monkeypatch.setattr(collecting, "own_command", lambda *_: command)

    return stand_in


def test_the_doctor_of_another_process_is_in_the_report(asked: Program, tmp_path: Path) -> None:
    asked(f"print({DOCTOR.model_dump_json()!r})")
    drive(collect(tmp_path / "report.zip", "an error"), lambda _: None)
    parts = contents(tmp_path / "report.zip")
    assert json.loads(parts["doctor.json"])["platform"] == "Linux"
    assert parts["error.txt"] == "an error"


@pytest.mark.parametrize("program", ["", "print('nonsense')", "import os; os.abort()"])
def test_a_doctor_that_does_not_answer_is_left_out(
    asked: Program, program: str, tmp_path: Path
) -> None:
    asked(program)
    drive(collect(tmp_path / "report.zip"), lambda _: None)
    assert "doctor.json" not in contents(tmp_path / "report.zip")


def test_giving_up_ends_the_doctor_and_writes_nothing(
    asked: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*args: object, **values: object) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **values))  # type: ignore[call-overload]
        return started[-1]

    asked("import threading; threading.Event().wait()")
    monkeypatch.setattr(collecting.subprocess, "Popen", start)
    task = collect(tmp_path / "report.zip")
    next(task)
    task.close()
    assert started[0].poll() is not None
    assert list(tmp_path.iterdir()) == []
