"""A pack carries weights to another computer whole, or is refused with nothing written."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tlstudio.backbones import packs, weights
from tlstudio.backbones.catalogue import Backbone, backbone
from tlstudio.errors import Cancelled, TLStudioError, UsageError, WeightsError
from tlstudio.jobs import DownloadWeights, PackWeights, UnpackWeights, WeightsName, WeightsResult
from tlstudio.projects.places import weights_folder
from tlstudio.tasks import Control, Event, Progress, Warned, drive

BODIES = {"resnet18": bytes(range(256)) * 4096, "resnet34": b"weights" * 300_000}
NAMES = tuple(WeightsName(backbone=name) for name in BODIES)


def made_entry(identifier: str, address: str) -> Backbone:
    """The catalogue's entry with a small file of our own as its only weights."""
    entry, body = backbone(identifier), BODIES[identifier]
    own = {
        "url": f"{address}/{identifier}.pth",
        "file": f"{identifier}.pth",
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest()[:8],
    }
    return entry.model_copy(update={"weights": (entry.weights[0].model_copy(update=own),)})


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the tests look at what the client says."""


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two networks of the catalogue whose weights lie on a server of this test."""
    folder = tmp_path / "served"
    folder.mkdir()
    for name, body in BODIES.items():
        (folder / f"{name}.pth").write_bytes(body)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{http.server_address[1]}"

        def find(name: str) -> Backbone:
            return made_entry(name, address) if name in BODIES else backbone(name)

        monkeypatch.setattr(weights, "backbone", find)
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        yield
        http.shutdown()
        thread.join()


@pytest.fixture
def packed(published: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pack of both, made on another computer than this one."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TLSTUDIO_HOME", str(tmp_path / "elsewhere"))
        file = tmp_path / "pack.zip"
        drive(packs.pack(PackWeights(weights=NAMES, file=str(file))), nothing)
    return file


def nothing(_event: Event) -> None:
    pass


def unpack(file: Path) -> tuple[WeightsResult, list[Event]]:
    events: list[Event] = []
    return drive(packs.unpack(UnpackWeights(file=str(file))), events.append), events


def refused(file: Path, words: str) -> TLStudioError:
    """The sentence; checks that nothing at all was put among the weights."""
    with pytest.raises(WeightsError, match=words) as caught:
        unpack(file)
    assert caught.value.hint
    assert not list(weights_folder().glob("*")) + list(weights_folder().glob(".*"))
    return caught.value


def rewritten(file: Path, change: Callable[[dict[str, bytes]], None], **how: Any) -> Path:
    """A pack whose files `change` has altered."""
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    change(content)
    with zipfile.ZipFile(file, "w", **how) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file


def with_manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, bytes]], None]:
    def changed(content: dict[str, bytes]) -> None:
        manifest = json.loads(content["manifest.json"])
        change(manifest)
        content["manifest.json"] = json.dumps(manifest).encode()

    return changed


# --- there and back -------------------------------------------------------------------------------


def test_weights_are_carried_to_a_computer_without_a_network(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "download_file", None)
    result, events = unpack(packed)
    for name, body in BODIES.items():
        assert (weights_folder() / f"{name}.pth").read_bytes() == body
    assert [(each.backbone, each.new) for each in result.weights] == [
        ("resnet18", True),
        ("resnet34", True),
    ]
    assert any(isinstance(event, Progress) for event in events)
    assert len(list(weights_folder().iterdir())) == 2


def test_a_pack_is_a_plain_zip_that_is_the_same_each_time(packed: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    drive(packs.pack(PackWeights(weights=NAMES[::-1] + NAMES, file=str(again))), nothing)
    with zipfile.ZipFile(packed) as one, zipfile.ZipFile(again) as other:
        assert all(info.compress_type == zipfile.ZIP_STORED for info in one.infolist())
        assert one.read("weights/resnet34.pth") == BODIES["resnet34"]
        assert {i.filename: i.CRC for i in one.infolist() if i.filename != "manifest.json"} == {
            i.filename: i.CRC for i in other.infolist() if i.filename != "manifest.json"
        }
        manifest = json.loads(one.read("manifest.json"))
        assert manifest["weights"][0]["sha256"] == hashlib.sha256(BODIES["resnet18"]).hexdigest()
        assert manifest["weights"][0]["licence"] == "BSD-3-Clause"
    before = packed.read_bytes()
    packed.unlink()
    drive(packs.pack(PackWeights(weights=NAMES, file=str(packed))), nothing)
    assert packed.read_bytes() == before


def test_what_is_there_already_stays_as_it_is(packed: Path) -> None:
    unpack(packed)
    file = weights_folder() / "resnet18.pth"
    (weights_folder() / "resnet34.pth").write_bytes(b"damaged since")
    before = file.stat().st_mtime_ns, file.stat().st_ino
    result, _ = unpack(packed)
    assert [each.new for each in result.weights] == [False, True]
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before
    assert (weights_folder() / "resnet34.pth").read_bytes() == BODIES["resnet34"]


def test_weights_are_downloaded_by_name_once(published: None) -> None:
    job = DownloadWeights(weights=NAMES)
    for new in (True, False):
        result = drive(weights.download_weights(job), nothing)
        assert [each.new for each in result.weights] == [new, new]
        assert Path(result.weights[0].file).read_bytes() == BODIES["resnet18"]
    with pytest.raises(UsageError, match="no backbone called 'resnet19'"):
        drive(
            weights.download_weights(DownloadWeights(weights=(WeightsName(backbone="resnet19"),))),
            nothing,
        )


# --- not made -------------------------------------------------------------------------------------


def test_a_pack_that_is_cancelled_or_fails_leaves_no_file(packed: Path, tmp_path: Path) -> None:
    control, target = Control(), tmp_path / "out" / "new.zip"

    def stop_once_begun(_event: Event) -> None:
        if target.parent.exists() and list(target.parent.iterdir()):
            control.cancel()

    job = PackWeights(weights=NAMES, file=str(target))
    with pytest.raises(Cancelled):
        drive(packs.pack(job), stop_once_begun, control)
    assert list(target.parent.iterdir()) == []


def test_a_pack_takes_no_other_files_place(packed: Path, tmp_path: Path) -> None:
    for name, words in ((str(packed), "is there already"), ("resnet50", "is a .zip file")):
        with pytest.raises(UsageError, match=words):
            drive(packs.pack(PackWeights(weights=NAMES, file=name)), nothing)


# --- refused --------------------------------------------------------------------------------------


def test_a_pack_cut_anywhere_is_refused(packed: Path) -> None:
    whole = packed.read_bytes()
    for length in range(1, len(whole), len(whole) // 20):
        packed.write_bytes(whole[:length])
        refused(packed, "incomplete or damaged|not a pack")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>Please sign in</html>", "is a web page"),
        (b"anything", "is not a pack"),
        (b"", "is empty"),
    ],
)
def test_a_file_that_is_no_pack_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "pack.zip"
    file.write_bytes(content)
    refused(file, words)


def swap(content: dict[str, bytes]) -> None:
    content["weights/resnet18.pth"] = BODIES["resnet18"][::-1]


def grow(content: dict[str, bytes]) -> None:
    content["weights/resnet18.pth"] = bytes(50_000_000)


def lose(content: dict[str, bytes]) -> None:
    del content["weights/resnet34.pth"]


def escape(content: dict[str, bytes]) -> None:
    content["../escaped.pth"] = content.pop("weights/resnet18.pth")


def strip(content: dict[str, bytes]) -> None:
    del content["manifest.json"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (swap, "is not the published file"),
        (grow, "is not the published file"),
        (lose, "is damaged"),
        (escape, "is damaged"),
        (strip, "is not a pack"),
        (lambda content: content.update({"manifest.json": b"{"}), "is not a pack"),
        (lambda content: content.update({"manifest.json": b"{}"}), "is not a pack"),
        (with_manifest(lambda m: m.update(format="other")), "is not a pack"),
        (with_manifest(lambda m: m.update(version=2)), "made by a newer version"),
        (with_manifest(lambda m: m["weights"][0].update(sha256="0" * 64)), "is not the published"),
    ],
)
def test_a_pack_that_does_not_hold_what_it_should_is_refused(
    packed: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None], words: str
) -> None:
    refused(rewritten(packed, change, compression=zipfile.ZIP_DEFLATED), words)
    assert not list(tmp_path.rglob("escaped.pth"))


def test_a_pack_that_lies_about_its_sizes_fills_no_disk(packed: Path) -> None:
    """The table says that the file is as long as it should be; unpacked it would be much longer."""
    rewritten(packed, grow, compression=zipfile.ZIP_DEFLATED)
    lie = len(BODIES["resnet18"]).to_bytes(4, "little")
    packed.write_bytes(packed.read_bytes().replace((50_000_000).to_bytes(4, "little"), lie))
    refused(packed, "is not the published file|is damaged")


def test_flipped_bits_are_found(packed: Path) -> None:
    whole = bytearray(packed.read_bytes())
    whole[len(BODIES["resnet18"]) // 2] ^= 1
    packed.write_bytes(whole)
    refused(packed, "is damaged")


def test_a_table_of_contents_with_flipped_bits_never_gives_a_wrong_file(packed: Path) -> None:
    whole = packed.read_bytes()
    table = whole.index(b"PK\1\2")
    for place in range(table, len(whole), 3):
        packed.write_bytes(whole[:place] + bytes([whole[place] ^ 0x81]) + whole[place + 1 :])
        with contextlib.suppress(WeightsError):
            unpack(packed)
        for file in weights_folder().glob("*"):
            assert file.read_bytes() == BODIES[file.stem]
            file.unlink()


def test_a_pack_with_a_password_is_refused(packed: Path) -> None:
    whole = packed.read_bytes()
    central = whole.index(b"PK\1\2")
    packed.write_bytes(whole[: central + 8] + b"\1" + whole[central + 9 :])
    refused(packed, "is damaged")


def test_weights_that_this_version_does_not_know_are_left_out_with_a_warning(packed: Path) -> None:
    changes: list[dict[str, str]] = [{"backbone": "resnet999"}, {"variant": "IMAGENET22K"}]
    for change in changes:
        rewritten(packed, with_manifest(lambda m, c=change: m["weights"][0].update(c)))
        result, events = unpack(packed)
        assert [each.backbone for each in result.weights] == ["resnet34"]
        warnings = [event.message for event in events if isinstance(event, Warned)]
        assert len(warnings) == 1
        assert next(iter(change.values())) in warnings[0]
