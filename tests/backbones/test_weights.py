"""Weights are found, read without running anything, and loaded into the network they belong to."""

from __future__ import annotations

import hashlib
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import get_model

from tlstudio.backbones import weights as module
from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import Backbone, backbone
from tlstudio.backbones.weights import (
    load_backbone,
    obtain_weights,
    read_state_dict,
    weights_state,
)
from tlstudio.errors import WeightsError
from tlstudio.jobs import HeadSpec, WeightsSpec
from tlstudio.projects.places import weights_folder
from tlstudio.tasks import Event, Logged, Progress, drive

State = dict[str, Tensor]
BODY = b"weights" * 50_000


def state_of(identifier: str, classes: int = 10) -> State:
    torch.manual_seed(3)
    state: State = get_model(identifier, weights=None, num_classes=classes).state_dict()
    return state


@pytest.fixture(scope="module")
def squeezenet() -> State:
    return state_of("squeezenet1_1")


# --- where they are -------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server that has the file `net.pth`."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "net.pth").write_bytes(BODY)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}/net.pth"
        http.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the tests look at what the client says."""


def entry_at(url: str) -> Backbone:
    entry = backbone("squeezenet1_1")
    published = entry.variant().model_copy(
        update={
            "url": url,
            "file": "net.pth",
            "bytes": len(BODY),
            "sha256": hashlib.sha256(BODY).hexdigest()[:8],
        }
    )
    return entry.model_copy(update={"weights": (published,)})


def obtain(entry: Backbone, **spec: Any) -> tuple[Path | None, list[Event]]:
    events: list[Event] = []
    return drive(obtain_weights(entry, WeightsSpec(**spec)), events.append), events


def test_published_weights_are_downloaded_once_and_then_found(hub: Path, server: str) -> None:
    entry = entry_at(server)
    assert weights_state(entry.variant()) == "download"
    path, events = obtain(entry)
    assert path == weights_folder() / "net.pth"
    assert path.read_bytes() == BODY
    assert any(isinstance(event, Progress) and event.unit == "bytes" for event in events)
    assert weights_state(entry.variant()) == "present"
    again, events = obtain(entry_at("http://no-such-host.invalid/net.pth"))
    assert again == path
    assert any(isinstance(event, Logged) and str(path) in event.message for event in events)


def test_torch_hubs_cache_is_used_where_it_has_the_file(hub: Path) -> None:
    entry = entry_at("http://no-such-host.invalid/net.pth")
    hub.mkdir(parents=True)
    (hub / "net.pth").write_bytes(BODY)
    assert weights_state(entry.variant()) == "present"
    assert obtain(entry)[0] == hub / "net.pth"


def test_a_damaged_file_is_not_used_and_is_replaced(hub: Path, server: str) -> None:
    entry = entry_at(server)
    hub.mkdir(parents=True)
    weights_folder().mkdir(parents=True)
    for folder in (hub, weights_folder()):
        (folder / "net.pth").write_bytes(BODY[:-1] + b"?")
    path, events = obtain(entry)
    assert path == weights_folder() / "net.pth"
    assert path.read_bytes() == BODY
    assert (
        sum(isinstance(event, Logged) and "is not used" in event.message for event in events) == 2
    )
    (hub / "net.pth").unlink()
    path.write_bytes(BODY[:1000])
    assert weights_state(entry.variant()) == "download", "half a file is none"


def test_the_hub_folder_is_where_torch_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for setting in ({"TORCH_HOME": "~/t"}, {"XDG_CACHE_HOME": str(tmp_path)}, {}):
        for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in setting.items():
            monkeypatch.setenv(name, value)
        assert module._hub_folder() == Path(torch.hub.get_dir()) / "checkpoints"


def test_random_weights_come_only_by_request(hub: Path) -> None:
    assert obtain(backbone("resnet18"), source="scratch")[0] is None


def test_a_weights_file_is_taken_as_it_is(tmp_path: Path, squeezenet: State) -> None:
    file = tmp_path / "my weights.pth"
    torch.save(squeezenet, file)
    assert obtain(backbone("squeezenet1_1"), source="file", file=str(file))[0] == file


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "There is no weights file"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.touch(), "is empty"),
    ],
    ids=["missing", "folder", "empty"],
)
def test_a_file_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "net.pth"
    make(path)
    with pytest.raises(WeightsError, match=words):
        obtain(backbone("squeezenet1_1"), source="file", file=str(path))
    with pytest.raises(WeightsError, match=words):
        read_state_dict(path)


# --- reading a file -------------------------------------------------------------------------------


def same(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_both_file_formats_give_the_same_tensors(tmp_path: Path, squeezenet: State) -> None:
    torch.save(squeezenet, tmp_path / "new.pth")
    torch.save(squeezenet, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save_file(squeezenet, tmp_path / "net.SafeTensors")
    for file in tmp_path.iterdir():
        assert same(read_state_dict(file), squeezenet), file.name


def test_a_checkpoint_around_the_weights_and_module_prefixes_are_taken_off(
    tmp_path: Path, squeezenet: State
) -> None:
    file = tmp_path / "checkpoint.pth"
    parallel = {f"module.{name}": value for name, value in squeezenet.items()}
    for checkpoint in (
        {"state_dict": squeezenet, "epoch": 3, "optimizer": {"lr": 0.1}},
        {"model": squeezenet, "epoch": 3},
        {"state_dict": parallel},
        parallel,
        {name: nn.Parameter(value) for name, value in squeezenet.items()},
    ):
        torch.save(checkpoint, file)
        read = read_state_dict(file)
        assert same(read, squeezenet)
        assert not any(value.requires_grad for value in read.values())


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_a_hostile_pickle_is_refused_and_nothing_is_executed(tmp_path: Path, form: str) -> None:
    trap, file = tmp_path / "trap", tmp_path / "net.pth"
    content = {"state_dict": {"weight": torch.zeros(2)}, "extra": Hostile(trap)}
    if form == "pickle":
        file.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(WeightsError) as caught:
        read_state_dict(file)
    assert not trap.exists()
    assert caught.value.hint
    if form != "pickle":
        assert "It was not opened" in caught.value.message
        pickled = file.read_bytes()
        assert b"mkdir" in pickled, "the trap is in the file"


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, squeezenet: State, name: str) -> None:
    file = tmp_path / name
    small = {key: squeezenet[key] for key in list(squeezenet)[:4]}
    if name.endswith("pth"):
        torch.save(small, file)
    else:
        save_file(small, file)
    whole = file.read_bytes()
    for length in range(1, len(whole), max(1, len(whole) // 60)):
        file.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            read_state_dict(file)


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
@pytest.mark.parametrize(
    "content",
    [
        b"<html>Please sign in</html>",
        b"\0" * 5000,
        bytes(range(7, 256, 3)) * 60,
        b"PK\3\4",
        b"\x80",
    ],
)
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="is damaged or is not a weights file"):
        read_state_dict(file)


@pytest.mark.parametrize(
    "content",
    [
        {"epoch": 3, "accuracy": 0.9},
        {},
        {"state_dict": {}},
        [1, 2],
        torch.zeros(3),
        {"weight": torch.zeros(2), "epoch": 1},
        {1: torch.zeros(2)},
        {"weight": torch.zeros(2, 2).to_sparse()},
        3,
    ],
    ids=[
        "other",
        "empty",
        "wrapped-empty",
        "list",
        "tensor",
        "mixed",
        "unnamed",
        "sparse",
        "number",
    ],
)
@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
def test_a_file_with_other_things_than_weights_is_refused(tmp_path: Path, content: Any) -> None:
    file = tmp_path / "net.pth"
    torch.save(content, file)
    with pytest.raises(WeightsError, match="does not hold the weights of a network"):
        read_state_dict(file)


# --- into the network -----------------------------------------------------------------------------


def load(identifier: str, state: State, head: HeadSpec | None = None) -> State:
    """The state of a new network with 3 classes after `state` was loaded into it."""
    torch.manual_seed(9)
    network = build_network(backbone(identifier), 3, head or HeadSpec())
    load_backbone(network, backbone(identifier), state)
    result: State = network.network.state_dict()
    return result


@pytest.mark.parametrize("identifier", ["squeezenet1_1", "mobilenet_v2"])
@pytest.mark.parametrize("hidden", [None, 8])
def test_everything_but_the_head_is_loaded(identifier: str, hidden: int | None) -> None:
    state = state_of(identifier)
    head = HeadSpec(hidden=hidden)
    torch.manual_seed(9)
    fresh = build_network(backbone(identifier), 3, head).network.state_dict()
    for name, value in load(identifier, state, head).items():
        source = fresh if name.startswith("classifier.1.") else state
        assert torch.equal(value, source[name]), name


def test_the_heads_own_weights_do_not_matter_whatever_they_are(squeezenet: State) -> None:
    without = {k: v for k, v in squeezenet.items() if not k.startswith("classifier")}
    odd = without | {"classifier.1.weight": torch.full((2, 2), torch.nan)}
    assert same(load("squeezenet1_1", without), load("squeezenet1_1", odd))


def test_half_precision_and_files_without_counters_are_loaded() -> None:
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in state_of("mobilenet_v2").items()
        if not name.endswith("num_batches_tracked")
    }
    loaded = load("mobilenet_v2", state)
    assert loaded["features.0.0.weight"].dtype == torch.float32
    assert torch.equal(loaded["features.0.0.weight"], state["features.0.0.weight"].float())


@pytest.mark.parametrize(
    ("given", "asked", "name"),
    [
        ("resnet34", "mobilenet_v2", "ResNet-34"),
        ("resnet18", "resnet34", "ResNet-18"),
        ("resnet34", "resnet18", "ResNet-34"),
        ("resnet50", "wide_resnet50_2", "ResNet-50"),
        ("squeezenet1_0", "squeezenet1_1", "SqueezeNet 1.0"),
        ("mobilenet_v3_small", "mobilenet_v3_large", "MobileNetV3 Small"),
        ("efficientnet_b1", "efficientnet_b0", "EfficientNet-B1"),
    ],
)
def test_weights_of_another_network_are_called_by_their_name(
    given: str, asked: str, name: str
) -> None:
    with torch.device("meta"):
        state = get_model(given, weights=None, num_classes=4).state_dict()
    with pytest.raises(WeightsError) as caught:
        load(asked, state)
    assert caught.value.message == f"These are weights of {name}, not of {backbone(asked).name}."
    assert name in caught.value.hint


def half(state: State) -> State:
    return dict(list(state.items())[::2])


def wrong_shape(state: State) -> State:
    return state | {"features.3.squeeze.weight": torch.zeros(1, 2)}


def with_more(state: State) -> State:
    return state | {"features.99.weight": torch.zeros(1)}


def whole_numbers(state: State) -> State:
    return state | {"features.0.weight": state["features.0.weight"].to(torch.int8)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (half, "of its 50 tensors are missing, the first is features."),
        (wrong_shape, r"features.3.squeeze.weight has the shape \[1, 2\] and not"),
        (with_more, r"it has no place for features.99.weight \(1 such"),
        (whole_numbers, "features.0.weight is not stored as floating-point numbers"),
        (lambda state: {"x": torch.zeros(3)}, "none of its 50 tensors is in the file"),
    ],
)
def test_weights_of_no_known_network_are_told_what_does_not_fit(
    squeezenet: State, change: Callable[[State], State], words: str
) -> None:
    with pytest.raises(WeightsError, match=words):
        load("squeezenet1_1", change(squeezenet))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_not_numbers_are_refused_and_change_nothing(
    squeezenet: State, value: float
) -> None:
    broken = dict(squeezenet)
    name = list(broken)[-3]
    broken[name] = broken[name].clone()
    broken[name].view(-1)[-1] = value
    network = build_network(backbone("squeezenet1_1"), 3, HeadSpec())
    before = {key: tensor.clone() for key, tensor in network.network.state_dict().items()}
    with pytest.raises(WeightsError, match=f"{name} holds values that are not numbers"):
        load_backbone(network, backbone("squeezenet1_1"), broken)
    assert same(before, network.network.state_dict())


@pytest.mark.parametrize("identifier", ["mobilenet_v2", "squeezenet1_1"])
def test_real_weights_load_and_give_torchvisions_features(data: Path, identifier: str) -> None:
    file = data / "weights" / f"{identifier}.pth"
    staged = build_network(backbone(identifier), 2, HeadSpec())
    load_backbone(staged, backbone(identifier), read_state_dict(file))
    reference = get_model(identifier, weights=None)
    reference.load_state_dict(torch.load(file, weights_only=True), strict=True)
    pictures = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    staged.replace_head(reference.get_submodule(staged.head_site.path))
    with torch.no_grad():
        assert torch.equal(staged.eval()(pictures), reference.eval()(pictures))
