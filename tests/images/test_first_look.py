"""What a hostile or broken file could do to the program that looks at it, and does not."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tlstudio.errors import EngineError
from tlstudio.images import child
from tlstudio.images.child import nursery
from tlstudio.images.facts import Look
from tlstudio.images.first_look import ENDED, TOO_LONG, Limits, first_looks
from tlstudio.images.look import look
from tlstudio.images.looking import TOO_MUCH_MEMORY

ODD = Path(__file__).with_name("odd_child.py")
QUICK = Limits(seconds=0.5, patience=60)
SMALL = Limits(seconds=60, patience=60, memory=600_000_000)


@pytest.fixture(autouse=True)
def _no_children_left() -> Iterator[None]:
    """Each test has children of its own, and none is left when it ends."""
    nursery.end_all()
    before = set(psutil.Process().children())
    yield
    nursery.end_all()
    assert set(psutil.Process().children()) <= before


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        child, "own_command", lambda _look, memory: [sys.executable, str(ODD), str(memory)]
    )


def pictures(folder: Path, names: Sequence[str]) -> list[Path]:
    rng = np.random.default_rng(0)
    files = [folder / name for name in names]
    for file in files:
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(file)
    return files


def seen(files: Sequence[Path], limits: Limits = QUICK, children: int | None = None) -> list[Look]:
    found: dict[int, Look] = {}
    numbered = [(index, str(file)) for index, file in enumerate(files)]
    for answers in first_looks(numbered, limits=limits, children=children):
        for index, each in answers:
            assert index not in found
            found[index] = each
    return [found[index] for index in range(len(files))]


def running() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "look" in " ".join(each.cmdline())]


def test_children_say_what_a_look_in_this_process_says(data: Path) -> None:
    files = sorted((data / "odd/pngsuite").rglob("*.*"))
    assert seen(files, Limits()) == [look(file) for file in files]


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("children", [1, 3])
def test_a_file_that_breaks_its_reader_gets_the_reason_and_all_others_their_looks(
    tmp_path: Path, children: int
) -> None:
    names = [f"{number:02}.png" for number in range(60)]
    bad = {
        7: ("dies.png", ENDED),
        8: ("dies too.png", ENDED),
        20: ("hangs.png", TOO_LONG),
        59: ("dies last.png", ENDED),
    }
    for at, (name, _) in bad.items():
        names[at] = name
    files = pictures(tmp_path, names)
    found = seen(files, children=children)
    for at, each in enumerate(found):
        reason = bad[at][1] if at in bad else ""
        assert each.reason == reason
        assert each.lasting
        if at not in bad:
            assert each.digest == hashlib.sha256(files[at].read_bytes()).digest()


@pytest.mark.usefixtures("odd")
def test_a_file_that_only_waits_may_be_tried_again(tmp_path: Path) -> None:
    """A disk that does not answer says nothing about the picture."""
    impatient = Limits(seconds=60, patience=1)
    waiting, good = seen(pictures(tmp_path, ["sleeps.png", "good.png"]), impatient)
    assert (waiting.reason, waiting.lasting, good.reason) == (TOO_LONG, False, "")


@pytest.mark.parametrize("limit", [(), ("unlimited",)], ids=["by the system", "by watching"])
def test_memory_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: Sequence[str]
) -> None:
    command = [sys.executable, str(ODD), str(SMALL.memory), *limit]
    monkeypatch.setattr(child, "own_command", lambda _look, memory: command)
    files = pictures(tmp_path, ["eats slowly.png", "good.png"])
    assert [(each.reason, each.lasting) for each in seen(files, SMALL)] == [
        (TOO_MUCH_MEMORY, True),
        ("", True),
    ]


def test_a_picture_that_needs_more_than_the_limit_is_refused_by_the_system(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("other systems are watched")
    large = tmp_path / "large.png"
    Image.new("RGB", (9000, 9000)).save(large)
    small = Limits(memory=400_000_000)
    assert [each.reason for each in seen([large], small)] == [TOO_MUCH_MEMORY]
    assert [each.reason for each in seen([large], Limits())] == [""]


@pytest.mark.usefixtures("odd")
def test_closing_ends_the_children_that_are_at_work_at_once(tmp_path: Path) -> None:
    files = pictures(tmp_path, ["hangs.png", *(f"{number}.png" for number in range(40))])
    patient = Limits(seconds=1000, patience=1000)
    looking = first_looks(enumerate(map(str, files)), limits=patient, children=2)
    found = 0
    while found < 20:
        found += len(next(looking))
    before = time.monotonic()
    looking.close()
    assert time.monotonic() - before < 60
    nursery.end_all()
    assert [each for each in psutil.Process().children() if str(ODD) in each.cmdline()] == []


def test_a_few_files_need_one_child_which_waits_for_more(tmp_path: Path) -> None:
    files = pictures(tmp_path, [f"{number}.png" for number in range(12)])
    seen(files, Limits())
    first = running()
    seen(files, Limits())
    assert running() == first
    assert len(first) == 1


def test_a_child_that_ended_meanwhile_is_replaced(tmp_path: Path) -> None:
    files = pictures(tmp_path, ["a.png", "b.png"])
    before = seen(files, Limits())
    for process in running():
        process.kill()
    assert seen(files, Limits()) == before


def test_a_child_without_work_ends_by_itself(tmp_path: Path) -> None:
    command = [sys.executable, str(ODD), str(Limits().memory), "hasty"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.wait(60) == 0  # though its input is still open


def test_children_end_with_the_program_however_it_ends(tmp_path: Path) -> None:
    (file,) = pictures(tmp_path, ["a.png"])
    program = (
        "import os, psutil; from tlstudio.images.first_look import first_looks\n"
        f"print([found for found in first_looks([(0, {str(file)!r})]) if found][0][0][1].reason)\n"
        "print(psutil.Process().children()[0].pid, flush=True)\n"
        "os._exit(9)"  # as if it was killed: nothing is tidied up
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 9, done.stderr
    pid = int(done.stdout.split()[-1])
    try:
        psutil.Process(pid).wait(30)
    except psutil.NoSuchProcess:
        return


def test_children_import_neither_torch_nor_qt_nor_pydantic() -> None:
    program = (
        "import sys, tlstudio.__main__, tlstudio.images.looking\n"
        "print([name for name in ('torch', 'PySide6', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "print('hello', flush=True)", ""])
def test_a_child_that_can_not_start_is_told_and_blames_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(child, "own_command", lambda _look, memory: [sys.executable, "-c", code])
    with pytest.raises(EngineError, match="could not start"):
        seen(pictures(tmp_path, ["a.png"]))
    monkeypatch.setattr(child, "own_command", lambda _look, memory: ["/no/such/program"])
    with pytest.raises(EngineError, match="could not start"):
        seen(pictures(tmp_path, ["a.png"]))


def test_nothing_to_look_at_starts_nothing() -> None:
    assert list(first_looks([])) == []
    assert running() == []


def test_names_that_are_no_text_come_through(tmp_path: Path) -> None:
    (file,) = pictures(tmp_path, ["a.png"])
    odd_name = tmp_path / "b\udcff\n“ü”.png"
    try:
        file.rename(odd_name)
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    assert [each.reason for each in seen([odd_name], Limits())] == [""]
