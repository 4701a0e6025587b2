"""Files that somebody made to do harm: none is executed, none leads out of its folder, none hangs.

Each is given to the functions that the program really reads it with. A file is either refused with
a sentence and a hint, or it is harmless and read for what it is.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import sqlite3
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openpyxl
import pytest
import torch
from faults.straced import straced
from faults.watched import in_time, watched
from onnx import TensorProto, helper
from safetensors.torch import save
from training.made_jobs import made_pictures

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.identify import identify
from tlstudio.backbones.packs import unpack
from tlstudio.backbones.weights_file import read_state_dict
from tlstudio.datasets.listing import list_dataset
from tlstudio.datasets.tables import open_table
from tlstudio.datasets.verdicts import recall
from tlstudio.errors import TLStudioError
from tlstudio.evaluation.predictors import open_predictor
from tlstudio.exporting.torchvision_format import open_exported
from tlstudio.gui.wizard.review import read_review
from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    Finding,
    FinishRun,
    HeadSpec,
    IdentifyWeights,
    Picture,
    ResumeRun,
    ScanResult,
    Split,
    TableSource,
    TrainingJob,
    UnpackWeights,
    WeightsSpec,
    load_recipe,
    load_training_job,
)
from tlstudio.projects import project as project_module
from tlstudio.projects.checked import adding
from tlstudio.projects.corrections import Corrections
from tlstudio.projects.index import Index, Seen
from tlstudio.projects.own_models import own_run
from tlstudio.projects.project import FILE, Project
from tlstudio.projects.recent import refreshed
from tlstudio.projects.run_folder import RunFolder
from tlstudio.projects.runs import runs_of, summary
from tlstudio.tasks import Logged, drive
from tlstudio.training.checkpoint import (
    Checkpoint,
    Position,
    ProbeScore,
    load_learning_state,
    load_optimizer_state,
)
from tlstudio.training.decoded import _is_whole
from tlstudio.training.model_folder import (
    ModelCard,
    constructor_of,
    load_model,
    loading_code,
    save_model,
)
from tlstudio.training.remembered_probe import _recall
from tlstudio.training.train import finish, resume

BACKBONE = "squeezenet1_1"
CLASSES = ("a", "b", "c")
TERA = 10**12


@dataclass(frozen=True)
class Place:
    """`folder` is where the hostile file lies, `outside` what it must not reach; what it may try to
    make is `canary`. `model` is a sound model folder that no test changes."""

    folder: Path
    outside: Path
    canary: Path
    model: Path


Work = Callable[[], object]
Case = Callable[[Place], Work]
REFUSED: dict[str, Case] = {}
HARMLESS: dict[str, Case] = {}


def refused(case: Case) -> Case:
    REFUSED[case.__name__] = case
    return case


def harmless(case: Case) -> Case:
    HARMLESS[case.__name__] = case
    return case


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


def unharmed(place: Place, work: Work) -> BaseException | None:
    """What the work raised; fails where it executed, read, wrote, started or asked for anything."""
    before = {file: file.read_bytes() for file in place.outside.iterdir()}
    with watched(place.folder, place.model.parent, Path(os.environ["TLSTUDIO_HOME"])) as watch:
        error = in_time(work)
    assert not place.canary.exists(), "it was executed"
    assert {file: file.read_bytes() for file in place.outside.iterdir()} == before
    assert not watch.touched
    assert not watch.started
    assert not watch.spoke
    return error


# --- jobs and recipes ----------------------------------------------------------------------------

JOB = TrainingJob(
    dataset=DatasetSpec(folder="pictures"),
    backbone=BackboneSpec(id=BACKBONE, weights=WeightsSpec(source="scratch")),
)
DEEP = b"[" * 200_000 + b"]" * 200_000
DEEP_OBJECT = b'{"a":' * 200_000 + b"1" + b"}" * 200_000
LONG_NUMBER = b'{"version": ' + b"9" * 1_000_000 + b"}"


def job_of(content: bytes) -> Case:
    def case(place: Place) -> Work:
        file = place.folder / "job.json"
        file.write_bytes(content)
        return partial(load_training_job, file)

    return case


REFUSED |= {
    "job that is deep": job_of(DEEP),
    "job of deep objects": job_of(DEEP_OBJECT),
    "job with a number of a million digits": job_of(LONG_NUMBER),
    "job that is no text": job_of(b'{"dataset": {"folder": "\xff\xfe"}}'),
    "job with half a character": job_of(b'{"dataset": {"folder": "\\ud800"}}'),
    "job of zeros": job_of(bytes(1000)),
    "job with sizes that fill the memory": job_of(
        JOB.model_dump_json().replace('"sizes":[]', '"sizes":[999999999]').encode()
    ),
    "job with a freeze of many digits": job_of(
        JOB.model_dump_json().replace('"all"', f'"{"9" * 5000}"').encode()
    ),
    "job with fields of somebody else": job_of(
        JOB.model_dump_json().replace('"seed"', '"__class__":"os.system","seed"').encode()
    ),
}


def sparse(file: Path, size: int = TERA) -> Path:
    file.touch()
    os.truncate(file, size)
    return file


@refused
def job_of_a_terabyte(place: Place) -> Work:
    return partial(load_training_job, sparse(place.folder / "job.json"))


@refused
def job_that_is_a_pipe(place: Place) -> Work:
    os.mkfifo(place.folder / "job.json")
    return partial(load_training_job, place.folder / "job.json")


@refused
def recipe_that_never_ends(place: Place) -> Work:
    (place.folder / "recipe.json").symlink_to("/dev/zero")
    return partial(load_recipe, place.folder / "recipe.json")


# --- runs ----------------------------------------------------------------------------------------

SPLIT = ScanResult(
    folder="/pictures",
    pictures=2,
    classes={"a": 1, "b": 1},
    split=Split(given=False, train=1, val=1, test=0),
    files=(
        Picture(file="a/1.png", label="a", part="train"),
        Picture(file="b/2.png", label="b", part="val"),
    ),
)


def run_in(place: Place, split: ScanResult = SPLIT) -> RunFolder:
    """An interrupted run of somebody else, with nothing wrong about it yet."""
    run = RunFolder.create(place.folder / "run", JOB)
    run.save_split(split)
    run.save_state("interrupted", environment={"device": "cpu", "threads": 1})
    return run


def resumed(run: RunFolder) -> Work:
    return lambda: drive(resume(ResumeRun(run=str(run.path))), lambda _: None)


def everything(run: RunFolder) -> Work:
    """What a list of runs and a look at one of them read."""

    def work() -> None:
        opened = RunFolder.open(run.path)
        opened.job()
        opened.state()
        opened.origin()
        opened.events()
        opened.split()
        opened.locked_score()

    return work


def run_with(name: str, content: bytes) -> Case:
    def case(place: Place) -> Work:
        run = run_in(place)
        (run.path / name).write_bytes(content)
        return everything(run)

    return case


def run_with_link(name: str, to: str) -> Case:
    def case(place: Place) -> Work:
        run = run_in(place)
        (run.path / name).unlink(missing_ok=True)
        (run.path / name).symlink_to(place.outside / to if to != "/dev/zero" else to)
        return resumed(run)

    return case


def run_with_pipe(name: str) -> Case:
    def case(place: Place) -> Work:
        run = run_in(place)
        (run.path / name).unlink(missing_ok=True)
        os.mkfifo(run.path / name)
        return resumed(run)

    return case


def split_with(**changes: Any) -> Case:
    def case(place: Place) -> Work:
        pictures = SPLIT.files
        if "file" in changes:
            pictures = (*pictures, Picture(label="a", part="train", **changes))
        folder = changes.get("folder", str(place.folder))
        run = run_in(place, SPLIT.model_copy(update={"files": pictures, "folder": folder}))
        return resumed(run)

    return case


REFUSED |= {
    **{
        f"run with a deep {name}": run_with(name, DEEP)
        for name in ("job.json", "run.json", "split.json", "origin.json", "test.json")
    },
    **{
        f"run with long numbers in {name}": run_with(name, LONG_NUMBER)
        for name in ("run.json", "origin.json")
    },
    **{
        f"run with a link as {name}": run_with_link(name, "secret")
        for name in ("run.json", "split.json", "events.jsonl", "start.safetensors", "lock")
    },
    **{f"run with a link as {name}": run_with_link(name, ".") for name in ("model", "checkpoints")},
    "run with a device for its state": run_with_link("run.json", "/dev/zero"),
    **{
        f"run with a pipe as {name}": run_with_pipe(name)
        for name in ("run.json", "split.json", "events.jsonl", "start.safetensors")
    },
    **{
        f"split with the picture {name!r}": split_with(file=name)
        for name in ("../outside/secret", "/etc/passwd", "a/../../outside/secret", "a\0b", "..")
    },
}


@refused
def run_with_a_million_threads(place: Place) -> Work:
    run = run_in(place)
    run.save_state("interrupted", environment={"device": "cpu", "threads": 10**6})
    return resumed(run)


@refused
def run_that_says_nothing_of_its_beginning(place: Place) -> Work:
    run = run_in(place)
    run.save_state("interrupted", environment={})
    return resumed(run)


@refused
def run_whose_split_has_a_terabyte(place: Place) -> Work:
    run = run_in(place)
    sparse(run.split_file)
    return everything(run)


@refused
def run_with_a_link_deep_in_its_model(place: Place) -> Work:
    run = run_in(place)
    run.model.mkdir()
    (run.model / "last.safetensors").symlink_to(place.outside / "secret")
    return resumed(run)


@refused
def finished_run_with_a_link_as_model(place: Place) -> Work:
    run = run_in(place)
    run.model.symlink_to(place.outside)
    return lambda: drive(finish(FinishRun(run=str(run.path))), lambda _: None)


def events_of(content: bytes) -> Case:
    def case(place: Place) -> Work:
        run = run_in(place)
        with run.recording() as log:
            log.append(Logged(message="good"))
        with run.events_file.open("ab") as file:
            file.write(content)

        def work() -> None:
            assert run.events()[:1] == [Logged(message="good")]

        return work

    return case


HARMLESS |= {
    "events that are deep": events_of(DEEP + b"\n"),
    "events with long numbers": events_of(LONG_NUMBER + b"\n"),
    "events in one long line": events_of(b" " * 5_000_000),
    "events that are no text": events_of(b"\xff\xfe\n\x00\n"),
}


@harmless
def events_of_a_terabyte(place: Place) -> Work:
    run = run_in(place)
    sparse(run.events_file)
    return run.events


# --- checkpoints and other tensors ---------------------------------------------------------------


def table_of(table: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(table) if length is None else length) + table + body


def tensor(offsets: Any, shape: Any = (1,), dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def encoded(**tensors: Any) -> bytes:
    return json.dumps(tensors).encode()


TABLES = {
    "a table longer than any": table_of(b"{", length=2**63),
    "a table as long as the file": table_of(b"{" + b" " * 1000, length=10**6),
    "a deep table": table_of(DEEP_OBJECT),
    "overlapping tensors": table_of(encoded(a=tensor([0, 4]), b=tensor([2, 6])), bytes(6)),
    "tensors before the beginning": table_of(encoded(a=tensor([-8, -4])), bytes(8)),
    "tensors behind the end": table_of(encoded(a=tensor([0, 2**62], (2**60,)))),
    "tensors behind all numbers": table_of(encoded(a=tensor([0, 10**400]))),
    "tensors at infinity": table_of(b'{"a": {"data_offsets": [0, 1e999]}}'),
    "tensors at no number": table_of(b'{"a": {"data_offsets": [0, NaN]}}'),
    "shapes that multiply to nothing": table_of(encoded(a=tensor([0, 0], (2**40, 2**40)))),
    "offsets of long digits": table_of(b'{"a": {"data_offsets": [0, "' + b"9" * 9999 + b'"]}}'),
    "offsets that are texts": table_of(encoded(a=tensor(["0", "4"])), bytes(4)),
    "a list for a table": table_of(b'["a"]' + b" " * 100),
}


def weights_of(name: str, content: bytes) -> Case:
    def case(place: Place) -> Work:
        file = place.folder / name
        file.write_bytes(content)
        return partial(read_state_dict, file)

    return case


def checkpoint_of(content: bytes) -> Case:
    def case(place: Place) -> Work:
        file = place.folder / "00000001.safetensors"
        with adding(file) as temporary:  # with the checksum that it should have
            temporary.write_bytes(content)
        return partial(Checkpoint.load, file)

    return case


REFUSED |= {
    **{f"weights with {name}": weights_of("w.safetensors", TABLES[name]) for name in TABLES},
    **{f"checkpoint with {name}": checkpoint_of(TABLES[name]) for name in list(TABLES)[:5]},
}


POSITION = Position(
    probe=ProbeScore(strength=1, train_loss=1, train_accuracy=1, val_loss=1, val_accuracy=1)
).model_dump_json()


def checkpoint_with(name: str, position: str = POSITION) -> Case:
    return checkpoint_of(save({name: torch.zeros(1)}, {"position": position}))


REFUSED |= {
    "checkpoint of a deep position": checkpoint_with("probe/a", DEEP.decode()),
    "checkpoint with long numbers": checkpoint_with("probe/a", LONG_NUMBER.decode()),
    "checkpoint that sets its own methods": checkpoint_with("save/a"),
    "checkpoint of no part": checkpoint_with("__class__"),
}


@refused
def checkpoint_of_another_network(place: Place) -> Work:
    network = build_network(backbone(BACKBONE), 2, HeadSpec())
    return partial(load_learning_state, network, {"../outside": torch.zeros(1)})


@refused
def checkpoint_of_other_shapes(place: Place) -> Work:
    network = build_network(backbone(BACKBONE), 2, HeadSpec())
    name = next(iter(network.network.state_dict()))
    return partial(load_learning_state, network, {name: torch.zeros(1)})


@refused
def checkpoint_of_another_optimiser(place: Place) -> Work:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    return partial(load_optimizer_state, optimizer, {"9" * 30 + ".a": torch.zeros(1)})


def sums_of(content: bytes) -> Case:
    def case(place: Place) -> Work:
        folder = copied(place)
        (folder / "SHA256SUMS").write_bytes(content)
        return partial(load_model, folder)

    return case


REFUSED |= {
    "checksums of other files": sums_of(b"0" * 64 + b"  ../outside/secret\n"),
    "checksums that are no text": sums_of(b"\xff\xfe\x00" * 1000),
    "checksums that are empty": sums_of(b""),
}


@refused
def checksums_of_a_terabyte(place: Place) -> Work:
    folder = copied(place)
    sparse(folder / "SHA256SUMS")
    return partial(load_model, folder)


@refused
def checksums_that_are_a_pipe(place: Place) -> Work:
    folder = copied(place)
    os.mkfifo(folder / "SHA256SUMS")
    return partial(own_run, folder)


@refused
def weights_of_a_terabyte(place: Place) -> Work:
    file = place.folder / "w.safetensors"
    file.write_bytes(struct.pack("<Q", TERA // 2) + b"{")
    return partial(read_state_dict, sparse(file))


@refused
def weights_that_are_a_pipe(place: Place) -> Work:
    os.mkfifo(place.folder / "w.pth")
    return partial(read_state_dict, place.folder / "w.pth")


@refused
def weights_that_never_end(place: Place) -> Work:
    (place.folder / "w.pth").symlink_to("/dev/zero")
    job = IdentifyWeights(file=str(place.folder / "w.pth"))
    return lambda: drive(identify(job), lambda _: None)


# --- pickles -------------------------------------------------------------------------------------


class Call:
    """Unpickling it calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def _calls(place: Place) -> dict[str, Any]:
    canary = str(place.canary)
    inner = io.BytesIO()
    torch.save({"a": Call(os.mkdir, canary)}, inner)
    return {
        "mkdir": Call(os.mkdir, canary),
        "system": Call(os.system, f"touch {canary}"),
        "eval": Call(eval, f"__import__('os').mkdir({canary!r})"),
        "exec": Call(exec, f"import os; os.mkdir({canary!r})"),
        "open": Call(open, canary, "w"),
        "getattr": Call(getattr, "", "join"),
        "torch": Call(torch.storage._load_from_bytes, inner.getvalue()),  # type: ignore[no-untyped-call]
        "partial": partial(os.mkdir, canary),
        "numpy": np.array([Call(os.mkdir, canary)], dtype=object),
    }


def pickled(name: str, form: str) -> Case:
    def case(place: Place) -> Work:
        content = {"weight": torch.zeros(2), "extra": _calls(place)[name]}
        file = place.folder / "w.pth"
        if form.isdecimal():
            file.write_bytes(pickle.dumps(content, protocol=int(form)))
        else:
            torch.save(content, file, _use_new_zipfile_serialization=form == "zip")
        return partial(read_state_dict, file)

    return case


CALLS = ["mkdir", "system", "eval", "exec", "open", "getattr", "numpy", "partial", "torch"]
FORMS = {"mkdir": ("0", "2", "4", "zip", "legacy"), "system": ("zip", "legacy", "5")}
REFUSED |= {
    f"pickle ({form}) with {name}": pickled(name, form)
    for name in CALLS
    for form in FORMS.get(name, ("zip",))
}


def raw(opcodes: bytes) -> Case:
    def case(place: Place) -> Work:
        file = place.folder / "w.pt"
        file.write_bytes(opcodes.replace(b"CANARY", str(place.canary).encode()))
        return partial(read_state_dict, file)

    return case


REFUSED |= {
    "opcodes of the first kind": raw(b"cos\nsystem\n(S'touch CANARY'\ntR."),
    "opcodes that make an instance": raw(b"(S'touch CANARY'\nios\nsystem\n."),
    "opcodes that make an object": raw(b"(cos\nsystem\nS'touch CANARY'\no."),
    "opcodes of the registry": raw(b"\x80\x02\x82\x01."),
    "opcodes without an end": raw(b"\x80\x02" + b"(" * 100_000),
    "opcodes in a deep list": raw(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."),
    "opcodes with an endless text": raw(b"\x80\x04\x8d" + struct.pack("<Q", 2**60)),
    "opcodes with an endless number": raw(b"\x80\x02\x8b\xff\xff\xff\x7f"),
}


@refused
def one_number_a_million_million_times(place: Place) -> Work:
    file = place.folder / "w.pth"
    torch.save({"weight": torch.zeros(1).expand(10**6, 10**6)}, file)
    return partial(read_state_dict, file)


@refused
def archive_that_unpacks_to_more_than_the_memory(place: Place) -> Work:
    file, plain = place.folder / "w.pth", io.BytesIO()
    torch.save({"weight": torch.zeros(100_000_000, dtype=torch.uint8)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(file, "w") as target:
        for info in source.infolist():
            target.writestr(info.filename, source.read(info), zipfile.ZIP_DEFLATED, 1)
    assert file.stat().st_size < 1_000_000
    return partial(read_state_dict, file)


@refused
def archive_with_names_that_climb(place: Place) -> Work:
    file = place.folder / "w.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("../outside/new", "/new", "data/../../outside/data.pkl"):
            archive.writestr(name, b"x")
    return partial(read_state_dict, file)


@refused
def tar_with_links(place: Place) -> Work:
    file = place.folder / "w.tar"
    with tarfile.open(file, "w") as archive:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, str(place.outside)
        archive.addfile(link)
    return partial(read_state_dict, file)


# --- models --------------------------------------------------------------------------------------


def copied(place: Place, *, weights: bool = True) -> Path:
    folder = place.folder / "model"
    folder.mkdir()
    for file in place.model.iterdir():
        # Who makes a hostile model vouches for it, or leaves the checksums out.
        if file.suffix == ".json" or (weights and file.suffix == ".safetensors"):
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


def card_with(change: Callable[[dict[str, Any]], object]) -> Case:
    def case(place: Place) -> Work:
        folder = copied(place)
        card = json.loads((folder / "model.json").read_text())
        change(card)
        (folder / "model.json").write_text(json.dumps(card))
        return partial(open_predictor, folder, "cpu")

    return case


def card_of(content: bytes) -> Case:
    def case(place: Place) -> Work:
        folder = copied(place)
        (folder / "model.json").write_bytes(content)
        return partial(own_run, folder)

    return case


def model_with(weights: bytes) -> Case:
    def case(place: Place) -> Work:
        folder = copied(place, weights=False)
        (folder / "model.safetensors").write_bytes(weights)
        return partial(load_model, folder)

    return case


REFUSED |= {
    "card that is deep": card_of(DEEP),
    "card with long numbers": card_of(LONG_NUMBER),
    "card with millions of classes": card_with(lambda c: c.update(classes=["x"] * 2_000_000)),
    "card with other classes": card_with(lambda c: c.update(classes=["x"] * 4)),
    "card with huge pictures": card_with(lambda c: c["preprocessing"].update(crop=10**9)),
    "card with huge resizing": card_with(lambda c: c["preprocessing"].update(resize=10**9)),
    "card with pictures of no size": card_with(lambda c: c["preprocessing"].update(crop=0)),
    "card that divides by nothing": card_with(lambda c: c["preprocessing"].update(std=[0, 0, 0])),
    "card with a huge head": card_with(lambda c: c.update(head={"hidden": 10**12})),
    "card of an unknown network": card_with(lambda c: c.update(backbone="../../os")),
    "card of a network with code": card_with(lambda c: c.update(backbone="__import__('os')")),
    "card of another library": card_with(lambda c: c.update(backbone="timm:../../x")),
    "card of a hub": card_with(lambda c: c.update(backbone="timm:hf-hub:evil/evil")),
    **{f"model with {name}": model_with(TABLES[name]) for name in list(TABLES)[:6]},
    "model that is a pickle": model_with(pickle.dumps({"a": 1})),
}


@refused
def model_with_a_link_as_weights(place: Place) -> Work:
    folder = copied(place, weights=False)
    (folder / "model.safetensors").symlink_to(place.outside / "secret")
    return partial(load_model, folder)


@refused
def model_whose_weights_are_a_pipe(place: Place) -> Work:
    folder = copied(place, weights=False)
    os.mkfifo(folder / "model.safetensors")
    return partial(load_model, folder)


def hostile_constructor(place: Place) -> Path:
    folder = copied(place)
    card = json.loads((folder / "model.json").read_text())
    card["constructor"] |= {
        "module": "os",
        "name": "mkdir",
        "arguments": {"path": str(place.canary)},
    }
    card["code"] = f"import os; os.mkdir({str(place.canary)!r})"
    (folder / "model.json").write_text(json.dumps(card))
    return folder


@harmless
def model_whose_constructor_and_code_are_hostile(place: Place) -> Work:
    return partial(load_model, hostile_constructor(place))


@refused
def export_whose_constructor_is_hostile(place: Place) -> Work:
    folder = hostile_constructor(place)
    return lambda: open_exported(folder, load_model(place.model))


# --- exported files ------------------------------------------------------------------------------


def graph(
    nodes: list[onnx.NodeProto],
    initializers: list[TensorProto] = [],  # noqa: B006
    facts: dict[str, str] | None = None,
    domain: str = "",
) -> onnx.ModelProto:
    pictures = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])
    answers = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None)
    made = helper.make_graph(nodes, "g", [pictures], [answers], initializers)
    opsets = [helper.make_opsetid(each, 20) for each in {"", domain}]
    model = helper.make_model(made, opset_imports=opsets, ir_version=9)
    facts = {"classes": '["a", "b"]', "max_side": "1000"} if facts is None else facts
    helper.set_model_props(model, facts)
    return model


def exported(make: Callable[[Place], onnx.ModelProto]) -> Case:
    def case(place: Place) -> Work:
        file = place.folder / "model.onnx"
        file.write_bytes(make(place).SerializeToString())
        return partial(open_predictor, file, "cpu")

    return case


def _external(place: Place) -> onnx.ModelProto:
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1], [0.5])
    weights.ClearField("float_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "../outside/secret", "offset": "0", "length": "4"}.items():
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    return graph([helper.make_node("Identity", ["w"], ["probabilities"])], [weights])


def _endless(place: Place) -> onnx.ModelProto:
    count = helper.make_tensor("count", TensorProto.INT64, [], [2**62])
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Identity", ["x"], ["y"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, []),
        ],
    )
    loop = helper.make_node("Loop", ["count", "true", "zero"], ["probabilities"], body=body)
    return graph([loop], [count, true, zero])


def _of_facts(**facts: str) -> Callable[[Place], onnx.ModelProto]:
    cast = helper.make_node("Cast", ["pictures"], ["probabilities"], to=TensorProto.FLOAT)
    return lambda place: graph([cast], facts=facts)


REFUSED |= {
    "export that reads another file": exported(_external),
    "export that never ends": exported(_endless),
    "export with a library's operator": exported(
        lambda place: graph(
            [helper.make_node("Evil", ["pictures"], ["probabilities"], domain="evil")],
            domain="evil",
        )
    ),
    "export with deep classes": exported(_of_facts(classes="[" * 100_000, max_side="1")),
    "export with a side of many digits": exported(_of_facts(classes="[]", max_side="9" * 9999)),
    "export without classes": exported(_of_facts(max_side="1")),
}


@refused
def export_of_a_terabyte(place: Place) -> Work:
    return partial(open_predictor, sparse(place.folder / "model.onnx"), "cpu")


@refused
def export_that_is_a_pipe(place: Place) -> Work:
    os.mkfifo(place.folder / "model.onnx")
    return partial(open_predictor, place.folder / "model.onnx", "cpu")


# --- packs ---------------------------------------------------------------------------------------


def pack_of(content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Case:
    def case(place: Place) -> Work:
        file = place.folder / "pack.zip"
        with zipfile.ZipFile(file, "w", compression) as archive:
            for name, body in content.items():
                archive.writestr(name, body)
        return lambda: drive(unpack(UnpackWeights(file=str(file))), lambda _: None)

    return case


def manifest(**changes: Any) -> bytes:
    entry = backbone("resnet18")
    weights = entry.weights[0]
    packed = {
        "backbone": entry.id,
        "variant": weights.name,
        "file": weights.file,
        "bytes": weights.bytes,
        "sha256": weights.sha256,
        "licence": weights.licence,
        "commercial": True,
        **changes,
    }
    values = {"format": "tlstudio-weights", "version": 1, "program": "x", "weights": [packed]}
    return json.dumps(values).encode()


REFUSED |= {
    "pack with a deep manifest": pack_of({"manifest.json": DEEP}),
    "pack with a manifest of a gigabyte": pack_of(
        {"manifest.json": bytes(10**8)}, zipfile.ZIP_DEFLATED
    ),
    "pack whose names climb": pack_of(
        {"manifest.json": manifest(file="../../outside/new"), "../../outside/new": b"x"}
    ),
    "pack that unpacks to a full disk": pack_of(
        {
            "manifest.json": manifest(),
            f"weights/{backbone('resnet18').weights[0].file}": bytes(10**8),
        },
        zipfile.ZIP_DEFLATED,
    ),
}


@refused
def pack_with_a_table_of_gigabytes(place: Place) -> Work:
    file = place.folder / "pack.zip"
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**31, 0, 0)
    sparse(file, 2**31)
    with file.open("r+b") as written:
        written.write(b"PK\3\4")
        written.seek(0, 2)
        written.write(end)
    return lambda: drive(unpack(UnpackWeights(file=str(file))), lambda _: None)


# --- tables --------------------------------------------------------------------------------------


def read_table(file: Path) -> Work:
    return lambda: list(open_table(str(file)).rows())


@refused
def table_that_is_a_pipe(place: Place) -> Work:
    os.mkfifo(place.folder / "t.csv")
    return read_table(place.folder / "t.csv")


@refused
def table_that_never_ends(place: Place) -> Work:
    (place.folder / "t.csv").symlink_to("/dev/zero")
    return read_table(place.folder / "t.csv")


@refused
def table_of_a_terabyte(place: Place) -> Work:
    return read_table(sparse(place.folder / "t.csv"))


@refused
def table_in_one_line(place: Place) -> Work:
    file = place.folder / "t.csv"
    file.write_bytes(b"file,label\n" + b"x" * 50_000_000)
    return read_table(file)


@refused
def table_whose_quotation_never_ends(place: Place) -> Work:
    file = place.folder / "t.csv"
    file.write_bytes(b'file,label\n"' + b"x,\n" * 1_000_000)
    return read_table(file)


def workbook_with(name: str, content: bytes) -> Case:
    def case(place: Place) -> Work:
        book = openpyxl.Workbook()
        assert book.active is not None
        for row in (["file", "label"], ["a.png", "x"], ["b.png", "y"]):
            book.active.append(row)
        plain, file = io.BytesIO(), place.folder / "t.xlsx"
        book.save(plain)
        filled = content.replace(b"SECRET", (place.outside / "secret").as_uri().encode())
        with (
            zipfile.ZipFile(plain) as source,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target,
        ):
            for info in source.infolist():
                target.writestr(
                    info.filename, filled if info.filename == name else source.read(info)
                )
        return read_table(file)

    return case


SHEET = "xl/worksheets/sheet1.xml"


def _sheet(entities: str, text: str) -> bytes:
    """A sheet of two columns whose first cell holds `text`."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    cells = "".join(
        f'<c r="{name}1" t="inlineStr"><is><t>{each}</t></is></c>'
        for name, each in (("A", text), ("B", "label"))
    )
    rows = f'<worksheet xmlns="{space}"><sheetData><row r="1">{cells}</row></sheetData></worksheet>'
    return f'<?xml version="1.0"?><!DOCTYPE x [{entities}]>{rows}'.encode()


_LAUGHS = '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)
)
REFUSED |= {
    "workbook that laughs a billion times": workbook_with(SHEET, _sheet(_LAUGHS, "&m;")),
    "workbook that reads another file": workbook_with(
        SHEET, _sheet('<!ENTITY x SYSTEM "SECRET">', "&x;")
    ),
    "workbook of many gigabytes": workbook_with(SHEET, bytes(401_000_000)),
    "workbook whose sheet is deep": workbook_with(SHEET, b"<a>" * 200_000),
}


def table_naming(*names: str) -> Case:
    def case(place: Place) -> Work:
        file = place.folder / "t.csv"
        rows = "".join(f'"{name}",{"ab"[n % 2]}\n' for n, name in enumerate(names * 2))
        file.write_text(f"file,label\n{rows}")
        spec = DatasetSpec(folder=str(place.folder), table=TableSource(file=str(file)))
        return lambda: drive(list_dataset(spec), lambda _: None)

    return case


REFUSED |= {
    "table that names no file": table_naming("a\0.png", "\0", "." * 5000 + ".png", "~root/x.png"),
    "table that names programs": table_naming(
        "|touch x", "$(touch x)", "`x`", "file:///etc/passwd"
    ),
    "table that names addresses": table_naming("http://localhost/a.png", "ftp://localhost/b.png"),
}


# --- projects ------------------------------------------------------------------------------------


def project_after(*statements: str, version: int | None = None) -> Case:
    """A project with two pictures and a finding, into which somebody else wrote."""

    def case(place: Place) -> Work:
        folder = place.folder / "project"
        index = Index(Project(folder))
        seen = [Seen(f"{n}/x.png", bytes([n]), str(n), None, "used", "", 8, 8) for n in (1, 2)]
        index.update(seen)
        finding = Finding(kind="leak", severity="warn", sentence="x", files=("1/x.png",))
        index.save_outcome({1: "train", 2: "val"}, {}, [finding], {"d": {1: "train"}})
        index.project.set_setting("dismissed", ["x"])
        with contextlib.closing(sqlite3.connect(folder / FILE)) as database:
            database.execute("PRAGMA writable_schema = ON")
            for statement in statements:
                database.execute(statement.replace("CANARY", str(place.canary)))
            if version is not None:
                database.execute(f"PRAGMA user_version = {version}")
            database.commit()
        return used(folder)

    return case


def used(folder: Path) -> Work:
    """What a window asks a project for."""

    def work() -> None:
        project_module._sound.clear()
        project = Project.open(folder)
        index = Index(project)
        list(index.entries())
        index.findings()
        index.counts()
        index.assignments("d")
        Corrections(project).classes()
        Corrections(project).pictures()
        runs_of(project)
        refreshed(project)
        for _ in read_review(folder, "pictures"):
            continue

    return work


_ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
REFUSED |= {
    f"project with {name}": project_after(*statements)
    for name, statements in {
        "a trigger": ("CREATE TRIGGER t AFTER UPDATE ON pictures BEGIN DELETE FROM settings; END",),
        "a view": (f"CREATE VIEW v AS {_ENDLESS}",),
        "a view for a table": ("DROP TABLE runs", f"CREATE VIEW runs AS {_ENDLESS}"),
        "a computed column": ("ALTER TABLE classes ADD COLUMN x AS (randomblob(1000000000))",),
        "a table of somebody else": ("CREATE TABLE other (a)",),
        "a virtual table": ("CREATE VIRTUAL TABLE other USING fts5(a)",),
        "an index that computes": ("CREATE INDEX i ON classes (zeroblob(1000000000))",),
        "a statement that is none": ("UPDATE sqlite_schema SET sql = 'CREATE TABLE ('",),
        "a statement that loads": (
            "UPDATE sqlite_schema SET sql = replace(sql, 'WHERE', 'x')",
            "INSERT INTO sqlite_schema VALUES"
            " ('view', 'x', 'x', 0, 'CREATE VIEW x AS SELECT load_extension(''CANARY'')')",
        ),
        "numbers for names": ("UPDATE pictures SET file = x'00ff' || id",),
        "bytes for classes": ("UPDATE pictures SET found = x'fffe'",),
        "texts for numbers": ("UPDATE pictures SET width = 'wide'",),
        "a name that climbs": ("UPDATE pictures SET file = '../../outside/secret' WHERE id = 1",),
        "a name with a null": ("UPDATE pictures SET file = 'a' || char(0) || 'b' WHERE id = 1",),
        "an unknown verdict": ("UPDATE pictures SET verdict = 'owned'",),
        "an unknown part": ("UPDATE pictures SET part = 'owned'",),
        "an unknown finding": ("UPDATE findings SET kind = 'owned'",),
        "a finding of no classes": ("UPDATE findings SET classes = '5'",),
        "a finding of deep classes": ("UPDATE findings SET classes = printf('%.*c', 100000, '[')",),
    }.items()
}
HARMLESS |= {
    f"project with {name}": project_after(*statements)
    for name, statements in {
        "deep settings": ("UPDATE settings SET value = printf('%.*c', 100000, '[')",),
        "settings of another kind": ("UPDATE settings SET value = '5'",),
        "settings with long numbers": (
            "UPDATE settings SET value = '[' || printf('%.*c', 100000, '9') || ']'",
        ),
        "a run somewhere else": (
            "INSERT INTO runs VALUES ('../../outside', 'x', '2026-01-01T00:00:00+00:00')",
            "INSERT INTO runs VALUES ('a' || char(0), 'x', '2026-01-01T00:00:00+00:00')",
            "INSERT INTO runs VALUES (printf('%.*c', 5000, 'a'), 'x', '0001-01-01T00:00:00+23:00')",
        ),
    }.items()
}


@refused
def project_of_a_newer_program(place: Place) -> Work:
    return project_after(version=2**31 - 1)(place)


@refused
def project_of_version_zero_that_is_not_empty(place: Place) -> Work:
    return project_after(version=0)(place)


@refused
def project_that_is_a_link(place: Place) -> Work:
    work = project_after()(place)
    file = place.folder / "project" / FILE
    (place.outside / FILE).write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(place.outside / FILE)
    return work


@refused
def project_whose_cache_is_a_link(place: Place) -> Work:
    work = project_after()(place)
    (place.folder / "project" / "cache").symlink_to(place.outside)
    return work


@refused
def project_that_is_a_pipe(place: Place) -> Work:
    work = project_after()(place)
    for file in (place.folder / "project").glob(f"{FILE}*"):
        file.unlink()
    os.mkfifo(place.folder / "project" / FILE)
    return work


@refused
def project_whose_pages_lead_in_circles(place: Place) -> Work:
    """The root page of its largest table is made a page of references to itself."""
    work = project_after()(place)
    file = place.folder / "project" / FILE
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("PRAGMA journal_mode = DELETE")
        size = database.execute("PRAGMA page_size").fetchone()[0]
        root = database.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'pictures'"
        ).fetchone()[0]
    page = bytearray(size)
    cells = 100
    page[:12] = struct.pack(">BHHHBI", 5, 0, cells, size - 8 * cells, 0, root)
    for number in range(cells):
        at = size - 8 * (number + 1)
        page[12 + 2 * number : 14 + 2 * number] = struct.pack(">H", at)
        page[at : at + 5] = struct.pack(">IB", root, number + 1)
    content = bytearray(file.read_bytes())
    content[size * (root - 1) : size * root] = page
    file.write_bytes(content)
    return work


# --- caches --------------------------------------------------------------------------------------


@harmless
def memory_of_verdicts_with_a_view(place: Place) -> Work:
    cache = Path(os.environ["TLSTUDIO_HOME"]) / "cache"
    cache.mkdir(parents=True)
    with sqlite3.connect(cache / "verdicts.sqlite") as database:
        database.execute(
            "CREATE VIEW verdicts AS"
            " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
            " SELECT '/pictures/x' AS path, '' AS reading, '' AS reader,"
            " i AS size, i AS mtime_ns, x'00' AS look FROM n"
        )
        database.execute("PRAGMA user_version = 4")
    database.close()
    return lambda: recall(cache, "/pictures")


@harmless
def decoded_pictures_that_claim_all_memory(place: Place) -> Work:
    index = place.folder / "x.index.npy"
    header = "{'descr': '<i8', 'fortran_order': False, 'shape': (1099511627776, 4), }".ljust(117)
    index.write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + header.encode() + b"\n")

    def work() -> None:
        assert not _is_whole(place.folder / "x.pixels", 2)

    return work


@harmless
def decoded_pictures_that_are_pickled(place: Place) -> Work:
    np.save(place.folder / "x.index.npy", np.array([Call(os.mkdir, str(place.canary))]))

    def work() -> None:
        assert not _is_whole(place.folder / "x.pixels", 1)

    return work


@harmless
def remembered_probe_that_is_hostile(place: Place) -> Work:
    file = place.folder / "probe.safetensors"
    file.write_bytes(TABLES["tensors behind the end"])
    return lambda: _recall(file, "key")


# --- the proof -----------------------------------------------------------------------------------


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
    within("onnx", exported(_external))
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
