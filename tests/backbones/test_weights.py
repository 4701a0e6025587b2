"""Weights are looked for where they may lie, checked, and downloaded only where that is allowed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from tlstudio.backbones import weights as module
from tlstudio.backbones.catalogue import RECOMMENDED, Backbone, Weights, backbone, catalogue
from tlstudio.backbones.weights import default_backbone, obtain_weights, weights_state
from tlstudio.errors import WeightsError
from tlstudio.jobs import WeightsSpec
from tlstudio.projects.places import weights_folder
from tlstudio.tasks import Event, Logged, Progress, drive

BODY = b"weights" * 50_000


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


def obtain(
    entry: Backbone, *, download: bool = True, **spec: Any
) -> tuple[Path | None, list[Event]]:
    events: list[Event] = []
    task = obtain_weights(entry, WeightsSpec(**spec), download=download)
    return drive(task, events.append), events


def test_nothing_is_downloaded_unless_it_was_asked_for(hub: Path, server: str) -> None:
    entry = entry_at(server)
    with pytest.raises(WeightsError, match="nothing is downloaded unless you ask") as caught:
        obtain(entry, download=False)
    for way in ("--download", "tlstudio weights download squeezenet1_1@IMAGENET1K_V1", "--weights"):
        assert way in caught.value.hint
    assert not weights_folder().exists()
    path, _ = obtain(entry)
    assert obtain(entry, download=False)[0] == path


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


def test_a_weights_file_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "my weights.pth"
    file.write_bytes(BODY)
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


@pytest.fixture
def with_bundled(monkeypatch: pytest.MonkeyPatch) -> Backbone:
    """A network that comes with the program, and nothing else on this computer."""
    bundled = entry_at("").model_copy(update={"id": "bundled"})
    own = bundled.weights[0].model_copy(update={"url": None, "top1": None, "top5": None})
    bundled = bundled.model_copy(update={"weights": (own,)})
    others = tuple(each for each in catalogue() if not each.bundled)
    monkeypatch.setattr(module, "catalogue", lambda: (*others, bundled))
    return bundled


def put(weights: Weights, folder: Path) -> None:
    """A file of the right name and size."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / weights.file).open("wb") as sparse:
        sparse.truncate(weights.bytes)


def test_without_better_weights_the_bundled_network_is_the_default(
    hub: Path, with_bundled: Backbone
) -> None:
    assert default_backbone() is with_bundled


def test_better_weights_on_this_computer_come_before_the_bundled_ones(
    hub: Path, with_bundled: Backbone
) -> None:
    put(backbone("squeezenet1_1").variant(), hub)
    assert default_backbone().id == "squeezenet1_1"
    put(backbone(RECOMMENDED).variant(), weights_folder())
    assert default_backbone().id == RECOMMENDED


def test_weights_without_commercial_use_are_never_the_default(
    hub: Path, with_bundled: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = backbone("resnet18")
    closed = entry.weights[0].model_copy(update={"commercial": False})
    put(closed, hub)
    entry = entry.model_copy(update={"weights": (closed,)})
    monkeypatch.setattr(module, "catalogue", lambda: (entry, with_bundled))
    assert default_backbone() is with_bundled
