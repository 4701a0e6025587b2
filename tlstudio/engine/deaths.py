"""Owns the words for an engine that ended by itself: what that mostly comes from, what is kept, and
what to do, also where it happens at the same place again."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from tlstudio.errors import EngineError
from tlstudio.jobs import Job, ResumeRun, TrainRun
from tlstudio.tasks import Epoch, Event

_PART = "The part of the program that trains"
_KILLED = ("SIGKILL", "SIGTERM", "SIGXCPU")
_CRASHED = ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS")
# https://learn.microsoft.com/openspecs/windows_protocols/ms-erref (NTSTATUS values)
_NO_MEMORY_ON_WINDOWS = {0xC0000017, 0xC000009A, 0xC000012D}
_CRASHED_ON_WINDOWS = {
    0x80000003,
    *(0xC0000005, 0xC0000006, 0xC000001D, 0xC0000094, 0xC00000FD, 0xC0000374, 0xC0000409),
}


@dataclass
class Deaths:
    """What is known of the engines of a client: which run they trained, and whether an epoch came
    to its end since it was begun or carried on."""

    _run: str = ""
    _progressed: bool = False
    _died_in: str = ""

    def begin(self, job: Job) -> None:
        self._run = job.run if isinstance(job, TrainRun | ResumeRun) else ""
        self._progressed = False

    def see(self, event: Event) -> None:
        self._progressed |= isinstance(event, Epoch)

    def error(self, code: int, look_there: str) -> EngineError:
        """`code` is the exit status, negative for a signal; `look_there` says where the log is."""
        again = bool(self._run) and self._died_in == self._run and not self._progressed
        self._died_in = self._run
        message, hint = f"{_PART} {_how(code)}", look_there
        if again:
            message += " That happened at the same place before."
            hint = "Start again with a smaller batch size, with smaller pictures, or with the CPU"
            hint += f" as the device. {look_there}"
        elif self._run:
            message += " What was saved at the last checkpoint is kept."
            hint = f"Carry on from there, best with other programs closed. {look_there}"
        return EngineError(message, hint.strip())


def _how(code: int) -> str:
    name = _signal_name(-code) if code < 0 else ""
    if name in _KILLED:
        return f"was ended by the system ({name}): most often because memory ran out."
    if code & 0xFFFFFFFF in _NO_MEMORY_ON_WINDOWS:
        return f"was ended because memory ran out ({code & 0xFFFFFFFF:#x})."
    if name in _CRASHED:
        return f"crashed ({name}): most often a driver is to blame, that of the graphics card."
    if code & 0xFFFFFFFF in _CRASHED_ON_WINDOWS:
        what = f"{code & 0xFFFFFFFF:#x}"
        return f"crashed ({what}): most often a driver is to blame, that of the graphics card."
    return f"ended unexpectedly ({name or f'exit status {code}'})."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
