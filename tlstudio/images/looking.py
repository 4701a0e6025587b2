"""Owns the child's side of a first look: `tlstudio look` reads paths and answers with looks.

It is thrown away when a file is too much for it, so it imports little and keeps nothing. A batch
comes as one line of JSON: `{"channels": [...] or null, "paths": [...]}`. Each file is answered as
soon as it was looked at, in order, with the length in bytes of a packed `Look` and the look; a
length of nothing, before all others, says that the child is there. The end of the input is the end
of the child, and so are some seconds without one.
"""

from __future__ import annotations

import gc
import json
import os
import struct
import sys
import threading
from dataclasses import dataclass
from typing import BinaryIO

from tlstudio.images.decoded import Choices
from tlstudio.images.facts import Look
from tlstudio.images.look import look
from tlstudio.images.opening import NO_MEMORY
from tlstudio.images.packed import pack

_IDLE = 5.0
"""Seconds that a child waits for more to do: from one job of the window to the next."""

LENGTH = struct.Struct("<I")
TOO_MUCH_MEMORY = "Reading it took too much memory; it may be damaged."


@dataclass(frozen=True, slots=True)
class _Asked:
    channels: tuple[int, ...] | None


def serve_looks(memory: int) -> int:
    """Answers until the input ends. `memory` is how many bytes the process may take."""
    # What a library prints must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    limited = _limit(memory)
    gc.freeze()
    try:
        answers.write(LENGTH.pack(0))
        while line := _next_line():
            request = json.loads(line)
            channels = request["channels"]
            choices = _Asked(None if channels is None else tuple(channels))
            for path in request["paths"]:
                _answer(answers, _look(path, choices, limited))
    except (BrokenPipeError, KeyboardInterrupt):
        return 1  # nobody wants to know any more
    return 0


def _next_line() -> bytes:
    """The next batch; the process ends where none comes."""
    leaving = threading.Timer(_IDLE, os._exit, (0,))
    leaving.daemon = True
    leaving.start()
    try:
        return sys.stdin.buffer.readline()
    finally:
        leaving.cancel()


def _answer(answers: BinaryIO, found: Look) -> None:
    packed = pack(found)
    answers.write(LENGTH.pack(len(packed)) + packed)


def _look(path: str, choices: Choices, limited: bool) -> Look:
    try:
        found = look(path, choices)
    except MemoryError:
        found = Look(NO_MEMORY, lasting=False)
    if limited and found.reason == NO_MEMORY:
        # The limit was met and not the end of the computer's memory: it will be met again.
        return Look(TOO_MUCH_MEMORY, digest=found.digest)
    return found


def _limit(memory: int) -> bool:
    """Whether the system will refuse this process more than so many bytes; where it can't, as on
    Windows and in part on macOS, the parent watches."""
    try:
        import resource
    except ImportError:
        return False
    try:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        return False
    return True
