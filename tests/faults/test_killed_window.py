"""The window is killed at random moments: its engine ends by itself, nothing is left claimed, and
the next window offers to carry on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from random import Random

import psutil
import pytest
from faults import window_victim
from training.made_jobs import made_pictures

from tlstudio.gui.views.known import Entry, present_entries, remembered_entries
from tlstudio.projects.ownership import Ownership
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Epoch, Event

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")

_PATIENCE_S = 600
_START_S = 6.0
"""By then most windows have begun to open the project."""


class Windows:
    """One after the other, each of them killed."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "errors.txt"
        pictures = made_pictures(folder / "set")
        self._command = [sys.executable, window_victim.__file__, str(pictures)]
        self._environment = {
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "OMP_WAIT_POLICY": "passive",  # other programs compute at the same time
        }
        self.kills = self.carried_on = 0

    def one(self, after: int | None, seconds: float) -> None:
        """Killed `seconds` after it told of so many steps; with None, after it was started."""
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=log, env=self._environment
            )
        limit = threading.Timer(_PATIENCE_S, process.kill)
        limit.start()
        family: list[psutil.Process] = []

        def kill() -> None:
            family.extend(psutil.Process(process.pid).children(recursive=True))
            process.kill()

        killer = threading.Timer(seconds, kill)
        if after is None:
            killer.start()
        heard, offered = 0, False
        assert process.stdout is not None
        with process.stdout as told:
            for line in told:
                offered = offered or line == b"offered\n"
                heard += line == b"Step\n"
                if heard == after:
                    killer.start()
                    after = None
        killer.join()
        limit.cancel()
        assert process.wait() < 0, self._log.read_text()
        self.kills += 1
        self.carried_on += offered and heard > 0
        _, alive = psutil.wait_procs(family, timeout=_PATIENCE_S)
        assert not alive


def entry() -> Entry | None:
    """What home would show."""
    entries = present_entries(remembered_entries())
    assert len(entries) <= 1
    return entries[0] if entries else None


def epochs(events: list[Event]) -> list[int]:
    return [event.epoch for event in events if isinstance(event, Epoch)]


def suffer(folder: Path, random: Random, kills: int) -> Windows:
    """The first one trains before it is killed, the others at random moments."""
    windows, finished = Windows(folder), 0
    for number in range(kills):
        early = number > 0 and random.random() < 0.2
        windows.one(None if early else random.randint(1, 30), random.uniform(0, _START_S * early))
        found = entry()
        assert found is not None
        assert not found.running
        assert found.offer is not None
        with Ownership(found.path) as claim:
            assert claim.held
        done = epochs(RunFolder(found.offer.run).events())
        assert done == list(range(1, len(done) + 1))
        assert len(done) >= finished
        finished = len(done)
    return windows


@pytest.mark.timeout(1300)
def test_a_killed_window_leaves_a_run_that_the_next_one_offers(tmp_path: Path) -> None:
    assert suffer(tmp_path, Random(0), kills=1).kills == 1  # noqa: S311


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_fifty_killed_windows_lose_nothing(tmp_path: Path) -> None:
    windows = suffer(tmp_path, Random(1), kills=50)  # noqa: S311
    assert windows.kills == 50
    assert windows.carried_on >= 30
