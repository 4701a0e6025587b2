"""Owns how a run becomes the bundled backbone: `python packaging/bundle_backbone.py RUN`.

Takes the weights after the run's last step, leaves the head out, halves the precision and writes
them where the catalogue looks for them. `python -m tlstudio.backbones.build_catalogue` then notes
their size and hash.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from tlstudio.backbones.catalogue import catalogue
from tlstudio.backbones.recognition import without
from tlstudio.backbones.weights_file import read_state_dict
from tlstudio.projects.atomic import replacing
from tlstudio.projects.places import resources_folder
from tlstudio.training.model_folder import LAST, load_model


def bundle(run: Path) -> Path:
    """Writes the weights file of the backbone that comes with the program and returns its path."""
    model = load_model(run)
    (entry,) = (each for each in catalogue() if each.bundled)
    if model.card.backbone != entry.id:
        raise SystemExit(f"This is a run of {model.card.backbone} and not of {entry.id}.")
    state = without(read_state_dict(run / "model" / LAST), model.network.head_site.path)
    # The counters of BatchNorm are used by nothing, and are no floating-point numbers.
    halves = {
        name: value.to(torch.float16).contiguous()
        for name, value in state.items()
        if value.is_floating_point()
    }
    target = resources_folder() / "weights" / entry.weights[0].file
    with replacing(target) as temporary:
        save_file(halves, temporary, {"network": entry.id, "card": target.stem + ".md"})
    return target


if __name__ == "__main__":
    written = bundle(Path(sys.argv[1]))
    sys.stdout.write(f"{written}: {written.stat().st_size} bytes\n")
