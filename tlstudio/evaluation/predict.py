"""Owns answers for pictures that nobody labelled, and the table they are written to."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from tlstudio.datasets.patience import Patience
from tlstudio.errors import DatasetError
from tlstudio.evaluation.passed import answered
from tlstudio.evaluation.predictors import open_predictor
from tlstudio.jobs import LeftOut, Prediction, PredictionResult, PredictJob
from tlstudio.projects.atomic import replacing
from tlstudio.projects.spreadsheet import cell, path_cell
from tlstudio.tasks import Meter, Progress, Task
from tlstudio.training.inference import Checked


def predict(job: PredictJob) -> Task[PredictionResult]:
    """Answers for every picture in the inputs: files, and folders with all that lies below them.

    `file` in the result is relative to the folder that was given, or the name of a file that was;
    the order is that of the inputs, in a folder the natural one (2 before 10). Hidden files are
    skipped, and what is no readable picture is left out with its reason: all are looked at in
    disposable children first. Pictures are never held in memory together. Raises `DatasetError` for
    a missing input, or where nothing can be read.
    """
    predictor = open_predictor(Path(job.model), job.device)
    inputs = [Path(given) for given in job.inputs]
    places = dict.fromkeys(str(each if each.is_dir() else each.parent) for each in inputs)
    patience = yield from Patience.of(places, "The program")
    found = yield from patience.through(lambda: _listed(inputs))
    names, files = [name for name, _ in found], [file for _, file in found]
    checked = yield from answered(predictor, files, patience, "scan")
    left_out = [LeftOut(file=names[index], reason=error.message) for index, error in checked.failed]
    if not checked.indices:
        raise _nothing(job.inputs, left_out)
    return PredictionResult(
        classes=predictor.classes,
        predictions=tuple(answers(predictor.classes, names, checked)),
        left_out=tuple(left_out),
    )


def answers(classes: Sequence[str], names: Sequence[str], checked: Checked) -> Iterator[Prediction]:
    """One `Prediction` for each checked file; `names` are those of all files."""
    best = checked.values.argmax(axis=1) if len(checked.values) else ()
    for row, index, winner in zip(checked.values, checked.indices, best, strict=True):
        yield Prediction(
            file=names[index],
            label=classes[winner],
            confidence=float(row[winner]),
            probabilities=tuple(row.tolist()),
        )


def write_csv(result: PredictionResult, path: Path) -> None:
    """Writes the answers as a table (RFC 4180, UTF-8): file, label, confidence, a column a class.

    Numbers have seven significant digits, as many as were computed. Names and classes that a
    spreadsheet program would take for formulas are written as texts. Raises `StorageError`.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "confidence", *map(cell, result.classes)])
        for answer in result.predictions:
            numbers = (answer.confidence, *answer.probabilities)
            texts = (path_cell(answer.file), cell(answer.label))
            writer.writerow([*texts, *(f"{value:.7g}" for value in numbers)])


# --- which files ---------------------------------------------------------------------------------


def _listed(inputs: Sequence[Path]) -> Generator[Progress, None, list[tuple[str, Path]]]:
    """Shown name and path of every file in the inputs; `DatasetError` for a missing one."""
    meter = Meter("scan", 0)
    found: list[tuple[str, Path]] = []
    for given in inputs:
        if given.is_dir():
            for file in _below(given):
                found.append((file.relative_to(given).as_posix(), file))
                yield from meter.at(len(found))
        elif given.exists():
            found.append((given.name, given))
        else:
            raise DatasetError(
                f"There is no file or folder {given}.",
                "Check the path, and that the disk it is on is connected.",
            )
    return found


def _below(folder: Path) -> Iterator[Path]:
    """All files below `folder` but hidden ones, naturally ordered. Links to folders are not
    followed: they may lead in circles."""

    def refuse(error: OSError) -> None:
        raise DatasetError(
            f"The folder {error.filename} can't be opened ({error.strerror}).",
            "Ask for the right to read it, or give its pictures one by one.",
        ) from error

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_natural)
        for name in sorted((name for name in files if not name.startswith(".")), key=_natural):
            yield Path(place, name)


def _natural(name: str) -> tuple[list[tuple[int, int | str]], str]:
    """Sorts numbers in a name by value; names that differ only in zeros or case by code points."""
    parts = re.split(r"([0-9]+)", name)
    return [(0, int(p)) if p.isdecimal() else (1, p.casefold()) for p in parts if p], name


def _nothing(inputs: Sequence[str], left_out: Sequence[LeftOut]) -> DatasetError:
    where = inputs[0] if len(inputs) == 1 else "what was given"
    first = f" {left_out[0].file} was left out: {left_out[0].reason}" if left_out else ""
    return DatasetError(
        f"There is no picture that can be read in {where}.{first}",
        "Choose pictures, or a folder that holds some.",
    )
