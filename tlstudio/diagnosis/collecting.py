"""Owns how a report comes together: the doctor is asked in a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from tlstudio.diagnosis.report import write_report
from tlstudio.jobs import DoctorResult
from tlstudio.starting import own_command
from tlstudio.tasks import Progress, Task

_PATIENCE_S = 180
_BEAT_S = 0.1


def collect(file: Path, error: str = "") -> Task[None]:
    """Asks the doctor, then writes the report `file`. The engine is left alone: it may be at work,
    or be what does not work. Raises `StorageError`."""
    doctor = yield from _ask_doctor()
    write_report(file, doctor, error)


def _ask_doctor() -> Task[DoctorResult | None]:
    """None where it does not answer."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                own_command("doctor", "--json"),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.DEVNULL,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError:
            return None
        try:
            yield from _waiting(process)
        finally:
            process.kill()
            process.wait()
        said.seek(0)
        return _result(said)


def _waiting(process: subprocess.Popen[bytes]) -> Task[None]:
    beats = round(_PATIENCE_S / _BEAT_S)
    for beat in range(beats):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_BEAT_S)
            return
        yield Progress(phase="measure", done=beat, total=0, unit="steps")


def _result(said: IO[bytes]) -> DoctorResult | None:
    lines = said.read().splitlines()
    try:
        return DoctorResult.model_validate_json(lines[-1]) if lines else None
    except ValidationError:
        return None
