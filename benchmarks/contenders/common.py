"""Owns what the contenders share: the pictures they are given, the network, and how they answer.

Runs in any environment with torch and torchvision and knows nothing of the program, so that a
contender is nothing but its recipe.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn
from torch.utils.data import Dataset
from torchvision import transforms
from torchvision.datasets.folder import default_loader

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, as the weights were trained with."""


@dataclass(frozen=True)
class Split:
    """The classes, and for either part each picture's path with the number of its class."""

    classes: list[str]
    train: list[tuple[str, int]]
    val: list[tuple[str, int]]


class Listed(Dataset[tuple[Any, int]]):
    """The pictures of a list, read as torchvision's `ImageFolder` reads them."""

    def __init__(self, rows: list[tuple[str, int]], transform: Callable[[Any], Any]) -> None:
        self.rows, self.transform = rows, transform

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[Any, int]:
        file, label = self.rows[number]
        return self.transform(default_loader(file)), label


def arguments(description: str | None) -> argparse.ArgumentParser:
    """What every contender that learns from pictures takes."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", type=Path, required=True, help="the list of pictures, as JSON")
    parser.add_argument("--weights", type=Path, required=True, help="a torchvision state dict")
    parser.add_argument("--out", type=Path, required=True, help="an empty folder")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def read_split(file: Path) -> Split:
    values = json.loads(file.read_text("utf-8"))
    parts = {part: [(path, label) for path, label in values[part]] for part in ("train", "val")}
    return Split(values["classes"], **parts)


def network(weights: Path, classes: int) -> nn.Module:
    """mobilenet_v2 with the given weights and a new last layer."""
    model = torchvision.models.mobilenet_v2()
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    model.classifier[-1] = nn.Linear(model.last_channel, classes)
    return model


def plain_view() -> transforms.Compose:
    """The preprocessing that the weights were published with."""
    return transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )


def tell(figures: dict[str, float], **others: str) -> None:
    """The answer: one line of JSON, the last that a contender prints. `others` are versions."""
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, **others}
    print(json.dumps({"figures": figures, "versions": versions}), flush=True)
