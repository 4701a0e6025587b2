"""Owns what the system itself saw of a command: its connections, and the files that it opened."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

_CALLS = "connect,sendto,sendmsg,openat,open,creat,unlink,rename,renameat,mkdir,symlink,truncate"
_OUTWARD = re.compile(r"sa_family=AF_INET6?\b")
_NAMED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Seen:
    """A command that ended: its exit status and words, and what strace wrote of it and of all that
    it started."""

    status: int
    words: str
    calls: tuple[str, ...]

    @property
    def outward(self) -> list[str]:
        """Calls that spoke to another computer, or to this one over the network."""
        return [call for call in self.calls if _OUTWARD.search(call)]

    def named(self, folder: Path) -> list[str]:
        """Calls that got hold of what lies in `folder`; a refusal by the system is none."""
        return [
            call
            for call in self.calls
            if " = -1 " not in call
            and any(Path(name).is_relative_to(folder) for name in _NAMED.findall(call))
        ]


def straced(folder: Path, *arguments: str, seconds: float = 280) -> Seen:
    """Runs `tlstudio` under strace, which writes into `folder`; skips the test where it can't."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    log = folder / "calls"
    command = [
        strace,
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-s",
        "4096",
        "-e",
        f"trace={_CALLS}",
        "-o",
        str(log),
    ]
    command += [sys.executable, "-m", "tlstudio", *arguments]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    ended = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if "ptrace" in ended.stderr and not log.exists():
        pytest.skip("this system lets nobody be watched")
    return Seen(ended.returncode, ended.stdout + ended.stderr, tuple(log.read_text().splitlines()))
