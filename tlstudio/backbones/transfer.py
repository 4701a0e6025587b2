"""Owns one request for a file on the network: the thread that reads it, and words for failures."""

from __future__ import annotations

import http.client
import queue
import re
import ssl
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

import truststore

from tlstudio.errors import WeightsError

_CHUNK = 256 * 1024
_SILENCE = 30.0  # seconds without an answer after which the server counts as gone

_HINT = "Check the network and try again, or give a weights file that you already have."
_PORTAL_HINT = (
    "Your network may want you to sign in: open any page in a browser, then try again. Or give a "
    "weights file that you already have."
)


class InterruptionError(WeightsError):
    """The network failed, and the rest may still come: `again` says whether to ask at once."""

    def __init__(self, message: str, hint: str = _HINT, *, again: bool = True) -> None:
        super().__init__(message, hint)
        self.again = again


@dataclass(frozen=True)
class Answer:
    """What a server says before the bytes: the first one's place in the file, the file's length
    (0 if unknown), and what names this version of the file, if it has a name."""

    start: int
    total: int
    etag: str | None


Item = Answer | bytes | Exception | None


class Reader(threading.Thread):
    """Reads a URL from byte `start` on and hands over an `Answer`, bytes, then None or an error.

    Looking up a name, connecting and reading can each block for long and can't be interrupted;
    here they hold up nobody. A stopped reader is not waited for: it writes no file, and it ends
    with its next byte or when the server has been silent for too long.
    """

    def __init__(self, url: str, start: int = 0, etag: str | None = None) -> None:
        super().__init__(name="weights-download", daemon=True)
        self.items: queue.Queue[Item] = queue.Queue(maxsize=16)
        self.stopped = threading.Event()
        self._url = url
        self._headers = {"User-Agent": "TL Studio"}
        if start:
            self._headers["Range"] = f"bytes={start}-"
            if etag:
                self._headers["If-Range"] = etag

    def run(self) -> None:
        try:
            self._read()
        except urllib.error.HTTPError as error:
            error.close()
            self._hand_over(error)
        except Exception as error:  # the task decides what it means; a lost one would hang it
            self._hand_over(error)
        else:
            self._hand_over(None)

    def _read(self) -> None:
        # Only addresses of our own catalogue come here. The system's certificates are those that
        # a network which looks into connections has told this computer to trust.
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        request = urllib.request.Request(self._url, headers=self._headers)  # noqa: S310
        with opener.open(request, timeout=_SILENCE) as response:
            self._hand_over(_answer(response, self._url))
            while not self.stopped.is_set() and (chunk := response.read1(_CHUNK)):
                self._hand_over(chunk)

    def _hand_over(self, item: Item) -> None:
        while not self.stopped.is_set():
            try:
                self.items.put(item, timeout=0.2)
            except queue.Full:
                continue
            return


def _answer(response: http.client.HTTPResponse, url: str) -> Answer:
    if response.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise web_page(url)
    start = 0
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        place = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if place is None:
            raise http.client.HTTPException("a part of a file without its place")
        start = int(place[1])
    etag = response.headers.get("ETag", "")
    return Answer(
        start=start,
        total=start + response.length if response.length else 0,
        etag=etag if etag.startswith('"') else None,  # a weak one does not vouch for every byte
    )


# --- what went wrong ------------------------------------------------------------------------------


def web_page(url: str) -> WeightsError:
    return WeightsError(f"In place of the weights, {host_of(url)} sent a web page.", _PORTAL_HINT)


def cut(url: str, done: int) -> InterruptionError:
    return InterruptionError(
        f"The connection to {host_of(url)} was cut after {done / 1e6:.1f} MB of the weights."
    )


def explained(error: Exception, url: str, done: int) -> Exception:
    """The sentence for what went wrong on the network; other errors are returned as they are.

    `done` is the number of bytes that this download has received.
    """
    host = host_of(url)
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    sentence: Exception = error
    match reason:
        case _ if isinstance(error, urllib.error.HTTPError):
            sentence = _refused(error, url)
        case ssl.SSLCertVerificationError():
            sentence = WeightsError(
                f"The connection to {host} is not trusted: {reason.verify_message}.",
                "A sign-in page of your network or a program that looks into connections may be in "
                "the way: ask whoever runs the network, or give a weights file that you have.",
            )
        case TimeoutError():
            sentence = InterruptionError(f"{host} stopped answering.", again=done > 0)
        case http.client.InvalidURL():
            sentence = WeightsError(
                "The proxy that is set on this computer is not an address.",
                "Correct HTTPS_PROXY and HTTP_PROXY: they look like http://proxy.example:3128.",
            )
        case http.client.HTTPException() | ConnectionResetError():
            sentence = cut(url, done)
        case OSError() | str():
            sentence = _unreachable(str(reason), url, again=done > 0)
    return sentence


def _unreachable(reason: str, url: str, *, again: bool) -> WeightsError:
    tunnel = re.match(r"Tunnel connection failed: (\d+) ?(.*)", reason)
    if tunnel is not None:
        return _refused_by_proxy(int(tunnel[1]), tunnel[2], url)
    proxy = _Proxy.of(url)
    if proxy is not None and proxy.socks:
        return InterruptionError(
            f"The proxy {proxy.address} speaks SOCKS, which TL Studio does not.",
            "Set HTTPS_PROXY to a proxy that speaks HTTP, or give a weights file that you have.",
            again=False,
        )
    through = f" through the proxy {proxy.address}" if proxy else ""
    return InterruptionError(
        f"{host_of(url)} can't be reached{through}: there is no network, or it does not let this "
        "through.",
        again=again,
    )


def _refused(error: urllib.error.HTTPError, url: str) -> WeightsError:
    match error.code:
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
            return WeightsError(
                f"The weights are not at their published address any more ({url}).",
                "Give a weights file that you already have, or update TL Studio.",
            )
        case HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return _refused_by_proxy(error.code, error.reason, url)
        case HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED:
            return web_page(url)
    message = f"{host_of(url)} did not send the weights ({error.code} {error.reason})."
    busy = error.code >= 500 or error.code in (
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,  # asked once more, for the whole file
    )
    return InterruptionError(message) if busy else WeightsError(message, _HINT)


def _refused_by_proxy(code: int, reason: str, url: str) -> WeightsError:
    proxy = _Proxy.of(url)
    address = proxy.address if proxy else "HOST:PORT"
    name = f"The proxy {address}" if proxy else "The proxy"
    if code != HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return WeightsError(
            f"{name} does not let the weights of {host_of(url)} through ({code} {reason}).",
            "Ask whoever runs the network, or give a weights file that you already have.",
        )
    kind = urlsplit(url).scheme.upper()
    named = proxy is not None and proxy.named
    return WeightsError(
        f"{name} {'does not accept the' if named else 'asks for a'} name and password.",
        f"Set the environment variable {kind}_PROXY to http://NAME:PASSWORD@{address} and start TL "
        "Studio again, or give a weights file that you already have.",
    )


@dataclass(frozen=True)
class _Proxy:
    """The proxy that a URL is asked through: its address without name and password."""

    address: str
    socks: bool
    named: bool

    @classmethod
    def of(cls, url: str) -> _Proxy | None:
        setting = urllib.request.getproxies().get(urlsplit(url).scheme)
        if not setting or urllib.request.proxy_bypass(host_of(url)):
            return None
        kind, _, rest = setting.rpartition("://")
        name, _, address = rest.rpartition("@")
        return cls(address.rstrip("/"), kind.startswith("socks"), bool(name))


def host_of(url: str) -> str:
    return urlsplit(url).netloc
