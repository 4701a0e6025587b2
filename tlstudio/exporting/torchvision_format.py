"""Owns the torchvision export: a model folder, read back by torchvision (or timm) and safetensors
alone."""

from __future__ import annotations

import copy
from importlib import metadata
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from tlstudio.backbones.build import find_backbone, load_state
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.bounded import record
from tlstudio.errors import ExportError, UsageError
from tlstudio.evaluation.predictors import NetworkPredictor
from tlstudio.exporting.formats import Format
from tlstudio.projects.checked import SUMS
from tlstudio.projects.own_models import CARD, WEIGHTS
from tlstudio.tasks import Progress, Task
from tlstudio.training.model_folder import (
    Constructor,
    ModelCard,
    TrainedModel,
    constructor_of,
    save_model,
)


class _TorchvisionPreprocessing(Preprocessing):
    """What `model.json` says of the preprocessing, done by torchvision's own functions."""

    def forward(self, pictures: Tensor) -> Tensor:
        x = functional.to_dtype(pictures.permute(0, 3, 1, 2), torch.float32, scale=True)
        mode = InterpolationMode(self.spec.interpolation)
        x = functional.resize(x, [self.spec.resize], interpolation=mode, antialias=True)
        x = functional.center_crop(x, [self.spec.crop])
        x = functional.normalize(x, list(self.spec.mean), list(self.spec.std))
        assert isinstance(x, Tensor)
        return x


def write(model: TrainedModel, folder: Path) -> Task[None]:
    """Writes `model.safetensors`, `model.json` and their checksums. Raises `StorageError`."""
    yield Progress(phase="export", done=0, total=1, unit="steps")
    save_model(folder, model.network.network.state_dict(), model.card)
    yield Progress(phase="export", done=1, total=1, unit="steps")


def open_exported(folder: Path, model: TrainedModel) -> NetworkPredictor:
    """Builds the network by the call in `model.json` and loads the weights strictly.

    Nothing in the file is executed as it stands: the call is first compared with the one that this
    program writes for such a model. Raises `ExportError` where the export can't be read back.
    """
    try:
        card = record(ModelCard, folder / CARD)
        expected = constructor_of(
            find_backbone(card.backbone),
            model.network,
            len(card.classes),
            card.head,
            card.preprocessing.crop,
        )
        if card.constructor != expected:
            raise ExportError(
                "What model.json says about loading this model is not right.",
                "The model was made by another version of this program: train it again.",
            )
        network = _constructed(card.constructor, model)
        load_state(network, load_file(folder / WEIGHTS))
    except (OSError, ValidationError, SafetensorError, RuntimeError, UsageError) as error:
        raise ExportError(
            f"{model.card.constructor.module} could not read the export back.",
            "Check the disk, try again, and report this with the log if it stays.",
        ) from error
    preprocessing = _TorchvisionPreprocessing(card.preprocessing)
    cpu = torch.device("cpu")
    return NetworkPredictor(card.classes, network, preprocessing, cpu, card.reading.choices)


def _constructed(constructor: Constructor, model: TrainedModel) -> nn.Module:
    network = constructor.run()
    if constructor.head is not None:
        network.set_submodule(constructor.head_path, copy.deepcopy(model.network.head))
    return network


def _runtime(model: TrainedModel) -> str:
    package = model.card.constructor.module.partition(".")[0]
    return f"{package} {metadata.version(package)}"


TORCHVISION = Format(
    files=(WEIGHTS, SUMS, CARD),
    write=write,
    open=open_exported,
    runtime=_runtime,
    code=lambda model: model.card.code,
)
