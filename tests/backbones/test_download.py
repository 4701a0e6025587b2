"""A download arrives whole and right, or leaves nothing and says why (with a server of our own)."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import io
import itertools
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tlstudio.backbones import download as module
from tlstudio.backbones import transfer
from tlstudio.backbones.download import download
from tlstudio.backbones.transfer import InterruptionError
from tlstudio.errors import Cancelled, StorageError, TLStudioError, WeightsError
from tlstudio.tasks import Control, Event, Logged, Progress, drive

BODY = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `BODY` in the way that the last part of the address names; `asked` tells for each
    request from which byte on it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.go_on = threading.Event()
        self.asked: list[int] = []
        self.conditions: list[str | None] = []
        self.requests: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is what these tests are about."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def url(self, way: str) -> str:
        return f"http://{self.address}/{way}"


class Handler(BaseHTTPRequestHandler):
    """Also a proxy that wants NAME and PASSWORD: an address of another host comes in full."""

    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(self.requestline)
        if self.path.startswith("http://") and not self._is_named():
            return
        way = urlsplit(self.path).path.strip("/")
        self.start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.server.asked.append(self.start)
        self.server.conditions.append(self.headers.get("If-Range"))
        getattr(self, way)()

    def do_CONNECT(self) -> None:
        self.server.requests.append(self.requestline)
        if self._is_named():
            self.send_error(403, "Not allowed here")

    def _is_named(self) -> bool:
        expected = "Basic " + base64.b64encode(b"ada:l:ve").decode()
        named = self.headers.get("Proxy-Authorization") == expected
        if not named:
            self.send_response(407)
            self.send_header("Proxy-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
        return named

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the tests look at what the client says."""

    def _head(self, length: int | None = len(BODY), status: int = 200, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def _rest(self, **headers: str) -> bytes:
        """Answers a request for a part; what is to be sent."""
        rest = BODY[self.start :]
        if self.start:
            place = f"bytes {self.start}-{len(BODY) - 1}/{len(BODY)}"
            self._head(len(rest), 206, Content_Range=place, **headers)
        else:
            self._head(**headers)
        return rest

    def ok(self) -> None:
        self.wfile.write(self._rest())

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

    def unavailable_at_first(self) -> None:
        if len(self.server.asked) < 3:
            self.unavailable()
        else:
            self.ok()

    def wrong_bytes(self) -> None:
        self._head()
        self.wfile.write(BODY[::-1])

    def endless(self) -> None:
        self._head(None)
        with contextlib.suppress(OSError):
            while not self.server.go_on.is_set():
                self.wfile.write(BODY)

    def page(self) -> None:
        self._page(b"Please sign in", "text/html; charset=utf-8")

    def page_of_no_type(self) -> None:
        self._page(b"\r\n<!DOCTYPE html><html>Please sign in</html>", "application/octet-stream")

    def _page(self, page: bytes, kind: str) -> None:
        self._head(len(page), Content_Type=kind)
        self.wfile.write(page)

    def sign_in_first(self) -> None:
        self._head(0, 511)

    def cut(self) -> None:
        """300,000 bytes with each connection."""
        self.wfile.write(self._rest(ETag='"a"')[:300_000])

    def cut_and_never_continued(self) -> None:
        self._head()
        self.wfile.write(BODY[:300_000])

    def cut_once_and_then_whole(self) -> None:
        """A server that knows no parts."""
        self._head()
        self.wfile.write(BODY[: 300_000 if len(self.server.asked) == 1 else None])

    def other_place(self) -> None:
        self._head(10, 206, Content_Range=f"bytes 7-16/{len(BODY)}")
        self.wfile.write(BODY[7:17])

    def nothing_more(self) -> None:
        if self.start:
            self._head(0, 416)
        else:
            self.ok()

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


def interruption(url: str, target: Path) -> TLStudioError:
    """The same for a failure after which the download can be continued another time."""
    with pytest.raises(InterruptionError) as caught:
        fetch(url, target)
    assert caught.value.hint
    assert not target.exists()
    return caught.value


def kept(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSES", (0.0,) * 3)


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
    assert all(event.phase == "download" and event.unit == "bytes" for event in progress)
    counts = [event.done for event in progress]
    assert counts == sorted(counts)
    assert counts[-1] == len(BODY)
    assert progress[-1].total == len(BODY)


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("missing", "not at their published address"),
        ("unavailable", "503"),
        ("wrong_bytes", "is not the published file: its SHA-256"),
        ("endless", "is not the published file: it is larger"),
        ("other_place", "does not begin where it was asked to"),
        ("page", "sent a web page"),
        ("page_of_no_type", "sent a web page"),
        ("sign_in_first", "sent a web page"),
        ("reset", "was cut"),
    ],
)
def test_a_failed_download_says_why_and_leaves_nothing(
    server: Server, tmp_path: Path, way: str, words: str
) -> None:
    error = failure(server.url(way), tmp_path / "net.pth")
    assert isinstance(error, WeightsError)
    assert words in error.message


@pytest.mark.parametrize(
    ("way", "asked"),
    [
        ("cut", [0, 300_000, 600_000, 900_000]),
        ("cut_once_and_then_whole", [0, 300_000]),
        ("unavailable_at_first", [0, 0, 0]),
    ],
)
def test_a_connection_that_is_cut_is_taken_up_again(
    server: Server, tmp_path: Path, way: str, asked: list[int]
) -> None:
    target = tmp_path / "net.pth"
    events = fetch(server.url(way), target)
    assert target.read_bytes() == BODY
    assert server.asked == asked
    assert [event for event in events if isinstance(event, Logged)]
    if way == "cut":
        assert server.conditions == [None, *['"a"'] * 3], "the file must be the same one"
    assert [path.name for path in tmp_path.iterdir()] == ["net.pth"]


def test_a_server_that_brings_nothing_more_is_given_up_and_what_came_is_continued_later(
    server: Server, tmp_path: Path
) -> None:
    target = tmp_path / "net.pth"
    error = interruption(server.url("cut_and_never_continued"), target)
    assert "was cut after 0.3 MB" in error.message
    assert len(server.asked) == 4
    assert kept(target).read_bytes() == BODY[:300_000]
    assert len(list(tmp_path.iterdir())) == 1
    events = fetch(server.url("ok"), target)
    assert server.asked[-1] == 300_000
    assert target.read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["net.pth"]
    counts = [event.done for event in events if isinstance(event, Progress)]
    assert min(counts) >= 300_000, "what was there counts from the start"


@pytest.mark.parametrize(
    ("way", "asked"), [("ok", [5000, 0]), ("no_length", [5000]), ("nothing_more", [5000, 0])]
)
def test_a_beginning_of_another_file_is_not_built_upon(
    server: Server, tmp_path: Path, way: str, asked: list[int]
) -> None:
    target = tmp_path / "net.pth"
    kept(target).write_bytes(b"?" * 5000)
    fetch(server.url(way), target)
    assert target.read_bytes() == BODY
    assert server.asked == asked
    assert [path.name for path in tmp_path.iterdir()] == ["net.pth"]


def test_what_was_kept_goes_when_the_next_failure_is_of_another_kind(
    server: Server, tmp_path: Path
) -> None:
    target = tmp_path / "net.pth"
    kept(target).write_bytes(BODY[:5000])
    failure(server.url("missing"), target)
    assert not kept(target).exists()


def test_what_nobody_continued_for_long_is_removed(server: Server, tmp_path: Path) -> None:
    for name, age in ((".old.pth.part", 8), (".new.pth.part", 6)):
        (tmp_path / name).write_bytes(b"x")
        then = time.time() - age * 24 * 3600
        os.utime(tmp_path / name, (then, then))
    fetch(server.url("ok"), tmp_path / "net.pth")
    assert {path.name for path in tmp_path.iterdir()} == {"net.pth", ".new.pth.part"}


def test_no_network_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/net.pth"
        assert "can't be reached" in failure(url, tmp_path / "net.pth").message
    unknown = failure("http://no-such-host.invalid/net.pth", tmp_path / "net.pth")
    assert "no-such-host.invalid can't be reached" in unknown.message


def test_a_server_that_stops_answering_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_SILENCE", 0.2)
    error = failure(server.url("silent"), tmp_path / "net.pth")
    assert "stopped answering" in error.message
    assert len(server.asked) == 1, "nothing has come: the user should know at once"
    error = interruption(server.url("stalls"), tmp_path / "net.pth")
    assert "stopped answering" in error.message
    assert len(server.asked) > 2


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


class FullDisk(io.FileIO):
    """A file on a disk on which only half of the body has room."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > len(BODY) // 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def test_a_disk_that_fills_up_is_a_sentence_and_leaves_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_a_full_disk(path: Path, mode: str) -> FullDisk:
        return FullDisk(path, mode)

    monkeypatch.setattr(Path, "open", on_a_full_disk)
    error = failure(server.url("ok"), tmp_path / "net.pth")
    assert isinstance(error, StorageError)
    assert "the disk is full" in error.message


def test_an_older_file_stays_when_its_replacement_fails(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "net.pth"
    target.write_bytes(b"older")
    with pytest.raises(WeightsError):
        fetch(server.url("wrong_bytes"), target)
    assert target.read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 1


# --- between this computer and the server ---------------------------------------------------------


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the server as the proxy of both kinds, asked with this name and password."""
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def use(user: str) -> None:
        monkeypatch.setenv("HTTP_PROXY", f"http://{user}{server.address}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://{user}{server.address}")

    return use


def test_a_proxy_that_knows_the_name_and_password_is_gone_through(
    server: Server, proxy: Callable[[str], None], tmp_path: Path
) -> None:
    proxy("ada:l%3Ave@")
    fetch("http://weights.invalid/ok", tmp_path / "net.pth")
    assert server.requests == ["GET http://weights.invalid/ok HTTP/1.1"]
    assert (tmp_path / "net.pth").read_bytes() == BODY


@pytest.mark.parametrize("kind", ["http", "https"])
@pytest.mark.parametrize(
    ("user", "words"),
    [("", "asks for a name and password"), ("ada:wrong@", "does not accept the name and password")],
)
def test_a_proxy_that_wants_a_password_says_how_to_give_it(
    server: Server,
    proxy: Callable[[str], None],
    tmp_path: Path,
    kind: str,
    user: str,
    words: str,
) -> None:
    proxy(user)
    error = failure(f"{kind}://weights.invalid/ok", tmp_path / "net.pth")
    assert f"The proxy {server.address} {words}" in error.message
    assert f"{kind.upper()}_PROXY to http://NAME:PASSWORD@{server.address}" in error.hint
    assert "wrong" not in str(error), "a password is shown to nobody"


def test_a_proxy_that_does_not_let_it_through_is_told_from_no_network(
    server: Server, proxy: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy("ada:l%3Ave@")
    url, target = "https://weights.invalid/ok", tmp_path / "net.pth"
    assert (
        "does not let the weights of weights.invalid through (403" in failure(url, target).message
    )
    for setting, words in {
        "http://ada:l@no-such-proxy.invalid:3128/": "through the proxy no-such-proxy.invalid:3128:",
        "http://proxy:port": "is not an address",
        "socks5://no-such-proxy.invalid:1080": "no-such-proxy.invalid:1080 speaks SOCKS",
    }.items():
        monkeypatch.setenv("HTTPS_PROXY", setting)
        assert words in failure(url, target).message
    monkeypatch.setenv("NO_PROXY", "weights.invalid")
    assert "proxy" not in failure(url, target).message


OPENSSL = shutil.which("openssl")


@pytest.mark.skipif(OPENSSL is None, reason="openssl makes the certificate")
def test_a_certificate_that_nobody_vouches_for_is_refused(server: Server, tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    made = ["-newkey", "rsa:2048", "-nodes", "-keyout", certificate, "-out", certificate]
    named = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([str(OPENSSL), "req", "-x509", *made, *named], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    error = failure(f"https://{server.address}/ok", tmp_path / "weights" / "net.pth")
    assert "is not trusted" in error.message
    assert server.asked == []
