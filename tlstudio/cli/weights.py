"""Owns the commands about weights: what is here, fetching, recognising, carrying elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from tlstudio.backbones.catalogue import catalogue
from tlstudio.backbones.weights import present_at
from tlstudio.cli.console import Json, out, print_json, print_result, run_task
from tlstudio.engine.runner import task_for
from tlstudio.jobs import (
    DownloadWeights,
    IdentifiedWeights,
    IdentifyWeights,
    KeptWeights,
    PackWeights,
    UnpackWeights,
    WeightsName,
    WeightsResult,
)
from tlstudio.projects.places import weights_folder

app = typer.Typer(
    help="Pretrained weights: what is on this computer, and ways to get more.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Names = Annotated[list[str], typer.Argument(help="Backbones: ID, or ID@VARIANT.", metavar="ID...")]
Pack = Annotated[Path, typer.Argument(help="The pack: a .zip file.", metavar="FILE")]


@app.command("list")
def list_weights(json: Json = False) -> None:
    """Which weights are on this computer, and where."""
    here = [
        KeptWeights(
            backbone=entry.id,
            variant=weights.name,
            file=str(path),
            bytes=weights.bytes,
            licence=weights.licence,
            commercial=weights.commercial,
            new=False,
        )
        for entry in catalogue()
        for weights in entry.weights
        if (path := present_at(weights)) is not None
    ]
    if json:
        parts = [each.model_dump(mode="json") for each in here]
        print_json({"type": "result", "folder": str(weights_folder()), "weights": parts})
        return
    _show(here)
    out.print(f"{len(here)} of the catalogue's weights are on this computer.")
    out.print(f"TL Studio keeps its own in {weights_folder()}", markup=False)


@app.command()
def download(names: Names, json: Json = False) -> None:
    """Fetch published weights that are not here yet."""
    result = run_task(task_for(DownloadWeights(weights=_names(names))), as_json=json)
    _tell(result, as_json=json)


@app.command()
def identify(
    file: Annotated[Path, typer.Argument(help=".pth, .pt, .bin or .safetensors.")],
    json: Json = False,
) -> None:
    """Say which network a weights file belongs to."""
    result: IdentifiedWeights = run_task(task_for(IdentifyWeights(file=str(file))), as_json=json)
    if json:
        print_result(result)
        return
    published = f", published as {result.variant}" if result.variant else ""
    classes = f", for {result.classes} classes" if result.classes else ""
    out.print(f"Weights of {result.name} ({result.backbone}){published}{classes}.", markup=False)


@app.command()
def pack(names: Names, file: Pack, json: Json = False) -> None:
    """Put weights into one file for a computer without a network; fetches what is missing."""
    job = PackWeights(weights=_names(names), file=str(file))
    _tell(run_task(task_for(job), as_json=json), as_json=json)


@app.command()
def unpack(file: Pack, json: Json = False) -> None:
    """Take the weights out of such a file and check them."""
    _tell(run_task(task_for(UnpackWeights(file=str(file))), as_json=json), as_json=json)


def _names(given: list[str]) -> tuple[WeightsName, ...]:
    parts = [name.partition("@") for name in given]
    return tuple(WeightsName(backbone=id_, variant=one or None) for id_, _, one in parts)


def _tell(result: WeightsResult, *, as_json: bool) -> None:
    if as_json:
        print_result(result)
        return
    _show(result.weights)
    if result.pack is not None:
        out.print(f"Pack: {result.pack}", markup=False)


def _show(weights: tuple[KeptWeights, ...] | list[KeptWeights]) -> None:
    id_, file = Column("id", no_wrap=True), Column("file", overflow="fold")
    table = Table(id_, "variant", "size", "licence", file, box=None)
    for each in weights:
        licence = each.licence if each.commercial else f"{each.licence} (not commercial)"
        size = f"{each.bytes / 1e6:.1f} MB"
        table.add_row(each.backbone, each.variant, size, licence, escape(each.file))
    if table.row_count:
        out.print(table)
