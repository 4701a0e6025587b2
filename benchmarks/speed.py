"""How fast the program is beside others: `python benchmarks/speed.py --data DIR --weights FILE`.

Measures this program, the PyTorch tutorial's loop, fastai, the bare hardware and a minimal script
on the same pictures with the same weights and epochs. Every contender is a process of its own; in
each round all of them run one after the other, every other round in reverse order. Prints tables in
Markdown and writes all figures as JSON after every run. docs/benchmarks.md says what is what.

`--data` holds `ants-bees` and `flowers`, and is only read. `--few` tries everything out on a few
pictures. Leave the computer alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from speed_cases import CASES, CONTENDERS, Bench, Case, Contender, program
from speed_pictures import copied, of_a_camera, repeated, write_split
from speed_process import ContenderError, Ran, run
from speed_report import claim_rows, contender_rows, tables

CAMERA_PICTURES = 48
MEASURED = "measured"
"""The folder in the program's cache in which it remembers how fast the computer is."""


class Contest:
    """All rounds: runs the contenders, keeps every figure and writes them down as they come."""

    def __init__(self, given: argparse.Namespace, scratch: Path) -> None:
        self.given, self.scratch = given, scratch
        self.cases = {name: CASES[name] for name in given.cases}
        self.bench = Bench(
            {},
            {},
            given.weights.absolute(),
            given.fastai_python,
            given.epochs,
            given.unfrozen_epochs,
        )
        self.rounds: list[dict[str, dict[str, float]]] = []
        self.runs: list[dict[str, Any]] = []
        self.failed: dict[str, str] = {}
        self.versions: dict[str, dict[str, str]] = {}
        self.machine: dict[str, Any] = {}
        self._warm = scratch / "warm"

    # --- before the rounds ----------------------------------------------------------------------

    def prepare(self) -> None:
        """Everything that is not measured: sets of pictures, compiled imports, file caches, and
        the program's measurements of this computer."""
        doctor = self._program("doctor")
        self.machine = machine(doctor)
        self.versions["program"] = doctor["versions"]
        names = {
            CONTENDERS[name].pictures for case in self.cases.values() for name in case.contenders
        }
        folders = {name: self._pictures(name) for name in sorted(names)}
        splits = {}
        for name, folder in folders.items():
            splits[name] = self.scratch / f"{name}.json"
            write_split(
                self._program("scan", str(folder)) if name != "camera" else EMPTY, splits[name]
            )
            for file in folder.rglob("*"):  # all contenders find the files in memory
                if file.is_file():
                    file.read_bytes()
        self.bench = replace(self.bench, folders=folders, splits=splits)
        self._warm_up()

    def _pictures(self, name: str) -> Path:
        say(f"preparing {name}")
        data, target, few = self.given.data, self.scratch / "pictures" / name, self.given.few
        if name.startswith("scale-"):
            count = int(name.partition("-")[2])
            return repeated(data / "flowers", target, count // 20 if few else count)
        if name == "camera":
            return of_a_camera(data / "ants-bees", target, few or CAMERA_PICTURES)
        return copied(data / name, target, few) if few else (data / name).absolute()

    def _warm_up(self) -> None:
        """Short runs for what is done once on a computer: compiling imports, measuring it."""
        say("warming up")
        if self.given.fastai_python:
            command = [self.given.fastai_python, "-c", "import fastai.vision.all"]
            run(command, environment(self.scratch / "fastai"), self.given.timeout)
        few = copied(self.given.data / "ants-bees", self.scratch / "few", 8)
        bench = replace(self.bench, folders={"few": few}, epochs=1, unfrozen_epochs=1)
        for number, (freeze, precision) in enumerate(
            (freeze, precision)
            for freeze in ("all", "none")
            for precision in ("float32", "fastest")
        ):
            out = self.scratch / f"warm-up-{number}"
            out.mkdir()
            command = program("few", freeze=freeze, precision=precision)(bench, out, 0)
            run(command, environment(self._warm), self.given.timeout)
            self._keep_measured(out / "cache")

    def _keep_measured(self, cache: Path) -> None:
        """What was remembered in a cache that was given by name belongs to the next ones, too."""
        if (cache / MEASURED).is_dir():
            kept = self._warm / "cache" / MEASURED
            shutil.copytree(cache / MEASURED, kept, dirs_exist_ok=True)

    def _program(self, *words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "tlstudio", *words, "--json"]
        return run(command, environment(self.scratch / "home"), self.given.timeout).lines[-1]

    # --- the rounds -----------------------------------------------------------------------------

    def race(self) -> None:
        for number in range(self.given.rounds):
            self.rounds.append({})
            names = list(self._due(number))
            for name in names if number % 2 == 0 else reversed(names):
                self._measure(number, name, CONTENDERS[name])
                self.write()

    def _due(self, number: int) -> Iterator[str]:
        """The contenders of this round, each once however many cases it is in."""
        due = [case for case in self.cases.values() if number < case.rounds]
        yield from dict.fromkeys(name for case in due for name in case.contenders)

    def _measure(self, number: int, name: str, contender: Contender) -> None:
        out = self.scratch / "out"
        out.mkdir()
        measured = self._warm / "cache" / MEASURED
        if measured.is_dir() and not contender.first_use:
            for cache in (out / "home" / "cache", out / "cache"):
                shutil.copytree(measured, cache / MEASURED)
        try:
            command = contender.command(self.bench, out, number)
            ran = run(command, environment(out / "home"), self.given.timeout)
            figures = self._figures(name, contender, ran)
        except (ContenderError, LookupError) as error:
            self.failed[name] = str(error)
            say(f"round {number + 1}: {contender.words}: FAILED: {error}")
        else:
            self.rounds[number][name] = figures
            self.runs.append(
                {"round": number + 1, "contender": name, "load": ran.load, "figures": figures}
            )
            say(f"round {number + 1}: {contender.words}: {ran.seconds:.2f} s")
        finally:
            shutil.rmtree(out)

    def _figures(self, name: str, contender: Contender, ran: Ran) -> dict[str, float]:
        split = json.loads(self.bench.splits[contender.pictures].read_text("utf-8"))
        figures: dict[str, float] = {"seconds": ran.seconds, "memory": ran.memory}
        figures["pictures"] = len(split["train"]) + len(split["val"])
        answer = ran.lines[-1]
        if answer.get("type") == "result":
            return figures | of_the_program(ran)
        self.versions[name] = answer.get("versions", {})
        return figures | answer["figures"]

    # --- what it came to ------------------------------------------------------------------------

    def report(self) -> dict[str, Any]:
        given = self.given
        return {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": self.machine,
            "versions": self.versions,
            "settings": {
                "rounds": given.rounds,
                "epochs": given.epochs,
                "unfrozen_epochs": given.unfrozen_epochs,
                "few": given.few,
            },
            "contenders": contender_rows(self.rounds, self.failed),
            "claims": claim_rows(self.cases, self.rounds),
            "runs": self.runs,
            "failed": self.failed,
        }

    def write(self) -> None:
        text = json.dumps(self.report(), indent=1, ensure_ascii=False)
        self.given.out.write_text(text + "\n", "utf-8")


EMPTY: dict[str, Any] = {"classes": {}, "files": [], "folder": ""}


def of_the_program(ran: Ran) -> dict[str, float]:
    """The figures in the events and the result of `tlstudio train --json`."""
    result = ran.lines[-1]
    figures = {"accuracy": result["val_accuracy"], "probe_accuracy": result["probe_accuracy"]}
    figures |= {f"phase.{name}": seconds for name, seconds in result["phase_seconds"].items()}
    if result["estimate_seconds"] is not None:
        figures["estimate"] = result["estimate_seconds"]
    rates = [line["pictures_per_second"] for line in ran.lines if line["type"] == "epoch"]
    return figures | ({"train_per_second": rates[-1]} if rates else {})


def environment(home: Path) -> dict[str, str]:
    """Nothing is shared with the user's own folders, so that nothing is found there, either."""
    folders = {name: str(home / name.lower()) for name in ("FASTAI_HOME", "TORCH_HOME")}
    return {"TLSTUDIO_HOME": str(home), **folders}


def machine(doctor: dict[str, Any]) -> dict[str, Any]:
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "platform": doctor["platform"],
        "processor": processor(),
        "devices": doctor["devices"],
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "commit": commit(),
    }


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def commit() -> str | None:
    """The state of the sources, where they are in a repository."""
    try:
        command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def usual(fastai: str | None) -> list[str]:
    return [name for name, case in CASES.items() if case.usual and (fastai or name != "fastai")]


def arguments() -> argparse.Namespace:
    listed = "\n".join(
        f"  {name:15} {case.words}{_aside(name, case)}" for name, case in CASES.items()
    )
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"cases:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="mobilenet_v2 of torchvision")
    parser.add_argument("--fastai-python", help="the interpreter of an environment with fastai")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("speed.json"))
    parser.add_argument("--cases", help="names with commas between them, or all")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--unfrozen-epochs", type=int, default=2, help="where nothing is frozen")
    parser.add_argument("--few", type=int, help="only so many pictures a folder: to try it out")
    parser.add_argument("--scratch", type=Path, help="where temporary files go")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for one contender")
    given = parser.parse_args()
    asked = list(CASES) if given.cases == "all" else (given.cases or "").split(",")
    given.cases = usual(given.fastai_python) if given.cases is None else asked
    unknown = [name for name in given.cases if name not in CASES]
    if unknown:
        parser.error(f"no case is called {', '.join(unknown)}")
    if "fastai" in given.cases and not given.fastai_python:
        parser.error("the case fastai needs --fastai-python")
    return given


def _aside(name: str, case: Case) -> str:
    if name == "fastai":
        return " (usual with --fastai-python)"
    return "" if case.usual else " (only when asked for)"


def main() -> int:
    given = arguments()
    with tempfile.TemporaryDirectory(dir=given.scratch) as scratch:
        contest = Contest(given, Path(scratch))
        try:
            contest.prepare()
        except ContenderError as error:
            say(f"The preparation failed: {error}")
            return 1
        contest.race()
    report = contest.report()
    print(tables(report["contenders"], report["claims"]))
    return 1 if contest.failed else 0


if __name__ == "__main__":
    sys.exit(main())
