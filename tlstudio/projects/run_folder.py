"""Owns what a run leaves on disk: its job, its split, its events, its state, its result."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from tlstudio.bounded import LARGE, SMALL, lines, record
from tlstudio.errors import RunError
from tlstudio.jobs import (
    EvaluationResult,
    Record,
    ScanResult,
    TrainingJob,
    TrainResult,
    load_training_job,
)
from tlstudio.projects.atomic import storage_errors, write_text
from tlstudio.projects.belonging import refuse_elsewhere, refuse_foreign
from tlstudio.projects.own_models import Origin
from tlstudio.tasks import Event, event_from_dict, event_to_dict

M = TypeVar("M", bound=BaseModel)
Environment = dict[str, str | int | float | bool]
State = Literal["running", "completed", "interrupted", "failed"]


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
        self.checkpoint_file = path / "checkpoint.safetensors"
        self.start_file = path / "start.safetensors"
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
    def begun(cls, path: Path, job: TrainingJob) -> Iterator[RunFolder]:
        """As `create`; where that or the block fails, what was written is taken away again."""
        cls.refuse_used(path)
        existed, run = path.exists(), cls(path)
        try:
            yield cls.create(path, job)
        except BaseException:
            for file in (run.job_file, run.split_file, run.origin_file, run.start_file):
                with contextlib.suppress(OSError):
                    file.unlink()
            if not existed:
                with contextlib.suppress(OSError):
                    path.rmdir()
            raise

    @classmethod
    def create(cls, path: Path, job: TrainingJob) -> RunFolder:
        """Starts a new run in a folder that is new or empty."""
        cls.refuse_used(path)
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

    @contextlib.contextmanager
    def recording(self) -> Iterator[Callable[[Event], None]]:
        """Gives what appends an event. A line that a crash cut off is taken away first, or the
        next event would be lost with it."""
        with storage_errors(self.events_file):
            file = self.events_file.open("a+b")
            _drop_cut_off_line(file)

        def append(event: Event) -> None:
            with storage_errors(self.events_file):
                file.write(json.dumps(event_to_dict(event)).encode() + b"\n")
                file.flush()

        try:
            yield append
        finally:
            with storage_errors(self.events_file):
                file.close()

    def discard_checkpoint(self) -> None:
        """Removes what only an interrupted run needs."""
        with storage_errors(self.path):
            self.checkpoint_file.unlink(missing_ok=True)
            self.start_file.unlink(missing_ok=True)

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


def _drop_cut_off_line(file: BinaryIO) -> None:
    file.seek(0)
    lines = file.read()
    file.truncate(lines.rfind(b"\n") + 1)
