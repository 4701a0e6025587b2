"""Owns what the options of `tlstudio train` come to in a job."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from tlstudio.backbones.catalogue import catalogue
from tlstudio.backbones.weights import default_backbone
from tlstudio.cli.console import run_task
from tlstudio.cli.dataset import Pictures
from tlstudio.engine.runner import task_for
from tlstudio.errors import RunError, UsageError
from tlstudio.jobs import (
    BackboneSpec,
    IdentifyWeights,
    Recipe,
    TrainingJob,
    WeightsSpec,
    load_recipe,
    load_training_job,
)
from tlstudio.jobs.sources import is_table
from tlstudio.projects.own_models import holds_run, own_run

_TAKES = (
    "--backbone takes an id from `tlstudio backbones`, timm:NAME, or the folder of a run or a "
    "model."
)


def job_of(pictures: Pictures, choices: dict[str, Any], *, as_json: bool) -> TrainingJob:
    """What is to be trained: as a job.json says, or as the options do. Raises `TLStudioError`."""
    source = pictures.sources[0]
    if source.is_file() and not is_table(source.name):
        chosen = [name for name, value in choices.items() if value is not None]
        given = [f"--{name.replace('_', '-')}" for name in chosen] + pictures.given
        given += [str(other) for other in pictures.sources[1:]]
        if given:
            raise UsageError(
                f"{source} decides everything already: {given[0]} can't be given beside it.",
                "Change the file instead.",
            )
        return load_training_job(source)
    scratch = bool(choices["from_scratch"])
    return TrainingJob(
        dataset=pictures.spec(),
        backbone=chosen_backbone(
            choices["backbone"],
            weights=choices["weights"],
            from_scratch=scratch,
            variant=choices["variant"],
            input_size=choices["input_size"],
            as_json=as_json,
        ),
        freeze=choices["freeze"] or ("none" if scratch else "all"),
        recipe=_recipe(choices["recipe"], choices["epochs"], scratch=scratch),
        seed=choices["seed"] or 0,
        device=choices["device"] or "auto",
    )


def _recipe(file: Path | None, epochs: int | None, *, scratch: bool) -> Recipe:
    if file is not None:
        recipe = load_recipe(file)
    else:
        recipe = Recipe().from_scratch() if scratch else Recipe()
    return recipe if epochs is None else recipe.model_copy(update={"epochs": epochs})


def chosen_backbone(
    name: str | None,
    *,
    weights: Path | None,
    from_scratch: bool,
    variant: str | None,
    input_size: int | None,
    as_json: bool,
) -> BackboneSpec:
    """The network that is named and how it starts. Raises `UsageError` and `RunError`; a weights
    file without a name is opened to recognise its network."""
    if from_scratch and weights is not None:
        raise UsageError("--weights and --from-scratch exclude each other.", "Choose one of them.")
    if name is not None and not (name.startswith("timm:") or name in _catalogue_ids()):
        given = {"--weights": weights, "--from-scratch": from_scratch, "--variant": variant}
        return _own_model(name, [option for option, value in given.items() if value], input_size)
    if weights is not None and name is None:
        job = IdentifyWeights(file=str(weights))
        found = run_task(task_for(job), as_json=as_json)
        name, variant = found.backbone, variant or found.variant
    start = WeightsSpec(source="scratch" if from_scratch else "published", variant=variant)
    if weights is not None:
        start = WeightsSpec(source="file", file=str(weights.absolute()), variant=variant)
    return BackboneSpec(id=name or default_backbone().id, weights=start, input_size=input_size)


def _catalogue_ids() -> list[str]:
    return [entry.id for entry in catalogue()]


def _own_model(name: str, given: list[str], input_size: int | None) -> BackboneSpec:
    path = Path(name).expanduser()
    if not path.exists():
        near = difflib.get_close_matches(name, _catalogue_ids(), n=3)
        meant = f"Did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(
            f"There is no backbone called {name!r}, and no folder either.", meant + _TAKES
        )
    if not holds_run(path):
        raise RunError(f"{path} holds neither a run nor a model.", _TAKES)
    if given:
        raise UsageError(
            f"The model in {path} brings its own weights: {given[0]} can't be given beside it.",
            "Leave one of them out.",
        )
    spec = own_run(path).as_backbone()
    return spec if input_size is None else spec.model_copy(update={"input_size": input_size})
