"""Owns how the proofs run the real command many times: each in a process of its own, forked from
one that has loaded torch already."""

from __future__ import annotations

import multiprocessing
import os
import sys
from dataclasses import dataclass
from pathlib import Path

_LOADED = ["tlstudio.cli.app", "tlstudio.engine.runner", "tlstudio.training.train"]


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


def run_command(arguments: list[str], said: Path, *, home: Path, has_room: bool) -> Ended:
    """`tlstudio` with `arguments`, whose output goes through files in `said`. With `has_room` it
    believes before the start that the disk has enough room."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(_LOADED)
    child = processes.Process(target=_command, args=(arguments, said, home, has_room))
    child.start()
    child.join(240)
    assert child.exitcode is not None, "the command hangs"
    return Ended(child.exitcode, (said / "out").read_text(), (said / "err").read_text())


def _command(arguments: list[str], said: Path, home: Path, has_room: bool) -> None:
    os.environ["TLSTUDIO_HOME"] = str(home)
    for name, number in (("out", 1), ("err", 2)):
        with (said / name).open("wb") as file:
            os.dup2(file.fileno(), number)
    sys.argv = ["tlstudio", *arguments]
    import torch

    from tlstudio.__main__ import main
    from tlstudio.training.estimating import Outlook

    torch.set_num_threads(1)
    if has_room:
        Outlook.check_room = lambda *_: None  # type: ignore[method-assign]
    sys.exit(main())
