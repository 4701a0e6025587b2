"""Models are listed as the next backbone without being opened; a broken one hides no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tlstudio.errors import RunError
from tlstudio.jobs import BackboneSpec, WeightsSpec
from tlstudio.projects.own_models import own_run, own_runs

CARD: dict[str, Any] = {
    "version": 1,
    "backbone": "resnet18",
    "classes": ["ant", "bee"],
    "preprocessing": {"resize": 256, "crop": 224, "mean": [0, 0, 0]},
    "weights": {"source": "published", "variant": "IMAGENET1K_V1", "licence": "BSD-3-Clause"},
    "metrics": {"val_accuracy": 0.9, "pictures": {"train": 80, "val": 20, "test": 0}},
}


def made(folder: Path, name: str, time: float = 1e9, **changes: Any) -> Path:
    """A run with a card and nothing else: who reads more of it fails."""
    run = folder / name
    (run / "model").mkdir(parents=True)
    (run / "model" / "model.json").write_text(json.dumps({**CARD, **changes}))
    os.utime(run / "model" / "model.json", (time, time))
    return run


def test_runs_are_listed_with_what_one_chooses_them_by(tmp_path: Path) -> None:
    made(tmp_path, "old", time=1e9)
    made(tmp_path, "new", time=1.5e9, classes=["a", "b", "c"])
    newest, oldest = own_runs(tmp_path.iterdir())
    assert [newest.name, oldest.name] == ["new", "old"]
    assert newest.classes == ("a", "b", "c")
    assert (oldest.backbone, oldest.pictures, oldest.accuracy) == ("resnet18", 80, 0.9)
    assert oldest.made.year == 2001


def test_a_broken_run_hides_no_other(tmp_path: Path) -> None:
    made(tmp_path, "good")
    made(tmp_path, "half", metrics={})
    made(tmp_path, "odd", weights={"variant": 3})
    (made(tmp_path, "cut") / "model" / "model.json").write_text('{"version"')
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "job.json").write_text("{}")
    (tmp_path / "a file").write_text("")
    assert [each.name for each in own_runs(tmp_path.iterdir())] == ["good"]


def test_folders_without_a_model_list_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert own_runs([tmp_path / "empty", tmp_path / "nowhere"]) == ()


def test_the_next_run_looks_at_pictures_as_this_one_did(tmp_path: Path) -> None:
    run = made(tmp_path, "run", preprocessing={"crop": 160})
    assert own_run(run).as_backbone() == BackboneSpec(
        id="resnet18",
        weights=WeightsSpec(source="run", run=str(run), variant="IMAGENET1K_V1"),
        input_size=160,
    )


def test_what_is_repeated_of_a_model_names_no_place_on_this_computer(tmp_path: Path) -> None:
    origin = own_run(made(tmp_path, "run")).origin("0" * 64)
    assert origin.model.classes == ("ant", "bee")
    assert origin.model.weights == CARD["weights"]
    assert str(tmp_path) not in origin.model_dump_json()


def test_a_model_folder_can_be_given_too(tmp_path: Path) -> None:
    assert own_run(made(tmp_path, "run") / "model").classes == ("ant", "bee")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no model"),
        ({"job.json": "{}"}, "no model yet"),
        ({"model.json": "[]"}, "damaged"),
    ],
)
def test_what_is_no_model_is_refused_in_words(
    files: dict[str, str], words: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(RunError, match=words):
        own_run(tmp_path)


def test_a_list_of_models_needs_no_torch() -> None:
    code = "import sys, tlstudio.projects.own_models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
