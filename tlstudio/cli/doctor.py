"""Owns the command that looks at this installation and says what to do."""

from __future__ import annotations

import typer
from rich.markup import escape

from tlstudio.cli.console import Json, out, print_result, run_task
from tlstudio.engine.runner import task_for
from tlstudio.jobs import DoctorJob, DoctorResult

_SIGNS = {"ok": "[green]ok[/]", "note": "[cyan]note[/]", "problem": "[yellow]problem[/]"}


def doctor(json: Json = False) -> None:
    """Check this installation and say what to do; exit status 1 where something is wrong."""
    result = run_task(task_for(DoctorJob(thorough=True)), as_json=json)
    if json:
        print_result(result)
    else:
        _tell(result)
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
