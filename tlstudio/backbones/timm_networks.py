"""Owns what a network of timm is to the rest of the program: an entry like the catalogue's."""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import Any, Literal

import torch
from torch.utils.flop_counter import FlopCounterMode

from tlstudio.backbones.catalogue import (
    Backbone,
    InputSizes,
    PreprocessingSpec,
    Weights,
)
from tlstudio.backbones.optional import timm_package
from tlstudio.backbones.staged import StagedNetwork, stage_facts
from tlstudio.errors import UsageError

PREFIX = "timm:"

_LICENCES = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
}
"""timm's words for licences that have an SPDX identifier; the others are referred to by name."""

_COMMERCIAL = {
    *("apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0"),
    *("apple-ascl", "cvnets-license", "mobileone-license", "fastvit-license"),
    *("dinov3-license", "nvidia-open-model-license", "gemma"),
}
"""Licences that allow commercial use, some of them on terms. What timm does not know may not."""


@cache
def timm_backbone(identifier: str) -> Backbone:
    """The entry of `timm:NAME`. Raises `UsageError` for a name that timm does not know or a network
    that can't be used, and `MissingPackageError` without timm."""
    from tlstudio.backbones.families.timm import cut

    name = identifier.removeprefix(PREFIX)
    config = _config(name)
    channels, height, width = config.input_size
    if channels != 3 or height != width:
        raise UsageError(
            f"timm's {name} does not look at square colour pictures.", "Choose another network."
        )
    network = _without_memory(identifier, None)
    staged = StagedNetwork(network, cut(network))
    stages = stage_facts(staged)
    paper = re.search(r"(\d\d)\d\d\.\d{4,5}", str(config.paper_ids or ""))
    return Backbone(
        id=identifier,
        name=f"{name} (timm)",
        family="timm",
        year=2000 + int(paper[1]) if paper else 0,
        paper=f"https://arxiv.org/abs/{paper[0]}" if paper else "",
        sentence="A network of the package timm.",
        parameters=sum(part.parameters for part in stages),
        feature_width=staged.feature_width,
        sizes=_sizes(identifier, width),
        weights=(_weights(name, config, _gflops(identifier, width)),),
        stages=stages,
    )


def _config(name: str) -> Any:
    """timm's own description of the weights that are meant. Names with a colon or a slash would
    have timm look for the network elsewhere."""
    timm = timm_package()
    if timm.is_model(name) and not {":", "/"} & set(name):
        try:
            return timm.get_pretrained_cfg(name)
        except RuntimeError:  # the architecture is known, the weights are not
            known = timm.list_pretrained(f"{name.partition('.')[0]}.*")
    else:
        known = timm.list_models()
    near = difflib.get_close_matches(name, known, n=3)
    meant = f"Did you mean {' or '.join(PREFIX + each for each in near)}? " if near else ""
    raise UsageError(
        f"timm {timm.__version__} has no network called {name!r}.",
        f"{meant}`python -c \"import timm; print(timm.list_models('*resnet*'))\"` lists them.",
    )


def _sizes(identifier: str, usual: int) -> InputSizes | None:
    """Multiples of the network's coarsest step, where it runs at one more than usual."""
    step = _step(identifier)
    try:
        _gflops(identifier, (usual // step + 1) * step)
    # timm's networks refuse sizes as they may: by an assertion, by shapes that do not fit, or by
    # not knowing the argument.
    except (AssertionError, RuntimeError, TypeError, ValueError):
        return None
    return InputSizes(smallest=step, step=step)


def _step(identifier: str) -> int:
    network = _without_memory(identifier, None)
    return max(int(each["reduction"]) for each in network.feature_info)


def _gflops(identifier: str, size: int) -> float:
    """Multiplications with an addition for one picture of `size` px, in thousand millions, as
    torchvision counts them."""
    network = _without_memory(identifier, size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, size, size, device="meta"))
    operations: int = counter.get_total_flops()
    return round(operations / 2e9, 3)


def _without_memory(identifier: str, size: int | None) -> Any:
    from tlstudio.backbones.families.timm import arguments, without_memory

    return without_memory(num_classes=2, **arguments(identifier, size))


def _weights(name: str, config: Any, gflops: float) -> Weights:
    """What timm publishes for a name; without a `url` and a `file` that is nothing.

    The SHA-256 is not known beforehand, except for the digits in the names of older files.
    """
    url, file, digest = None, "", ""
    if config.hf_hub_id:
        file = config.hf_hub_filename or "model.safetensors"
        url = f"https://huggingface.co/{config.hf_hub_id}/resolve/main/{file}"
        file = f"timm-{name if '.' in name else f'{name}.{config.tag}'}.{file.rsplit('.', 1)[1]}"
    elif str(config.url).startswith("https://"):
        url, file = config.url, config.url.rsplit("/", 1)[1]
        found = re.search(r"-([0-9a-f]{8,64})\.", file)
        digest = found[1] if found else ""
    licence = config.license or "unknown"
    return Weights(
        name=config.tag or "default",
        url=url,
        file=file,
        sha256=digest,
        bytes=0,
        data=config.tag or "",
        top1=None,
        top5=None,
        licence=_LICENCES.get(licence, f"LicenseRef-{licence}"),
        commercial=licence in _COMMERCIAL,
        gflops=gflops,
        preprocessing=_preprocessing(config),
    )


def _preprocessing(config: Any) -> PreprocessingSpec:
    """timm's evaluation of pictures: the shorter side to the crop's size by `crop_pct`, then the
    crop. Networks that learnt from squashed pictures get a crop all the same: their shape says more
    than what lies at the edges."""
    crop = config.input_size[-1]
    interpolation: Literal["bilinear", "bicubic"]
    interpolation = "bilinear" if config.interpolation == "bilinear" else "bicubic"
    return PreprocessingSpec(
        resize=int(crop / config.crop_pct),
        crop=crop,
        interpolation=interpolation,
        mean=config.mean,
        std=config.std,
    )
