"""A download arrives whole and right, or leaves nothing and says why (with a server of our own)."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tlstudio.backbones import download as module
from tlstudio.backbones.download import download
from tlstudio.errors import Cancelled, StorageError, TLStudioError, WeightsError
from tlstudio.projects.atomic import replacing
from tlstudio.tasks import Control, Event, Progress, drive

BODY = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `BODY` in the way that the last part of the address names."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.go_on = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is what these tests are about."""

    def url(self, way: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{way}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        getattr(self, self.path.strip("/"))()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the tests look at what the client says."""

    def _head(self, length: int | None = len(BODY), status: int = 200) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def ok(self) -> None:
        self._head()
        self.wfile.write(BODY)

    def no_length(self) -> None:
        self._head(None)
        self.wfile.write(BODY)

    def moved(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/ok")
        self.end_headers()

    def missing(self) -> None:
        self._head(0, 404)

    def unavailable(self) -> None:
        self._head(0, 503)

    def wrong_bytes(self) -> None:
        self._head()
        self.wfile.write(BODY[::-1])

    def sign_in_page(self) -> None:
        page = b"<html>Please sign in</html>"
        self._head(len(page))
        self.wfile.write(page)

    def cut(self) -> None:
        self._head()
        self.wfile.write(BODY[:300_000])

    def reset(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def stalls(self) -> None:
        """Half of the file, and the rest when the test says so."""
        self._head()
        self.wfile.write(BODY[: len(BODY) // 2])
        self.server.go_on.wait(20)
        self.wfile.write(BODY[len(BODY) // 2 :])

    def silent(self) -> None:
        """Not even a status line."""
        self.server.go_on.wait(20)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()
    for reader in readers():
        reader.join(5)
        assert not reader.is_alive(), "a reader outlived its server"


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "weights-download"]


def fetch(url: str, target: Path, sha256_prefix: str = SHA256[:8]) -> list[Event]:
    events: list[Event] = []
    drive(download(url, target, len(BODY), sha256_prefix), events.append)
    return events


def failure(url: str, target: Path) -> TLStudioError:
    """What the user is told; checks that nothing is left in the folder."""
    with pytest.raises(TLStudioError) as caught:
        fetch(url, target)
    assert caught.value.hint
    assert list(target.parent.iterdir()) == []
    return caught.value


@pytest.mark.parametrize("way", ["ok", "no_length", "moved"])
def test_a_file_arrives_whole_and_says_how_far_it_is(
    server: Server, tmp_path: Path, way: str
) -> None:
    target = tmp_path / "weights" / "net.pth"
    events = fetch(server.url(way), target)
    assert target.read_bytes() == BODY
    assert [path.name for path in target.parent.iterdir()] == ["net.pth"]
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress == events
    assert all(event.phase == "weights" and event.unit == "bytes" for event in progress)
    counts = [event.done for event in progress]
    assert counts == sorted(counts)
    assert counts[-1] == len(BODY)
    assert progress[-1].total == len(BODY)


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("missing", "not at their published address"),
        ("unavailable", "503"),
        ("wrong_bytes", "is not the published file"),
        ("sign_in_page", "is not the published file"),
        ("cut", "was cut after 0.3 MB"),
        ("reset", "was cut"),
    ],
)
def test_a_failed_download_says_why_and_leaves_nothing(
    server: Server, tmp_path: Path, way: str, words: str
) -> None:
    error = failure(server.url(way), tmp_path / "net.pth")
    assert isinstance(error, WeightsError)
    assert words in error.message


def test_no_network_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/net.pth"
        assert "can't be reached" in failure(url, tmp_path / "net.pth").message
    unknown = failure("http://no-such-host.invalid/net.pth", tmp_path / "net.pth")
    assert "no-such-host.invalid can't be reached" in unknown.message


@pytest.mark.parametrize("way", ["stalls", "silent"])
def test_a_server_that_stops_answering_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(module, "_SILENCE", 0.3)
    assert "stopped answering" in failure(server.url(way), tmp_path / "net.pth").message


@pytest.mark.parametrize("way", ["stalls", "silent"])
def test_a_stalled_download_still_reports_and_can_be_cancelled_at_once(
    server: Server, tmp_path: Path, way: str
) -> None:
    control = Control()
    seen: list[float] = []

    def listen(event: Event) -> None:
        seen.append(time.monotonic())
        if len(seen) == 12:
            control.cancel()

    with pytest.raises(Cancelled):
        drive(download(server.url(way), tmp_path / "net.pth", len(BODY), SHA256), listen, control)
    assert time.monotonic() - seen[-1] < 0.5
    # Ten events a second are asked for; a busy computer may be late, a blocked task would be by
    # seconds.
    pauses = sorted(later - earlier for earlier, later in itertools.pairwise(seen))
    assert pauses[len(pauses) // 2] < 0.2
    assert list(tmp_path.iterdir()) == []


def test_a_slow_download_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "net.pth"
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Progress) and event.done == len(BODY) // 2:
            server.go_on.set()

    drive(download(server.url("stalls"), target, len(BODY), SHA256[:8]), listen)
    assert target.read_bytes() == BODY


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's disk that is always full")
def test_a_full_disk_is_a_sentence_and_leaves_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def on_a_full_disk(path: Path) -> Iterator[Path]:
        with replacing(path):
            yield Path("/dev/full")

    monkeypatch.setattr(module, "replacing", on_a_full_disk)
    error = failure(server.url("ok"), tmp_path / "net.pth")
    assert isinstance(error, StorageError)
    assert "the disk is full" in error.message


def test_an_older_file_stays_when_its_replacement_fails(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "net.pth"
    target.write_bytes(b"older")
    with pytest.raises(WeightsError):
        fetch(server.url("cut"), target)
    assert target.read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 1
