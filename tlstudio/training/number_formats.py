"""Owns how stages that learn lay their numbers out and in which format they compute."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tlstudio.backbones.staged import StagedNetwork

REDUCED = {"bfloat16": torch.bfloat16, "float16": torch.float16}
"""The formats of fewer than 32 bits, by the name that a run keeps."""


class _ExactConvolution(nn.Conv2d):
    """A convolution that computes in 32 bits even where all around it is done in fewer."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002
        with torch.autocast(input.device.type, enabled=False):
            exact: Tensor = super()._conv_forward(input.float(), weight, bias)
            return exact.to(input.dtype)


def keep_depthwise_exact(network: StagedNetwork) -> None:
    """A processor's circuits for half precision multiply matrices. A depthwise convolution has
    none, and its gradient in half precision takes several times as long as in single. Frozen stages
    have no gradient, and what fills the cache looks for plain convolutions in them."""
    for part in network.stages[network.frozen :]:
        for module in part.module.modules():
            if type(module) is nn.Conv2d and module.groups == module.in_channels > 1:
                # The class, and no hook: averages are copies, and state dicts stay the same.
                module.__class__ = _ExactConvolution


def layout(network: StagedNetwork) -> torch.memory_format:
    """How the learning stages read pictures and maps: convolutions channels last; others, whose
    channels come last already, as they are."""
    learning = (
        module for part in network.stages[network.frozen :] for module in part.module.modules()
    )
    convolves = any(isinstance(module, nn.Conv2d) for module in learning)
    return torch.channels_last if convolves else torch.contiguous_format


def loss_scaling(
    precision: str, device: torch.device, scale: float, unscathed_steps: int
) -> torch.amp.GradScaler:
    """Keeps small gradients from vanishing in float16 (Micikevicius et al., "Mixed precision
    training", 2018); does nothing in the other formats. `scale` is 0 where a run begins."""
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "float16")
    if scaler.is_enabled() and scale:
        state = scaler.state_dict()
        scaler.load_state_dict({**state, "scale": scale, "_growth_tracker": unscathed_steps})
    return scaler
