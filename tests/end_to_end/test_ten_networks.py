"""Networks drawn at random from the whole catalogue go all the way: trained, kept, exported."""

from __future__ import annotations

import json
import random
import runpy
from pathlib import Path

import pytest
import torch
import torchvision
from backbones.networks import size_for
from safetensors.torch import load_file
from torchvision.models import list_models
from training.made_jobs import Trained, job_for, made_pictures, made_weights, one_core

from tlstudio.backbones.build import adapted_state
from tlstudio.backbones.catalogue import backbone, catalogue
from tlstudio.exporting.export import FORMATS, export
from tlstudio.jobs import ExportJob
from tlstudio.tasks import drive
from tlstudio.training.model_folder import load_model

LARGEST = 100_000_000
"""Parameters: what a computer with little memory can train, and with little patience export."""


def drawn() -> list[str]:
    """Ten of torchvision's networks, each of another family."""
    chance = random.Random(2026)  # noqa: S311  # nothing here is secret
    published = set(list_models(torchvision.models))
    small = [e for e in catalogue() if e.parameters < LARGEST and e.id in published]
    families = chance.sample(sorted({entry.family for entry in small}), 10)
    return [chance.choice([e.id for e in small if e.family == family]) for family in families]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("identifier", drawn())
def test_a_drawn_network_is_trained_and_exported(
    identifier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file as torchvision would publish it, the last two stages learning, and at an input
    size that is not the usual one where the network allows that."""
    entry = backbone(identifier)
    names, size = [stage.name for stage in entry.stages], size_for(entry)
    weights = made_weights(tmp_path, identifier)
    recipe = {"epochs": 1, "learning_rate": 1e-3}
    job = job_for(made_pictures(tmp_path / "set"), weights, identifier, recipe=recipe)
    sized = job.backbone.model_copy(update={"input_size": size})
    job = job.model_copy(update={"freeze": names[-3], "backbone": sized})
    with one_core():
        run = Trained(job, tmp_path / "run")
    assert run.result.epochs == 1
    assert_only_the_last_stages_learned(run, weights, names[-2:])
    assert_its_program_loads_it(run, size, monkeypatch)
    for kind in FORMATS:
        asked = ExportJob(run=str(run.path), format=kind, out=str(tmp_path / kind))
        result = drive(export(asked), lambda event: None)
        assert result.same_answer == result.n > 0


def assert_only_the_last_stages_learned(run: Trained, weights: Path, names: list[str]) -> None:
    model = load_model(run.path)
    entry, size = backbone(model.card.backbone), model.card.preprocessing.crop
    start, last = (
        adapted_state(entry.family, load_file(weights), size),
        run.tensors("last.safetensors"),
    )
    body = {name for name in last if not name.startswith(model.network.head_site.path)}
    changed = {name for name in body if not torch.equal(last[name], start[name])}
    learned = [
        id(p)
        for part in model.network.stages
        if part.name in names
        for p in part.module.parameters()
    ]
    state = model.network.network.state_dict(keep_vars=True)
    assert changed
    assert changed <= {name for name, value in state.items() if id(value) in learned}


def assert_its_program_loads_it(run: Trained, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    card = json.loads((run.model / "model.json").read_text("utf-8"))
    program = run.path.parent / "load.py"
    program.write_text(card["code"])
    monkeypatch.chdir(run.model)
    network = runpy.run_path(str(program))["network"]
    picture = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        assert torch.equal(network(picture), load_model(run.path).network(picture))
