"""Owns locks between processes: the system frees them when their process ends, however it ends."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}
_POLL_S = 0.01

Answer = Literal["held", "taken", "no_locks"]


class Lock:
    """A lock on a file of its own, which stays behind, free, when nobody holds it."""

    def __init__(self, file: Path) -> None:
        # Without the library's own way out, a file that outlives a killed process; and whoever
        # acquires need not be the thread that releases.
        self._lock = FileLock(file, thread_local=False, fallback_to_soft=False)

    def acquire(self, patience: float = 0.0) -> Answer:
        """Waits `patience` seconds at most. "no_locks": this disk, such as some network drives,
        keeps nobody out. Raises `OSError` where the file can't be made."""
        try:
            self._lock.acquire(timeout=patience, poll_interval=_POLL_S)
        except Timeout:
            return "taken"
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return "no_locks"
            raise
        return "held"

    def release(self) -> None:
        """Of what is not held, too."""
        self._lock.release()
