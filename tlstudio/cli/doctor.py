"""Owns the command that looks at this installation and says what to do."""

from __future__ import annotations

from rich.markup import escape

from tlstudio.cli.console import Json, out, print_result, run_task
from tlstudio.engine.runner import task_for
from tlstudio.jobs import DoctorJob


def doctor(json: Json = False) -> None:
    """Look at this installation: versions, devices, folders."""
    result = run_task(task_for(DoctorJob()), as_json=json)
    if json:
        print_result(result)
        return
    out.print(result.platform, markup=False)
    for name, version in result.versions.items():
        out.print(f"  {name} {version}", markup=False)
    for device in result.devices:
        memory = f", {device.memory / 2**30:.0f} GB" if device.memory else ""
        cores = f", {device.cores} cores" if device.cores else ""
        out.print(f"{device.id}: {device.name}{cores}{memory}", markup=False)
    for name, path in result.folders.items():
        out.print(f"{name}: {path}", markup=False)
    for problem in result.problems:
        out.print(f"[yellow]Problem:[/] {escape(problem)}")
    if not result.problems:
        out.print("No problems found.")
