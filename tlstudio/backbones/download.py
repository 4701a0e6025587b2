"""Owns how a published weights file comes over the network: cancellable, continued, whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import tempfile
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError

from tlstudio.backbones.foreign_files import is_web_page
from tlstudio.backbones.transfer import (
    Answer,
    InterruptionError,
    Reader,
    cut,
    explained,
    host_of,
    web_page,
)
from tlstudio.errors import WeightsError
from tlstudio.projects.atomic import put_in_place, storage_errors
from tlstudio.tasks import Logged, Meter, Progress, Task

_POLL = 0.05  # seconds between two looks at what has arrived: twenty events a second at most
_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before the server is asked once more
_ENOUGH = 1024 * 1024  # bytes after which a connection that is cut was worth its attempt
_SLACK = 1024 * 1024  # bytes that a file may be larger than its published size
_CHUNK = 1024 * 1024
_STALE = 7 * 24 * 3600.0  # seconds after which nobody will continue a download


def download(url: str, target: Path, size: int, sha256: str) -> Task[None]:
    """Fetches `url` into `target`, which appears only when it is complete and its hash is right.

    `size` in bytes is shown until the server says its own, and bounds what is taken. `sha256` is
    the hash or its first digits. A connection that is cut is taken up again several times. What
    arrived before the network failed for good is kept, so that the next call continues it; after
    every other failure, and when the task is closed, nothing is left. Raises `WeightsError` for
    the network's failures and `StorageError` for the disk's.
    """
    with storage_errors(target), _part(target) as (part, continued):
        found = yield from _Arrival(url, part, size).all()
        if continued and not found.startswith(sha256):
            yield Logged(message="What had been kept of an earlier download was of no use.")
            part.write_bytes(b"")
            found = yield from _Arrival(url, part, size).all()
        if not found.startswith(sha256):
            raise _foreign(url, f"its SHA-256 starts with {found[:8]} and not with {sha256[:8]}")
        put_in_place(part, target)


@contextlib.contextmanager
def _part(target: Path) -> Iterator[tuple[Path, bool]]:
    """A hidden file of this download alone, and whether it begins with what an earlier one kept.

    Taking over what was kept is one rename, so of two downloads at a time only one continues it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    kept = target.parent / f".{target.name}.part"
    handle, name = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".part"
    )
    os.close(handle)
    part = Path(name)
    try:
        with contextlib.suppress(FileNotFoundError):
            kept.replace(part)
        yield part, part.stat().st_size > 0
    except InterruptionError:
        if part.stat().st_size:
            part.replace(kept)
        raise
    finally:
        part.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Removes what nobody has touched for long; what can't be removed is in nobody's way."""
    for file in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - file.stat().st_mtime > _STALE:
                file.unlink()


class _Arrival:
    """A file under way: asks for what is missing of it until all of it has come."""

    def __init__(self, url: str, part: Path, size: int) -> None:
        self._url, self._part, self._size = url, part, size
        self._digest = hashlib.sha256()
        self._done = self._received = 0
        self._etag: str | None = None
        self._begin_meter(size)

    def all(self) -> Task[str]:
        """Completes the part; its SHA-256 in hexadecimal."""
        with self._part.open("r+b") as out:
            while chunk := out.read(_CHUNK):
                self._count(chunk)
                yield from self._meter.at(self._done)
            pauses = iter(_PAUSES)
            while True:
                before = self._received
                try:
                    yield from self._attempt(out)
                    break
                except InterruptionError as error:
                    if self._received - before >= _ENOUGH:
                        pauses = iter(_PAUSES)
                    pause = next(pauses, None) if error.again else None
                    if pause is None:
                        raise
                    yield Logged(message=f"{error.message} Trying again in {pause:.0f} s.")
                    yield from self._wait(pause)
        yield Progress(phase="download", done=self._done, total=self._done, unit="bytes")
        return self._digest.hexdigest()

    def _attempt(self, out: BinaryIO) -> Task[None]:
        """One connection, from where the last one ended."""
        reader = Reader(self._url, self._done, self._etag)
        reader.start()
        total = 0
        try:
            while True:
                yield from self._meter.at(self._done)
                try:
                    item = reader.items.get(timeout=_POLL)
                except queue.Empty:
                    continue
                if isinstance(item, Answer):
                    total = item.total
                    self._take_up(item, out)
                elif isinstance(item, bytes):
                    self._take(item, out)
                elif isinstance(item, Exception):
                    self._begin_anew_after(item, out)
                    raise explained(item, self._url, self._received) from item
                else:
                    break
        finally:
            reader.stopped.set()
        # http.client ends a body of known length quietly when the connection breaks.
        if total and self._done < total:
            raise cut(self._url, self._done)

    def _take_up(self, answer: Answer, out: BinaryIO) -> None:
        """Where the server does not go on with the same file, everything is taken anew."""
        self._etag = answer.etag
        self._begin_meter(answer.total or self._size)
        if answer.start != self._done:
            if answer.start:
                raise _foreign(self._url, "it does not begin where it was asked to")
            self._forget(out)

    def _begin_anew_after(self, error: Exception, out: BinaryIO) -> None:
        """What was kept is as long as the file or longer, so it can't be its beginning."""
        if (
            isinstance(error, HTTPError)
            and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        ):
            self._forget(out)

    def _forget(self, out: BinaryIO) -> None:
        self._done, self._digest = 0, hashlib.sha256()
        out.seek(0)
        out.truncate()

    def _take(self, chunk: bytes, out: BinaryIO) -> None:
        if not self._done and is_web_page(chunk):
            raise web_page(self._url)
        out.write(chunk)
        self._received += len(chunk)
        self._count(chunk)
        if self._size and self._done > self._size + _SLACK:
            raise _foreign(self._url, f"it is larger than {self._size / 1e6:.1f} MB")

    def _count(self, chunk: bytes) -> None:
        self._digest.update(chunk)
        self._done += len(chunk)

    def _begin_meter(self, total: int) -> None:
        self._meter = Meter("download", total, "bytes")

    def _wait(self, seconds: float) -> Task[None]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            yield from self._meter.at(self._done)
            threading.Event().wait(min(_POLL, seconds))


def _foreign(url: str, difference: str) -> WeightsError:
    return WeightsError(
        f"What {host_of(url)} sent is not the published file: {difference}.",
        "Something in your network may have changed it. Try again, or give a weights file that you "
        "already have.",
    )
