"""Owns what a run leaves on disk: its job, its split, its events, its state, its result."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from tlstudio.bounded import LARGE, SMALL, lines, record
from tlstudio.errors import RunError, StorageError
from tlstudio.jobs import (
    EvaluationResult,
    Record,
    ScanResult,
    TrainingJob,
    TrainResult,
    load_training_job,
)
from tlstudio.projects.atomic import (
    move,
    remove_unfinished,
    storage_errors,
    sync_folder,
    write_text,
)
from tlstudio.projects.belonging import refuse_elsewhere, refuse_foreign
from tlstudio.projects.checked import beside
from tlstudio.projects.checkpoint_files import CheckpointFiles
from tlstudio.projects.event_log import EventLog
from tlstudio.projects.locks import Lock
from tlstudio.projects.own_models import Origin
from tlstudio.tasks import Event, event_from_dict

M = TypeVar("M", bound=BaseModel)
Environment = dict[str, str | int | float | bool]
State = Literal["running", "completed", "interrupted", "failed"]

_LOCK = "lock"
_PATIENCE = 1.0
"""Seconds in which somebody who only asks whether a run is locked has surely let go of it."""
_GLANCE = 0.05
"""Seconds in which another one who only asks has most likely let go of it."""


class RunState(Record):
    """Where a run stands. `environment` is what was decided when it started (threads, precision,
    batch size, versions) and is used again when it is carried on."""

    version: Literal[1] = 1
    state: State
    changed: str
    message: str = ""
    environment: Environment = Field(default_factory=dict)
    result: TrainResult | None = None


class LockedScore(Record):
    """What the locked test pictures said of a run. `scored` are the times at which they were asked,
    the first one first."""

    version: Literal[1] = 1
    scored: tuple[str, ...]
    result: EvaluationResult


class RunFolder:
    """A run on disk. Reading raises `RunError` with a sentence; writing raises `StorageError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.job_file = path / "job.json"
        self.split_file = path / "split.json"
        self.origin_file = path / "origin.json"
        self.state_file = path / "run.json"
        self.test_file = path / "test.json"
        self.events_file = path / "events.jsonl"
        self.start_file = path / "start.safetensors"
        self.checkpoints = CheckpointFiles(path / "checkpoints")
        self.model = path / "model"

    @staticmethod
    def refuse_used(path: Path) -> None:
        """Raises `RunError` for a folder that holds anything, so that nothing is lost."""
        with storage_errors(path):
            used = path.exists() and (not path.is_dir() or any(path.iterdir()))
        if used:
            hint = "Choose a new folder for this run."
            if (path / "job.json").is_file():
                hint += " To carry on an interrupted one: `tlstudio train --resume`."
            raise RunError(f"{path} is not an empty folder.", hint)

    @classmethod
    @contextlib.contextmanager
    def begun(cls, path: Path, job: TrainingJob, environment: Environment) -> Iterator[RunFolder]:
        """Gives a new run to write its beginning into, and puts it in its place whole when the
        block ends well: whatever happens, at `path` is no run or one that can be carried on.

        It is prepared in a hidden folder beside. Of one that was killed meanwhile the next
        beginning at the same place takes away what it left.
        """
        cls.refuse_used(path)
        path = path.resolve()
        hidden = path.with_name(f".{path.name}.new")
        with storage_errors(path):
            hidden.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as others:
            others.enter_context(cls(hidden).locked())
            try:
                _empty(hidden, but=_LOCK)
                run = cls.create(hidden, job)
                yield run
                run.save_state("running", environment=environment)
                others.close()
                cls._put_in_place(hidden, path)
            except BaseException as error:
                others.close()
                shutil.rmtree(hidden, ignore_errors=True)
                if isinstance(error, StorageError):
                    # The hidden folder means nothing to the user; the one asked for does.
                    message = error.message.replace(str(hidden), str(path))
                    raise StorageError(message, error.hint) from error
                raise

    @classmethod
    def _put_in_place(cls, hidden: Path, path: Path) -> None:
        cls.refuse_used(path)
        with storage_errors(path):
            if path.exists():
                path.rmdir()
            move(hidden, path)
            sync_folder(path.parent)

    @classmethod
    def create(cls, path: Path, job: TrainingJob) -> RunFolder:
        """Starts a new run in a folder that is new or empty."""
        run = cls(path)
        with storage_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        run._write(run.job_file, job)
        return run

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        if not (path / "job.json").is_file():
            raise RunError(f"{path} holds no run.", "Choose a folder that `tlstudio train` wrote.")
        refuse_foreign(path)
        return cls(path)

    # --- who works on it ------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps every other process from training this run; the system lets go of it when this one
        dies. Raises `RunError` where another one has it. A disk without locks keeps nobody out."""
        lock = Lock(self._lock_file)
        with storage_errors(self.path):
            answer = lock.acquire(_PATIENCE)
        if answer == "taken":
            raise RunError(
                "This run is being trained by another program or window.",
                "Wait until it is done, or stop it there.",
            )
        try:
            yield
        finally:
            lock.release()

    def standing(self) -> State:
        """How the run stands now: one that says that it is running while nobody trains it was
        interrupted, because its process died."""
        state = self.state().state
        return "interrupted" if state == "running" and not self._is_locked() else state

    def _is_locked(self) -> bool:
        if not self._lock_file.exists():
            return False
        lock = Lock(self._lock_file)
        try:
            answer = lock.acquire(_GLANCE)
        except OSError:  # it may not be written to: then it can't be carried on from here
            return True
        lock.release()
        return answer == "taken"

    @property
    def _lock_file(self) -> Path:
        return self.path / _LOCK

    def can_be_carried_on(self) -> bool:
        """Whether there is a checkpoint, or else the network before the first step."""
        return bool(self.checkpoints.newest_first()) or self.start_file.exists()

    # --- reading --------------------------------------------------------------------------------

    def job(self) -> TrainingJob:
        return load_training_job(self.job_file, follow=False)

    def split(self) -> ScanResult:
        split = self._read(self.split_file, ScanResult, LARGE)
        refuse_elsewhere(self.path, split, self.job().dataset)
        return split

    def origin(self) -> Origin | None:
        """The model that the run started from; None where it started from no model of ours."""
        return self._read(self.origin_file, Origin) if self.origin_file.exists() else None

    def locked_score(self) -> LockedScore | None:
        """None as long as the test pictures were not asked."""
        there = self.test_file.exists()
        return self._read(self.test_file, LockedScore, LARGE) if there else None

    def state(self) -> RunState:
        return self._read(self.state_file, RunState)

    def events(self) -> list[Event]:
        """The events so far; a line that a crash cut off at the end is left out."""
        return list(self._events())

    def _events(self) -> Iterator[Event]:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            for line in lines(self.events_file):
                yield event_from_dict(json.loads(line))

    # --- writing --------------------------------------------------------------------------------

    def save_split(self, split: ScanResult) -> None:
        self._write(self.split_file, split)

    def save_origin(self, origin: Origin) -> None:
        self._write(self.origin_file, origin)

    def save_locked_score(self, result: EvaluationResult) -> None:
        """Notes that the test pictures were asked now, and what they said."""
        before = self.locked_score()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        scored = (*(before.scored if before else ()), now)
        self._write(self.test_file, LockedScore(scored=scored, result=result))

    def save_state(
        self,
        state: State,
        message: str = "",
        environment: Environment | None = None,
        result: TrainResult | None = None,
    ) -> None:
        """Writes the state; `environment` None keeps the one that is there."""
        if environment is None:
            environment = self.state().environment if self.state_file.exists() else {}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write(
            self.state_file,
            RunState(
                state=state, changed=now, message=message, environment=environment, result=result
            ),
        )

    def recording(self, kept: int | None = None) -> EventLog:
        """What appends events, after the first `kept` bytes of those that there are."""
        return EventLog(self.events_file, kept)

    def tidy(self) -> None:
        """Takes away what a process that was killed had begun to write into this run."""
        for folder in (self.path, self.model):
            remove_unfinished(folder)
        self.checkpoints.tidy()

    def discard_checkpoints(self) -> None:
        """Removes what only an interrupted run needs."""
        with storage_errors(self.path):
            self.checkpoints.discard()
            for file in (self.start_file, beside(self.start_file)):
                file.unlink(missing_ok=True)

    def _read(self, file: Path, model: type[M], most: int = SMALL) -> M:
        try:
            return record(model, file, most, follow=False)
        except (OSError, ValidationError) as error:
            raise RunError(
                f"{file} can't be read: this run is damaged or did not get far enough.",
                "Train it again.",
            ) from error

    def _write(self, file: Path, model: BaseModel) -> None:
        write_text(file, model.model_dump_json(indent=2) + "\n")


def _empty(folder: Path, but: str) -> None:
    with storage_errors(folder):
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != but:
                path.unlink()
