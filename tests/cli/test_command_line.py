"""Scripts can rely on it: exit statuses, JSON alone on standard output, sentences on the other."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from training.made_jobs import UNFROZEN, job_for, made_pictures, made_weights

from tlstudio.backbones.catalogue import backbone, catalogue
from tlstudio.cli import run
from tlstudio.projects.run_folder import RunFolder
from tlstudio.training import train

Captured = pytest.CaptureFixture[str]

TRAINED = {
    "val_accuracy",
    "probe_accuracy",
    "trained_accuracy",
    "best_epoch",
    "epochs",
    "seconds",
    "run",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `set [b]`, pictures of which one is broken, and weights."""
    folder = tmp_path_factory.mktemp("cli")
    made_pictures(folder / "set [b]")
    (folder / "set [b]" / "red" / "broken [i].png").write_bytes(b"no picture")
    made_weights(folder, "squeezenet1_1")
    return folder


@pytest.fixture
def start(place: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How to train on it, for everything but --run."""
    monkeypatch.setattr(train, "usable_cores", lambda: 1)
    weights = str(place / "squeezenet1_1.safetensors")
    names = ["--backbone", "squeezenet1_1", "--weights", weights, "--device", "cpu"]
    return ["train", str(place / "set [b]"), *names, "--epochs", "1"]


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def result_of(captured: Captured) -> dict[str, Any]:
    """The last line; every line must be JSON, and only the last one the result."""
    *before, last = lines_of(captured.readouterr().out)
    assert last["type"] == "result"
    assert not [line for line in before if line["type"] == "result"]
    return last


def test_backbones_name_their_stages_in_order(capsys: Captured) -> None:
    assert run(["backbones", "--json"]) == 0
    *each, last = lines_of(capsys.readouterr().out)
    assert last["type"] == "result"
    assert [line["id"] for line in each] == [entry.id for entry in catalogue()]
    for line in (*each, *last["backbones"]):
        names = [facts.name for facts in backbone(line["id"]).stages]
        assert line["stages"] == names
    resnet = next(line for line in each if line["id"] == "resnet18")
    assert "layer3.1" in resnet["stages"]
    assert run(["backbones"]) == 0
    assert "mobilenet_v2" in capsys.readouterr().out


def test_scan_tells_classes_split_and_what_is_left_out(place: Path, capsys: Captured) -> None:
    assert run(["scan", str(place / "set [b]"), "--json"]) == 0
    result = result_of(capsys)
    assert result["classes"] == {"blue": 5, "green": 5, "red": 5}
    split = {name: result["split"][name] for name in ("given", "train", "val", "test")}
    assert split == {"given": False, "train": 12, "val": 3, "test": 0}
    assert result["left_out"][0]["file"] == "red/broken [i].png"
    assert result["left_out"][0]["reason"]
    assert run(["scan", str(place / "set [b]")]) == 0
    captured = capsys.readouterr()
    assert "broken [i].png" in captured.out


def test_train_evaluate_predict_and_export_give_their_results(
    place: Path, start: list[str], tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "run"
    assert run([*start, "--run", str(path), "--freeze", UNFROZEN, "--seed", "4", "--json"]) == 0
    result = result_of(capsys)
    assert result.keys() >= TRAINED
    assert result["run"] == str(path)
    job = RunFolder(path).job()
    assert (job.freeze, job.seed, job.recipe.epochs, job.device) == (UNFROZEN, 4, 1, "cpu")

    assert run(["evaluate", str(path), "--json"]) == 0
    result = result_of(capsys)
    assert result["accuracy_low"] <= result["accuracy"] <= result["accuracy_high"]
    assert (result["n"], result["classes"]) == (3, ["blue", "green", "red"])
    assert sum(map(sum, result["confusion"])) == 3

    assert run(["evaluate", str(path), "--test"]) == 1
    assert "no locked test pictures" in capsys.readouterr().err
    split = RunFolder(path).split()
    locked = split.files[0].model_copy(update={"part": "test"})
    RunFolder(path).save_split(split.model_copy(update={"files": (locked, *split.files[1:])}))
    assert run(["evaluate", str(path), "--test", "--json"]) == 0
    result = result_of(capsys)
    assert (result["n"], result["part"]) == (1, "test")
    assert run(["evaluate", str(path), "--test"]) == 0
    captured = capsys.readouterr()
    assert "of 1 test picture" in captured.out
    assert "were scored with this run before" in captured.err

    table = tmp_path / "answers.csv"
    given = [str(path), str(place / "set [b]"), "--csv", str(table), "--json"]
    assert run(["predict", *given]) == 0
    assert len(result_of(capsys)["predictions"]) == 15
    assert table.read_text().splitlines()[0] == "file,label,confidence,blue,green,red"
    assert len(table.read_text().splitlines()) == 16

    out = str(tmp_path / "out")
    assert run(["export", str(path), "--format", "torchvision", "--out", out, "--json"]) == 0
    result = result_of(capsys)
    assert result["same_answer"] == result["n"] == 3
    assert all(Path(file).is_file() for file in result["files"])

    assert run([*start, "--run", str(path)]) == 1
    assert "is not an empty folder" in capsys.readouterr().err
    assert run(["train", "--resume", str(path)]) == 1
    assert "is complete" in capsys.readouterr().err


def test_without_json_brackets_in_names_are_only_names(
    start: list[str], tmp_path: Path, capsys: Captured
) -> None:
    assert run([*start, "--run", str(tmp_path / "run [x]")]) == 0
    captured = capsys.readouterr()
    assert "broken [i].png" in captured.err
    assert "of the validation pictures are right" in captured.out


def test_a_frozen_number_is_read_as_one(start: list[str], tmp_path: Path, capsys: Captured) -> None:
    assert run([*start, "--run", str(tmp_path / "run"), "--freeze", "8", "--json"]) == 0
    assert RunFolder(tmp_path / "run").job().freeze == 8
    capsys.readouterr()


def test_the_input_size_and_the_variant_reach_the_model(
    start: list[str], tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "run"
    choices = ["--variant", "IMAGENET1K_V1", "--input-size", "96"]
    assert run([*start, *choices, "--run", str(path)]) == 0
    spec = RunFolder(path).job().backbone
    assert (spec.weights.variant, spec.input_size) == ("IMAGENET1K_V1", 96)
    card = json.loads((path / "model" / "model.json").read_text(encoding="utf-8"))
    assert (card["preprocessing"]["crop"], card["preprocessing"]["resize"]) == (96, 110)
    assert run([*start, "--variant", "V9", "--run", str(tmp_path / "other")]) == 2
    assert "IMAGENET1K_V1" in capsys.readouterr().err
    assert run([*start, "--input-size", "8", "--run", str(tmp_path / "other")]) == 2
    assert "Give an input size of" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_the_job_file_of_a_relative_folder_works_from_anywhere(
    place: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    path = tmp_path / "run"
    given = ["--from-scratch", "--freeze", "all", "--epochs", "1", "--backbone", "squeezenet1_1"]
    assert run(["train", "set [b]", "--run", str(path), *given, "--json"]) == 0
    assert RunFolder(path).job().dataset.folder == str(place / "set [b]")
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train"], "--run"),
        (["train", "x", "--run", "r", "--backbone", "mobilnet_v2"], "Did you mean mobilenet_v2"),
        (["train", "x", "--run", "r", "--freeze", "layer9"], "no stage called"),
        (["train", "x", "--run", "r", "--epochs", "0"], "epochs"),
        (["train", "x", "--run", "r", "--from-scratch", "--weights", "w"], "exclude each other"),
        (["train", "x", "--run", "r", "--device", "tpu"], "device"),
        (["train", "--resume", "r", "--seed", "3"], "exactly as it was begun"),
        (["train", "{job}", "--run", "r", "--seed", "3"], "decides everything already"),
        (["train", "{bad}", "--run", "r"], "is not valid"),
        (["evaluate", "r", "x", "--test"], "Only one of"),
        (["nonsense"], "nonsense"),
        (["scan"], "No pictures"),
    ],
)
def test_wrong_use_is_2_and_writes_nothing(
    arguments: list[str],
    words: str,
    place: Path,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    job = job_for(place / "set [b]", None)
    (tmp_path / "job.json").write_text(job.model_dump_json())
    (tmp_path / "bad.json").write_text('{"version": 1}')
    files = {"{job}": "job.json", "{bad}": "bad.json"}
    assert run([files.get(argument, argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.json", "job.json"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scan", "/nowhere [x]", "--json"], "/nowhere [x]"),
        (["train", "/nowhere", "--run", "r", "--json"], "/nowhere"),
        (["train", "--resume", "/nowhere", "--json"], "holds no run"),
        (["evaluate", "/nowhere", "--json"], "/nowhere"),
        (["predict", "/nowhere", "x.png", "--json"], "/nowhere"),
        (["export", "/nowhere", "--json"], "/nowhere"),
        (["demo", __file__], "is not an empty folder"),
    ],
)
def test_a_failure_is_1_with_its_sentence_on_standard_error(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("Error: ")
    assert words in captured.err
    assert "result" not in {line["type"] for line in lines_of(captured.out)}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "request_to_stop",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)],
)
def test_an_interrupted_training_is_130_and_says_how_it_is_carried_on(
    request_to_stop: signal.Signals, start: list[str], tmp_path: Path, capsys: Captured
) -> None:
    path = str(tmp_path / "a run")
    start[-1] = "6"
    child = subprocess.Popen(
        [sys.executable, "-m", "tlstudio", *start, "--run", path, "--freeze", UNFROZEN, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert child.stdout is not None
    for line in child.stdout:
        if json.loads(line)["type"] == "step":
            break
    child.send_signal(request_to_stop)
    rest, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert "Interrupted" in errors
    (told,) = [line for line in errors.splitlines() if line.startswith("To carry on: ")]
    assert shlex.split(told.removeprefix("To carry on: ")) == [
        "tlstudio",
        "train",
        "--resume",
        path,
    ]
    assert {line["type"] for line in lines_of(rest)} <= {"step", "progress", "epoch", "answers"}
    assert RunFolder(Path(path)).state().state == "interrupted"
    assert run(["train", "--resume", path, "--json"]) == 0
    assert result_of(capsys)["epochs"] == 6


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_without_a_display_the_window_says_what_to_use_instead() -> None:
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    ended = subprocess.run(
        [sys.executable, "-m", "tlstudio"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    for words in ("no display", "tlstudio train", "predict", "export"):
        assert words in ended.stderr


def test_doctor_and_version_answer(capsys: Captured) -> None:
    assert run(["doctor", "--json"]) == 0
    result = result_of(capsys)
    assert result["devices"][-1]["id"] == "cpu"
    assert result["versions"]["torch"]
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("tlstudio ")
    assert run(["--help"]) == 0
    assert "train" in capsys.readouterr().out


def test_an_earlier_run_is_a_backbone_and_what_is_none_is_told_from_it(
    place: Path, start: list[str], tmp_path: Path, capsys: Captured
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert run([*start, "--run", str(first)]) == 0
    pictures = start[1]
    backbone_of = ["train", pictures, "--run", str(second), "--backbone"]
    for given, words in (
        (tmp_path / "resnet", "no folder either"),
        (tmp_path, "neither a run nor a model"),
        (first / "job.json", "neither a run nor a model"),
    ):
        assert run([*backbone_of, str(given)]) in (1, 2)
        told = capsys.readouterr().err
        assert words in told
        assert "folder of a run" in told
    assert run([*backbone_of, str(first), "--from-scratch"]) == 2
    assert "brings its own weights" in capsys.readouterr().err
    assert run([*backbone_of, str(first), "--epochs", "1", "--json"]) == 0
    result_of(capsys)
    assert RunFolder(second).job().backbone.weights.run == str(first)
