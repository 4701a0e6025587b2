"""The program in a model card builds the model with torchvision alone, whatever the family asks."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.jobs import HeadSpec
from tlstudio.projects.own_models import WEIGHTS
from tlstudio.training.model_folder import constructor_of, loading_code, save_weights


@pytest.mark.parametrize("hidden", [None, 4])
@pytest.mark.parametrize("identifier", ["mnasnet0_5", "googlenet", "maxvit_t", "squeezenet1_1"])
def test_the_program_loads_the_weights_and_gives_the_same_logits(
    identifier: str, hidden: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state without torch's notes on versions, arguments, a head that torchvision lacks."""
    torch.manual_seed(2)
    entry, head = backbone(identifier), HeadSpec(hidden=hidden)
    size = entry.weights[0].preprocessing.crop
    staged = build_network(entry, 3, head, size).eval()
    save_weights(tmp_path / WEIGHTS, staged.network.state_dict())
    program = loading_code(constructor_of(entry, staged, 3, head, size))
    (tmp_path / "load.py").write_text(program)
    monkeypatch.chdir(tmp_path)
    network = runpy.run_path("load.py")["network"]
    picture = torch.randn(1, 3, size, size)
    with torch.no_grad():
        assert torch.equal(network(picture), staged(picture))
