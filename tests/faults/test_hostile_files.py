"""Files that somebody made to do harm: none is executed, none leads out of its folder, none hangs.

Each is given to the functions that the program really reads it with. A file is either refused with
a sentence and a hint, or it is harmless and read for what it is. They are made in `hostile_*.py`.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from faults import hostile_exports, hostile_projects, hostile_runs, hostile_tables, hostile_weights
from faults.hostile import (
    BACKBONE,
    CLASSES,
    HARMLESS,
    REFUSED,
    Case,
    Place,
    unharmed,
)
from faults.hostile_exports import exported, with_outside_numbers
from faults.hostile_projects import project_after
from faults.hostile_runs import everything, resumed, run_in, run_with_link
from faults.hostile_weights import copied, hostile_constructor, pickled
from faults.straced import straced
from training.made_jobs import made_pictures

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.errors import TLStudioError
from tlstudio.jobs import (
    HeadSpec,
)
from tlstudio.projects.own_models import own_run
from tlstudio.projects.project import FILE
from tlstudio.projects.runs import summary
from tlstudio.training.model_folder import (
    ModelCard,
    constructor_of,
    load_model,
    loading_code,
    save_model,
)

MADE_IN = (hostile_exports, hostile_projects, hostile_runs, hostile_tables, hostile_weights)
"""They fill the two lists when they are imported."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of random numbers, as training writes it."""
    folder = tmp_path_factory.mktemp("sound") / "model"
    entry, head = backbone(BACKBONE), HeadSpec()
    torch.manual_seed(0)
    network = build_network(entry, len(CLASSES), head)
    preprocessing = entry.weights[0].preprocessing
    constructor = constructor_of(entry, network, len(CLASSES), head, preprocessing.crop)
    card = ModelCard(
        program="TL Studio",
        backbone=BACKBONE,
        classes=CLASSES,
        constructor=constructor,
        head=head,
        preprocessing=preprocessing,
        freeze={"stages": 0, "names": ()},
        weights={"source": "scratch"},
        metrics={"val_accuracy": 1.0, "pictures": {"train": 1, "val": 1, "test": 0}},
        training={},
        versions={},
        code=loading_code(constructor),
    )
    save_model(folder, network.network.state_dict(), card)
    return folder


@pytest.fixture
def place(tmp_path: Path, model: Path) -> Place:
    folder, outside = tmp_path / "given", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("what nobody may read or write")
    return Place(folder, outside, tmp_path / "canary", model)


# --- all of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_file_is_refused_with_a_sentence(name: str, place: Place) -> None:
    error = unharmed(place, REFUSED[name](place))
    if error is not None and not isinstance(error, TLStudioError):
        raise error
    assert error is not None, "it was taken"
    assert error.hint
    assert len(error.message) < 1500


@pytest.mark.parametrize("name", HARMLESS)
def test_a_hostile_file_does_no_harm(name: str, place: Place) -> None:
    error = unharmed(place, HARMLESS[name](place))
    if error is not None:
        raise error


def test_there_are_enough_of_them() -> None:
    assert len(REFUSED) + len(HARMLESS) >= 100


# --- by chance -----------------------------------------------------------------------------------

ODD: tuple[Any, ...] = (None, -1, 1e308, "x", [], {}, True, 2**70, "../..", "\0", float("nan"))


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in JSON."""
    inner: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, (dict, list)):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        yield (*path, key)
        yield from places_in(each, (*path, key))


def changed(file: Path, whole: str, random: np.random.Generator) -> None:
    """Puts something odd somewhere into the JSON of a file."""
    value = json.loads(whole)
    everywhere = list(places_in(value))
    *path, last = everywhere[random.integers(len(everywhere))]
    inner = value
    for key in path:
        inner = inner[key]
    inner[last] = ODD[random.integers(len(ODD))]
    file.write_text(json.dumps(value))


def test_what_is_odd_anywhere_in_a_run_is_refused_or_does_no_harm(place: Place) -> None:
    random, run, refusals = np.random.default_rng(0), run_in(place), 0
    for file in (run.job_file, run.state_file, run.split_file):
        whole = file.read_text()
        for _ in range(20):
            changed(file, whole, random)
            for work in (everything(run), resumed(run), partial(summary, run.path)):
                error = unharmed(place, work)
                assert error is None or isinstance(error, TLStudioError)
                refusals += error is not None
        file.write_text(whole)
    assert refusals > 60


def test_what_is_odd_anywhere_in_a_card_is_refused_or_does_no_harm(place: Place) -> None:
    random, folder, refusals = np.random.default_rng(0), copied(place), 0
    whole = (folder / "model.json").read_text()
    for _ in range(60):
        changed(folder / "model.json", whole, random)
        for work in (partial(own_run, folder), partial(load_model, folder)):
            error = unharmed(place, work)
            assert error is None or isinstance(error, TLStudioError)
            refusals += error is not None
    assert refusals > 20


def test_bits_that_flip_in_a_project_are_a_sentence_or_do_no_harm(place: Place) -> None:
    random, refusals = np.random.default_rng(0), 0
    work = project_after()(place)
    file = place.folder / "project" / FILE
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    whole = file.read_bytes()
    for _ in range(40):
        content = bytearray(whole)
        # Near the beginnings of pages, where most is decided.
        pages = random.integers(len(content) // 4096, size=6)
        for at in pages * 4096 + random.integers(200, size=6):
            content[at] ^= 1 << int(random.integers(8))
        file.write_bytes(content)
        error = unharmed(place, work)
        assert error is None or isinstance(error, TLStudioError)
        refusals += error is not None
        for beside in file.parent.glob(f"{FILE}-*"):
            beside.unlink()
    assert refusals > 5


# --- the same, as the system sees it -------------------------------------------------------------


def _commands(place: Place) -> dict[str, tuple[str, ...]]:
    """A command for each of some hostile files, chosen for what libraries open themselves."""
    given = place.folder
    made_pictures(given / "pictures")
    for name in ("model", "weights", "onnx", "linked", "pack", "project"):
        (given / name).mkdir()

    def within(name: str, case: Case) -> None:
        case(Place(given / name, place.outside, place.canary, place.model))

    hostile_constructor(Place(given / "model", place.outside, place.canary, place.model))
    within("weights", pickled("system", "zip"))
    within("onnx", exported(with_outside_numbers))
    within("linked", run_with_link("model", "."))
    within("pack", REFUSED["pack whose names climb"])
    within("project", REFUSED["project with a statement that loads"])
    project = str(given / "project" / "project")
    return {
        "model": ("predict", str(given / "model" / "model"), str(given / "pictures")),
        "weights": ("weights", "identify", str(given / "weights" / "w.pth")),
        "onnx": ("predict", str(given / "onnx" / "model.onnx"), str(given / "pictures")),
        "linked": ("train", "--resume", str(given / "linked" / "run")),
        "pack": ("weights", "unpack", str(given / "pack" / "pack.zip")),
        "project": ("scan", str(given / "pictures"), "--project", project),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model", "weights", "onnx", "linked", "pack", "project"])
def test_the_command_line_is_not_harmed_either(place: Place, name: str) -> None:
    command = _commands(place)[name]
    before = {file: file.read_bytes() for file in place.outside.iterdir()}
    seen = straced(place.folder.parent, *command)
    assert seen.status == (0 if name == "model" else 1), seen.words
    assert "Traceback" not in seen.words
    assert not place.canary.exists()
    assert {file: file.read_bytes() for file in place.outside.iterdir()} == before
    assert not seen.named(place.outside)
    assert not seen.outward
