"""Owns which parameters learn at which rate: groups by stage, warm-up, cosine decay; and the
running average of what they come to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tlstudio.backbones.staged import StagedNetwork
from tlstudio.jobs import Recipe
from tlstudio.training.checkpoint import Tensors, load_learning_state


def build_optimizer(network: StagedNetwork, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser over the head and the unfrozen stages, earlier stages at lower rates.

    Each group keeps its peak rate as `peak`. Biases and the scales of normalisation layers are not
    decayed: they are few, and pulling them to zero changes what the backbone computes.
    """
    groups = [
        {"params": parameters, "peak": peak, "weight_decay": decay}
        for peak, module in _peaks(network, recipe)
        for parameters, decay in _by_decay(module, recipe.weight_decay)
        if parameters
    ]
    if recipe.optimizer == "sgd":
        momentum = recipe.momentum
        nesterov = momentum > 0
        return torch.optim.SGD(
            groups, lr=recipe.learning_rate, momentum=momentum, nesterov=nesterov, fused=True
        )
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Sets every group to `factor` times its peak rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def rate_factor(step: int, steps: int, warmup: float) -> float:
    """The share of the peak rate at `step` (from 0) of `steps`: linear warm-up, then a cosine to 0.

    Loshchilov and Hutter, "SGDR", 2017, without restarts.
    """
    rising = max(1, round(warmup * steps)) if warmup else 0
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def running_average(network: StagedNetwork, decay: float, state: Tensors) -> AveragedModel:
    """Izmailov et al., "Averaging weights leads to wider optima", 2018, with a decay a step as in
    Polyak averaging; BatchNorm's statistics are averaged along. `state` is empty at the start."""
    follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=follow, use_buffers=True)
    if state:
        load_learning_state(cast("StagedNetwork", average.module), state)
        average.n_averaged.fill_(1)  # only whether it is the first one counts
    return average


def _peaks(network: StagedNetwork, recipe: Recipe) -> Iterator[tuple[float, nn.Module]]:
    """The peak rate of every part that learns, the head first, then from the last stage back."""
    yield recipe.learning_rate, network.head
    rate = recipe.learning_rate * recipe.stage_rate
    for part in reversed(network.stages[network.frozen :]):
        yield rate, part.module
        rate *= recipe.stage_decay


def _by_decay(module: nn.Module, decay: float) -> Iterator[tuple[list[nn.Parameter], float]]:
    learning = [p for p in module.parameters() if p.requires_grad]
    yield [p for p in learning if p.ndim > 1], decay
    yield [p for p in learning if p.ndim <= 1], 0.0
