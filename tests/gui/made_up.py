"""Owns the made-up runs and results that the tests of the last three pages are fed with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from made_up_scans import made_up_pictures

from tlstudio.jobs import EvaluationResult, ScanResult, ScoredPrediction, TrainResult
from tlstudio.tasks import Epoch, Event, ProbeFitted, Step


def made_up_run(epochs: int, steps: int = 4, upto: int | None = None) -> Iterator[Event]:
    """A run that gets better all the time: validation accuracy is 0.9 - 0.3 exp(-epoch)."""
    yield ProbeFitted(train_loss=0.5, train_accuracy=0.9, val_loss=0.6, val_accuracy=0.8)
    for epoch in range(1, (upto or epochs) + 1):
        for step in range(1, steps + 1):
            yield Step(
                epoch=epoch,
                epochs=epochs,
                step=(epoch - 1) * steps + step,
                steps=epochs * steps,
                train_loss=1 / epoch,
                train_accuracy=0.9,
                learning_rate=1e-3,
                pictures_per_second=50,
                batch_loss=1 / epoch,
            )
        val = 0.9 - 0.3 * math.exp(-epoch)
        yield Epoch(
            epoch=epoch,
            epochs=epochs,
            step=epoch * steps,
            train_loss=1 / epoch,
            train_accuracy=0.9,
            val_loss=2 / epoch,
            val_accuracy=val,
            learning_rate=1e-3,
            pictures_per_second=50,
            best_epoch=epoch,
            best_val_accuracy=val,
        )


def made_up_train_result(run: str = "run", **values: object) -> TrainResult:
    """A run that beat its probe by 1.3 points."""
    return TrainResult.model_validate(
        {
            "run": run,
            "model": f"{run}/model",
            "kept": "trained",
            "val_accuracy": 0.945,
            "probe_accuracy": 0.932,
            "trained_accuracy": 0.945,
            "best_epoch": 3,
            "epochs": 4,
            "seconds": 170.0,
            **values,
        }
    )


def made_up_evaluation(scan: ScanResult, wrong: int = 2) -> EvaluationResult:
    """Every validation picture, the first `wrong` of them called the other of two classes.

    The bounds are those of 8 right answers among 10 (Wilson, 95 %).
    """
    classes = tuple(scan.classes)
    pictures = [picture for picture in made_up_pictures(scan.classes) if picture.part == "val"]
    predictions, confusion = [], [[0, 0], [0, 0]]
    for i, picture in enumerate(pictures):
        truth = classes.index(picture.label)
        answer = 1 - truth if i < wrong else truth
        confusion[truth][answer] += 1
        predictions.append(
            ScoredPrediction(
                file=picture.file,
                label=classes[answer],
                confidence=0.6 + 0.03 * i,
                probabilities=(0.5, 0.5),
                truth=picture.label,
                picture=str(Path(scan.folder) / picture.file),
            )
        )
    return EvaluationResult(
        run="run",
        accuracy=1 - wrong / len(pictures),
        accuracy_low=0.4902,
        accuracy_high=0.9433,
        n=len(pictures),
        classes=classes,
        confusion=tuple((row[0], row[1]) for row in confusion),
        predictions=tuple(predictions),
    )
