"""Owns the commands: what they take, which job they run, and what they print at its end."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Column, Table

from tlstudio import __version__
from tlstudio.backbones.catalogue import RECOMMENDED, catalogue
from tlstudio.cli import pictures as pictures_commands
from tlstudio.cli import projects as projects_commands
from tlstudio.cli import weights as weights_commands
from tlstudio.cli.console import (
    Json,
    err,
    out,
    print_json,
    print_result,
    run_task,
    say_how_to_carry_on,
)
from tlstudio.cli.dataset import Pictures, Seed, about_pictures
from tlstudio.cli.doctor import doctor
from tlstudio.cli.start import job_of
from tlstudio.diagnosis import session_log
from tlstudio.engine.runner import task_for
from tlstudio.errors import Cancelled, TLStudioError, UsageError
from tlstudio.jobs import (
    Device,
    EvaluateJob,
    ExportJob,
    PredictionResult,
    PredictJob,
    ResumeRun,
    SampleJob,
    TrainRun,
)
from tlstudio.projects.everywhere import every_model

logger = logging.getLogger(__name__)

app = typer.Typer(
    name="tlstudio",
    help="Transfer learning on your own pictures. Without a command, the window opens.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(weights_commands.app, name="weights")

Cache = Annotated[Path | None, typer.Option(help="Where to keep what may be deleted.")]
RunArgument = Annotated[Path, typer.Argument(help="The folder of a run.")]


def run(arguments: list[str]) -> int:
    """Runs one command. 0: done, 1: failed with a sentence, 2: wrong use, 130: interrupted."""
    try:
        app(args=arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except UsageError as error:
        return _complain(error, 2)
    except TLStudioError as error:
        return _complain(error, 1)
    except (Cancelled, KeyboardInterrupt):
        err.print("Interrupted. What was saved is kept.")
        return 130
    except Exception:
        if session_log.file() is not None:
            logger.exception("An error that nobody foresaw")
        raise
    finally:
        session_log.end()
    return 0


def _complain(error: TLStudioError, status: int) -> int:
    if session_log.file() is not None:  # else it would be printed twice
        logger.warning("Ended with a sentence: %s", error.message)
    err.print(f"[red]Error:[/] {escape(error.message)}")
    if error.hint:
        err.print(escape(error.hint))
    return status


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        out.print(f"tlstudio {__version__}")
    elif context.invoked_subcommand is None:
        out.print(context.get_help(), markup=False)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Draw the sample pictures: woven fabric in four classes."""
    result = run_task(task_for(SampleJob(folder=str(folder), seed=seed)), as_json=json)
    if json:
        print_result(result)
    else:
        where = f"in {len(result.classes)} classes: {result.folder}"
        out.print(f"{result.pictures} pictures {where}", markup=False)


app.command()(pictures_commands.scan)
app.command()(pictures_commands.labels)
app.command()(projects_commands.projects)
app.command()(projects_commands.runs)
app.command()(projects_commands.disk)
app.command()(doctor)


@app.command()
def backbones(json: Json = False) -> None:
    """List the networks to start from, with their stages, and your own models."""
    if json:
        for entry in catalogue():
            print_json({"type": "backbone", **_facts(entry)})
        own = [each.model_dump(mode="json") for each in every_model()]
        every = [_facts(entry) for entry in catalogue()]
        print_json({"type": "result", "backbones": every, "own": own})
        return
    table = Table(
        Column("id", no_wrap=True), "top-1", "GFLOPs", "size", "stages", "good for", box=None
    )
    for entry in catalogue():
        weights = entry.weights[0]
        table.add_row(
            entry.id,
            "" if weights.top1 is None else f"{weights.top1:.1f} %",
            f"{weights.gflops:.{2 if weights.gflops < 1 else 1}f}",
            f"{weights.bytes / 1e6:.0f} MB",
            str(len(entry.stages)),
            entry.sentence,
        )
    out.print(table)
    out.print("With the package timm, every one of its classification networks is timm:NAME.")
    _tell_own_models()


def _tell_own_models() -> None:
    own = every_model()
    out.print("The folder of any finished run is a backbone, too." + (" Yours are:" if own else ""))
    for each in own:
        facts = f"{each.backbone}, {len(each.classes)} classes, {each.accuracy:.1%}"
        out.print(f"  {each.run}  ({facts}, {each.made.astimezone():%Y-%m-%d})", markup=False)


def _facts(entry: Any) -> dict[str, Any]:
    facts: dict[str, Any] = entry.model_dump(mode="json")
    groups = [{"name": each["name"], "group": each["group"]} for each in facts["stages"]]
    return {**facts, "stages": [each["name"] for each in facts["stages"]], "groups": groups}


@app.command()
@about_pictures
def train(
    pictures: Pictures,
    run: Annotated[Path | None, typer.Option(help="A new folder for the run.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Carry on this interrupted run.")] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="ID|timm:NAME|RUN",
            help="From `tlstudio backbones` or the package timm, or the folder of an earlier run, "
            "whose model is the start. Default: one whose weights are on this computer.",
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="A weights file; without --backbone it is recognised.")
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Start from random numbers.")
    ] = False,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch weights that are not on this computer.")
    ] = False,
    variant: Annotated[
        str | None, typer.Option(help="Which published weights; `backbones --json` lists them.")
    ] = None,
    input_size: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Side of what it looks at, in pixels.")
    ] = None,
    freeze: Annotated[
        str | None, typer.Option(help="all, none, a number of stages, or the last frozen stage.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="How to train: a recipe as JSON, as in a job.json.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, max=10_000)] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1)] = None,
    device: Device | None = None,
    cache: Cache = None,
    let_sleep: Annotated[
        bool, typer.Option("--let-sleep", help="Do not keep the computer awake meanwhile.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a model on pictures, or as a job.json says."""
    choices = {
        "backbone": backbone,
        "weights": weights,
        "from_scratch": from_scratch or None,
        "variant": variant,
        "input_size": input_size,
        "freeze": freeze,
        "recipe": recipe,
        "epochs": epochs,
        "seed": seed,
        "device": device,
    }
    kept = str(cache) if cache else None
    request: TrainRun | ResumeRun
    if resume is not None:
        chosen = any(value is not None for value in choices.values())
        if pictures.sources or pictures.given or run or chosen or download:
            raise UsageError(
                "--resume carries on a run exactly as it was begun.",
                "Give it alone, with at most --cache, --let-sleep and --json.",
            )
        request = ResumeRun(run=str(resume), cache=kept, keep_awake=not let_sleep)
    else:
        if not pictures.sources or run is None:
            raise UsageError(
                "Training needs a folder of pictures (or a job.json) and --run.",
                "For example: tlstudio train pictures --run my-run",
            )
        job = job_of(pictures, choices, as_json=json)
        request = TrainRun(
            job=job, run=str(run), cache=kept, download=download, keep_awake=not let_sleep
        )
    try:
        result = run_task(task_for(request), as_json=json)
    except (Cancelled, KeyboardInterrupt):
        say_how_to_carry_on(request)
        raise
    if json:
        print_result(result)
        return
    out.print(
        f"{result.val_accuracy:.1%} of the validation pictures are right "
        f"({'trained model' if result.kept == 'trained' else 'probe'}); "
        f"{result.epochs} epochs, {result.seconds:.0f} s."
    )
    out.print(f"Model: {result.model}", markup=False)


@app.command()
def evaluate(
    run: RunArgument,
    folder: Annotated[Path | None, typer.Argument(help="Other pictures, by class.")] = None,
    test: Annotated[
        bool,
        typer.Option(
            "--test", help="Score it on its locked test pictures: once, when nothing changes more."
        ),
    ] = False,
    device: Device = "auto",
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Score a run on its validation pictures, or on another folder."""
    if test and folder is not None:
        raise UsageError(
            "Only one of a folder and --test can be scored at a time.", "Leave one of them out."
        )
    job = EvaluateJob(
        run=str(run),
        folder=str(folder) if folder else None,
        part="test" if test else "val",
        device=device,
        cache=str(cache) if cache else None,
    )
    result = run_task(task_for(job), as_json=json)
    if json:
        print_result(result)
        return
    low, high = result.accuracy_low, result.accuracy_high
    kind = "test pictures" if test else "pictures"
    out.print(
        f"{result.accuracy:.1%} of {result.n} {kind} are right (95 % interval {low:.1%} to "
        f"{high:.1%})."
    )
    table = Table("really is \\ was called", *map(escape, result.classes), box=None)
    for name, row in zip(result.classes, result.confusion, strict=True):
        table.add_row(escape(name), *map(str, row))
    out.print(table)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A run, a model folder, or an exported .onnx.")],
    inputs: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    csv: Annotated[Path | None, typer.Option(help="Write the answers here.")] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Say what is on pictures."""
    job = PredictJob(model=str(model), inputs=tuple(map(str, inputs)), device=device)
    result: PredictionResult = run_task(task_for(job), as_json=json)
    if csv is not None:
        from tlstudio.evaluation.predict import write_csv

        write_csv(result, csv)
    if json:
        print_result(result)
        return
    for row in result.predictions if csv is None else ():
        out.print(f"{row.file}\t{row.label}\t{row.confidence:.3f}", markup=False)
    for left in result.left_out:
        err.print(f"left out: {left.file}: {left.reason}", markup=False)
    if csv is not None:
        out.print(f"{len(result.predictions)} answers: {csv}", markup=False)


@app.command()
def export(
    run: RunArgument,
    to: Annotated[Literal["onnx", "torchvision"], typer.Option("--format")] = "onnx",
    folder: Annotated[Path, typer.Option("--out", help="Where to write it.")] = Path("export"),
    json: Json = False,
) -> None:
    """Write a run's model for use elsewhere, and check it there."""
    job = ExportJob.model_validate({"run": str(run), "format": to, "out": str(folder)})
    result = run_task(task_for(job), as_json=json)
    if json:
        print_result(result)
        return
    out.print(
        f"{result.same_answer} of {result.n} pictures get the same answer in {result.runtime}; "
        f"largest difference {result.largest_difference:.7f}."
    )
    for file in result.files:
        out.print(file, markup=False)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")] = Path("tlstudio-demo"),
    json: Json = False,
) -> None:
    """The main job in one command: sample pictures, train, evaluate, export."""
    from tlstudio.cli.demo import run_demo

    run_demo(folder, as_json=json)


@app.command()
def tour(
    folder: Annotated[Path, typer.Argument(help="A folder for the pictures of the pages.")],
    backbone: Annotated[str | None, typer.Option(help=f"Default: {RECOMMENDED}.")] = None,
    weights: Annotated[Path | None, typer.Option(help="A file; its network is recognised.")] = None,
    json: Json = False,
) -> None:
    """Drive the real window through the main job on the sample, with a PNG of each page."""
    from tlstudio.cli.demo import run_tour

    run_tour(folder, network=backbone, weights=weights, as_json=json)
