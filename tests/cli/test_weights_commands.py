"""The commands about weights: what is here, whose a file is, and nothing fetched unasked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from training.made_jobs import made_pictures, made_weights

from tlstudio.backbones import weights
from tlstudio.backbones.catalogue import backbone
from tlstudio.cli import run
from tlstudio.jobs import WeightsSpec
from tlstudio.projects.places import weights_folder
from tlstudio.projects.run_folder import RunFolder
from tlstudio.training import train

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "download_file", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def result_of(captured: Captured) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(captured.readouterr().out.splitlines()[-1])
    assert result["type"] == "result"
    return result


def put_in_place(identifier: str) -> Path:
    """A file that looks like the published weights, without their bytes."""
    published = backbone(identifier).variant()
    weights_folder().mkdir(parents=True)
    file = weights_folder() / published.file
    with file.open("wb") as sparse:
        sparse.truncate(published.bytes)
    return file


def test_list_names_what_is_here_and_where(capsys: Captured) -> None:
    assert run(["weights", "list"]) == 0
    assert str(weights_folder()) in capsys.readouterr().out
    file = put_in_place("squeezenet1_1")
    assert run(["weights", "list", "--json"]) == 0
    result = result_of(capsys)
    assert result["folder"] == str(weights_folder())
    here = [each for each in result["weights"] if each["file"].startswith(result["folder"])]
    assert [(each["backbone"], each["file"]) for each in here] == [("squeezenet1_1", str(file))]
    assert run(["weights", "list"]) == 0
    shown = capsys.readouterr().out
    assert "squeezenet1_1" in shown
    assert "…" not in shown, "a path that is cut short leads nowhere"


def test_identify_tells_the_network(tmp_path: Path, capsys: Captured) -> None:
    file = made_weights(tmp_path, "squeezenet1_1")
    assert run(["weights", "identify", str(file), "--json"]) == 0
    result = result_of(capsys)
    assert (result["backbone"], result["classes"]) == ("squeezenet1_1", 1000)
    assert run(["weights", "identify", str(file)]) == 0
    assert "Weights of SqueezeNet 1.1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["download", "resnet19"], 2, "There is no backbone called 'resnet19'"),
        (["download", "resnet18@V9"], 2, "no published weights called 'V9'"),
        (["pack", "resnet18", "resnet50"], 2, "A pack is a .zip file"),
        (["unpack", "none.zip"], 1, "There is no weights file at none.zip"),
        (["identify", "none.pth"], 1, "There is no weights file at none.pth"),
    ],
)
def test_a_mistake_gets_a_sentence(
    arguments: list[str], status: int, words: str, capsys: Captured
) -> None:
    assert run(["weights", *arguments]) == status
    assert words in capsys.readouterr().err


def test_training_downloads_nothing_unless_told_to(tmp_path: Path, capsys: Captured) -> None:
    pictures = made_pictures(tmp_path / "set")
    given = ["train", str(pictures), "--run", str(tmp_path / "run"), "--backbone", "resnet18"]
    assert run(given) == 1
    error = capsys.readouterr().err
    assert "nothing is downloaded unless you ask for it" in error
    assert "tlstudio weights download resnet18@IMAGENET1K_V1" in error
    assert not (tmp_path / "run").exists()
    assert run(["train", "--resume", str(tmp_path / "run"), "--download"]) == 2


def test_training_recognises_the_network_of_a_weights_file(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "usable_cores", lambda: 1)
    pictures, file = made_pictures(tmp_path / "set"), made_weights(tmp_path, "squeezenet1_1")
    given = ["--weights", str(file), "--epochs", "1", "--device", "cpu", "--json"]
    assert run(["train", str(pictures), "--run", str(tmp_path / "run"), *given]) == 0
    assert RunFolder(tmp_path / "run").job().backbone.id == "squeezenet1_1"
    capsys.readouterr()


def test_the_tour_recognises_it_too_and_believes_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, WeightsSpec]] = []

    def tour(_: Path, network: str, start: WeightsSpec) -> None:
        asked.append((network, start))
        raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "tlstudio.gui.tour", SimpleNamespace(tour=tour))
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    file = made_weights(tmp_path, "squeezenet1_1")
    assert run(["tour", str(tmp_path / "out"), "--weights", str(file)]) == 130
    named = ("--backbone", "resnet18")
    assert run(["tour", str(tmp_path / "out"), "--weights", str(file), *named]) == 130
    assert [network for network, _ in asked] == ["squeezenet1_1", "resnet18"]
    assert {(start.source, start.file) for _, start in asked} == {("file", str(file))}
