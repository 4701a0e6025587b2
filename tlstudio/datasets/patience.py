"""Owns what a job does where the folder of its pictures can't be reached any more: it waits until
the folder is back, and begins again with the piece of work that it was at."""

from __future__ import annotations

import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tlstudio.errors import DatasetError, PicturesAwayError
from tlstudio.images.opening import UnreachableError
from tlstudio.jobs import DatasetSpec
from tlstudio.tasks import Event, Logged, Task, Waiting

R = TypeVar("R")

_BEAT_S = 0.1
_ASKING_S = 1.0
"""Seconds that a folder may take to answer before that is said: a busy computer has others."""
_SLOW_S = 20.0
"""Seconds that pictures may take to come before anything is said: large ones are slow to decode."""
_HINT = "Check its cable, its network or its disk. Nothing is lost if you cancel."


@dataclass(frozen=True)
class Patience:
    """The folders that a job waits for, and the job as the user calls it ("Training").

    Each piece that is run with it must give the same result whenever it is run.
    """

    folders: tuple[str, ...] = ()
    job: str = "The job"

    @classmethod
    def of(cls, folders: Iterable[str], job: str) -> Task[Patience]:
        """Waits for those of `folders` that are there now. For one that never was, the user has
        something to put right, and is told so at once."""
        there = list[str]()
        for folder in folders:
            if not (yield from cls((folder,), job).missing()):
                there.append(folder)
        return cls(tuple(there), job)

    def through(
        self,
        piece: Callable[[], Generator[Event, None, R]],
        doubtful: Callable[[R], bool] = lambda _: False,
        *,
        twice: bool = True,
        before: Callable[[], None] = lambda: None,
    ) -> Task[R]:
        """Runs `piece`, again from its start after each time that a folder went away.

        What failed on a file of a folder that is there is tried once more, because the folder may
        have been away for just a moment; so is what came to a result that is `doubtful`: one that
        would be another if everything could have been read. Without `twice` such a result counts
        where the folder is there. `before` is called where a waiting begins.
        """
        again = True
        while True:
            try:
                result = yield from piece()
            except DatasetError as error:
                failed: DatasetError | None = error
            else:
                failed = None
                if not doubtful(result):
                    return result
            folder = yield from self.missing()
            if folder:
                before()
                yield from self._wait(folder)
                again = True
            elif again and (twice or failed is not None) and _may_pass(failed):
                again = False
            elif failed is not None:
                raise failed
            else:
                return result

    def over(self, items: Iterable[R | None], before: Callable[[], None]) -> Iterator[R | Waiting]:
        """The `items`, which are None for every moment that passes without one; where that lasts,
        with events that say so. A disk or a network that does not answer may take minutes to fail.
        `before` is called where a waiting begins."""
        since = time.monotonic()
        told = False
        for item in items:
            seconds = time.monotonic() - since
            if item is not None:
                yield item
                since, told = time.monotonic(), False
            elif seconds > _SLOW_S:
                if not told:
                    before()
                told = True
                yield self._slow(seconds)

    def missing(self) -> Task[str]:
        """The first of the folders that can't be reached, or nothing.

        A dead network drive may take minutes to say so, and who asks can't be interrupted: it is
        asked in a thread that may be left behind.
        """
        if not self.folders:
            return ""
        answer = queue.SimpleQueue[str]()
        asking = threading.Thread(
            target=lambda: answer.put(_first_missing(self.folders)), name="folder", daemon=True
        )
        asking.start()
        for beat in itertools.count(1):
            try:
                found = answer.get(timeout=_BEAT_S)
            except queue.Empty:
                if beat * _BEAT_S >= _ASKING_S:
                    yield self._waiting(self.folders[0], beat * _BEAT_S)
            else:
                asking.join()
                return found
        raise AssertionError

    def _wait(self, folder: str) -> Task[None]:
        began = time.monotonic()
        missing = folder
        while missing:
            yield self._waiting(missing, time.monotonic() - began)
            missing = yield from self.missing()
            if missing:
                time.sleep(_BEAT_S)
        waited = round(time.monotonic() - began)
        yield Logged(message=f"The folder {folder} was away for {waited} s and is back.")

    def _waiting(self, folder: str, seconds: float) -> Waiting:
        message = f"The folder {folder} can't be reached. {self.job} waits, and carries on by"
        return Waiting(message=f"{message} itself when it is back.", hint=_HINT, seconds=seconds)

    def _slow(self, seconds: float) -> Waiting:
        where = f" of {self.folders[0]}" if self.folders else ""
        message = f"The pictures{where} do not come. {self.job} waits, and carries on by itself."
        return Waiting(message=message, hint=_HINT, seconds=seconds)


def places_of(spec: DatasetSpec, files: Iterable[str] = ()) -> tuple[str, ...]:
    """The folders in which the pictures of `spec` lie; `files` are those that are known by now,
    some of which may lie elsewhere."""
    elsewhere = {os.path.dirname(file) for file in files if os.path.isabs(file)}  # noqa: PTH117, PTH120
    return (*(spec.roots or (spec.folder,)), *sorted(elsewhere))


def is_there(folder: str) -> bool:
    """Whether something can be found in the folder. Where a drive was mounted, an empty folder
    stays when it goes."""
    try:
        with os.scandir(folder) as entries:
            first = next(entries, None)
            if first is not None:
                first.stat(follow_symlinks=False)
            return first is not None
    except OSError:
        return False


def _may_pass(failed: DatasetError | None) -> bool:
    """Whether what failed may succeed at once; None is a doubtful result."""
    if failed is None or isinstance(failed, PicturesAwayError):
        return True
    return isinstance(failed.__cause__, UnreachableError)


def _first_missing(folders: Iterable[str]) -> str:
    return next((folder for folder in folders if not is_there(folder)), "")
