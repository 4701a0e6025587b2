"""Owns what the measurements come to: medians and spreads, and tables in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from speed_cases import CONTENDERS, Case, Claim

Round = Mapping[str, Mapping[str, float]]


def spread(values: Iterable[float]) -> dict[str, float]:
    row = list(values)
    return {"median": statistics.median(row), "min": min(row), "max": max(row), "n": len(row)}


def contender_rows(rounds: Sequence[Round], failed: Mapping[str, str]) -> list[dict[str, Any]]:
    """For each contender the median and spread of everything that it told."""
    rows: list[dict[str, Any]] = []
    for name, contender in CONTENDERS.items():
        told = [figures[name] for figures in rounds if name in figures]
        if told:
            figures = {key: spread(each[key] for each in told if key in each) for key in told[0]}
            rows.append({"contender": name, "words": contender.words, "figures": figures})
        elif name in failed:
            rows.append({"contender": name, "words": contender.words, "failed": failed[name]})
    return rows


def claim_rows(cases: Mapping[str, Case], rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """For each claim its figure over the rounds in which all of its contenders came through."""
    rows: list[dict[str, Any]] = []
    for name, case in cases.items():
        for claim in case.claims:
            values = [value for each in rounds if (value := _value(claim, each)) is not None]
            row: dict[str, Any] = {"case": name, "words": claim.words, "unit": claim.unit}
            row |= {"at_least": claim.at_least, "at_most": claim.at_most}
            if values:
                row |= {"figure": spread(values), "rounds": values}
                row["reached"] = _reached(claim, statistics.median(values))
            rows.append(row)
    return rows


def _value(claim: Claim, figures: Round) -> float | None:
    try:
        return claim.value(figures)
    except KeyError:  # a contender that failed, or was not run in this round
        return None


def _reached(claim: Claim, value: float) -> bool | None:
    if claim.at_least is not None:
        return value >= claim.at_least
    return None if claim.at_most is None else value <= claim.at_most


def tables(contenders: list[dict[str, Any]], claims: list[dict[str, Any]]) -> str:
    """All tables; a figure is its median, with the smallest and largest in brackets."""
    lines = [
        "| contender | seconds | accuracy | memory, MB | pictures/s |",
        "|---|---|---|---|---|",
    ]
    for row in contenders:
        if "failed" in row:
            lines.append(f"| {row['words']} | failed | | | |")
            continue
        lines += _contender_lines(row["words"], row["figures"])
    lines += ["", "| case | claim | figure | target | reached |", "|---|---|---|---|---|"]
    for row in claims:
        shown = f"{_shown(row['figure'])} {row['unit']}" if "figure" in row else "not measured"
        reached = {True: "yes", False: "NO", None: ""}[row.get("reached")]
        lines.append(f"| {row['case']} | {row['words']} | {shown} | {_target(row)} | {reached} |")
    return "\n".join([*lines, "", *_phase_lines(contenders)])


def _phase_lines(contenders: list[dict[str, Any]]) -> list[str]:
    """Where this program's time went: the rest is what no phase counts, such as the imports."""
    phases = ("start", "decode", "cache", "probe", "fine_tune", "export")
    title = f"| median seconds | {' | '.join(phases)} | rest | expected |"
    lines = [title, "|---" * (len(phases) + 3) + "|"]
    for row in contenders:
        middle = {key: figure["median"] for key, figure in row.get("figures", {}).items()}
        for run in sorted(
            {key.partition(".")[2] for key in middle if key.startswith("phase.start")}
        ):
            end = run.removeprefix("start")
            times = [middle.get(f"phase.{phase}{end}", 0) for phase in phases]
            whole = middle[f"seconds{end}"]
            expected = middle.get(f"estimate{end}")
            shown = [f"{seconds:.2f}" for seconds in (*times, whole - sum(times))]
            shown.append("" if expected is None else f"{expected:.1f}")
            words = row["words"] + end.replace(".", ": ")
            lines.append(f"| {words} | {' | '.join(shown)} |")
    return lines


def _contender_lines(words: str, figures: dict[str, dict[str, float]]) -> list[str]:
    """One line for the process, or one for each run that it timed itself."""
    parts = [key.partition(".")[2] for key in figures if key.startswith("seconds.")]
    memory = _shown(figures["memory"], 1e-6, 0)
    if parts:
        return [
            f"| {words}: {part} | {_shown(figures[f'seconds.{part}'])} | "
            f"{_accuracy(figures.get(f'accuracy.{part}'))} | {memory} | |"
            for part in parts
        ]
    rates = [
        f"{_shown(figures[key], 1, 0)} {word}"
        for key, word in (
            ("train_per_second", "learnt from"),
            ("forward_per_second", "looked at"),
            ("views_per_second", "decoded"),
        )
        if key in figures
    ]
    accuracy = _accuracy(figures.get("accuracy"))
    return [
        f"| {words} | {_shown(figures['seconds'])} | {accuracy} | {memory} | {', '.join(rates)} |"
    ]


def _accuracy(figure: dict[str, float] | None) -> str:
    return "" if figure is None else f"{_shown(figure, 100, 1)} %"


def _shown(figure: dict[str, float], factor: float = 1, digits: int = 2) -> str:
    median, low, high = (f"{figure[key] * factor:.{digits}f}" for key in ("median", "min", "max"))
    return median if figure["n"] == 1 else f"{median} ({low}–{high})"


def _target(row: Mapping[str, Any]) -> str:
    if row["at_least"] is not None:
        return f"≥ {row['at_least']:g} {row['unit']}"
    return "" if row["at_most"] is None else f"≤ {row['at_most']:g} {row['unit']}"
