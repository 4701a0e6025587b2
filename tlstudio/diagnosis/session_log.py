"""Owns the log of a session: one file that the window and its engine, or a command, write into."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import platform
import re
import stat
import sys
import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from tlstudio import __version__
from tlstudio.diagnosis.scrub import without_home
from tlstudio.projects.places import logs_folder

logger = logging.getLogger(__name__)

FILE_OF_ENGINE = "TLSTUDIO_SESSION_LOG"
"""The environment variable that tells an engine which file its window writes into."""
KEPT = 10
MOST = 4_000_000
"""Bytes of a session's file; `RESERVE` more are kept free for warnings and errors, because what
went wrong at the end is what the file is read for."""
RESERVE = 500_000
_WATCHED_S = 2.0
_NAME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d+\.log")
_FULL = "This file is full: only warnings and errors follow.\n"
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND
_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


class SessionFile(logging.Handler):
    """Appends whole lines to a file that others append to as well. Where that fails, nothing
    happens: the program is there for something else."""

    def __init__(self, handle: int) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(_FORMAT))
        self._handle = handle
        self._bounded = stat.S_ISREG(os.fstat(handle).st_mode)
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError):
            text = without_home(self.format(record)) + "\n"
            if self.has_room(len(text), important=record.levelno >= logging.WARNING):
                os.write(self._handle, text.encode("utf-8", "backslashreplace"))

    def has_room(self, more: int, *, important: bool) -> bool:
        """Whether so many bytes may be added; says in the file, once, when it is full."""
        if not self._bounded:
            return True
        size = os.fstat(self._handle).st_size + more
        if size > MOST and not self._told:
            self._told = True
            os.write(self._handle, _FULL.encode())
        return size <= MOST + (RESERVE if important else 0)

    def close(self) -> None:
        self.acquire()
        try:
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1
        finally:
            self.release()
        super().close()


@dataclass
class _Session:
    """What `begin` changed in this process, so that `end` can put it back."""

    path: Path
    file: SessionFile
    level: int
    hooks: tuple[Any, Any] = field(
        default_factory=lambda: (threading.excepthook, sys.unraisablehook)
    )
    faults: int | None = None


_sessions: list[_Session] = []
"""At most one."""


def begin(what: str) -> None:
    """Opens the file of this session, unless one is open, and sends there from now on: the log,
    what threads stumble over, and the stack of a crash. `what` says who writes."""
    if _sessions:
        return
    path = logs_folder() / f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{os.getpid()}.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, _APPEND, 0o600)
    except OSError as error:
        logger.warning("There is no log of this session: %s", error)
        return
    _forget_old(path.parent)
    root = logging.getLogger()
    session = _Session(path, SessionFile(handle), root.level)
    _sessions.append(session)
    root.addHandler(session.file)
    root.setLevel(logging.INFO)
    _hear_of_everything()
    if not faulthandler.is_enabled():
        session.faults = os.dup(handle)
        faulthandler.enable(session.faults)
    logger.info(
        "TL Studio %s, %s, Python %s, %s", __version__, what, platform.python_version(), _system()
    )


def end() -> None:
    """Closes this session's file, where one is open."""
    if not _sessions:
        return
    session = _sessions.pop()
    threading.excepthook, sys.unraisablehook = session.hooks
    if session.faults is not None:
        faulthandler.disable()
        os.close(session.faults)
    root = logging.getLogger()
    root.removeHandler(session.file)
    root.setLevel(session.level)
    session.file.close()


def join() -> None:
    """In the engine, which has events alone on a stream of their own: everything that is logged or
    printed goes into the file of its window, or to the standard error where there is none."""
    path = os.environ.get(FILE_OF_ENGINE)
    if path:
        # Not what was inherited: on Windows that does not append, and two would overwrite each
        # other.
        with contextlib.suppress(OSError):
            handle = os.open(path, _APPEND, 0o600)
            _print_to(handle)
    file = SessionFile(os.dup(2))
    root = logging.getLogger()
    root.addHandler(file)
    root.setLevel(logging.INFO)
    _hear_of_everything()
    faulthandler.enable(os.dup(2))
    watcher = threading.Thread(target=_bound_output, args=(file,), name="log", daemon=True)
    watcher.start()
    logger.info("The engine of TL Studio %s, %s", __version__, _system())


def file() -> Path | None:
    """Where this process's session is logged; None where it is not."""
    return _sessions[0].path if _sessions else None


def latest(count: int) -> list[Path]:
    """The files of the last sessions, the newest first; this one's among them."""
    return _files(logs_folder())[:count]


def _bound_output(file: SessionFile) -> None:
    """Libraries write past every handler: once the file is full, what they print goes nowhere."""
    pause = threading.Event()
    while file.has_room(0, important=False):
        pause.wait(_WATCHED_S)
    _print_to(os.open(os.devnull, os.O_WRONLY))


def _print_to(handle: int) -> None:
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.close(handle)


def _hear_of_everything() -> None:
    """What ends a thread, and what goes wrong where nothing can be raised, is logged."""

    def thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            name = args.thread.name if args.thread is not None else "?"
            logger.error("The thread %s ended in an error", name, exc_info=args.exc_value)

    def unraisable(args: Any) -> None:
        error: BaseException | None = args.exc_value
        trace: TracebackType | None = args.exc_traceback
        about = (type(error), error, trace) if error is not None else None
        logger.error(
            "%s: %s", args.err_msg or "Ignored", type(args.object).__name__, exc_info=about
        )

    threading.excepthook = thread
    sys.unraisablehook = unraisable


def _forget_old(folder: Path) -> None:
    for old in _files(folder)[KEPT:]:
        with contextlib.suppress(OSError):
            old.unlink()


def _files(folder: Path) -> list[Path]:
    try:
        found = [each for each in folder.iterdir() if _NAME.fullmatch(each.name)]
    except OSError:
        return []
    return sorted(found, key=lambda each: each.name, reverse=True)


def _system() -> str:
    return f"{platform.system()} {platform.release()} {platform.machine()}"
