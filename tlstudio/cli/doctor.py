"""Owns the command that looks at this installation and says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from tlstudio.cli.console import Json, out, print_result, run_task
from tlstudio.diagnosis.report import write_report
from tlstudio.engine.runner import task_for
from tlstudio.errors import UsageError
from tlstudio.jobs import DoctorJob, DoctorResult

_SIGNS = {"ok": "[green]ok[/]", "note": "[cyan]note[/]", "problem": "[yellow]problem[/]"}


def doctor(
    report: Annotated[
        Path | None,
        typer.Option(help="Write a report for support here (.zip); it holds no pictures."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="The run that the report is about. Default: the last one.")
    ] = None,
    json: Json = False,
) -> None:
    """Check this installation and say what to do; exit status 1 where something is wrong."""
    if run is not None and report is None:
        raise UsageError("--run says what a report is about.", "Give it together with --report.")
    result = run_task(task_for(DoctorJob(thorough=True)), as_json=json, logs=False)
    if report is not None:
        write_report(report, result, run=run)
    if json:
        print_result(result)
    else:
        _tell(result)
        if report is not None:
            out.print(f"Report: {report}", markup=False)
    if result.problems:
        raise typer.Exit(1)


def _tell(result: DoctorResult) -> None:
    out.print(result.platform, markup=False)
    for name, version in result.versions.items():
        out.print(f"  {name} {version}", markup=False)
    for device in result.devices:
        memory = f", {device.memory / 2**30:.0f} GB" if device.memory else ""
        cores = f", {device.cores} cores" if device.cores else ""
        out.print(f"{device.id}: {device.name}{cores}{memory}", markup=False)
    for name, path in result.folders.items():
        out.print(f"{name}: {path}", markup=False)
    for check in result.checks:
        words = escape(f"{check.says} {check.remedy}".rstrip())
        out.print(f"{_SIGNS[check.state]}: {words}")
    if not result.problems:
        out.print("No problems found.")
