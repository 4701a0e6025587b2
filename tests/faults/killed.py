"""Owns a training in a process of its own that is killed at random moments, and carried on."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import IO, Any, Protocol

from tlstudio.jobs import TrainingJob
from tlstudio.projects.run_folder import RunFolder

Start = Callable[[list[str], Path, Path], "Process"]
"""Starts `tlstudio` with these arguments, a home, and a file for its errors."""


class Process(Protocol):
    """A command under way. `wait` returns its exit status, or minus the signal that ended it."""

    @property
    def output(self) -> IO[bytes]: ...
    def kill(self) -> None: ...
    def wait(self) -> int: ...


class Fresh:
    """A process as a user starts it."""

    def __init__(self, arguments: list[str], home: Path, errors: Path) -> None:
        command = [sys.executable, "-m", "tlstudio", *arguments]
        environment = {**os.environ, "TLSTUDIO_HOME": str(home)}
        with errors.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=environment
            )
        assert self._process.stdout is not None
        self.output: IO[bytes] = self._process.stdout

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        return self._process.wait()


class Forked:
    """A process that finds its libraries loaded: hundreds can be killed in minutes."""

    def __init__(self, arguments: list[str], home: Path, errors: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tlstudio.cli", "tlstudio.training.train", "torch._dynamo"])
        reader, writer = context.Pipe(duplex=False)
        given = (arguments, str(home), str(errors), writer)
        self._process = context.Process(target=_command, args=given)
        self._process.start()
        writer.close()
        self.output: IO[bytes] = os.fdopen(os.dup(reader.fileno()), "rb")
        reader.close()

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int:
        self._process.join()
        status = self._process.exitcode
        assert status is not None
        self._process.close()
        return status


def _command(arguments: list[str], home: str, errors: str, writer: Any) -> None:
    os.environ["TLSTUDIO_HOME"] = home
    os.dup2(writer.fileno(), 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    from tlstudio.cli import run

    status = run(arguments)
    sys.stdout.flush()
    os._exit(status)


class Victim:
    """`tlstudio train` of one job into `folder`. `told` is all that its processes told, `kills`
    how often one was killed, `missed` how often it was faster."""

    def __init__(self, job: TrainingJob, folder: Path, home: Path, start: Start = Fresh) -> None:
        self.run = RunFolder(folder / "run")
        self.told: list[dict[str, Any]] = []
        self.kills = self.missed = 0
        self._folder = folder
        self._home, self._start = home, start
        self._job = folder / "job.json"
        folder.mkdir(parents=True)
        self._job.write_text(job.model_dump_json())

    def end(self) -> None:
        """Trains to the end, undisturbed."""
        while not self._done():
            self._attempt(None, None)

    def suffer(self, random: Random, most: int, start_up: float) -> None:
        """Trains to the end, killed at most `most` times: while it starts, which takes about
        `start_up` seconds, or some events later, in the middle of whatever it does then."""
        while not self._done():
            if self.kills >= most:
                self._attempt(None, None)
            elif random.random() < 0.1:
                self._attempt(0, random.uniform(0, start_up))
            else:
                self._attempt(random.randint(1, 30), random.uniform(0, 0.04))

    def _done(self) -> bool:
        return self.run.path.exists() and self.run.state().state == "completed"

    def _attempt(self, after: int | None, seconds: float | None) -> None:
        """One process, killed `seconds` after its event number `after`; 0 is its start."""
        begun = self.run.path.exists()
        what = [str(self._job), "--run", str(self.run.path)]
        if begun:
            assert self.run.standing() == "interrupted"
            what = ["--resume", str(self.run.path)]
        log = self._folder / "errors.txt"
        process = self._start(["train", *what, "--json"], self._home, log)
        killer = threading.Timer(seconds or 0, process.kill)
        if after == 0:
            killer.start()
        with process.output as output:
            for number, line in enumerate(output, start=1):
                if line.endswith(b"\n"):
                    self._hear(json.loads(line), first=number == 1 and begun)
                if number == after:
                    killer.start()
        killer.cancel()
        if killer.ident is not None:
            killer.join()
        status = process.wait()
        assert status in (0, -signal.SIGKILL), log.read_text()
        self.kills += status != 0
        self.missed += status == 0 and after is not None

    def _hear(self, event: dict[str, Any], *, first: bool) -> None:
        if first:
            assert event["type"] == "resumed", event
        self.told.append(event)
