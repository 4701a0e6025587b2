"""One window at a time may change a project, and a dead one keeps nobody out."""

from __future__ import annotations

import errno
import os
import platform
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tlstudio.projects.ownership import Ownership

HOLD = """
import subprocess, sys
from pathlib import Path
from tlstudio.projects.ownership import Ownership
claim = Ownership(Path(sys.argv[1]))
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(claim.held, child.pid, flush=True)
sys.stdin.read()
"""


def test_the_second_claim_looks_on_and_knows_the_owner(tmp_path: Path) -> None:
    with Ownership(tmp_path) as first:
        second = Ownership(tmp_path)
        assert (first.held, first.reason) == (True, "")
        assert (second.held, second.reason) == (False, "taken")
        assert second.owner == first.owner
        assert second.owner is not None
        assert second.owner.process == os.getpid()
        assert second.owner.computer == platform.node()
        second.release()
        assert Ownership(tmp_path).held is False, "who never had it can't give it back"
    with Ownership(tmp_path) as third:
        assert third.held


def test_another_thread_than_the_one_that_claimed_may_release(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        claim = pool.submit(Ownership, tmp_path).result()
    claim.release()
    with Ownership(tmp_path) as again:
        assert again.held


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_a_killed_owner_leaves_the_project_free_at_once(tmp_path: Path) -> None:
    """Also while its engine, a child of it, is still about to end."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    held, child = holder.stdout.readline().split()
    assert held == "True"
    claim = Ownership(tmp_path)
    assert (claim.held, claim.owner and claim.owner.process) == (False, holder.pid)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    if holder.stdin is not None:
        holder.stdin.close()
    try:
        with Ownership(tmp_path) as claim:
            assert claim.held
            assert claim.owner is not None
            assert claim.owner.process == os.getpid()
    finally:
        os.kill(int(child), signal.SIGKILL)


@pytest.mark.skipif(os.name == "nt", reason="locks are made in another way there")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_without_locks_keeps_nobody_from_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    claim = Ownership(tmp_path)
    assert (claim.held, claim.reason) == (True, "no_locks")
    claim.release()
    monkeypatch.undo()
    with Ownership(tmp_path) as claim:
        assert (claim.held, claim.reason) == (True, ""), "nothing stale is left"


def test_nonsense_about_the_owner_is_nobody(tmp_path: Path) -> None:
    with Ownership(tmp_path):
        (tmp_path / "owner.json").write_text('{"user": 3')
        claim = Ownership(tmp_path)
        assert (claim.held, claim.owner) == (False, None)
