"""Owns who may change a project: one window at a time, the others look on."""

from __future__ import annotations

import getpass
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout
from pydantic import ValidationError

from tlstudio.bounded import record
from tlstudio.jobs import Record
from tlstudio.projects.atomic import storage_errors, write_text

_LOCK = "owner.lock"
_OWNER = "owner.json"


class Owner(Record):
    """Who holds a project: `since` in ISO 8601, UTC."""

    user: str
    computer: str
    process: int
    since: str


class Ownership:
    """The claim to a project until `release` or the end of the process, however it ends: the
    system frees the lock then, and nothing stale is left behind.

    `held` says whether it was granted; where it was not, `owner` says who holds it, if known.
    """

    def __init__(self, project: Path) -> None:
        self._file = project / _OWNER
        self._lock = FileLock(project / _LOCK, timeout=0)
        with storage_errors(project):
            try:
                self._lock.acquire()
            except Timeout:
                self.held, self.owner = False, self._read()
                return
        self.held, self.owner = True, _myself()
        write_text(self._file, self.owner.model_dump_json())

    def release(self) -> None:
        if self.held:
            self.held = False
            self._file.unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> Ownership:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _read(self) -> Owner | None:
        try:
            return record(Owner, self._file, follow=False)
        except (OSError, ValidationError):
            return None


def _myself() -> Owner:
    return Owner(
        user=getpass.getuser(),
        computer=platform.node(),
        process=os.getpid(),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )
