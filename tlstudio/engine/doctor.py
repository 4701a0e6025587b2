"""Owns the look at this installation: versions, devices, folders, and what is wrong with them."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial

import tlstudio
from tlstudio.engine import checks
from tlstudio.engine.trials import ANEW
from tlstudio.jobs import Check, DeviceInfo, DoctorJob, DoctorResult
from tlstudio.projects import places
from tlstudio.starting import own_command
from tlstudio.tasks import Logged, Meter, Task, beside

TRIAL_S = 120.0
"""So long may a trial take: a scanner for viruses may want to see every library."""
_WORDS = 500
_TRIALS = {
    "torch": "torch, which everything rests on,",
    "export": "What models are exported with",
    "window": "What the window is shown with",
}


def examine(job: DoctorJob) -> Task[DoctorResult]:
    """Looks and measures; changes nothing but files that it writes and removes."""
    yield Logged(message="Looking at the versions, the devices and the folders.")
    folders = {
        "runs": places.runs_folder(),
        "projects": places.projects_folder(),
        "samples": places.samples_folder(),
        "weights": places.weights_folder(),
        "cache": places.cache_folder(),
        "logs": places.logs_folder(),
    }
    versions, found = checks.packages()
    found += checks.folders([*folders.values()])
    if job.thorough:
        found += yield from _thorough()
    return DoctorResult(
        versions={"tlstudio": tlstudio.__version__, **versions},
        platform=f"{platform.platform()}, Python {platform.python_version()}",
        devices=_devices(),
        folders={name: str(folder) for name, folder in folders.items()},
        checks=tuple(found),
    )


def _thorough() -> Task[list[Check]]:
    work: list[Callable[[], Sequence[Check]]] = [
        checks.clock,
        checks.temporary_folder,
        checks.bundled_backbone,
        checks.projects,
        checks.first_look,
        *(partial(tried, name) for name in _TRIALS),
    ]
    meter, found = Meter("measure", len(work), "steps"), list[Check]()
    for done, each in enumerate(work):
        found += yield from beside(each, meter, done)
    return found


def _devices() -> tuple[DeviceInfo, ...]:
    """None where torch can't be loaded, which a check says."""
    try:
        from tlstudio.training.devices import available_devices
    except (ImportError, OSError, RuntimeError, AttributeError):
        return ()
    return available_devices()


def tried(name: str, limit: float = TRIAL_S, command: Sequence[str] | None = None) -> list[Check]:
    """What a trial in a process of its own found; its crash or its silence is a finding, too."""
    try:
        ended = subprocess.run(
            list(command or own_command("try", name)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limit,
            check=False,
            encoding="utf-8",
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        says = f"{_TRIALS[name]} did not answer within {limit:.0f} seconds."
        remedy = "Restart the computer; if it happens again, update the drivers of its devices."
        return [Check(name=name, state="problem", says=says, remedy=remedy)]
    except OSError as error:
        says = f"The program can't start another process of itself ({error.strerror})."
        return [Check(name=name, state="problem", says=says, remedy=ANEW)]
    found = [
        Check.model_validate_json(line)
        for line in ended.stdout.splitlines()
        if line.startswith('{"name"')
    ]
    if ended.returncode == 0 and found:
        return found
    return [*found, _crashed(name, ended.returncode, ended.stderr)]


def _crashed(name: str, code: int, said: str) -> Check:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    how = _signal(-code) if code < 0 else f"exit status {code}"
    # Python says last what was wrong, a library that gives up says it first.
    words = " ".join(lines[:3] if code < 0 else lines[-1:])[:_WORDS]
    said = f": {words}" if words else ""
    remedy = ANEW
    if name == "window" and sys.platform.startswith("linux"):
        packages = checks.missing_libraries()
        if packages:
            remedy = f"Install these packages of your system: {' '.join(packages)}."
    says = f"{_TRIALS[name]} does not work ({how}{said})."
    return Check(name=name, state="problem", says=says, remedy=remedy)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
