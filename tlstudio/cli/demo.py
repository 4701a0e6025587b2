"""Owns the demonstration: the main job on the sample, on the command line and in the window."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tlstudio.backbones.weights import default_backbone
from tlstudio.cli.console import out, print_json, run_task
from tlstudio.cli.start import chosen_backbone
from tlstudio.diagnosis import session_log
from tlstudio.display import why_no_display
from tlstudio.engine.runner import task_for
from tlstudio.errors import RunError, UsageError
from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    EvaluateJob,
    ExportJob,
    Job,
    SampleJob,
    TrainingJob,
    TrainRun,
    WeightsSpec,
)


def run_demo(folder: Path, *, as_json: bool) -> None:
    """Sample pictures, a backbone, training, evaluation, export: everything in `folder`."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} is not an empty folder.", "Give the demonstration a new one.")

    def run(job: Job, what: str) -> Any:
        if not as_json:
            out.print(f"[bold]{what}[/]")
        return run_task(task_for(job), as_json=as_json)

    sample = run(SampleJob(folder=str(folder / "pictures")), "Drawing the sample pictures")
    entry = default_backbone()
    job = TrainingJob(dataset=DatasetSpec(folder=sample.folder), backbone=BackboneSpec(id=entry.id))
    trained = run(
        TrainRun(job=job, run=str(folder / "run")),
        f"Training on {sample.pictures} pictures, starting from {entry.name}",
    )
    checked = run(EvaluateJob(run=trained.run), "Checking the model")
    exported = run(
        ExportJob(run=trained.run, format="onnx", out=str(folder / "export")), "Exporting it"
    )
    if as_json:
        results = {"train": trained, "evaluate": checked, "export": exported}
        parts = {name: result.model_dump(mode="json") for name, result in results.items()}
        print_json({"type": "result", "folder": str(folder), **parts})
        return
    out.print(
        f"{checked.accuracy:.0%} of {checked.n} pictures that it did not learn from are right "
        f"(95 % interval {checked.accuracy_low:.0%} to {checked.accuracy_high:.0%})."
    )
    out.print(
        f"{exported.same_answer} of {exported.n} get the same answer in {exported.runtime}: "
        f"{exported.files[0]}",
        markup=False,
    )


def run_tour(folder: Path, *, network: str | None, weights: Path | None, as_json: bool) -> None:
    """The same main job through the real window, with a picture of each page in `folder`. Whose
    weights a file holds is recognised where no network is named."""
    reason = why_no_display()
    if reason is not None:
        raise UsageError(
            "There is no display here for the tour to show its window on.",
            "Start it under a virtual one (xvfb-run), or with QT_QPA_PLATFORM=offscreen.",
        )
    entry, start = network or default_backbone().id, WeightsSpec()
    if weights is not None and network is None:
        spec = chosen_backbone(
            None,
            weights=weights,
            from_scratch=False,
            variant=None,
            input_size=None,
            as_json=as_json,
        )
        entry, start = spec.id, spec.weights
    elif weights is not None:
        start = WeightsSpec(source="file", file=str(weights.absolute()))
    # After the recognition: on Windows torch has to be imported before Qt.
    from tlstudio.gui.tour import tour

    session_log.begin("the tour")
    report = tour(folder, entry, start)
    if as_json:
        print_json({"type": "result", **asdict(report)})
        return
    for page in report.pages:
        out.print(str(folder / page), markup=False)
    out.print(
        f"{report.seconds:.0f} s. Longest stall of the window while training: "
        f"{report.longest_stall_ms:.0f} ms, {report.stalls} over 50 ms."
    )
