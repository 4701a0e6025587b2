"""Owns the commands that are about pictures and labels alone: scan and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tlstudio.cli.console import Json, out, print_result, run_task
from tlstudio.cli.dataset import Pictures, Seed, about_pictures
from tlstudio.engine.runner import task_for
from tlstudio.jobs import (
    CloserLook,
    CloserLookResult,
    LabelsJob,
    LabelsResult,
    ScanJob,
    ScanResult,
)

Closer = Annotated[
    bool,
    typer.Option(
        "--closer", help="Look through a network as well, for strays and for copies it recognises."
    ),
]


@about_pictures
def scan(pictures: Pictures, seed: Seed = 0, closer: Closer = False, json: Json = False) -> None:
    """Look through pictures without changing anything: what is usable, what is wrong, the split."""
    spec = pictures.spec()
    result: ScanResult = run_task(task_for(ScanJob(dataset=spec, seed=seed)), as_json=json)
    if closer:
        look: CloserLookResult
        look = run_task(task_for(CloserLook(dataset=spec, seed=seed)), as_json=json)
        found = sorted((*result.findings, *look.findings), key=lambda finding: -finding.weight)
        result = result.model_copy(update={"findings": tuple(found)})
    if json:
        print_result(result)
        return
    for name, count in result.classes.items():
        out.print(f"{count:>7}  {name}", markup=False)
    split = result.split
    given = "as they are given" if split.given else f"split with seed {seed}"
    out.print(
        f"{result.pictures} pictures: {split.train} to learn from, {split.val} to check with"
        f"{f', {split.test} kept for a test' if split.test else ''} ({given})."
    )
    out.print(split.sentence, markup=False)
    for finding in result.findings:
        out.print(f"{finding.severity}: {finding.sentence}", markup=False)
    for proposal in result.proposals:
        out.print(f"proposal: {proposal.sentence}", markup=False)
    for each in result.converted:
        out.print(f"converted: {each.file}: {each.reason}", markup=False)
    for left in result.left_out:
        out.print(f"left out: {left.file}: {left.reason}", markup=False)


@about_pictures
def labels(
    pictures: Pictures,
    file: Annotated[Path, typer.Option("--out", help="The table to write, a .csv.")],
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Write the labels, with your corrections, as a table that `scan` and `train` take."""
    job = LabelsJob(dataset=pictures.spec(), out=str(file.absolute()), seed=seed)
    result: LabelsResult = run_task(task_for(job), as_json=json)
    if json:
        print_result(result)
        return
    out.print(f"{result.pictures} pictures: {result.file}", markup=False)
