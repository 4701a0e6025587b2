"""Owns which networks are listed, in which order and under which headings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from tlstudio.backbones.catalogue import Backbone, catalogue, selection
from tlstudio.gui.wizard.wording import translate

Order = Literal["name", "year", "work", "accuracy", "size"]
Row = Backbone | str
"""A network, or the heading above a family."""

_FAMILIES = {
    "alexnet": "AlexNet",
    "compact": "Comes with the program",
    "convnext": "ConvNeXt",
    "densenet": "DenseNet",
    "efficientnet": "EfficientNet",
    "googlenet": "GoogLeNet",
    "inception": "Inception",
    "maxvit": "MaxViT",
    "mnasnet": "MNASNet",
    "mobilenetv2": "MobileNetV2",
    "mobilenetv3": "MobileNetV3",
    "regnet": "RegNet",
    "resnet": "ResNet, ResNeXt and Wide ResNet",
    "shufflenetv2": "ShuffleNetV2",
    "squeezenet": "SqueezeNet",
    "swin": "Swin Transformer",
    "vgg": "VGG",
    "vit": "Vision Transformer (ViT)",
}

_KEYS: dict[Order, Callable[[Backbone], str | float]] = {
    "name": lambda entry: _natural(entry.name),
    "year": lambda entry: entry.year,
    "work": lambda entry: entry.weights[0].gflops,
    "accuracy": lambda entry: entry.weights[0].top1 or 0.0,
    "size": lambda entry: entry.weights[0].bytes,
}


def family_name(entry: Backbone) -> str:
    """What a family of networks is called among people."""
    return translate("families", _FAMILIES[entry.family])


def recommended(order: Order | None = None, descending: bool = False) -> list[Row]:
    """The few for somebody who knows none."""
    return list(_ordered(selection(), order, descending))


def found(query: str = "", order: Order | None = None, descending: bool = False) -> list[Row]:
    """All networks that match every word of `query`: by family, or in one `order`."""
    entries = [entry for entry in catalogue() if _matches(entry, query)]
    return list(_ordered(entries, order, descending)) if order else _by_family(entries)


def _ordered(
    entries: Sequence[Backbone], order: Order | None, descending: bool
) -> Sequence[Backbone]:
    return sorted(entries, key=_KEYS[order], reverse=descending) if order else entries


def _by_family(entries: Iterable[Backbone]) -> list[Row]:
    families: dict[str, list[Row]] = {}
    for entry in entries:
        name = family_name(entry)
        families.setdefault(name, [name]).append(entry)
    return [row for rows in families.values() for row in rows]


def _matches(entry: Backbone, query: str) -> bool:
    """Each word of the query is somewhere in the names or is the year; "resnet50" finds "ResNet-50"
    as well as "resnet 50" does."""
    names = f"{entry.name} {entry.id} {family_name(entry)} {entry.year}".casefold()
    plain = _plain(names)
    return all(
        word in names or (_plain(word) and _plain(word) in plain)
        for word in query.casefold().split()
    )


def _plain(text: str) -> str:
    return re.sub(r"[^\w]|_", "", text)


def _natural(name: str) -> str:
    """Sorts ResNet-50 before ResNet-101."""
    return re.sub(r"\d+", lambda digits: digits.group().zfill(5), name.casefold())
