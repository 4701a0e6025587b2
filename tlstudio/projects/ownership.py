"""Owns who may change a project: one window at a time, the others look on."""

from __future__ import annotations

import contextlib
import errno
import getpass
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from pydantic import ValidationError

from tlstudio.bounded import record
from tlstudio.errors import StorageError
from tlstudio.jobs import Record
from tlstudio.projects.atomic import storage_errors, write_text
from tlstudio.projects.locks import Lock

_LOCK = "owner.lock"
_OWNER = "owner.json"
_MAY_NOT_WRITE = {errno.EACCES, errno.EPERM, errno.EROFS}

Reason = Literal["", "taken", "read_only", "no_locks"]


class Owner(Record):
    """Who holds a project: `since` in ISO 8601, UTC."""

    user: str
    computer: str
    process: int
    since: str


class Ownership:
    """The claim to a project until `release` or the end of the process, however it ends: the
    system frees the lock then, and nothing stale is left behind.

    `held` says whether it was granted, and `reason` what there is to know: "taken" (`owner` says
    by whom, if known) and "read_only" (the disk may not be written to) go with a claim that was
    not granted; "no_locks" with one that was, though the disk (some network drives) keeps nobody
    else from claiming it, too. Raises `StorageError` where the folder can't be used at all.
    """

    def __init__(self, project: Path) -> None:
        self._file = project / _OWNER
        self._lock = Lock(project / _LOCK)
        self.reason: Reason
        with storage_errors(project):
            try:
                answer = self._lock.acquire()
                self.reason = "" if answer == "held" else answer
            except OSError as error:
                if error.errno not in _MAY_NOT_WRITE or not project.is_dir():
                    raise
                self.reason = "read_only"
        self.held = self.reason in {"", "no_locks"}
        self.owner = _myself() if self.held else self._read()
        if self.held and self.owner is not None:
            with contextlib.suppress(StorageError):  # a full disk takes the words, not the claim
                write_text(self._file, self.owner.model_dump_json())

    def release(self) -> None:
        if self.held:
            self.held = False
            with contextlib.suppress(OSError):  # whoever comes next writes its own
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
        if self.reason != "taken":
            return None
        try:
            return record(Owner, self._file, follow=False)
        except (OSError, ValidationError):
            return None


def _myself() -> Owner:
    return Owner(
        user=_user(),
        computer=platform.node(),
        process=os.getpid(),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account that the system has no name for
        return ""
