"""Owns the eye on a piece of work: what it opens, starts and connects to, and whether it ends.

Python tells of each file, process and connection through audit hooks; what libraries open by
themselves is for strace.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.startfile", "subprocess.Popen")
_SPEAKS = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "urllib.Request")
_TOUCHES = ("open", "os.remove", "os.rename", "os.mkdir", "os.truncate", "os.link", "os.symlink")
_SYSTEM = ("/proc", "/sys", "/dev/null", "/usr", "/lib", "/etc")
_OUR_CHILDREN = ("tlstudio.images.looking", "uname")
"""The second is asked by Python itself, what processor this is."""


@dataclass
class Watch:
    """What went on outside of the folders `allowed`; `started` and `spoke` name what was begun."""

    allowed: tuple[str, ...]
    touched: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    spoke: list[str] = field(default_factory=list)

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _TOUCHES:
            self._touch(arguments, follow=event == "open")
        elif event in _STARTS and not any(own in str(arguments) for own in _OUR_CHILDREN):
            self.started.append(f"{event} {arguments}")
        elif event in _SPEAKS and not _is_local(arguments):
            self.spoke.append(f"{event} {arguments}")

    def _touch(self, arguments: tuple[Any, ...], *, follow: bool) -> None:
        for each in arguments[:2]:
            if isinstance(each, (str, bytes)) and "/" in (name := os.fsdecode(each)):
                path = os.path.realpath(name if follow else Path(name).parent)
                if not path.startswith(self.allowed):
                    self.touched.append(name)


_watching: list[Watch] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for watch in _watching:
        watch.see(event, arguments)


_hooked = threading.Event()


@contextlib.contextmanager
def watched(*folders: Path) -> Iterator[Watch]:
    """Files may be touched in `folders`, in the program and in Python."""
    if not _hooked.is_set():  # a hook stays until the process ends
        sys.addaudithook(_hook)
        _hooked.set()
    program = Path(__file__).parents[2]
    own = (*folders, program, Path(sys.prefix), Path(sys.base_prefix), Path(os.__file__).parent)
    watch = Watch((*(os.path.realpath(each) for each in own), *_SYSTEM))
    _watching.append(watch)
    try:
        yield watch
    finally:
        _watching.remove(watch)


def in_time(work: Callable[[], object], seconds: float = 60) -> BaseException | None:
    """Runs `work` in a thread and gives what it raised. Fails where it does not end; a sound one
    takes milliseconds."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # handed over to the test
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it does not end"
    return raised[0] if raised else None


def _is_local(arguments: tuple[Any, ...]) -> bool:
    """A socket of the display or of this very computer's services has a path for an address."""
    return len(arguments) > 1 and isinstance(arguments[1], (str, bytes))
