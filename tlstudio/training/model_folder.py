"""Owns the model folder: weights under torchvision's own keys, and how to use them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import tlstudio
from tlstudio.backbones.build import (
    ConstructorCall,
    build_network,
    constructor_call,
    find_backbone,
    load_state,
)
from tlstudio.backbones.catalogue import Backbone, PreprocessingSpec
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.bounded import record
from tlstudio.errors import RunError, UsageError
from tlstudio.images.reader import READER_VERSION, READING_RULES
from tlstudio.jobs import BackboneSpec, HeadSpec, Reading, Record, WeightsSpec
from tlstudio.projects.atomic import replacing, storage_errors, write_text
from tlstudio.projects.checked import digest_of, is_as_listed, write_sums
from tlstudio.projects.own_models import CARD, WEIGHTS, damaged_model, model_folder_of

LAST = "last.safetensors"


class ReadingCard(Record):
    """What turns a file into the upright 8-bit RGB that the model takes; see `images.reader`."""

    version: int = READER_VERSION
    rules: str = READING_RULES
    channels: tuple[int, int, int] | tuple[int] | None = None

    @property
    def choices(self) -> Reading:
        return Reading(channels=self.channels)


class Constructor(ConstructorCall):
    """The call that builds the network, then `head` if there is one.

    `head` is None for torchvision's own last layer; otherwise the layer at `head_path` is replaced.
    `versioned` networks load a state only with torch's notes on versions, which safetensors lack.
    """

    head_path: str
    head: str | None = None
    versioned: bool = False


class ModelCard(Record):
    """What `model.json` holds. `classes` are in the order of the logits.

    The crop of `preprocessing` is the input size that the network is built for. `weights` says
    where it started; of weights from the catalogue it gives name and licence.
    """

    version: Literal[1] = 1
    program: str
    backbone: str
    classes: tuple[str, ...] = Field(min_length=2)
    constructor: Constructor
    head: HeadSpec
    preprocessing: PreprocessingSpec
    reading: ReadingCard = ReadingCard()
    freeze: dict[str, Any]
    weights: dict[str, Any]
    metrics: dict[str, Any]
    training: dict[str, Any]
    versions: dict[str, str]
    code: str


@dataclass(frozen=True)
class TrainedModel:
    """A network with its card, in evaluation mode."""

    network: StagedNetwork
    card: ModelCard

    def classifier(self) -> Classifier:
        return Classifier(self.network, self.card.preprocessing)


class Classifier(nn.Module):
    """What is exported: uint8 pictures (N, H, W, 3) of any size to probabilities (N, C)."""

    def __init__(self, network: StagedNetwork, preprocessing: PreprocessingSpec) -> None:
        super().__init__()
        self.preprocessing = Preprocessing(preprocessing)
        self.network = network
        self.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        return torch.softmax(self.network(self.preprocessing(pictures)), dim=1)


def constructor_of(
    entry: Backbone, network: StagedNetwork, classes: int, head: HeadSpec, input_size: int
) -> Constructor:
    """The call that builds `network`, which is `entry` for pictures of `input_size` px."""
    conv = network.head_site.kind == "conv"
    kind, kernel = ("Conv2d", ", 1") if conv else ("Linear", "")
    width, layer = network.feature_width, None
    if head.hidden is not None:
        layer = (
            f"torch.nn.Sequential({'torch.nn.AdaptiveAvgPool2d(1), ' if conv else ''}"
            f"torch.nn.{kind}({width}, {head.hidden}{kernel}), "
            f"torch.nn.ReLU(), torch.nn.Dropout({head.dropout}), "
            f"torch.nn.{kind}({head.hidden}, {classes}{kernel}))"
        )
    elif not network.head_site.bias:
        layer = f"torch.nn.{kind}({width}, {classes}{kernel})"
    # What MNASNet alone does: a state of any other origin than `torch.save` is refused.
    reads_versions = type(network.network)._load_from_state_dict
    return Constructor(
        **constructor_call(entry.id, entry.family, classes, input_size).model_dump(),
        head_path=network.head_site.path,
        head=layer,
        versioned=reads_versions is not nn.Module._load_from_state_dict,
    )


def loading_code(constructor: Constructor) -> str:
    """A short program that loads the folder with torchvision, or timm, alone."""
    values = {key: repr(value) for key, value in constructor.arguments.items()}
    arguments = ", ".join(f"{key}={value}" for key, value in (values | constructor.objects).items())
    lines = [
        f"import torch, {constructor.module.partition('.')[0]}",
        "from safetensors.torch import load_file",
        "",
        f"network = {constructor.module}.{constructor.name}({arguments})",
    ]
    if constructor.head:
        lines.append(f'network.set_submodule("{constructor.head_path}", {constructor.head})')
    lines.append(f'state = load_file("{WEIGHTS}")')
    if constructor.versioned:
        lines.insert(0, "from collections import OrderedDict")
        lines += ["state = OrderedDict(state)", "state._metadata = network.state_dict()._metadata"]
    lines += [
        "network.load_state_dict(state, strict=True)",
        "network.eval()  # logits = network(x), x preprocessed as model.json says",
    ]
    return "\n".join(lines) + "\n"


def versions(entry: Backbone | None = None) -> dict[str, str]:
    """Of the packages that decide figures, and of the one that the network `entry` comes from."""
    extra = ("timm",) if entry is not None and entry.family == "timm" else ()
    names = ("torch", "torchvision", *extra, "safetensors", "pillow", "numpy")
    return {"tlstudio": tlstudio.__version__, **{name: metadata.version(name) for name in names}}


def save_weights(file: Path, state: dict[str, Tensor]) -> None:
    """Writes tensors as safetensors: whole or not at all."""
    with replacing(file) as temporary:
        write_tensors(temporary, state)


def write_tensors(file: Path, state: dict[str, Tensor]) -> None:
    save_file({k: v.detach().cpu().contiguous() for k, v in state.items()}, file)


def save_model(folder: Path, state: dict[str, Tensor], card: ModelCard) -> None:
    """Writes weights first and the card last: a folder with a card is a whole model, and vouches
    for the last weights as well where they lie in it."""
    with storage_errors(folder):
        (folder / CARD).unlink(missing_ok=True)
    save_weights(folder / WEIGHTS, state)
    text = card.model_dump_json(indent=2) + "\n"
    with storage_errors(folder):
        digests = {
            name: digest_of(folder / name) for name in (WEIGHTS, LAST) if (folder / name).exists()
        }
    write_sums(folder, {**digests, CARD: hashlib.sha256(text.encode()).hexdigest()})
    write_text(folder / CARD, text)


def load_model(path: Path) -> TrainedModel:
    """Reads a model folder, or the one inside a run. Raises `RunError` with what is wrong."""
    folder = model_folder_of(path)
    try:
        if not all(is_as_listed(folder, name) for name in (CARD, WEIGHTS)):
            raise damaged_model(folder)
        card = record(ModelCard, folder / CARD, follow=False)
        entry, size = find_backbone(card.backbone), card.preprocessing.crop
        scratch = WeightsSpec(source="scratch")
        entry.preprocessing(BackboneSpec(id=entry.id, weights=scratch, input_size=size))
        _refuse_absurd(card, entry, folder / WEIGHTS)
        network = build_network(entry, len(card.classes), card.head, size)
        load_state(network.network, load_file(folder / WEIGHTS))
    except (OSError, ValueError, SafetensorError, RuntimeError, UsageError) as error:
        raise RunError(
            f"The model in {folder} can't be read: it is damaged or was made by a newer version.",
            "Train or copy it again.",
        ) from error
    network.freeze(len(network.stages))
    return TrainedModel(network.requires_grad_(False).eval(), card)


def _refuse_absurd(card: ModelCard, entry: Backbone, weights: Path) -> None:
    """Before memory is taken for a head: a card may claim millions of classes."""
    width = card.head.hidden or entry.feature_width
    if len(card.classes) * width > weights.stat().st_size:
        raise ValueError("more classes than the weights have rows for")
