"""Owns running one contender: its time from start to end, its memory, and what it answered."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

_EVERY = 0.1
"""Seconds between two looks at the memory."""


class ContenderError(Exception):
    """A contender that failed; the message is the end of what it wrote to its error stream."""


@dataclass(frozen=True)
class Ran:
    """One run. `memory` is the peak of the resident memory, in bytes, summed over the process and
    all its children: pages that several of them share count more than once. `load` is the
    machine's load average of the last minute before the start."""

    seconds: float
    memory: int
    load: float
    lines: tuple[dict[str, Any], ...]


def run(argv: Sequence[str], environment: Mapping[str, str], timeout: float) -> Ran:
    """Runs a command to its end. Raises `ContenderError`.

    Output goes to files, so that no full pipe makes a contender wait.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            argv,
            stdout=out,
            stderr=err,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
        )
        memory, limit = _Memory(process.pid), threading.Timer(timeout, _end, (process,))
        memory.start()
        limit.start()
        try:
            status = process.wait()  # with a timeout it would look now and then only
            seconds = time.perf_counter() - start
        finally:
            limit.cancel()
            memory.ended.set()
            _end(process)
            memory.join()
        if status != 0:
            err.seek(0)
            said = err.read().decode("utf-8", "replace").strip()[-2000:]
            raise ContenderError(f"exit status {status} after {seconds:.0f} s: {said}")
        out.seek(0)
        lines = tuple(_objects(out.read().decode("utf-8", "replace")))
    return Ran(seconds=seconds, memory=memory.peak, load=load, lines=lines)


def _objects(text: str) -> list[dict[str, Any]]:
    """The lines that are JSON objects; contenders may print others."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a contender with what it started: loading workers outlive a killed parent."""
    if process.poll() is not None:
        return
    for each in [*psutil.Process(process.pid).children(recursive=True), process]:
        each.kill()


class _Memory(threading.Thread):
    """Watches the resident memory of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.peak = 0
        self._pid = pid

    def run(self) -> None:
        while not self.ended.wait(_EVERY):
            self.peak = max(self.peak, _resident(self._pid))


def _resident(pid: int) -> int:
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for each in family:
        try:
            total += each.memory_info().rss
        except psutil.Error:  # it ended in between
            continue
    return total
