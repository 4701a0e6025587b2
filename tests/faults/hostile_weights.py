"""Hostile tensors and pickles, and models that hold them."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from faults.hostile import (
    BACKBONE,
    DEEP,
    DEEP_OBJECT,
    LONG_NUMBER,
    REFUSED,
    TERA,
    Case,
    Place,
    Work,
    harmless,
    refused,
    sparse,
)
from safetensors.torch import save

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.identify import identify
from tlstudio.backbones.weights_file import read_state_dict
from tlstudio.evaluation.predictors import open_predictor
from tlstudio.exporting.torchvision_format import open_exported
from tlstudio.jobs import (
    HeadSpec,
    IdentifyWeights,
)
from tlstudio.projects.checked import adding
from tlstudio.projects.own_models import own_run
from tlstudio.tasks import drive
from tlstudio.training.checkpoint import (
    Checkpoint,
    Position,
    ProbeScore,
    load_learning_state,
    load_optimizer_state,
)
from tlstudio.training.model_folder import (
    load_model,
)


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
