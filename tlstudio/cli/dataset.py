"""Owns the options that say which pictures a command is about and how they are split: the same for
every such command."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from tlstudio.errors import UsageError
from tlstudio.jobs import DatasetSpec, Grouping, Reading, TableSource
from tlstudio.jobs.patterns import compiled
from tlstudio.jobs.sources import source_of

Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="The same seed, the same result.")]


@dataclass(frozen=True, slots=True)
class Pictures:
    """What was said of the pictures: where they are, and the options by name, None where left
    open."""

    sources: tuple[Path, ...]
    options: dict[str, Any]

    @property
    def given(self) -> list[str]:
        """The options that were used, as they are written."""
        used = (name for name, value in self.options.items() if value not in (None, False))
        return [f"--{name.replace('_', '-')}" for name in used]

    def spec(self) -> DatasetSpec:
        """The data set. Raises `UsageError` where what was said makes none."""
        spec = source_of([str(source) for source in self.sources])
        values = {
            "own_split": not self.options["draw_anew"],
            "table": self._table(spec),
            "pattern": _pattern(self.options["pattern"], "label"),
            "project": str(self.options["project"].absolute()) if self.options["project"] else None,
            "reading": Reading(channels=_channels(self.options["channels"])),
            "grouping": self._grouping(),
        }
        for name in ("validation_fraction", "test_fraction"):
            if self.options[name] is not None:
                values[name] = self.options[name]
        if spec.table is not None and values["pattern"] is not None:
            raise UsageError("A table says the labels already.", "Leave out --pattern.")
        return spec.model_copy(update=values)

    def _table(self, spec: DatasetSpec) -> TableSource | None:
        names = ("picture", "label", "part", "group", "sheet")
        columns = {name: self.options[f"table_{name}"] for name in names}
        said = {name: value for name, value in columns.items() if value is not None}
        if spec.table is None and said:
            raise UsageError(
                f"--table-{next(iter(said))} is about a table, and none was named.",
                "Name a .csv, .tsv or .xlsx file instead of the folder.",
            )
        return spec.table and spec.table.model_copy(update=said)

    def _grouping(self) -> Grouping | None:
        pattern = _pattern(self.options["group"], "group")
        level, burst = self.options["group_level"], self.options["burst"]
        if self.options["no_groups"]:
            return Grouping()
        if pattern is None and level is None and burst is None:
            return None
        return Grouping(pattern=pattern, folder_level=level, burst=burst)


def _pattern(text: str | None, field: str) -> str | None:
    if text is not None and field not in compiled(text).fields:
        raise UsageError(
            f"The pattern “{text}” has no {{{field}}} in it.",
            f"Write {{{field}}} where it stands in the names, for example {{{field}}}_*.",
        )
    return text


def _channels(text: str | None) -> tuple[int, int, int] | tuple[int] | None:
    if text is None:
        return None
    numbers = [int(part) for part in text.split(",") if part.strip().isdecimal()]
    if len(numbers) == len(text.split(",")) and all(1 <= number <= 10_000 for number in numbers):
        if len(numbers) == 1:
            return (numbers[0],)
        if len(numbers) == 3:
            return (numbers[0], numbers[1], numbers[2])
    raise UsageError(
        f"“{text}” are no channels.", "Give one, or three with commas between: --channels 3,2,1"
    )


def about_pictures(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command, in place of its parameter `pictures`, the argument and options of
    `_pictures`, each with its help."""

    @functools.wraps(command)
    def run(**arguments: Any) -> None:
        said = {name: arguments.pop(name) for name in options}
        command(pictures=_pictures(**said), **arguments)

    options = inspect.signature(_pictures, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True).parameters
    merged = [*options.values(), *(each for each in own.values() if each.name != "pictures")]
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in merged]
    )
    return run


Pattern = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN",
        help="The label stands in the files' names: {label}_* for daisy_012.jpg. * is anything, "
        "# digits.",
    ),
]


def _pictures(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FOLDER...|TABLE",
            help="A folder with one sub-folder a class, or train/ and val/; several folders; or a "
            "table (.csv, .tsv, .xlsx), with the folder its paths begin in after it.",
        ),
    ] = None,
    pattern: Pattern = None,
    table_picture: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of a table: the paths. Else guessed.")
    ] = None,
    table_label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of a table: the labels. Else guessed.")
    ] = None,
    table_part: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of a table: train, val, test. Else guessed."),
    ] = None,
    table_group: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Of a table: what belongs together (a patient)."),
    ] = None,
    table_sheet: Annotated[str | None, typer.Option(help="Of a workbook. Else the first.")] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN", help="What belongs together, in the files' names: {group}-*"
        ),
    ] = None,
    group_level: Annotated[
        int | None,
        typer.Option(min=1, max=20, help="Folders so many levels below a class belong together."),
    ] = None,
    burst: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=86_400, help="Photographs within so many seconds belong together."
        ),
    ] = None,
    no_groups: Annotated[
        bool, typer.Option("--no-groups", help="Forget what belonged together so far.")
    ] = False,
    draw_anew: Annotated[
        bool, typer.Option("--draw-anew", help="Give up the split that the pictures bring.")
    ] = False,
    validation_fraction: Annotated[
        float | None, typer.Option(min=0.05, max=0.5, help="Share that is checked with: 0.2.")
    ] = None,
    test_fraction: Annotated[
        float | None, typer.Option(min=0, max=0.5, help="Share that is locked away for a test.")
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="N|R,G,B", help="Of pictures with more than three: one as grey, or three."
        ),
    ] = None,
    project: Annotated[
        Path | None, typer.Option(help="The folder that keeps corrections and the split.")
    ] = None,
) -> Pictures:
    options = {name: value for name, value in locals().items() if name != "sources"}
    return Pictures(tuple(sources or ()), options)
