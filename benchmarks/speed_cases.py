"""Owns what is compared: the contenders, the cases, and what this program claims in each.

A contender is one command; a case names some contenders and what is claimed of them. The figures of
a round are, by contender, what it answered (`accuracy`, `phase.cache`, …), its `seconds` from start
to end, its `memory` in bytes and the number of `pictures` that it was given.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from speed_pictures import held_back

Figures = Mapping[str, Mapping[str, float]]
Command = Callable[["Bench", Path, int], list[str]]

SCRIPTS = Path(__file__).with_name("contenders")
NETWORK = "mobilenet_v2"
LAST_STAGE = "features.17"
"""Frozen up to and with it, the last stage and the head learn: the tutorial's `last-block`."""
SCALES = (1_000, 5_000, 20_000, 50_000)


@dataclass(frozen=True)
class Bench:
    """What the contenders are given: folders and lists of pictures by the name of the set, weights,
    fastai's interpreter, and the number of epochs."""

    folders: Mapping[str, Path]
    splits: Mapping[str, Path]
    weights: Path
    fastai: str | None
    epochs: int
    unfrozen_epochs: int


@dataclass(frozen=True)
class Contender:
    """`command(bench, out, seed)` prepares the empty folder `out` and gives what is run there.

    `first_use`: this program has not measured the computer before, as when it was just installed.
    """

    words: str
    pictures: str
    command: Command
    first_use: bool = False


@dataclass(frozen=True)
class Claim:
    """A figure of one round and what it should be; only told where there is no target."""

    words: str
    value: Callable[[Figures], float]
    at_least: float | None = None
    at_most: float | None = None
    unit: str = "×"


@dataclass(frozen=True)
class Case:
    """`usual` cases are measured when none is asked for; `rounds` is the most that is sensible."""

    words: str
    contenders: tuple[str, ...]
    claims: tuple[Claim, ...]
    usual: bool = True
    rounds: int = 100


# --- commands -----------------------------------------------------------------------------------


def program(pictures: str, *, freeze: str = "all", start: str = NETWORK, **recipe: Any) -> Command:
    """The whole job on the command line, cold: its home and its cache are new."""

    def command(bench: Bench, out: Path, seed: int) -> list[str]:
        file = write_recipe(bench, out, freeze, recipe)
        weights = ["--weights", str(bench.weights)] if start == NETWORK else ["--from-scratch"]
        begin = [sys.executable, "-m", "tlstudio", "train", str(bench.folders[pictures])]
        where = ["--run", str(out / "run"), "--cache", str(out / "cache"), "--json"]
        how = ["--freeze", freeze, "--recipe", str(file), "--seed", str(seed)]
        return [*begin, "--backbone", start, *weights, *how, *where]

    return command


def write_recipe(bench: Bench, out: Path, freeze: str, changes: Mapping[str, Any]) -> Path:
    """Never stopped early: all contenders run all epochs."""
    epochs = bench.unfrozen_epochs if freeze == "none" else bench.epochs
    file = out / "recipe.json"
    file.write_text(json.dumps({"epochs": epochs, "patience": None, **changes}), "utf-8")
    return file


def engine(pictures: str, *then: str) -> Command:
    """The same job in an engine that stays up; what is added to is a copy."""

    def command(bench: Bench, out: Path, seed: int) -> list[str]:
        folder, more = bench.folders[pictures], []
        if "add" in then:
            folder = Path(shutil.copytree(folder, out / "pictures"))
            more = ["--more", str(held_back(folder, out / "more"))]
        recipe = ["--recipe", str(write_recipe(bench, out, "all", {}))]
        steps = [word for step in then for word in ("--then", step)]
        start = [sys.executable, str(SCRIPTS / "engine.py"), "--folder", str(folder)]
        end = ["--weights", str(bench.weights), "--out", str(out), "--seed", str(seed)]
        return [*start, *more, *recipe, *steps, *end]

    return command


def script(name: str, *options: str, unfrozen: bool = False) -> Command:
    """One of the scripts that learn from, or look at, the list of `ants-bees`."""

    def command(bench: Bench, out: Path, seed: int) -> list[str]:
        python = (bench.fastai or "") if name.startswith("fastai") else sys.executable
        epochs = bench.unfrozen_epochs if unfrozen else bench.epochs
        given = ["--split", str(bench.splits["ants-bees"]), "--weights", str(bench.weights)]
        rest = ["--out", str(out), "--epochs", str(epochs), "--seed", str(seed)]
        return [python, str(SCRIPTS / name), *given, *rest, *options]

    return command


def alone(name: str, *options: str) -> Command:
    """A script that needs no list of pictures."""
    return lambda _bench, _out, _seed: [sys.executable, str(SCRIPTS / name), *options]


def views(how: str) -> Command:
    return lambda bench, out, seed: alone(
        "views.py", "--how", how, "--folder", str(bench.folders["camera"])
    )(bench, out, seed)


# --- what the figures of a round come to --------------------------------------------------------


def ratio(above: str, below: str) -> Callable[[Figures], float]:
    return lambda figures: figure(figures, above) / figure(figures, below)


def points(ours: str, theirs: str) -> Callable[[Figures], float]:
    """By how many percentage points an accuracy is above another."""
    return lambda figures: 100 * (figure(figures, ours) - figure(figures, theirs))


def value(address: str, divisor: float = 1) -> Callable[[Figures], float]:
    return lambda figures: figure(figures, address) / divisor


def figure(figures: Figures, address: str) -> float:
    contender, name = address.split(":")
    return figures[contender][name]


def off_the_line(figures: Figures) -> float:
    """The largest share by which a time misses the straight line through all of them."""
    contenders = [figures[f"scale-{count}"] for count in SCALES]
    counts = np.array([each["pictures"] for each in contenders])
    seconds = np.array([each["seconds"] for each in contenders])
    line = np.polyval(np.polyfit(counts, seconds, 1, w=1 / seconds), counts)
    return float(100 * np.abs(seconds / line - 1).max())


def features_share(figures: Figures) -> float:
    ours = figures["gpu-frozen"]
    rate = ours["pictures"] / ours["phase.cache"]
    return rate / figures["gpu-bare"]["forward_per_second"]


# --- the list -----------------------------------------------------------------------------------

CONTENDERS: dict[str, Contender] = {
    "ours-frozen": Contender("this program, all frozen", "ants-bees", program("ants-bees")),
    "ours-first-use": Contender(
        "the same, the computer not measured before", "ants-bees", program("ants-bees"), True
    ),
    "tutorial-frozen": Contender("(a) tutorial, all frozen", "ants-bees", script("tutorial.py")),
    "script": Contender("(d) decode, run once", "ants-bees", script("script.py")),
    "script-workers": Contender(
        "(d) with two workers", "ants-bees", script("script.py", "--workers", "2")
    ),
    "engine": Contender(
        "this program, engine up", "ants-bees", engine("ants-bees", "learning-rate")
    ),
    "ours-last-stage": Contender(
        "this program, last stage learns", "ants-bees", program("ants-bees", freeze=LAST_STAGE)
    ),
    "tutorial-last-stage": Contender(
        "(a) tutorial, last stage learns",
        "ants-bees",
        script("tutorial.py", "--learns", "last-block"),
    ),
    "ours-none": Contender(
        "this program, nothing frozen, fp32", "ants-bees", program("ants-bees", freeze="none")
    ),
    "ours-none-fast": Contender(
        "this program, nothing frozen, fast precision",
        "ants-bees",
        program("ants-bees", freeze="none", precision="fastest"),
    ),
    "tutorial-none": Contender(
        "(a) tutorial, nothing frozen",
        "ants-bees",
        script("tutorial.py", "--learns", "everything", unfrozen=True),
    ),
    "bare": Contender("(c) bare, fp32", "ants-bees", alone("bare.py")),
    "bare-fast": Contender(
        "(c) bare, bf16", "ants-bees", alone("bare.py", "--precision", "bfloat16")
    ),
    "fastai-tune": Contender("(b) fastai, fine_tune", "ants-bees", script("fastai_tune.py")),
    "fastai-frozen": Contender(
        "(b) fastai, body frozen", "ants-bees", script("fastai_tune.py", "--frozen")
    ),
    "engine-flowers": Contender(
        "this program, engine up, one more flower", "flowers", engine("flowers", "add")
    ),
    "views-full": Contender("12 megapixels decoded in full", "camera", views("full")),
    "views-program": Contender("12 megapixels, this program", "camera", views("program")),
    **{
        f"scale-{count}": Contender(
            f"this program, {count:,} pictures", f"scale-{count}", program(f"scale-{count}")
        )
        for count in SCALES
    },
    "gpu-none": Contender(
        "this program, ResNet-50, nothing frozen",
        "flowers",
        program("flowers", freeze="none", start="resnet50", precision="fastest", batch_size=64),
    ),
    "gpu-frozen": Contender(
        "this program, ResNet-50, all frozen",
        "flowers",
        program("flowers", start="resnet50", precision="fastest"),
    ),
    "gpu-bare": Contender(
        "(c) bare, ResNet-50, bf16",
        "flowers",
        alone(
            *("bare.py", "--network", "resnet50", "--precision", "bfloat16"),
            *("--batch-size", "64", "--forward-batch", "64"),
        ),
    ),
}

CASES: dict[str, Case] = {
    "all-frozen": Case(
        "all frozen, cold cache, from folder to saved model",
        ("ours-frozen", "ours-first-use", "tutorial-frozen", "script", "script-workers"),
        (
            Claim("faster than (a)", ratio("tutorial-frozen:seconds", "ours-frozen:seconds"), 12),
            Claim(
                "accuracy above (a)",
                points("ours-frozen:accuracy", "tutorial-frozen:accuracy"),
                at_least=0,
                unit="points",
            ),
            Claim("time of (d)", ratio("ours-frozen:seconds", "script:seconds"), at_most=1.2),
            Claim("time of (d), first use", ratio("ours-first-use:seconds", "script:seconds")),
            Claim(
                "time of (d) with workers", ratio("ours-frozen:seconds", "script-workers:seconds")
            ),
        ),
    ),
    "retry": Case(
        "the same again with another learning rate, engine up",
        ("engine",),
        (
            Claim(
                "of the first time",
                ratio("engine:seconds.learning-rate", "engine:seconds.first"),
                at_most=0.1,
            ),
        ),
    ),
    "last-stage": Case(
        "last stage learns, views from the cache",
        ("ours-last-stage", "tutorial-last-stage"),
        (
            Claim(
                "faster than (a)",
                ratio("tutorial-last-stage:seconds", "ours-last-stage:seconds"),
                at_least=3,
            ),
            Claim(
                "accuracy above (a)",
                points("ours-last-stage:accuracy", "tutorial-last-stage:accuracy"),
                at_least=0,
                unit="points",
            ),
        ),
    ),
    "nothing-frozen": Case(
        "nothing frozen",
        ("ours-none", "ours-none-fast", "tutorial-none", "bare", "bare-fast"),
        (
            Claim("faster than (a)", ratio("tutorial-none:seconds", "ours-none:seconds"), 1),
            Claim(
                "faster than (a), fast precision",
                ratio("tutorial-none:seconds", "ours-none-fast:seconds"),
                at_least=1.3,
            ),
            Claim(
                "training rate of (c)",
                ratio("ours-none:train_per_second", "bare:train_per_second"),
            ),
            Claim(
                "training rate of (c), fast precision",
                ratio("ours-none-fast:train_per_second", "bare-fast:train_per_second"),
            ),
        ),
    ),
    "fastai": Case(
        "all frozen against fastai",
        ("ours-frozen", "fastai-tune", "fastai-frozen"),
        (
            Claim("faster than fine_tune", ratio("fastai-tune:seconds", "ours-frozen:seconds"), 5),
            Claim(
                "accuracy above fine_tune",
                points("ours-frozen:accuracy", "fastai-tune:accuracy"),
                at_least=0,
                unit="points",
            ),
            Claim(
                "faster than the body frozen",
                ratio("fastai-frozen:seconds", "ours-frozen:seconds"),
            ),
        ),
    ),
    "one-more": Case(
        "flowers, all frozen, one picture added, engine up",
        ("engine-flowers",),
        (Claim("again", value("engine-flowers:seconds.add"), at_most=3, unit="s"),),
    ),
    "camera": Case(
        "JPEGs of 12 megapixels to augmented views",
        ("views-full", "views-program"),
        (
            Claim(
                "pictures a second of full decoding",
                ratio("views-program:views_per_second", "views-full:views_per_second"),
                at_least=3,
            ),
        ),
    ),
    "scale": Case(
        "1,000 to 50,000 pictures, all frozen",
        tuple(f"scale-{count}" for count in SCALES),
        (
            Claim(
                "memory of the largest",
                value(f"scale-{SCALES[-1]}:memory", 1e9),
                at_most=2,
                unit="GB",
            ),
            Claim("off a straight line", off_the_line, at_most=15, unit="%"),
        ),
        usual=False,
        rounds=1,
    ),
    "gpu": Case(
        "on a GPU: ResNet-50 at 224 px",
        ("gpu-none", "gpu-frozen", "gpu-bare"),
        (
            Claim(
                "training rate of (c)",
                ratio("gpu-none:train_per_second", "gpu-bare:train_per_second"),
                at_least=0.9,
            ),
            Claim("features, rate of (c)", features_share, at_least=0.9),
        ),
        usual=False,
    ),
}
