"""Owns what the screen of the runs says of one: how it stands, what it came to, its settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from tlstudio.backbones.catalogue import Backbone, catalogue
from tlstudio.backbones.freezing import frozen_count
from tlstudio.errors import UsageError
from tlstudio.gui.views.run_rows import RunRow
from tlstudio.jobs import AUGMENTATIONS, DatasetSpec, Recipe, TrainingJob
from tlstudio.projects.runs import Standing

SIGNS: dict[Standing, str] = {
    "running": "▶",
    "completed": "✓",
    "interrupted": "◐",
    "failed": "✕",
}


def tr(text: str) -> str:
    return QCoreApplication.translate("Runs", text)


# --- how it stands ------------------------------------------------------------------------------


def standing(row: RunRow) -> str:
    """ "✓ finished", "◐ interrupted": with its sign."""
    found = row.summary
    if found.job is None:
        return f"{SIGNS['failed']} {tr('damaged')}"
    text = {
        "running": tr("running"),
        "completed": tr("finished"),
        "interrupted": tr("interrupted"),
        "failed": tr("failed"),
    }[found.standing]
    return f"{SIGNS[found.standing]} {text}"


def standing_sentence(row: RunRow) -> str:
    """How it stands and where it is: "Interrupted in epoch 4 of 10"."""
    found, text = row.summary, ""
    if found.job is None:
        return tr("Damaged: its settings can't be read")
    if row.epochs and found.standing != "completed":
        text = {
            "running": tr("Running, in epoch {0} of {1}"),
            "interrupted": tr("Interrupted in epoch {0} of {1}"),
            "failed": tr("Failed in epoch {0} of {1}"),
        }[found.standing]
        return text.format(row.epoch, row.epochs)
    return {
        "running": tr("Running, before its first epoch"),
        "completed": tr("Finished"),
        "interrupted": tr("Interrupted before its first epoch"),
        "failed": tr("Failed before its first epoch"),
    }[found.standing]


def accuracy(row: RunRow) -> str:
    """ "93.9 % of 49", "91.2 % so far", "88.0 % of 49, probe"; empty where nobody knows."""
    if row.accuracy is None:
        return ""
    percent = f"{100 * row.accuracy:.1f}\u00a0%"
    if row.summary.result is None:
        return tr("{0} so far").format(percent)
    if row.checked:
        percent = tr("{0} of {1}").format(percent, f"{row.checked:,}")
    return tr("{0}, probe").format(percent) if row.of_probe else percent


def accuracy_sentence(row: RunRow) -> str:
    """What the accuracy in the list means."""
    if row.accuracy is None:
        return tr("No epoch was finished, so nothing is known of its accuracy.")
    text = tr("{percent} of the validation pictures got the right answer")
    if row.checked:
        text = tr("{percent} of {n} validation pictures got the right answer")
    text = text.format(percent=f"{100 * row.accuracy:.1f}\u00a0%", n=f"{row.checked:,}")
    if row.summary.result is None:
        return tr("{0}, as far as it got.").format(text)
    if row.of_probe:
        return tr("{0}. That is the probe: training did not beat it.").format(text)
    return f"{text}."


def epochs(row: RunRow) -> str:
    """ "10" that were run; "4 of 10" where it ended, or is, before."""
    job = row.summary.job
    if job is None:
        return ""
    if row.epoch == job.recipe.epochs:
        return f"{row.epoch:,}"
    return tr("{0} of {1}").format(f"{row.epoch:,}", f"{job.recipe.epochs:,}")


def took(seconds: float) -> str:
    """ "48 s", "12 min", "2.5 h"."""
    if seconds < 90:
        return tr("{0} s").format(max(1, round(seconds)))
    if seconds < 90 * 60:
        return tr("{0} min").format(round(seconds / 60))
    return tr("{0} h").format(f"{seconds / 3600:.1f}")


def moment(begun: datetime) -> str:
    return f"{begun.astimezone():%Y-%m-%d %H:%M}"


# --- its settings -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """`usual`: what it would be if nobody had chosen otherwise. `main`: it is always told."""

    name: str
    value: str
    usual: bool = False
    main: bool = False


def settings(job: TrainingJob) -> tuple[Setting, ...]:
    """All that decided a run, in the words of the pages on which it was chosen."""
    return (*_network(job), *_learning(job.recipe), *_pictures(job.dataset), *_rest(job))


def network_name(job: TrainingJob) -> str:
    entry = _entry(job)
    return entry.name if entry else job.backbone.id


def frozen(job: TrainingJob) -> str:
    """ "7 of 9", or the plan itself where this program does not have the network."""
    entry = _entry(job)
    if entry is None:
        return str(job.freeze)
    try:
        count = frozen_count(job.freeze, [stage.name for stage in entry.stages])
    except UsageError:
        return str(job.freeze)
    return tr("{0} of {1}").format(count, len(entry.stages))


def _entry(job: TrainingJob) -> Backbone | None:
    return next((entry for entry in catalogue() if entry.id == job.backbone.id), None)


def _network(job: TrainingJob) -> tuple[Setting, ...]:
    size = job.backbone.input_size
    return (
        Setting(tr("Network"), network_name(job), main=True),
        Setting(tr("Starts from"), _start(job), main=True),
        Setting(tr("Frozen blocks"), frozen(job), main=True),
        Setting(tr("Epochs"), f"{job.recipe.epochs:,}", main=True),
        Setting(
            tr("Picture size"),
            tr("as its weights were made for") if size is None else f"{size} × {size} px",
            usual=size is None,
        ),
    )


def _start(job: TrainingJob) -> str:
    weights = job.backbone.weights
    if weights.run is not None:
        return tr("your model “{0}”").format(Path(weights.run).name)
    if weights.file is not None:
        return tr("your file “{0}”").format(Path(weights.file).name)
    if weights.source == "scratch":
        return tr("random numbers")
    if weights.variant is not None:
        return tr("published weights {0}").format(weights.variant)
    return tr("published weights")


def _learning(recipe: Recipe) -> tuple[Setting, ...]:
    usual = Recipe()
    names = {
        "learning_rate": tr("Learning rate"),
        "stage_rate": tr("Rate of the blocks"),
        "stage_decay": tr("Rate of each earlier block"),
        "optimizer": tr("Optimiser"),
        "momentum": tr("Momentum"),
        "batch_size": tr("Batch size"),
        "augmentation": tr("Variation of pictures"),
        "weight_decay": tr("Weight decay"),
        "warmup": tr("Warm-up"),
        "label_smoothing": tr("Label smoothing"),
        "class_weights": tr("Class balance"),
        "patience": tr("Stops after"),
        "batchnorm_statistics": tr("BatchNorm statistics"),
        "averaging": tr("Averaging"),
        "sizes": tr("Sizes in training"),
        "decoded_side": tr("Decoded side"),
        "views": tr("Kept views"),
        "precision": tr("Number format"),
    }
    found = [
        Setting(name, _value(field, recipe), getattr(recipe, field) == getattr(usual, field))
        for field, name in names.items()
    ]
    head, plain = recipe.head, usual.head
    hidden = tr("{0} units").format(head.hidden) if head.hidden else tr("none")
    return (
        *found,
        Setting(tr("Dropout"), f"{head.dropout:g}", head.dropout == plain.dropout),
        Setting(tr("Hidden layer"), hidden, head.hidden == plain.hidden),
    )


def _value(field: str, recipe: Recipe) -> str:
    value = getattr(recipe, field)
    words = {
        ("optimizer", "adamw"): tr("AdamW"),
        ("optimizer", "sgd"): tr("SGD with momentum"),
        ("class_weights", "none"): tr("as they are"),
        ("class_weights", "balanced"): tr("rare classes count more"),
        ("batchnorm_statistics", "fixed"): tr("stay as they are"),
        ("batchnorm_statistics", "update"): tr("follow your pictures"),
        ("precision", "fastest"): tr("the fastest here"),
        ("precision", "float32"): tr("32 bits"),
    }
    if isinstance(value, str):
        return words.get((field, value), value)
    gain, views = tr("{0} epochs without gain"), tr("{0} a picture")
    others = {
        "augmentation": _variation(recipe),
        "patience": gain.format(value) if value else tr("never by itself"),
        "views": views.format(value) if value else tr("new ones every epoch"),
        "sizes": ", ".join(f"{each} px" for each in recipe.sizes) or tr("the picture size"),
        "decoded_side": f"{value} px" if value else tr("as needed"),
    }
    if field in others:
        return others[field]
    return f"{value:g}"


def _variation(recipe: Recipe) -> str:
    names = {
        "none": tr("none"),
        "light": tr("light"),
        "strong": tr("strong"),
        "any-orientation": tr("any orientation"),
    }
    known = (name for name, value in AUGMENTATIONS.items() if value == recipe.augmentation)
    return names.get(next(known, ""), tr("of its own"))


def _pictures(dataset: DatasetSpec) -> tuple[Setting, ...]:
    share = dataset.test_fraction
    return (
        Setting(tr("Pictures"), dataset.folder, usual=True),
        Setting(
            tr("Share to check on"),
            f"{100 * dataset.validation_fraction:g}\u00a0%",
            dataset.validation_fraction == DatasetSpec(folder="").validation_fraction,
        ),
        Setting(
            tr("Share locked for the test"),
            tr("as the project has it") if share is None else f"{100 * share:g}\u00a0%",
            usual=True,
        ),
        Setting(
            tr("Split of their own"),
            tr("kept") if dataset.own_split else tr("drawn anew"),
            dataset.own_split,
        ),
        Setting(tr("Kept together"), _together(dataset), usual=True),
    )


def _together(dataset: DatasetSpec) -> str:
    rule = dataset.grouping
    if rule is None:
        return tr("as the project has it")
    found = []
    if rule.pattern is not None:
        found.append(tr("names like {0}").format(rule.pattern))
    if rule.folder_level is not None:
        found.append(tr("folders at level {0}").format(rule.folder_level))
    if rule.burst is not None:
        found.append(tr("taken within {0} s").format(f"{rule.burst:g}"))
    return ", ".join(found) or tr("copies alone")


def _rest(job: TrainingJob) -> tuple[Setting, ...]:
    device = tr("the best one") if job.device == "auto" else str(job.device)
    return (
        Setting(tr("Seed"), str(job.seed), job.seed == 0),
        Setting(tr("Device"), device, job.device == "auto"),
    )
