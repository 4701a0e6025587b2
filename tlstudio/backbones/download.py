"""Owns how a published weights file comes over the network: cancellable, checked, whole."""

from __future__ import annotations

import hashlib
import http.client
import queue
import ssl
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from tlstudio.errors import WeightsError
from tlstudio.projects.atomic import replacing
from tlstudio.tasks import Meter, Progress, Task

_CHUNK = 256 * 1024
_SILENCE = 30.0  # seconds without an answer after which the server counts as gone
_POLL = 0.05  # seconds between two looks at what has arrived: twenty events a second at most

_HINT = "Check the network and try again, or give a weights file that you already have."


def download(url: str, target: Path, size: int, sha256_prefix: str) -> Task[None]:
    """Fetches `url` into `target`, which appears only when it is complete and its hash is right.

    `size` in bytes is shown until the server says its own. Closing the task removes what has
    arrived. Raises `WeightsError` for the network's failures and `StorageError` for the disk's.
    """
    with replacing(target) as temporary:
        found = yield from _receive(url, temporary, size)
        if not found.startswith(sha256_prefix):
            raise WeightsError(
                f"What {_host(url)} sent is not the published file: its SHA-256 starts with "
                f"{found[: len(sha256_prefix)]} and not with {sha256_prefix}.",
                "A sign-in page of your network may be in the way. Try again, or give a weights "
                "file that you already have.",
            )


def _receive(url: str, file: Path, size: int) -> Task[str]:
    """Writes what arrives to `file` and returns its SHA-256 in hexadecimal."""
    reader = _Reader(url)
    reader.start()
    digest, done, total = hashlib.sha256(), 0, size
    meter = Meter("weights", total, "bytes")
    try:
        with file.open("wb") as out:
            while True:
                yield from meter.at(done)
                try:
                    item = reader.items.get(timeout=_POLL)
                except queue.Empty:
                    continue
                if isinstance(item, bytes):
                    out.write(item)
                    digest.update(item)
                    done += len(item)
                elif isinstance(item, int):
                    total = item
                    meter = Meter("weights", total, "bytes")
                elif isinstance(item, Exception):
                    raise _explained(item, url, done) from item
                else:
                    break
    finally:
        reader.stopped.set()
    # http.client ends a body of known length quietly when the connection breaks.
    if total and done < total:
        raise _cut(url, done)
    yield Progress(phase="weights", done=done, total=done, unit="bytes")
    return digest.hexdigest()


class _Reader(threading.Thread):
    """Reads a URL and hands over its length (0 if unknown), its bytes, then None or an error.

    Looking up a name, connecting and reading can each block for long and can't be interrupted;
    here they hold up nobody. A stopped reader is not waited for: it writes no file, and it ends
    with its next byte or when the server has been silent for too long.
    """

    def __init__(self, url: str) -> None:
        super().__init__(name="weights-download", daemon=True)
        self.items: queue.Queue[int | bytes | Exception | None] = queue.Queue(maxsize=16)
        self.stopped = threading.Event()
        self._url = url

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
        # Only addresses of our own catalogue come here.
        agent = {"User-Agent": "TL Studio"}
        request = urllib.request.Request(self._url, headers=agent)  # noqa: S310
        with urllib.request.urlopen(request, timeout=_SILENCE) as response:  # noqa: S310
            self._hand_over(response.length or 0)
            while not self.stopped.is_set() and (chunk := response.read1(_CHUNK)):
                self._hand_over(chunk)

    def _hand_over(self, item: int | bytes | Exception | None) -> None:
        while not self.stopped.is_set():
            try:
                self.items.put(item, timeout=0.2)
            except queue.Full:
                continue
            return


def _explained(error: Exception, url: str, done: int) -> Exception:
    """The sentence for what went wrong on the network; other errors are returned as they are."""
    host = _host(url)
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(error, urllib.error.HTTPError):
        return _refused(error, url)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return WeightsError(
            f"The connection to {host} is not trusted: {reason.verify_message}.",
            "Your network may look into connections; ask whoever runs it, or give a weights file.",
        )
    if isinstance(reason, TimeoutError):
        return WeightsError(f"{host} stopped answering.", _HINT)
    if isinstance(reason, http.client.HTTPException | ConnectionResetError) or done:
        return _cut(url, done)
    if isinstance(reason, OSError | str):
        return WeightsError(
            f"{host} can't be reached: there is no network, or it does not let this through.", _HINT
        )
    return error


def _refused(error: urllib.error.HTTPError, url: str) -> WeightsError:
    if error.code == http.client.NOT_FOUND:
        return WeightsError(
            f"The weights are not at their published address any more ({url}).",
            "Give a weights file that you already have, or update TL Studio.",
        )
    return WeightsError(
        f"{_host(url)} did not send the weights ({error.code} {error.reason}).", _HINT
    )


def _cut(url: str, done: int) -> WeightsError:
    return WeightsError(
        f"The connection to {_host(url)} was cut after {done / 1e6:.1f} MB of the weights.", _HINT
    )


def _host(url: str) -> str:
    return urlsplit(url).netloc
