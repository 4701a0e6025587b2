"""Every check of the doctor finds the fault that it is there for, says what to do, and ends."""

from __future__ import annotations

import re
import shutil
import sqlite3
import sys
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import onnxruntime
import pytest
import torch

from tlstudio.backbones import weights
from tlstudio.cli import run
from tlstudio.engine import checks, doctor, trials
from tlstudio.images import child
from tlstudio.jobs import Check, DoctorJob
from tlstudio.projects import places
from tlstudio.projects.migrations import SCHEMA
from tlstudio.projects.project import FILE, Project
from tlstudio.tasks import drive

Stub = Callable[[str, str], None]


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """`stub(module, content)` puts a module of that content before the installed one."""
    folder = tmp_path / "stubs"
    beside = [str(folder), str(Path(doctor.__file__).parents[2])]
    monkeypatch.setenv("PYTHONPATH", ":".join(beside) if sys.platform != "win32" else beside[0])

    def make(module: str, content: str) -> None:
        file = folder.joinpath(*module.split("."), "__init__.py")
        file.parent.mkdir(parents=True)
        file.write_text(content)

    return make


def the_problem(found: list[Check]) -> Check:
    (problem,) = [each for each in found if each.state == "problem"]
    assert problem.says.endswith((".", ")"))
    assert problem.remedy.endswith(".")
    return problem


# --- what is tried out in processes of their own ------------------------------------------------


def test_torch_and_torchvision_that_do_not_fit_are_a_sentence(stub: Stub) -> None:
    stub("torch", "")
    stub("torchvision", "raise RuntimeError('operator torchvision::nms does not exist')")
    problem = the_problem(doctor.tried("torch"))
    assert "operator torchvision::nms does not exist" in problem.says
    assert "Install TL Studio anew" in problem.remedy


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("import os; os.abort()", "SIGABRT"),
        ("import os; os._exit(7)", "exit status 7"),
        ("import sys; sys.exit('Illegal instruction')", "Illegal instruction"),
        ("raise ImportError('libcudart.so.13: cannot open shared object file')", "libcudart.so.13"),
    ],
)
def test_a_library_that_crashes_takes_nobody_with_it(stub: Stub, content: str, words: str) -> None:
    stub("torch", content)
    assert words in the_problem(doctor.tried("torch")).says


def test_a_library_that_hangs_is_given_up(stub: Stub) -> None:
    stub("torch", "import threading; threading.Event().wait()")
    assert "did not answer" in the_problem(doctor.tried("torch", limit=2)).says


def test_what_was_found_before_a_crash_is_kept() -> None:
    program = (
        "import os; from tlstudio.jobs import Check\n"
        "print(Check(name='device cpu', says='It computes.').model_dump_json(), flush=True)\n"
        "print('nonsense', flush=True); os.abort()"
    )
    found = doctor.tried("torch", command=[sys.executable, "-c", program])
    assert [each.state for each in found] == ["ok", "problem"]


def test_a_program_that_cannot_start_itself_is_a_sentence() -> None:
    the_problem(doctor.tried("torch", command=["/nonexistent/tlstudio"]))


def test_a_platform_that_qt_cannot_load_is_found_and_the_systems_packages_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "no-such-platform")
    said = the_problem(doctor.tried("window")).says
    assert 'Could not find the Qt platform plugin "no-such-platform"' in said
    lacking = {"libxcb-cursor.so.0", "libEGL.so.1"}
    monkeypatch.setattr(checks, "_loads", lambda library: library not in lacking)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if sys.platform.startswith("linux"):
        remedy = the_problem(doctor.tried("window")).remedy
        assert remedy == "Install these packages of your system: libegl1 libxcb-cursor0."


def test_a_window_that_can_be_shown_is_well() -> None:
    (check,) = doctor.tried("window")
    assert check.state == "ok"
    assert "offscreen" in check.says


# --- devices ------------------------------------------------------------------------------------


@pytest.fixture
def unused_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "has_nvidia_card", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(trials, "_one_step", lambda _device: 1.0)


def test_a_torch_without_cuda_beside_a_graphics_card_is_found(
    unused_card: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "without CUDA" in the_problem([*trials.try_torch()]).says


def test_a_driver_that_is_too_old_is_found(
    unused_card: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).")

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "init", init)
    problem = the_problem([*trials.try_torch()])
    assert "too old (found version 11040)" in problem.says
    assert "driver" in problem.remedy


def test_the_system_says_whether_there_is_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    network, card = tmp_path / "0000:00:1f.6", tmp_path / "0000:01:00.0"
    for device, vendor, kind in ((network, "0x10de", "0x020000"), (card, "0x8086", "0x030000")):
        device.mkdir()
        (device / "vendor").write_text(vendor + "\n")
        (device / "class").write_text(kind + "\n")
    assert not trials.has_nvidia_card(tmp_path)
    (card / "vendor").write_text("0x10de\n")
    assert trials.has_nvidia_card(tmp_path)
    assert not trials.has_nvidia_card(tmp_path / "nowhere")


def test_a_device_that_fails_or_computes_nonsense_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_device: str) -> float:
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with …")

    monkeypatch.setattr(trials, "_one_step", fails)
    assert "no kernel image" in the_problem([*trials._devices()][-1:]).says
    monkeypatch.setattr(trials, "_one_step", lambda _device: float("nan"))
    assert "wrong answers" in the_problem([*trials._devices()][-1:]).says


def test_a_step_of_the_tiny_network_learns_something() -> None:
    assert 0 < trials._one_step("cpu") < 2


def test_an_onnx_runtime_that_does_not_run_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [each.state for each in trials.try_onnx()] == ["ok"]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no opset 18")

    monkeypatch.setattr(onnxruntime, "InferenceSession", broken)
    assert "no opset 18" in the_problem([*trials.try_onnx()]).says
    wrong = SimpleNamespace(run=lambda *_: [SimpleNamespace(tolist=lambda: [0, 0])])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: wrong)
    assert "wrong answers" in the_problem([*trials.try_onnx()]).says


# --- what is looked at --------------------------------------------------------------------------


def test_missing_packages_are_problems_and_optional_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = metadata.version

    def without(name: str) -> str:
        if name in {"pydicom", "timm", "onnx"}:
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    versions, found = checks.packages()
    assert "onnx" in the_problem(found).says
    notes = [each for each in found if each.state == "note"]
    assert ["DICOM" in note.says for note in notes] == [True, False]
    assert "tlstudio[formats]" in notes[0].remedy
    assert versions["torch"] == version("torch")


def test_every_package_that_is_needed_is_looked_for() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    def names(needed: list[str]) -> set[str]:
        return {re.split(r"[><=!]", each)[0].lower() for each in needed}

    assert {name.lower() for name in checks.PACKAGES} == names(project["dependencies"])
    extras = project["optional-dependencies"]
    assert set(checks.OPTIONAL) == names(extras["formats"] + extras["timm"])


def test_folders_that_cannot_be_written_or_are_full_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checks.folders([tmp_path / "new" / "runs"]) == []
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    problem = the_problem(checks.folders([tmp_path / "file" / "runs"]))
    assert "can't be written to" in problem.says
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=10**8))
    assert "Only 0.1 GB" in the_problem(checks.folders([tmp_path])).says
    assert "Only 0.1 GB" in the_problem(checks.temporary_folder()).says


def test_no_place_for_temporary_files_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(checks.tempfile, "gettempdir", none)
    assert "TMPDIR" in the_problem(checks.temporary_folder()).remedy


def test_a_clock_before_the_program_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.clock()[0].state == "ok"
    monkeypatch.setattr(checks.time, "time", lambda: 0.0)
    assert "1970-01-01" in the_problem(checks.clock()).says


def test_a_bundled_network_with_a_flipped_bit_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [each.state for each in checks.bundled_backbone()] == ["ok"]
    copy = tmp_path / "weights"
    shutil.copytree(places.resources_folder() / "weights", copy)
    monkeypatch.setattr(weights, "resources_folder", lambda: tmp_path)
    assert [each.state for each in checks.bundled_backbone()] == ["ok"]
    (file,) = copy.glob("*.safetensors")
    with file.open("r+b") as stream:
        stream.seek(12_345)
        byte = stream.read(1)[0]
        stream.seek(12_345)
        stream.write(bytes([byte ^ 1]))
    assert "damaged" in the_problem(checks.bundled_backbone()).says
    file.unlink()
    assert "missing" in the_problem(checks.bundled_backbone()).says


def test_damaged_projects_are_found_and_none_is_changed() -> None:
    assert checks.projects() == []
    for name in ("whole", "damaged", "newer"):
        Project(places.projects_folder() / name)
    assert [each.says for each in checks.projects()] == [
        "3 of 3 projects were looked at and are whole."
    ]
    damaged = places.projects_folder() / "damaged" / FILE
    content = damaged.read_bytes()
    damaged.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    newer = places.projects_folder() / "newer" / FILE
    database = sqlite3.connect(newer)
    database.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    database.close()
    before = damaged.read_bytes(), newer.read_bytes()
    found = checks.projects()
    assert str(damaged.parent) in the_problem(found).says
    assert [each.says for each in found if each.state == "note"] == [
        f"The project in {newer.parent} was made by a newer version of TL Studio."
    ]
    assert (damaged.read_bytes(), newer.read_bytes()) == before


def test_a_first_look_that_does_not_start_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    child.nursery.end_all()
    monkeypatch.setattr(child, "own_command", lambda *_: ["/nonexistent/tlstudio"])
    assert "No picture can be looked at" in the_problem(checks.first_look()).says
    monkeypatch.setattr(child, "own_command", lambda *_: [sys.executable, "-c", "pass"])
    assert "No picture can be looked at" in the_problem(checks.first_look()).says


# --- the whole ----------------------------------------------------------------------------------


def test_a_glance_tries_nothing_out_and_does_without_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "tried", lambda _name: pytest.fail("the window waits for this"))
    result = drive(doctor.examine(DoctorJob()), lambda _: None)
    assert result.devices[-1].id == "cpu"
    monkeypatch.setitem(sys.modules, "tlstudio.training.devices", None)
    assert drive(doctor.examine(DoctorJob()), lambda _: None).devices == ()


def test_the_command_fails_where_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = Check(name="torch", state="problem", says="It hangs.", remedy="Restart [it].")
    monkeypatch.setattr(doctor, "tried", lambda name: [wrong] if name == "torch" else [])
    monkeypatch.setattr(checks, "first_look", list)
    assert run(["doctor"]) == 1
    assert "problem: It hangs. Restart [it]." in capsys.readouterr().out
    assert run(["doctor", "--json"]) == 1
    assert '"says": "It hangs."' in capsys.readouterr().out.splitlines()[-1]
