"""Owns the first look at many files, in disposable children: what hangs, takes too much memory or
ends the process that reads it becomes a verdict on that file, and the others go on."""

from __future__ import annotations

import itertools
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from tlstudio.images.child import Child, ChildEndedError, no_child, nursery
from tlstudio.images.decoded import Choices
from tlstudio.images.facts import Look
from tlstudio.images.looking import TOO_MUCH_MEMORY

TOO_LONG = "Reading it took too long; it may be damaged."
ENDED = "Reading it ended the reader; it may be damaged."

_BATCH, _FOR_ONE = 32, 16
"""How many files go to a child at once at most, and how many are worth another child."""
_MOST_CHILDREN = 16
_AHEAD = 4096
"""So many answers wait at most for whoever asked; then the children wait too."""
_TICK = 0.05
_WAITING = 0.02
_START = 60.0
"""Seconds that a child may take until it is there: a scanner for viruses may want to see it."""
_KILLED = -9


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may take: `seconds` of computing, `patience` seconds by the clock (a slow disk,
    a busy computer), and `memory` in bytes for the whole child."""

    seconds: float = 5.0
    patience: float = 20.0
    memory: int = 2_000_000_000


@dataclass(slots=True)
class _Asked:
    """A file to be looked at; `blamed` once a child ended while it was being read."""

    index: int
    path: str
    blamed: bool = False


@dataclass(slots=True)
class _Watch:
    """What is known of a child at work: which of its files it reads (`at`), which it read when it
    was watched last, since when, and how much it had computed by then. `ended` says over which file
    it was killed, and why."""

    child: Child
    at: int = 0
    seen: int = -1
    since: float = field(default_factory=time.monotonic)
    computed: float = 0.0
    waiting: bool = False
    starting: bool = True
    ended: tuple[int, Look] | None = None


def first_looks(
    files: Iterable[tuple[int, str]],
    reading: Choices | None = None,
    limits: Limits = Limits(),
    children: int | None = None,
) -> Generator[list[tuple[int, Look]], None, None]:
    """Looks at numbered paths and yields what was found, in any order, a few at a time; an empty
    list whenever a moment passes without an answer.

    Closing the generator ends the children that are at work. Raises `EngineError` where none can
    be started.
    """
    asked = deque(_Asked(index, path) for index, path in files)
    if not asked:
        return
    team = _Team(asked, reading, limits)
    most = children or min(_MOST_CHILDREN, _cores())
    left = len(asked)
    try:
        team.start(min(most, -(-left // _FOR_ONE)))
        while left:
            answers = team.answers()
            left -= len(answers)
            yield answers
    finally:
        team.stop()


def _cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 2


@dataclass
class _Team:
    """Threads that keep a child each at work, and one that watches over the children."""

    asked: deque[_Asked]
    reading: Choices | None
    limits: Limits
    _found: queue.Queue[tuple[int, Look] | BaseException] = field(
        default_factory=lambda: queue.Queue(_AHEAD)
    )
    _stopping: threading.Event = field(default_factory=threading.Event)
    _watches: dict[int, _Watch] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)
    _batch: int = _BATCH

    def start(self, workers: int) -> None:
        # The last batches are not so large that one child works and the others wait.
        self._batch = max(1, min(_BATCH, len(self.asked) // (4 * workers)))
        tasks = [partial(self._work, number) for number in range(workers)] + [self._watch]
        for task in tasks:
            thread = threading.Thread(target=self._told, args=(task,), name="looks", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            for watch in self._watches.values():
                watch.child.kill()
        for thread in self._threads:
            thread.join()

    def answers(self) -> list[tuple[int, Look]]:
        """What has come since it was asked last. Raises what a thread stumbled over."""
        found: list[tuple[int, Look]] = []
        try:
            each = self._found.get(timeout=_WAITING)
            while True:
                if isinstance(each, BaseException):
                    raise each
                found.append(each)
                each = self._found.get_nowait()
        except queue.Empty:
            return found

    def _told(self, task: Callable[[], None]) -> None:
        """Runs in a thread; what it stumbles over is raised where answers are asked for."""
        try:
            task()
        except BaseException as error:
            self._say(error)

    # --- at work --------------------------------------------------------------------------------

    def _work(self, number: int) -> None:
        child: Child | None = None
        while not self._stopping.is_set() and (batch := self._taken()):
            if child is None:
                child = nursery.borrow(self.limits.memory)
            child = self._through(number, child, batch)
        if child is not None:
            nursery.give_back(child)

    def _taken(self) -> list[_Asked]:
        """The next batch. A file that a child ended over comes alone, so that it is not blamed for
        another one, and no other for it."""
        with self._lock:
            if self.asked and self.asked[0].blamed:
                return [self.asked.popleft()]
            count = min(self._batch, len(self.asked))
            fresh = itertools.takewhile(
                lambda each: not each.blamed, [self.asked[at] for at in range(count)]
            )
            return [self.asked.popleft() for _ in list(fresh)]

    def _through(self, number: int, child: Child, batch: Sequence[_Asked]) -> Child | None:
        """Has a batch looked at. Gives the child, or None where it ended; then what it has not
        answered is asked again."""
        watch = _Watch(child)
        with self._lock:
            self._watches[number] = watch
            if self._stopping.is_set():  # since it was asked whether there is more to do
                child.kill()
        try:
            child.greet()
            watch.starting = False
            child.ask([each.path for each in batch], self.reading)
            for each in batch:
                found = child.answer()
                watch.waiting = True
                self._say((each.index, found))
                watch.at += 1
                watch.waiting = False
        except ChildEndedError:
            self._bury(number, watch, batch)
            return None
        with self._lock:
            del self._watches[number]
        return child

    def _bury(self, number: int, watch: _Watch, batch: Sequence[_Asked]) -> None:
        with self._lock:
            del self._watches[number]
        status = watch.child.end(patience=1)  # it is about to, where its pipe is closed
        if self._stopping.is_set():
            return
        if watch.starting:
            raise no_child()
        guilty, others = batch[watch.at], batch[watch.at + 1 :]
        over, verdict = watch.ended or (watch.at, None)
        if over != watch.at:  # it had just finished with that one
            verdict = None
        if verdict is None and guilty.blamed:
            # Killed, and not by us: the computer ran out of memory.
            verdict = Look(TOO_MUCH_MEMORY, lasting=False) if status == _KILLED else Look(ENDED)
        with self._lock:
            self.asked.extendleft(reversed(others))
            if verdict is None:  # anything may have ended it: once more, alone
                guilty.blamed = True
                self.asked.appendleft(guilty)
        if verdict is not None:
            self._say((guilty.index, verdict))

    def _say(self, found: tuple[int, Look] | BaseException) -> None:
        while not self._stopping.is_set():
            try:
                self._found.put(found, timeout=_TICK)
                return
            except queue.Full:
                continue

    # --- watching over them ---------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopping.wait(_TICK):
            with self._lock:
                watches = list(self._watches.values())
            for watch in watches:
                self._check(watch)

    def _check(self, watch: _Watch) -> None:
        """Kills a child that takes too long, or too much memory."""
        computed, memory = watch.child.usage()
        now = time.monotonic()
        if watch.starting:
            if now - watch.since > _START:
                watch.child.kill()
            return
        if watch.seen != watch.at or watch.waiting:
            watch.seen, watch.since, watch.computed = watch.at, now, computed
        if memory > self.limits.memory:
            verdict = Look(TOO_MUCH_MEMORY)
        elif computed - watch.computed > self.limits.seconds:
            verdict = Look(TOO_LONG)
        elif now - watch.since > self.limits.patience:
            verdict = Look(TOO_LONG, lasting=False)  # it may be the disk, or the computer is busy
        else:
            return
        watch.ended = (watch.seen, verdict)
        watch.child.kill()
