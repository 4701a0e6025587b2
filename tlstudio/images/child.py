"""Owns the disposable processes that look at files: how one is started, asked, watched and ended.

Those that have nothing to do wait a few seconds for more, then end by themselves; so they do with
this process, whichever way it ends, because their input ends with it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Sequence
from typing import IO

import psutil

from tlstudio.errors import EngineError
from tlstudio.images.decoded import Choices
from tlstudio.images.facts import Look
from tlstudio.images.looking import LENGTH
from tlstudio.images.packed import unpack
from tlstudio.starting import own_command

_MOST_FILES = 10_000
"""A child that looked at so many makes way for a fresh one: libraries leak."""


def no_child(why: str = "") -> EngineError:
    return EngineError(
        f"The part of the program that looks at pictures could not start{why}.",
        "Close other programs and try again; if it happens again, install the program anew.",
    )


class ChildEndedError(Exception):
    """The child is gone, or speaks nonsense, before it has answered."""


class Child:
    """One process, used by one thread at a time; `usage` and `kill` may be called by any other."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.answered = 0
        self.is_there = False
        # Numeric libraries start a thread a core otherwise, each with memory of its own.
        alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            own_command("look", str(memory)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **alone},
            # Who interrupts the program in a terminal does not mean that a picture is bad.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._watched = psutil.Process(self._process.pid)

    def greet(self) -> None:
        """Waits until the child is there. Raises `ChildEndedError`."""
        if not self.is_there and LENGTH.unpack(self._read(LENGTH.size)) != (0,):
            raise ChildEndedError
        self.is_there = True

    def ask(self, paths: Sequence[str], choices: Choices | None) -> None:
        """Sends a batch; `answer` is to be called once for each path. Raises `ChildEndedError`."""
        channels = None if choices is None else choices.channels
        line = json.dumps({"channels": channels, "paths": paths}) + "\n"
        try:
            self._pipe(self._process.stdin).write(line.encode("ascii"))
            self._pipe(self._process.stdin).flush()
        except (OSError, ValueError) as error:
            raise ChildEndedError from error

    def answer(self) -> Look:
        """The next answer, whenever it comes. Raises `ChildEndedError`."""
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        try:
            found = unpack(self._read(length))
        except ValueError as error:
            raise ChildEndedError from error
        self.answered += 1
        return found

    def usage(self) -> tuple[float, int]:
        """Seconds of computing and bytes of memory that it took so far; nothing once it ended."""
        try:
            with self._watched.oneshot():
                times = self._watched.cpu_times()
                return times.user + times.system, self._watched.memory_info().rss
        except psutil.Error:
            return 0.0, 0

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self._process.kill()

    def end(self, patience: float = 0) -> int:
        """Ends the process where it has not ended by itself within `patience` seconds, and gives
        its exit status."""
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # closing flushes what nobody reads any more
                self._pipe(pipe).close()
        return status

    def _read(self, count: int) -> bytes:
        try:
            content = self._pipe(self._process.stdout).read(count)
        except (OSError, ValueError) as error:
            raise ChildEndedError from error
        if len(content) < count:
            raise ChildEndedError
        return content

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


class _Nursery:
    """The children of this process that have nothing to do at the moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        atexit.register(self.end_all)

    def borrow(self, memory: int) -> Child:
        """An idle child, or a new one, which is still to be greeted. Raises `EngineError`."""
        with self._lock:
            self._bury()
            for child in self._idle:
                if child.memory == memory:
                    self._idle.remove(child)
                    return child
        try:
            return Child(memory)
        except OSError as error:
            raise no_child(f" ({error.strerror})") from error

    def give_back(self, child: Child) -> None:
        """Takes a child that owes no answer."""
        if child.answered >= _MOST_FILES:
            child.end()
            return
        with self._lock:
            self._bury()
            self._idle.append(child)

    def end_all(self) -> None:
        with self._lock:
            for child in self._idle:
                child.end()
            self._idle = []

    def _bury(self) -> None:
        """Forgets those that waited long enough."""
        for child in self._idle:
            if child.has_ended:
                child.end()
        self._idle = [child for child in self._idle if not child.has_ended]


nursery = _Nursery()
