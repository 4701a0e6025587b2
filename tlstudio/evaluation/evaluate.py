"""Owns the score of a model on pictures whose classes are known."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from tlstudio.datasets.listing import list_files
from tlstudio.datasets.patience import Patience
from tlstudio.errors import DatasetError
from tlstudio.evaluation import locked
from tlstudio.evaluation.cached import answers_from_cache
from tlstudio.evaluation.metrics import accuracy, confusion_matrix, wilson_interval
from tlstudio.evaluation.passed import answered
from tlstudio.evaluation.predict import answers
from tlstudio.evaluation.predictors import open_predictor
from tlstudio.jobs import EvaluateJob, EvaluationResult, LeftOut, ScoredPrediction
from tlstudio.projects.places import cache_folder
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Task, Warned
from tlstudio.training.inference import Checked
from tlstudio.training.model_folder import load_model


@dataclass(frozen=True)
class Labelled:
    """Pictures with their classes. `names` are relative to `folder`, with forward slashes.

    `part` is that of a run, None for those of a folder; `locked` how many test pictures it has.
    """

    folder: Path
    names: tuple[str, ...]
    truths: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    part: Literal["val", "test"] | None = None
    locked: int = 0

    @property
    def files(self) -> list[Path]:
        return [self.folder / name for name in self.names]


def evaluate(job: EvaluateJob) -> Task[EvaluationResult]:
    """Scores a run on its own validation or test pictures, or on all pictures in `job.folder`.

    Such a folder holds class folders, or train, val and test folders with classes in them, all of
    which are used; one class is enough. Folders go by the names that the run gave to its classes.
    A class that the model does not know is refused: each of its pictures would count as a mistake,
    or the score would silently be one of other pictures than those in the folder.

    What the cache has of the run's own pictures is not computed again. A score on the locked test
    pictures is kept in the run; where they were scored before, with this run or another one of the
    project, a warning says so.

    Pictures that can't be read are left out with their reason. `predictions` begins with the wrong
    answers, the surest first; then come the right ones, the least sure first.

    Raises `DatasetError`, and `RunError` where the run can't be read.
    """
    predictor = open_predictor(Path(job.run), job.device)
    checked: Checked | None = None
    patience = yield from _patience(job)
    if job.folder is None:
        pictures, checked = yield from _own_pictures(job)
    else:
        pictures = yield from patience.through(
            partial(_pictures_in, job.folder, predictor.classes, _renamed(Path(job.run)))
        )
        yield from _warnings(pictures, Path(job.run))
    if checked is None:
        cache = Path(job.cache) if job.cache else None
        checked = yield from answered(predictor, pictures.files, patience, "evaluate", cache)
    lost = [
        LeftOut(file=pictures.names[index], reason=error.message) for index, error in checked.failed
    ]
    if not checked.indices:
        raise _nothing(pictures, lost)
    scored = tuple(
        ScoredPrediction(
            **answer.model_dump(),
            truth=pictures.truths[index],
            picture=str(pictures.folder / answer.file),
        )
        for answer, index in zip(
            answers(predictor.classes, pictures.names, checked), checked.indices, strict=True
        )
    )
    result = _scores(job.run, pictures, predictor.classes, scored, lost)
    if result.part == "test":
        locked.record(RunFolder.open(Path(job.run)), result)
    return result


def _patience(job: EvaluateJob) -> Task[Patience]:
    folder = job.folder or RunFolder.open(Path(job.run)).split().folder
    return Patience.of([folder], "The check")


def held_out_pictures(run: RunFolder, part: Literal["val", "test"] = "val") -> Labelled:
    """The pictures that the run was validated on, or those that it never saw. Raises `RunError`."""
    split = run.split()
    held_out = [picture for picture in split.files if picture.part == part]
    return Labelled(
        folder=Path(split.folder),
        names=tuple(picture.file for picture in held_out),
        truths=tuple(picture.label for picture in held_out),
        part=part,
        locked=sum(picture.part == "test" for picture in split.files),
    )


def _own_pictures(job: EvaluateJob) -> Task[tuple[Labelled, Checked | None]]:
    """The run's own pictures of this part, and the answers for them where the cache has all."""
    run = RunFolder.open(Path(job.run))
    pictures = held_out_pictures(run, job.part)
    if job.part == "test":
        _refuse_none(pictures)
        yield from locked.warnings(run)
    cache = Path(job.cache) if job.cache else cache_folder()
    model = load_model(run.path)
    checked = yield from answers_from_cache(
        model, pictures.folder, pictures.names, job.device, cache
    )
    return pictures, checked


def _refuse_none(pictures: Labelled) -> None:
    if not pictures.names:
        raise DatasetError(
            "This run has no locked test pictures: none were put aside before it was trained.",
            "Put some aside where pictures are split and train again, or score it on a folder of"
            " new pictures.",
        )


def _scores(
    run: str,
    pictures: Labelled,
    classes: tuple[str, ...],
    scored: tuple[ScoredPrediction, ...],
    lost: Sequence[LeftOut],
) -> EvaluationResult:
    number = {label: index for index, label in enumerate(classes)}
    truth = np.array([number[each.truth] for each in scored], dtype=np.int64)
    given = np.array([number[each.label] for each in scored], dtype=np.int64)
    low, high = wilson_interval(int(np.sum(truth == given)), len(scored))
    return EvaluationResult(
        run=run,
        part=pictures.part,
        locked=pictures.locked,
        accuracy=accuracy(truth, given),
        accuracy_low=low,
        accuracy_high=high,
        n=len(scored),
        classes=classes,
        confusion=tuple(map(tuple, confusion_matrix(truth, given, len(classes)).tolist())),
        predictions=tuple(sorted(scored, key=_worst_first)),
        left_out=(*pictures.left_out, *lost),
    )


def _worst_first(answer: ScoredPrediction) -> tuple[bool, float]:
    right = answer.label == answer.truth
    return right, answer.confidence if right else -answer.confidence


# --- a folder of new pictures --------------------------------------------------------------------


def _pictures_in(folder: str, classes: Sequence[str], renamed: dict[str, str]) -> Task[Labelled]:
    root = os.path.abspath(folder)  # noqa: PTH100  (Path.resolve would follow links)
    listing = yield from list_files(root)
    folders = sorted({found.folder for found in listing.files})
    unknown = [name for name in folders if renamed.get(name, name) not in classes]
    if unknown:
        raise DatasetError(
            f"The folder {root} has classes that the model does not know: {_named(unknown)}. It"
            f" knows {_named(classes)}.",
            "Give the folders the names of the model's classes, or take the others out.",
        )
    return Labelled(
        folder=Path(root),
        names=tuple(found.file for found in listing.files),
        truths=tuple(renamed.get(found.folder, found.folder) for found in listing.files),
        left_out=listing.left_out,
    )


def _renamed(path: Path) -> dict[str, str]:
    """How the run called its class folders; a model folder by itself knows no such names."""
    if not (path / "job.json").is_file():
        return {}
    run = RunFolder.open(path)
    return {**run.job().dataset.class_names, **run.split().names}  # older runs have the first alone


def _warnings(pictures: Labelled, path: Path) -> Task[None]:
    """A score on pictures that the model learned from says nothing about new ones."""
    run = RunFolder(path)
    if not run.split_file.is_file():
        return
    split = run.split()
    home = os.path.realpath(split.folder)
    learned = {f"{home}/{picture.file}" for picture in split.files if picture.part == "train"}
    here = os.path.realpath(pictures.folder)
    seen = sum(f"{here}/{name}" in learned for name in pictures.names)
    if seen:
        yield Warned(
            message=f"The model learned from {seen} of these {len(pictures.names)} pictures, so"
            " this score is better than the one on new pictures.",
            hint="Choose a folder of pictures that were not used for training.",
        )


def _named(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"“{name}”" for name in names[:most]) + more


def _nothing(pictures: Labelled, lost: Sequence[LeftOut]) -> DatasetError:
    first = f" {lost[0].file} was left out: {lost[0].reason}" if lost else ""
    return DatasetError(
        f"There is no picture that can be read in {pictures.folder}.{first}",
        "Check that the folder is where it was and that its disk is connected.",
    )
