"""Owns waiting for work that has no pauses of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from tlstudio.tasks import Meter, Task

T = TypeVar("T")
_PAUSE = 0.02


def meanwhile(work: Callable[[], T], meter: Meter) -> Task[T]:
    """What `work` gives, done in a thread, so that events go on; closing waits for its end."""
    with ThreadPoolExecutor(1, thread_name_prefix="meanwhile") as pool:
        result = pool.submit(work)
        yield from meter.at(0)
        while not result.done():
            wait([result], timeout=_PAUSE)
            yield from meter.at(0)
    return result.result()
